"""Subscriptions on every channel: sign-up, confirmation, changes, leaving and deletion.

Every change that a person makes to a subscription goes through `SubscriptionService`: each method is one transaction,
which it commits. Handlers and pages read the input and render the answer. The functions at the end decide; they are
pure.

Until an address is confirmed there is only a row and one mail. Whoever enters an address learns nothing about it: the
response and its timing are the same for an address that is already subscribed; only the mail differs.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.core.mailboxes import Mailbox
from bot.core.models import (
    ChannelName,
    ChatKind,
    Consent,
    Edit,
    MailPurpose,
    RequestedPreferences,
    SignUp,
    Subscriber,
    SubscriberStatus,
)
from bot.db import bounces, deliveries, paper_requests, signups, subscribers
from bot.db.paper_requests import Day
from bot.subscriptions import preferences
from digest.db import engine as database
from digest.db.bulk import BATCH

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# Limits of mails to an address, and by origin, within each time. A university is one network; a chat is one person.
_TO_ADDRESS = ((_HOUR, 3), (_DAY, 10))
_FROM_NETWORK = {"form": ((_HOUR, 20), (_DAY, 100)), "telegram": ((_HOUR, 3), (_DAY, 5))}


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import; `gone` are known addresses that had left or ended."""

    added: int
    known: int
    gone: int


