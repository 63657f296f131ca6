"""Sign-up for the newsletter: an address becomes a subscriber once its owner confirms it.

Until then there is only a row and one mail. Whoever enters an address learns nothing about it: the response and its
timing are the same for an address that is already subscribed; only the mail differs.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.core.mailboxes import Mailbox
from bot.core.models import Consent, Kind, Letter, SigningUp, Standing, Subscriber, Wishes
from bot.db import signups, subscribers
from digest.db import engine as database

CHANNEL = "mail"
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# Limits of mails to an address, and by origin, within each time. A university is one network; a chat is one person.
_TO_ADDRESS = ((_HOUR, 3), (_DAY, 10))
_FROM_NETWORK = {"form": ((_HOUR, 20), (_DAY, 100)), "telegram": ((_HOUR, 3), (_DAY, 5))}


async def sign_up(
    engine: AsyncEngine,
    mailbox: Mailbox,
    wishes: Wishes,
    *,
    own: Collection[Mailbox],
    network: str,
    how: str,
    at: datetime,
) -> None:
    """Queue a mail to `mailbox` that asks for confirmation, or says that it is already subscribed.

    `network` is a keyed hash of the origin (`Links.hashed`), a network or a chat; `how` is the kind of consent: "form"
    or "telegram". Beyond the limits nothing is stored or sent, and nothing is sent to the newsletter's `own` mailboxes;
    the caller is not told. Raises StoreError.
    """
    await _take(engine, SigningUp(0, mailbox, network, Letter.CONFIRM, wishes, how, at), own)


async def send_link(engine: AsyncEngine, mailbox: Mailbox, *, network: str, at: datetime) -> None:
    """Queue a mail with a link to the preferences to `mailbox`, if it is known. Otherwise like `sign_up`."""
    await _take(engine, SigningUp(0, mailbox, network, Letter.KNOWN, None, "form", at))


async def confirm(engine: AsyncEngine, number: int, at: datetime) -> Subscriber | None:
    """Confirm the sign-up `number` and return its subscriber. None if it was confirmed before or is gone.

    Raises StoreError.
    """
    async with database.writing(engine) as connection:
        confirmed = await signups.confirm(connection, number, at)
        if confirmed is None or confirmed.wishes is None:
            return None
        address, wishes = str(confirmed.mailbox), confirmed.wishes
        new = Subscriber(0, CHANNEL, address, Kind.MAILBOX, wishes.choices, wishes.zone)
        known = await subscribers.add(connection, new, at)

        def subscribed(stored: Subscriber) -> Subscriber:
            return replace(
                stored,
                choices=wishes.choices,
                zone=wishes.zone,
                hour=wishes.hour,
                quiet_line=wishes.quiet_line,
                standing=Standing.ACTIVE,
                reason=None,
                paused_until=None,
                strikes=0,
                failing_since=None,
                consent=Consent(at, confirmed.how),
            )

        return await subscribers.change(connection, known.id, subscribed, at)


async def leave(engine: AsyncEngine, number: int, at: datetime) -> None:
    """End the subscription `number` at the subscriber's request; queued mail is not sent. Raises StoreError."""
    async with database.writing(engine) as connection:
        await subscribers.change(connection, number, _left, at)


async def _take(engine: AsyncEngine, new: SigningUp, own: Collection[Mailbox] = ()) -> None:
    async with database.reading(engine) as connection:  # a flood of requests need not wait for the write lock
        if await _is_too_much(connection, new):
            return
    async with database.writing(engine) as connection:
        await signups.one_at_a_time(connection)
        if not await _is_too_much(connection, new):
            known = await subscribers.find(connection, CHANNEL, str(new.mailbox))
            await signups.add(connection, addressed(new, known, own))


def addressed(new: SigningUp, known: Subscriber | None, own: Collection[Mailbox] = ()) -> SigningUp:
    """Choose the mail for `new` by who is `known` at its address; none for one of our `own` mailboxes. Pure."""
    if any(new.mailbox.is_or_leads_to(each) for each in own):
        return replace(new, next_at=None)
    if new.letter is Letter.KNOWN:
        return replace(new, next_at=None if known is None else new.made_at)
    subscribed = known is not None and known.standing is Standing.ACTIVE
    return replace(new, letter=Letter.KNOWN if subscribed else Letter.CONFIRM, next_at=new.made_at)


async def _is_too_much(connection: AsyncConnection, new: SigningUp) -> bool:
    for span, limit in _TO_ADDRESS:
        if await signups.count_of_address(connection, new.mailbox, new.made_at - span) >= limit:
            return True
    for span, limit in _FROM_NETWORK[new.how]:
        if await signups.count_of_network(connection, new.network, new.made_at - span) >= limit:
            return True
    return False


def _left(stored: Subscriber) -> Subscriber:
    return replace(stored, standing=Standing.LEFT) if stored.standing is Standing.ACTIVE else stored
