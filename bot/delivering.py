"""What is due is delivered once, for the commands that end: `run` and `deliver`."""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date

from bot import fanout, outboxes, pruning, schedule, unknown_messages
from bot.app import App
from bot.channels import Channel
from bot.chat.sending import Outgoing
from bot.day import Work
from bot.links import open_links
from bot.mail.channel import Mail
from bot.models import AlertKind, Sending
from bot.outbox import ChannelError, Outbox
from bot.outboxes import Rhythm
from bot.settings import Settings
from bot.store import deliveries, dispatches
from digest.errors import DigestError
from digest.store import editions
from digest.store import engine as database
from digest.store.exclusive import BusyError

_RHYTHM = Rhythm(patience_seconds=600)  # what is due stays due for the next run


@dataclass(frozen=True, slots=True)
class Delivered:
    """How it stands with the deliveries of the editions that were looked at.

    `elsewhere` is whether another process sends on a channel: what is due there is due for it.
    """

    days: tuple[date, ...]
    states: Counter[Sending] = field(default_factory=Counter)
    elsewhere: bool = False


async def deliver_made(app: App, settings: Settings, made: Work) -> Delivered | None:
    """Gives out what a run made, and sends what is due; None where no channel is set up. Raises DigestError."""
    if not outboxes.has_channel(settings):
        return None
    await schedule.give_out(app, made)
    await pruning.prune(app.engine, app.wall_clock())
    days = {made.outcome.day, *(closed.date for closed in made.outcome.closed)}
    return await _send(app, settings, sorted(days))


async def deliver_day(app: App, settings: Settings, day: date) -> Delivered:
    """Sends what is still due of the edition of `day`. Raises DigestError where there is none."""
    outboxes.require_channel(settings)
    async with database.reading(app.engine) as connection:
        if await editions.find(connection, day) is None:
            raise DigestError(f"There is no edition of {day}.")
    await fanout.open_edition(app.engine, day, app.plan.calendar.anchor(day), app.clock())
    return await _send(app, settings, [day])


async def _send(app: App, settings: Settings, days: list[date]) -> Delivered:
    elsewhere = await _drain(app, settings)
    await unknown_messages.alert(app.engine, app.alerts, app.clock())
    states: Counter[Sending] = Counter()
    async with database.reading(app.engine) as connection:
        for day in days:
            dispatch = await dispatches.of_day(connection, day)
            states.update(await deliveries.counts(connection, dispatch.id) if dispatch else {})
    return Delivered(tuple(days), states, elsewhere)


async def _drain(app: App, settings: Settings) -> bool:
    """On each channel in turn; one that is refused keeps nothing from the others. Raises DigestError at the end.

    Gives whether another process sends on one of them.
    """
    faults: list[DigestError] = []
    elsewhere = False
    for name, opened in _channels(app, settings):
        try:
            async with opened as (_, outbox):
                await _send_all(outbox)
                if outbox.has_sent.is_set():
                    await app.alerts.resolve(AlertKind.CHANNEL_PAUSED, name)
        except BusyError:
            elsewhere = True
        except DigestError as error:
            faults.append(error)
            await app.alerts.raise_(AlertKind.CHANNEL_PAUSED, name, str(error))
    if faults:
        raise faults[0]
    return elsewhere


async def _send_all(outbox: Outbox) -> None:
    """Sends all that is due. Raises ChannelError, BusyError, StoreError.

    What one recipient meets may be about them alone: others are tried, as long as somebody is served in between.
    """
    stuck = 0
    while True:
        sent = outbox.sent
        try:
            return await outbox.drain()
        except ChannelError as error:
            stuck = 0 if outbox.sent > sent else stuck + 1
            if not error.is_answer or stuck > 1:
                raise


def _channels(
    app: App, settings: Settings
) -> Iterator[tuple[str, AbstractAsyncContextManager[tuple[Channel, Outbox]]]]:
    if settings.telegram_bot_token is not None:
        yield Outgoing.name, outboxes.telegram(app, settings, _RHYTHM)
    links = open_links(settings, app.clock)
    if settings.smtp_host is not None and links is not None:
        yield Mail.name, outboxes.mail(app, settings, links, _RHYTHM)