@dataclass(frozen=True, slots=True)
class SubscriptionService:
    """The subscriptions in the database of `engine`. All methods raise StoreError.

    `wake` tells the senders of digests and letters that something may be due earlier than they know. Nothing is sent to
    the newsletter's `own_mailboxes`, because none of them may subscribe.
    """

    engine: AsyncEngine
    clock: Callable[[], datetime]
    wake: Callable[[], None] = _nothing
    own_mailboxes: tuple[Mailbox, ...] = ()

    async def get(self, number: int) -> Subscriber | None:
        """Return the subscriber `number`, unless it was deleted."""
        async with database.reading(self.engine) as connection:
            return await subscribers.get(connection, number)

    async def find(self, channel: str, address: str) -> Subscriber | None:
        """Return the subscriber at `address`, active or not."""
        async with database.reading(self.engine) as connection:
            return await subscribers.find(connection, channel, address)

    async def at(self, channel: str, address: str) -> list[Subscriber]:
        """Return the subscribers at the chat `address` and its topics."""
        async with database.reading(self.engine) as connection:
            return await subscribers.at(connection, channel, address)

    async def meet(self, new: Subscriber) -> Subscriber:
        """Store `new`, who is not subscribed yet, unless the address is known. Returns the subscriber there."""
        async with database.writing(self.engine) as connection:
            return await subscribers.add(connection, new, self.clock())

    async def enroll(self, new: Subscriber) -> Subscriber:
        """Subscribe `new`, a chat without a person, unless it has unsubscribed before."""
        now = self.clock()
        async with database.writing(self.engine) as connection:
            known = await subscribers.add(connection, replace(new, status=SubscriberStatus.ACTIVE), now)
            if known.status in (SubscriberStatus.NEW, SubscriberStatus.ENDED):
                known = await subscribers.change(connection, known.id, subscribed, now) or known
        return known

    async def subscribe(self, subscriber: Subscriber) -> Subscriber:
        """Subscribe a known subscriber, with the preferences of before."""
        return await self.change(subscriber, subscribed)

    async def unsubscribe(self, subscriber: Subscriber) -> Subscriber:
        """Unsubscribe at the subscriber's request; what is queued is not sent, and preferences are kept."""
        return await self.change(subscriber, unsubscribed)

    async def change(self, subscriber: Subscriber, edit: Edit) -> Subscriber:
        """Apply `edit` to the stored subscriber and return the result, or `subscriber` if it was deleted meanwhile.

        Deliveries that wait follow: a new delivery time moves them, other preferences compose them anew.
        """
        async with database.writing(self.engine) as connection:
            changed = await _change(connection, subscriber.id, edit, self.clock())
        return subscriber if changed is None else self._noted(changed)

    async def sign_up(
        self, mailbox: Mailbox, wishes: RequestedPreferences, *, network: str, how: str
    ) -> None:
        """Queue a mail to `mailbox` that asks for confirmation, or says that it is already subscribed.

        `network` is a keyed hash of the origin (`Links.hashed`), a network or a chat; `how` is the kind of consent:
        "form" or "telegram". Beyond the limits nothing is stored or sent, and the caller is not told.
        """
        await self._take(SignUp(0, mailbox, network, MailPurpose.CONFIRM, wishes, how, self.clock()))

    async def send_link(self, mailbox: Mailbox, *, network: str) -> None:
        """Queue a mail with a link to the preferences to `mailbox`, if it is known. Otherwise like `sign_up`."""
        await self._take(SignUp(0, mailbox, network, MailPurpose.KNOWN, None, "form", self.clock()))

    async def signing_up(self, number: int) -> SignUp | None:
        """Return the sign-up `number` that a confirmation link names, confirmed or not, as long as it is stored."""
        async with database.reading(self.engine) as connection:
            found = await signups.find(connection, number)
        return found if found is not None and found.letter is MailPurpose.CONFIRM else None

    async def confirm(self, number: int) -> Subscriber | None:
        """Confirm the sign-up `number` and return its subscriber. None if it was confirmed before or is gone.

        The preferences of the sign-up replace those of an earlier subscription, and deliveries that wait follow them.
        """
        now = self.clock()
        async with database.writing(self.engine) as connection:
            asked = await signups.confirm(connection, number, now)
            if asked is None or asked.preferences is None:
                return None
            address, wishes = str(asked.mailbox), asked.preferences
            new = Subscriber(0, ChannelName.MAIL, address, ChatKind.MAILBOX, wishes.preferences, wishes.zone)
            known = await subscribers.add(connection, new, now)
            consent = Consent(now, asked.how)
            changed = await _change(
                connection, known.id, lambda stored: confirmed(stored, wishes, consent), now
            )
        return None if changed is None else self._noted(changed)

    async def import_(self, new: Sequence[Subscriber]) -> Imported:
        """Subscribe the mailboxes `new`, whose owners have consented; known addresses stay unchanged.

        They are added in batches. After an interruption, another call continues.
        """
        async with database.reading(self.engine) as connection:
            known = await subscribers.known(connection, ChannelName.MAIL, (each.address for each in new))
        unknown = [each for each in new if each.address not in known]
        for start in range(0, len(unknown), BATCH):
            async with database.writing(self.engine) as connection:
                await subscribers.add_all(connection, unknown[start : start + BATCH], self.clock())
        gone = sum(standing in (SubscriberStatus.LEFT, SubscriberStatus.ENDED) for standing in known.values())
        return Imported(len(unknown), len(known), gone)

    async def end(self, channel: str, address: str, reason: str) -> None:
        """End the subscriptions of the chat `address` and its topics, because the bot was removed from it."""
        now = self.clock()
        async with database.writing(self.engine) as connection:
            for known in await subscribers.at(connection, channel, address, lock=True):
                if known.status is SubscriberStatus.ACTIVE:
                    await subscribers.end(connection, known.id, reason, now)

    async def move(self, channel: str, address: str, to: str) -> None:
        """Move the subscriber at `address`, if there is one, to the chat `to` that replaces it."""
        async with database.writing(self.engine) as connection:
            known = await subscribers.find(connection, channel, address)
            if known is not None:
                await subscribers.move(connection, known.id, to, self.clock())

    async def forget(self, subscriber: Subscriber) -> None:
        """Delete everything stored about the subscriber, including deliveries and requests."""
        async with database.writing(self.engine) as connection:
            await subscribers.forget(connection, subscriber.id)

    async def forget_chat(self, channel: str, address: str, day: Day) -> None:
        """Delete everything stored about the chat `address` and its topics, but the number of requests of `day`."""
        async with database.writing(self.engine) as connection:
            await subscribers.forget_chat(connection, channel, address, day)

    async def data_of_mailbox(self, subscriber: Subscriber) -> dict[str, Any]:
        """Export everything stored about a subscriber of the newsletter."""
        async with database.reading(self.engine) as connection:
            return {
                "mailbox": await subscribers.known_of(connection, subscriber),
                "signups": await signups.of_address(connection, subscriber.address),
                "deliveries": await deliveries.of_subscriber(connection, subscriber.id),
                "returned": await bounces.of_subscriber(connection, subscriber.id),
            }

    async def data_of_chat(self, channel: str, address: str, day: Day) -> dict[str, Any]:
        """Export everything stored about the chat `address` and its topics; `day` is that of the quotas."""
        async with database.reading(self.engine) as connection:
            subscriptions = [
                await subscribers.known_of(connection, each)
                | {"deliveries": await deliveries.of_subscriber(connection, each.id)}
                for each in await subscribers.at(connection, channel, address)
            ]
            return {
                "subscriptions": subscriptions,
                "requests": await paper_requests.of_address(connection, address),
                "forgotten_requests_today": await paper_requests.forgotten(connection, day, address),
            }

    def _noted(self, changed: "_Change") -> Subscriber:
        """Wake the senders if deliveries have moved. Returns the changed subscriber."""
        if changed.moves:
            self.wake()
        return changed.after

    async def _take(self, new: SignUp) -> None:
        """Store a sign-up within the limits."""
        async with database.reading(self.engine) as connection:  # a flood need not wait for the write lock
            is_too_much = await _is_too_much(connection, new)
        if not is_too_much:
            async with database.writing(self.engine) as connection:
                await signups.one_at_a_time(connection)
                if not await _is_too_much(connection, new):
                    known = await subscribers.find(connection, ChannelName.MAIL, str(new.mailbox))
                    await signups.add(connection, addressed(new, known, self.own_mailboxes))
        self.wake()  # whatever was stored, so that the caller cannot tell


