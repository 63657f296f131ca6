"""The values of `bot`: frozen, compared by content. Times are aware and in UTC."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from bot.core.mailboxes import Mailbox
from digest.core.keywords import Keyword


class Detail(StrEnum):
    """The amount of each paper that is pushed to a subscriber; the rest is available by a tap."""

    TITLES = "titles"
    ABSTRACTS = "abstracts"
    READINGS = "readings"


class ChatKind(StrEnum):
    """The kind of an address: one of Telegram's chat types, or a mailbox."""

    PRIVATE = "private"
    GROUP = "group"
    CHANNEL = "channel"
    MAILBOX = "mailbox"


class ChannelName(StrEnum):
    """The channels by their names in the tables."""

    TELEGRAM = "telegram"
    MAIL = "mail"


class SubscriberStatus(StrEnum):
    """The status of a subscriber."""

    NEW = "new"
    """Known, but never subscribed."""
    ACTIVE = "active"
    LEFT = "left"
    """Unsubscribed by the subscriber."""
    ENDED = "ended"
    """Unreachable; the channel gives the reason."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """The content and form of what is shown to a subscriber. Equal preferences share messages, composed once.

    `language` is a BCP 47 tag. Papers in any of `categories` are shown; an empty tuple means all. `rich` asks for
    Telegram's rich messages.
    """

    language: str
    detail: Detail = Detail.ABSTRACTS
    categories: tuple[str, ...] = ()
    include: tuple[Keyword, ...] = ()
    exclude: tuple[Keyword, ...] = ()
    rich: bool = False


@dataclass(frozen=True, slots=True)
class RequestedPreferences:
    """The preferences of a sign-up, with the fields of `Subscriber`."""

    preferences: Preferences
    hour: time | None
    zone: ZoneInfo
    quiet_line: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """The time and kind of a subscriber's consent: "form", "telegram", or the text of an imported list."""

    at: datetime
    how: str


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An address on a channel with its preferences.

    `address` has the channel's form: a Telegram chat, followed by `:topic` for a topic of a forum; or a mailbox. The
    digest is sent at `hour` in `zone`; None means as soon as it is made. Nothing is sent before `paused_until`.
    `silent` messages make no sound; `quiet_line` asks for a notice on days without papers. `awaited` are the
    settings whose values were asked for, each with the id of the message with its menu, or 0; in a private chat the
    next message before `awaited_until` gives the value. `consecutive_refusals` counts refused messages since the last
    accepted one; `failing_since` is the start of the failures. `consent` is None if none is recorded, because pressing
    Start is clear enough.
    """

    id: int
    channel: str
    address: str
    kind: ChatKind
    preferences: Preferences
    zone: ZoneInfo
    status: SubscriberStatus = SubscriberStatus.NEW
    reason: str | None = None
    hour: time | None = None
    silent: bool = False
    quiet_line: bool = False
    paused_until: date | None = None
    awaited: Mapping[str, int] = field(default_factory=dict)
    awaited_until: datetime | None = None
    consecutive_refusals: int = 0
    failing_since: datetime | None = None
    consent: Consent | None = None


Edit = Callable[[Subscriber], Subscriber]
"""A change of a subscriber, applied to what is stored. Pure."""


class MailPurpose(StrEnum):
    """The purpose of a transactional mail, sent in reply to a form."""

    CONFIRM = "confirm"
    """Asks whether the address wants the newsletter."""
    KNOWN = "known"
    """Tells a subscribed address so, and how to change the preferences."""


CONFIRMING = timedelta(days=2)
"""The time in which a sign-up can be confirmed: the validity of its link."""


@dataclass(frozen=True, slots=True)
class SignUp:
    """A sign-up: an address that somebody entered, and the mail in reply.

    `network` is a keyed hash of the request's origin (`Links.hashed`); `how` is the kind of consent, "form" or
    "telegram". `preferences` is None for a request of a link to the preferences. The mail is tried at
    `next_at`, never if that is None; `tries` counts failed attempts.
    """

    id: int
    mailbox: Mailbox
    network: str
    letter: MailPurpose
    preferences: RequestedPreferences | None
    how: str
    made_at: datetime
    next_at: datetime | None = None
    tries: int = 0
    confirmed_at: datetime | None = None


class Subject(StrEnum):
    """The kind of a campaign."""

    EDITION = "edition"
    QUIET = "quiet"
    """A day without papers: a notice for those who want it."""
    BROADCAST = "broadcast"
    """A message of the operator."""
    DRAFT = "draft"
    """An unconfirmed broadcast, which nobody gets."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign: an edition or a quiet day by its date, or a message of the operator.

    `due_at` applies to subscribers without a delivery time. `languages` are those in which an edition is ready; None
    means all. `revision` counts how often it was composed again after a correction.
    """

    id: int
    subject: Subject
    edition_date: date | None
    text: str | None
    due_at: datetime
    languages: frozenset[str] | None = None
    revision: int = 0

    def is_ready_in(self, language: str) -> bool:
        """Return whether it can be sent to subscribers who read `language`."""
        return self.languages is None or language in self.languages


class Sending(StrEnum):
    """The state of a delivery."""

    HELD = "held"
    """The edition is not ready in the subscriber's language."""
    DUE = "due"
    SENDING = "sending"
    """Committed before each request. A message found in this state after a crash has unknown delivery."""
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Nothing is left to send, and it is unknown whether some message was accepted."""
    SKIPPED = "skipped"
    """There is nothing to send, or nobody wants it any more."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery: one campaign to one subscriber.

    `due_at` is the original due time. `part` counts finished messages, `tries` the failed attempts at the next one;
    `again` are earlier messages that the operator wants to resend. `rendering` identifies the messages once they are
    composed. `repeated`: the next message may have arrived and is sent a second time. `is_belied`: it announces a day
    without papers, but the papers turned up; `is_after_quiet`: it is an edition whose subscriber got that notice
    before.
    """

    id: int
    campaign: Campaign
    subscriber: Subscriber
    due_at: datetime
    rendering: int | None
    part: int
    tries: int
    repeated: bool = False
    again: tuple[int, ...] = ()
    is_belied: bool = False
    is_after_quiet: bool = False

    def left(self, count: int) -> tuple[int, ...]:
        """Return which of its `count` messages are still to be sent, in order."""
        return (*self.again, *range(self.part, count))

    def done(self, message: int) -> int:
        """Return the value of `part` once `message` is finished."""
        return max(self.part, message + 1)


Part = dict[str, Any]
"""One message as its channel stores it: JSON."""


@dataclass(frozen=True, slots=True)
class PendingAnswer:
    """An answer on its way: the messages `parts`, of which the first `part` are sent.

    An edition is `silent`. Anything else replies to the message `reply_to`; with `prompt` it asks for a reply.
    """

    id: int
    address: str
    parts: tuple[Part, ...]
    part: int = 0
    reply_to: int | None = None
    prompt: bool = False
    silent: bool = True


@dataclass(frozen=True, slots=True)
class Mark:
    """A change of a delivery. Fields that are None stay unchanged, except `reason`, which belongs to the state.

    `in_flight` is the message being sent; `day` is the subscriber's current date, for a pause chosen a moment ago;
    `once_more` tells whether that message was already marked as being sent. `unknown` is a message with unknown
    delivery; `settled` is one that was resent and accepted. A delivery is "sent" only if no message of it is unknown.
    """

    state: Sending
    reason: str | None = None
    part: int | None = None
    next_at: datetime | None = None
    tries: int | None = None
    rendering: int | None = None
    repeated: bool | None = None
    in_flight: int | None = None
    once_more: bool = False
    day: date | None = None
    unknown: int | None = None
    settled: int | None = None


class AlertKind(StrEnum):
    """The kind of an alert. Most last until they are over; an event happens once and has no end."""

    EDITION_MISSING = "edition-missing"
    """arXiv does not show the papers of an edition that is due; the subject is its date."""
    EDITION_FAILED = "edition-failed"
    """Editions cannot be made."""
    MODEL_FAILED = "model-failed"
    """Less than half of an edition's papers were translated, because of the model; the reason is a sentence."""
    PROMPTS_CUT = "prompts-cut"
    """An endpoint silently truncates long prompts; the subject is the model, the reason the number of tokens from which
    it does.
    """
    JUDGE_STOPPED = "judge-stopped"
    """Texts are shown without being judged; the subject is the judge's model, the reason a sentence."""
    PAPERS_UNEXPLAINED = "papers-unexplained"
    """Announced papers are in no edition, without a reason; the reason is their number."""
    HIDDEN_INSTRUCTIONS = "hidden-instructions"
    """Event: a paper contains a prompt injection that readers cannot see; the subject is its version."""
    POST_NOT_WRITTEN = "post-not-written"
    POST_NOT_PUSHED = "post-not-pushed"
    CHANNEL_PAUSED = "channel-paused"
    """Nothing can be sent on a channel, whatever the address; the subject is its name."""
    MAIL_RETURNED = "mail-returned"
    """Mails of several subscribers are returned for their content or origin; the reason is what the reports say."""
    SENDS_UNKNOWN = "sends-unknown"
    """Event: messages with unknown delivery; the subject is their edition or broadcast, the reason their number."""
    TOPIC_CLOSED = "topic-closed"
    """Event: a topic of a forum is closed or deleted, which its members cannot tell the bot. The subject is its
    address.
    """
    INTERNAL_ERROR = "internal-error"
    """An error that only the log describes."""

    @property
    def is_event(self) -> bool:
        return self in _EVENTS


_EVENTS = frozenset({AlertKind.HIDDEN_INSTRUCTIONS, AlertKind.SENDS_UNKNOWN, AlertKind.TOPIC_CLOSED})


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert, identified by kind and subject; `reason` is what is known of the problem.

    `over_at` is None while the problem lasts. `tries` counts the failed attempts to send it.
    """

    kind: AlertKind
    subject: str
    reason: str
    raised_at: datetime
    over_at: datetime | None = None
    tries: int = 0


class RequestKind(StrEnum):
    """The kind of a paper request."""

    READING = "reading"
    ANSWER = "answer"


REQUEST_LIFETIME = timedelta(days=1)
"""The time in which a request is processed and its answer retried."""


@dataclass(frozen=True, slots=True)
class PaperRequest:
    """A paper request of one person, stored until it is answered, so that a restart continues it.

    `paper` is the identifier as requested, with or without a version. `status_message` is the message that becomes the
    answer; `part` counts the messages of the answer that were sent or may have been.
    """

    id: int
    address: str
    person: str
    paper: str
    wish: RequestKind
    language: str
    asked_at: datetime
    question: str | None = None
    reply_to: int | None = None
    status_message: int | None = None
    rich: bool = False
    part: int = 0
