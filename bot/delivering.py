"""What is due is delivered once, for the commands that end: `run` and `deliver`."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from bot import fanout, schedule
from bot.app import App
from bot.day import Work
from bot.models import Sending
from bot.serve import Rhythm, telegram
from bot.settings import Settings
from bot.store import deliveries, dispatches
from digest.errors import DigestError
from digest.store import editions
from digest.store import engine as database

_RHYTHM = Rhythm(patience_seconds=600)  # what is due stays due for the next run


@dataclass(frozen=True, slots=True)
class Delivered:
    """How it stands with the deliveries of the editions that were looked at."""

    days: tuple[date, ...]
    states: Counter[Sending] = field(default_factory=Counter)


async def deliver_made(app: App, settings: Settings, made: Work) -> Delivered | None:
    """Gives out what a run made, and sends what is due; None where no channel is set up. Raises DigestError."""
    if settings.telegram_bot_token is None:
        return None
    await schedule.give_out(app, made)
    days = {made.outcome.day, *(closed.date for closed in made.outcome.closed)}
    return await _send(app, settings, sorted(days))


async def deliver_day(app: App, settings: Settings, day: date) -> Delivered:
    """Sends what is still due of the edition of `day`. Raises DigestError where there is none."""
    async with database.reading(app.engine) as connection:
        if await editions.find(connection, day) is None:
            raise DigestError(f"There is no edition of {day}.")
    await fanout.open_edition(app.engine, day, app.plan.calendar.anchor(day), app.clock())
    return await _send(app, settings, [day])


async def _send(app: App, settings: Settings, days: list[date]) -> Delivered:
    async with telegram(app, settings, _RHYTHM) as (_, outbox):
        await outbox.drain()
    states: Counter[Sending] = Counter()
    async with database.reading(app.engine) as connection:
        for day in days:
            dispatch = await dispatches.of_day(connection, day)
            states.update(await deliveries.counts(connection, dispatch.id) if dispatch else {})
    return Delivered(tuple(days), states)