@dataclass(frozen=True, slots=True)
class _Change:
    """A subscriber before and after a change."""

    before: Subscriber
    after: Subscriber

    @property
    def moves(self) -> bool:
        """Return True if the delivery time has changed."""
        return (self.before.hour, self.before.zone) != (self.after.hour, self.after.zone)

    @property
    def recomposes(self) -> bool:
        """Return True if the content of the digest has changed."""
        return (self.before.preferences, self.before.quiet_line) != (
            self.after.preferences,
            self.after.quiet_line,
        )


async def _change(connection: AsyncConnection, number: int, edit: Edit, at: datetime) -> _Change | None:
    """Apply `edit` to the subscriber `number` and to its deliveries that have not begun. None if it was deleted.

    What changed is told by the stored subscriber: the one that the caller read may be older than another change.
    """
    before = await subscribers.get(connection, number, lock=True)
    after = await subscribers.change(connection, number, edit, at)
    if before is None or after is None:
        return None
    changed = _Change(before, after)
    if changed.moves:
        await _reschedule(connection, after, at)
    if changed.recomposes:
        await deliveries.recompose(connection, number)
    return changed


async def _reschedule(connection: AsyncConnection, subscriber: Subscriber, at: datetime) -> None:
    """Move waiting deliveries to the subscriber's new delivery time. A time that has passed means now."""
    for number, campaign in await deliveries.waiting(connection, subscriber, at):
        due_at = preferences.due_at(campaign, subscriber.hour, subscriber.zone)
        await deliveries.postpone(connection, number, due_at)


async def _is_too_much(connection: AsyncConnection, new: SignUp) -> bool:
    for span, limit in _TO_ADDRESS:
        if await signups.count_of_address(connection, new.mailbox, new.made_at - span) >= limit:
            return True
    for span, limit in _FROM_NETWORK[new.how]:
        if await signups.count_of_network(connection, new.network, new.made_at - span) >= limit:
            return True
    return False


def addressed(new: SignUp, known: Subscriber | None, own: Collection[Mailbox] = ()) -> SignUp:
    """Choose the mail for `new` by who is `known` at its address; none for one of our `own` mailboxes. Pure."""
    if any(new.mailbox.is_or_leads_to(each) for each in own):
        return replace(new, next_at=None)
    if new.letter is MailPurpose.KNOWN:
        return replace(new, next_at=None if known is None else new.made_at)
    is_subscribed = known is not None and known.status is SubscriberStatus.ACTIVE
    return replace(
        new, letter=MailPurpose.KNOWN if is_subscribed else MailPurpose.CONFIRM, next_at=new.made_at
    )


def subscribed(stored: Subscriber) -> Subscriber:
    """Return the subscriber with an active subscription. Failures of an earlier one no longer count. Pure."""
    if stored.status is SubscriberStatus.ACTIVE:
        return stored
    return replace(
        stored, status=SubscriberStatus.ACTIVE, reason=None, consecutive_refusals=0, failing_since=None
    )


def confirmed(stored: Subscriber, wishes: RequestedPreferences, consent: Consent) -> Subscriber:
    """Return the subscriber of a confirmed sign-up. Its mail has arrived, so no failures count. Pure."""
    return replace(
        subscribed(stored),
        preferences=wishes.preferences,
        zone=wishes.zone,
        hour=wishes.hour,
        quiet_line=wishes.quiet_line,
        paused_until=None,
        consecutive_refusals=0,
        failing_since=None,
        consent=consent,
    )


def unsubscribed(stored: Subscriber) -> Subscriber:
    """Return the subscriber without a subscription. One that had ended keeps its reason. Pure."""
    return (
        replace(stored, status=SubscriberStatus.LEFT) if stored.status is SubscriberStatus.ACTIVE else stored
    )
