"""Commands for operators.

Others get the answer to an unknown command; in groups and channels they get none.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from telegram import Update
from telegram.error import TelegramError
from telegram.ext import CallbackQueryHandler, ContextTypes

from bot import alerts
from bot.alerts import NotToldError
from bot.core.models import Alert, SubscriberStatus
from bot.db import campaigns, deliveries, subscribers, unknown_messages
from bot.db.unknown_messages import Decision
from bot.delivery import fanout
from bot.delivery.resuming import name_of_unknown
from bot.telegram import messages, templates
from bot.telegram.channel import TelegramChannel
from bot.telegram.context import CHANNEL, BotContext
from bot.telegram.incoming import Address, Handler, IncomingMessage, incoming, on_command
from bot.telegram.templates import Button, Message
from digest.core.errors import DigestError
from digest.db import editions
from digest.db import engine as database
from digest.render import announcement, telegram_html

_log = structlog.get_logger()
_SHOWN = 5  # campaigns
_Command = Callable[[BotContext, IncomingMessage, str], Awaitable[None]]


def handlers(context: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    commands: dict[str, _Command] = {
        "stats": stats,
        "status": status,
        "rebuild": rebuild,
        "resend": resend,
        "broadcast": broadcast,
    }
    return [
        *(on_command(name, partial(_guarded, context, command)) for name, command in commands.items()),
        CallbackQueryHandler(partial(_tapped, context), pattern=r"^(resend|broadcast):(\d{1,9}):(yes|no)$"),
    ]


@dataclass(frozen=True, slots=True)
class OperatorChats:
    """The route of alerts to the operators' chats. `language` is used for operators who are not in the database."""

    engine: AsyncEngine
    outgoing: TelegramChannel
    operators: Collection[int]
    language: str
    name: str = CHANNEL

    async def tell(self, alert: Alert) -> None:
        """Tell every operator in their language, even if some cannot be reached.

        Raises NotToldError if nobody could be reached.
        """
        reached = [operator for operator in sorted(self.operators) if await self._reach(operator, alert)]
        if not reached:
            raise NotToldError("none of TELEGRAM_ADMINS could be written to")

    async def _reach(self, operator: int, alert: Alert) -> bool:
        async with database.reading(self.engine) as connection:
            known = await subscribers.find(connection, CHANNEL, str(operator))
        text = alerts.text(alert, known.preferences.language if known else self.language)
        try:
            await self.outgoing.say(Address(operator), Message(str(telegram_html.literal(text))))
        except TelegramError as error:
            _log.warning("alert_not_sent", operator=operator, error=type(error).__name__)
            return False
        return True


async def _guarded(
    context: BotContext, command: _Command, update: Update, _: ContextTypes.DEFAULT_TYPE
) -> None:
    message = incoming(update)
    if message is None or not (message.address.is_private or context.is_operator(message)):
        return
    language = (await context.subscriber(message)).preferences.language
    if context.is_operator(message):
        await command(context, message, language)
    else:
        await context.answer(message, templates.words(language).unknown_command)


async def stats(context: BotContext, message: IncomingMessage, language: str) -> None:
    """Show the number of subscribers and the results of the last campaigns."""
    async with database.reading(context.engine) as connection:
        statuses = await subscribers.statuses(connection)
        sent = [
            (each, await deliveries.counts(connection, each.id))
            for each in await campaigns.latest(connection, _SHOWN)
        ]
    await context.answer(message, templates.render("stats", language, statuses=statuses, sent=sent))


async def status(context: BotContext, message: IncomingMessage, language: str) -> None:
    """Show the status of the editions and of the deliveries."""
    now = context.clock()
    async with database.reading(context.engine) as connection:
        unknown = await unknown_messages.counts(connection)
        waiting = await deliveries.next_at(connection)
        last = await editions.last(connection)
    html = templates.render(
        "status",
        language,
        last=last,
        next=context.plan.calendar.next_edition(now),
        unknown=sum(unknown.values()),
        waiting=waiting.astimezone(context.zone) if waiting else None,
    )
    await context.answer(message, html)


async def rebuild(context: BotContext, message: IncomingMessage, language: str) -> None:
    """Make what an edition lacks, and write its post again."""
    says = templates.words(language)
    try:
        wanted = date.fromisoformat(message.words)
    except ValueError:
        await context.answer(message, says.which_day(message.words[:80]))
        return
    await context.answer(message, says.rebuilding(wanted))
    context.spawn(_rebuild(context, message, language, wanted))


