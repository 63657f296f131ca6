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

from bot import alerts, daily_run
from bot.alerts import NotToldError
from bot.core.models import Alert, Standing
from bot.db import deliveries, dispatches, subscribers, unknown_messages
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


def handlers(desk: BotContext) -> list[Handler]:
    """List the handlers of this module."""
    commands: dict[str, _Command] = {
        "stats": stats,
        "status": status,
        "rebuild": rebuild,
        "resend": resend,
        "broadcast": broadcast,
    }
    return [
        *(on_command(name, partial(_guarded, desk, command)) for name, command in commands.items()),
        CallbackQueryHandler(partial(_tapped, desk), pattern=r"^(resend|broadcast):(\d{1,9}):(yes|no)$"),
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
        text = alerts.text(alert, known.choices.language if known else self.language)
        try:
            await self.outgoing.say(Address(operator), Message(str(telegram_html.literal(text))))
        except TelegramError as error:
            _log.warning("alert_not_sent", operator=operator, error=type(error).__name__)
            return False
        return True


async def _guarded(desk: BotContext, command: _Command, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
    came = incoming(update)
    if came is None or not (came.address.is_private or desk.is_operator(came)):
        return
    language = (await desk.reader(came)).choices.language
    if desk.is_operator(came):
        await command(desk, came, language)
    else:
        await desk.answer(came, templates.words(language).unknown_command)


async def stats(desk: BotContext, came: IncomingMessage, language: str) -> None:
    """Show the number of subscribers and the results of the last campaigns."""
    async with database.reading(desk.app.engine) as connection:
        standings = await subscribers.standings(connection)
        sent = [
            (each, await deliveries.counts(connection, each.id))
            for each in await dispatches.latest(connection, _SHOWN)
        ]
    await desk.answer(came, templates.render("stats", language, standings=standings, sent=sent))


async def status(desk: BotContext, came: IncomingMessage, language: str) -> None:
    """Show the status of the editions and of the deliveries."""
    now = desk.clock()
    async with database.reading(desk.app.engine) as connection:
        unknown = await unknown_messages.counts(connection)
        waiting = await deliveries.next_at(connection)
        last = await editions.last(connection)
    html = templates.render(
        "status",
        language,
        last=last,
        next=desk.app.plan.calendar.next_edition(now),
        unknown=sum(unknown.values()),
        waiting=waiting.astimezone(desk.zone) if waiting else None,
    )
    await desk.answer(came, html)


async def rebuild(desk: BotContext, came: IncomingMessage, language: str) -> None:
    """Make what an edition lacks, and write its post again."""
    says = templates.words(language)
    try:
        wanted = date.fromisoformat(came.words)
    except ValueError:
        await desk.answer(came, says.which_day(came.words[:80]))
        return
    await desk.answer(came, says.rebuilding(wanted))
    desk.spawn(_rebuild(desk, came, language, wanted))


async def _rebuild(desk: BotContext, came: IncomingMessage, language: str, wanted: date) -> None:
    says = templates.words(language)
    try:
        account = await daily_run.rebuild(desk.app, wanted, lambda _: None)
    except DigestError as error:
        await desk.answer(came, says.rebuild_failed(wanted, str(error)))
        return
    if account is None:
        await desk.answer(came, says.no_edition(wanted))
    elif account.written.fault is not None:
        await desk.answer(came, says.rebuild_failed(wanted, str(account.written.fault)))
    else:
        await desk.answer(came, says.rebuilt(account))


async def resend(desk: BotContext, came: IncomingMessage, language: str) -> None:
    """Offer to resend messages with unknown delivery, campaign by campaign."""
    says = templates.words(language)
    async with database.reading(desk.app.engine) as connection:
        unknown = await unknown_messages.counts(connection)
        found = {number: await dispatches.find(connection, number) for number in unknown}
    if not unknown:
        await desk.answer(came, says.nothing_unknown)
    for number, count in sorted(unknown.items()):
        if (dispatch := found[number]) is None:
            continue
        buttons = (
            (
                Button(str(says.send_again), f"resend:{number}:yes"),
                Button(str(says.leave_it), f"resend:{number}:no"),
            ),
        )
        await desk.answer(came, says.unknown_sends(name_of_unknown(dispatch), count), buttons)


async def broadcast(desk: BotContext, came: IncomingMessage, language: str) -> None:
    """Show the operator's text as subscribers would see it, and ask for confirmation."""
    says, shown = templates.words(language), messages.classic(announcement.message(came.marked))
    if not shown:  # also if nothing in it is visible
        await desk.answer(came, says.how_to_broadcast)
        return
    number = await fanout.draft_broadcast(desk.app.engine, came.marked, desk.clock())
    for each in shown:
        await desk.answer(came, each)
    buttons = (
        (
            Button(str(says.send_now), f"broadcast:{number}:yes"),
            Button(str(says.leave_it), f"broadcast:{number}:no"),
        ),
    )
    await desk.answer(came, says.broadcast_sure(await _audience(desk)), buttons)


async def _audience(desk: BotContext) -> dict[str, int]:
    """Count the active subscribers on each channel."""
    async with database.reading(desk.app.engine) as connection:
        standings = await subscribers.standings(connection)
    active: Counter[str] = Counter()
    for (channel, standing, _), count in standings.items():
        active[channel] += count if standing is Standing.ACTIVE else 0
    return +active  # without empty channels


async def _tapped(desk: BotContext, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    query = update.callback_query
    match = context.matches[0] if context.matches else None
    if query is None or match is None or (came := incoming(update)) is None:
        return
    says = templates.words((await desk.reader(came)).choices.language)
    if not desk.is_operator(came):
        await desk.acknowledge(query, str(says.stale_button), alert=True)
        return
    said = await _DECISIONS[match[1], match[3]](desk, int(match[2]), says)
    if said is None:  # decided before: the message already shows that decision
        await desk.acknowledge(query, str(says.stale_button), alert=True)
        return
    await desk.acknowledge(query)
    await desk.show(came, Message(said))


async def _send_again(desk: BotContext, number: int, says: Any) -> str | None:
    async with database.writing(desk.app.engine) as connection:
        count = await deliveries.send_again(connection, number, desk.clock())
    desk.outbox.wake()
    return str(says.sending_again(count)) if count else None


async def _leave(desk: BotContext, number: int, says: Any) -> str | None:
    async with database.writing(desk.app.engine) as connection:
        left = await unknown_messages.decide(connection, number, Decision.LEFT)
    return str(says.left_alone) if left else None


async def _broadcast(desk: BotContext, number: int, says: Any) -> str | None:
    dispatch = await fanout.confirm_broadcast(desk.app.engine, number, desk.clock())
    desk.outbox.wake()
    return str(says.broadcasting) if dispatch else None


async def _discard(desk: BotContext, number: int, says: Any) -> str | None:
    async with database.writing(desk.app.engine) as connection:
        discarded = await dispatches.discard(connection, number)
    return str(says.left_alone) if discarded else None


_DECISIONS = {
    ("resend", "yes"): _send_again,
    ("resend", "no"): _leave,
    ("broadcast", "yes"): _broadcast,
    ("broadcast", "no"): _discard,
}