async def _rebuild(context: BotContext, message: IncomingMessage, language: str, wanted: date) -> None:
    says = templates.words(language)
    try:
        account = await context.rebuild(wanted)
    except DigestError as error:
        await context.answer(message, says.rebuild_failed(wanted, str(error)))
        return
    if account is None:
        await context.answer(message, says.no_edition(wanted))
    elif account.written.fault is not None:
        await context.answer(message, says.rebuild_failed(wanted, str(account.written.fault)))
    else:
        await context.answer(message, says.rebuilt(account))


async def resend(context: BotContext, message: IncomingMessage, language: str) -> None:
    """Offer to resend messages with unknown delivery, campaign by campaign."""
    says = templates.words(language)
    async with database.reading(context.engine) as connection:
        unknown = await unknown_messages.counts(connection)
        found = {number: await campaigns.find(connection, number) for number in unknown}
    if not unknown:
        await context.answer(message, says.nothing_unknown)
    for number, count in sorted(unknown.items()):
        if (campaign := found[number]) is None:
            continue
        buttons = (
            (
                Button(str(says.send_again), f"resend:{number}:yes"),
                Button(str(says.leave_it), f"resend:{number}:no"),
            ),
        )
        await context.answer(message, says.unknown_sends(name_of_unknown(campaign), count), buttons)


async def broadcast(context: BotContext, message: IncomingMessage, language: str) -> None:
    """Show the operator's text as subscribers would see it, and ask for confirmation."""
    says, shown = templates.words(language), messages.classic(announcement.message(message.marked))
    if not shown:  # also if nothing in it is visible
        await context.answer(message, says.how_to_broadcast)
        return
    number = await fanout.draft_broadcast(context.engine, message.marked, context.clock())
    for each in shown:
        await context.answer(message, each)
    buttons = (
        (
            Button(str(says.send_now), f"broadcast:{number}:yes"),
            Button(str(says.leave_it), f"broadcast:{number}:no"),
        ),
    )
    await context.answer(message, says.broadcast_sure(await _audience(context)), buttons)


async def _audience(context: BotContext) -> dict[str, int]:
    """Count the active subscribers on each channel."""
    async with database.reading(context.engine) as connection:
        statuses = await subscribers.statuses(connection)
    active: Counter[str] = Counter()
    for (channel, status, _), count in statuses.items():
        active[channel] += count if status is SubscriberStatus.ACTIVE else 0
    return +active  # without empty channels


async def _tapped(context: BotContext, update: Update, ptb_context: ContextTypes.DEFAULT_TYPE) -> None:
    query = update.callback_query
    match = ptb_context.matches[0] if ptb_context.matches else None
    if query is None or match is None or (message := incoming(update)) is None:
        return
    says = templates.words((await context.subscriber(message)).preferences.language)
    if not context.is_operator(message):
        await context.acknowledge(query, str(says.stale_button), alert=True)
        return
    said = await _DECISIONS[match[1], match[3]](context, int(match[2]), says)
    if said is None:  # decided before: the message already shows that decision
        await context.acknowledge(query, str(says.stale_button), alert=True)
        return
    await context.acknowledge(query)
    await context.show(message, Message(said))


async def _send_again(context: BotContext, number: int, says: Any) -> str | None:
    async with database.writing(context.engine) as connection:
        count = await deliveries.send_again(connection, number, context.clock())
    context.outbox.wake()
    return str(says.sending_again(count)) if count else None


async def _leave(context: BotContext, number: int, says: Any) -> str | None:
    async with database.writing(context.engine) as connection:
        left = await unknown_messages.decide(connection, number, Decision.LEFT)
    return str(says.left_alone) if left else None


async def _broadcast(context: BotContext, number: int, says: Any) -> str | None:
    campaign = await fanout.confirm_broadcast(context.engine, number, context.clock())
    context.outbox.wake()
    return str(says.broadcasting) if campaign else None


async def _discard(context: BotContext, number: int, says: Any) -> str | None:
    async with database.writing(context.engine) as connection:
        discarded = await campaigns.discard(connection, number)
    return str(says.left_alone) if discarded else None


_DECISIONS = {
    ("resend", "yes"): _send_again,
    ("resend", "no"): _leave,
    ("broadcast", "yes"): _broadcast,
    ("broadcast", "no"): _discard,
}
