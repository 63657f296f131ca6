"""The values that reaching people is made of: frozen, compared by content. Times are aware and in UTC."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from bot.mailboxes import Mailbox
from digest.keywords import Keyword


class Detail(StrEnum):
    """How much of each paper a subscriber gets pushed; the rest is a tap away."""

    TITLES = "titles"
    ABSTRACTS = "abstracts"
    READINGS = "readings"


class Kind(StrEnum):
    """What stands behind an address: one of Telegram's types of chats, or a mailbox."""

    PRIVATE = "private"
    GROUP = "group"
    CHANNEL = "channel"
    MAILBOX = "mailbox"


class Standing(StrEnum):
    """Whether a subscriber gets the digest."""

    NEW = "new"
    """Known, but never subscribed."""
    ACTIVE = "active"
    LEFT = "left"
    """Unsubscribed by themselves."""
    ENDED = "ended"
    """Not reached any more; the reason is the channel's."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What is shown to a subscriber, and in which form: equal choices get the same messages, made once.

    `language` is a BCP 47 tag. Papers of any of `categories` are shown, of all where there are none. `rich` asks
    for Telegram's rich messages.
    """

    language: str
    detail: Detail = Detail.ABSTRACTS
    categories: tuple[str, ...] = ()
    include: tuple[Keyword, ...] = ()
    exclude: tuple[Keyword, ...] = ()
    rich: bool = False


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody chose when signing up: as `Subscriber` has it."""

    choices: Choices
    hour: time | None
    zone: ZoneInfo
    quiet_line: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """When somebody asked for the digest, and how: "form", "telegram", or what a list that was imported says."""

    at: datetime
    how: str


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An address on a channel, and what it wants.

    `address` is the channel's own form: a Telegram chat, with `:topic` behind it where it is one of a forum; or a
    mailbox. At `hour` in `zone` the digest goes out, None means as soon as it is made. Nothing is sent before
    `paused_until`. `silent` messages make no sound; `quiet_line` asks for one line on days without papers. `awaiting`
    names the settings whose values were asked for, each with the message that shows it ("include:77 hour:80", 0 for
    none); in a private chat the next message before `awaited_until` gives the value. `strikes` counts the messages in
    a row that the address refused, `failing_since` is when it began to fail. `consent` is None where none is
    recorded: pressing Start is plain enough.
    """

    id: int
    channel: str
    address: str
    kind: Kind
    choices: Choices
    zone: ZoneInfo
    standing: Standing = Standing.NEW
    reason: str | None = None
    hour: time | None = None
    silent: bool = False
    quiet_line: bool = False
    paused_until: date | None = None
    awaiting: str | None = None
    awaited_until: datetime | None = None
    strikes: int = 0
    failing_since: datetime | None = None
    consent: Consent | None = None


class Letter(StrEnum):
    """What a letter is for: a mail to one person, in answer to a form."""

    CONFIRM = "confirm"
    """Asks whether the address wants the newsletter."""
    KNOWN = "known"
    """Tells an address that has the newsletter so, and how to change it."""


@dataclass(frozen=True, slots=True)
class SigningUp:
    """An address that somebody gave, and the letter that answers.

    `network` is a keyed hash of where it came from (`Links.hashed`), `how` the word for the consent: "form" or
    "telegram". `wishes` are None where only a link to the preferences was asked for. The letter is tried at
    `next_at`, never where that is None; `tries` counts the failed attempts.
    """

    id: int
    mailbox: Mailbox
    network: str
    letter: Letter
    wishes: Wishes | None
    how: str
    made_at: datetime
    next_at: datetime | None = None
    tries: int = 0
    confirmed_at: datetime | None = None


class Subject(StrEnum):
    """What is sent to many."""

    EDITION = "edition"
    QUIET = "quiet"
    """A day without papers: one line for those who asked for it."""
    BROADCAST = "broadcast"
    """The operator's own words."""
    DRAFT = "draft"
    """The same before they were confirmed: nobody gets them."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One thing that is sent to many: an edition or a quiet day by its date, or a text of the operator's.

    `due_at` is when it goes out to those who named no hour. `languages` are those in which an edition is ready; None
    for all.
    """

    id: int
    subject: Subject
    edition_date: date | None
    text: str | None
    due_at: datetime
    languages: frozenset[str] | None = None

    def is_ready_in(self, language: str) -> bool:
        """Whether it can go out to those who read `language`."""
        return self.languages is None or language in self.languages


class Sending(StrEnum):
    """How it stands with a delivery."""

    HELD = "held"
    """Its edition is not ready in the subscriber's language."""
    DUE = "due"
    SENDING = "sending"
    """Committed before each request: the message that is found so after a crash is unknown."""
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Nothing is left to send, and of some message nobody knows whether it was taken."""
    SKIPPED = "skipped"
    """Nothing to send, or nobody who wants it any more."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One dispatch to one subscriber: the ledger's row.

    `due_at` is the hour for which it was given out. `part` counts the messages that are done with, `tries` the failed
    attempts at the next one; `again` are those before it that the operator wants to be sent again. `rendering` names
    the messages once they are made. `repeated`: the next message may have arrived, and is sent a second time.
    `is_belied`: it is the line of a day without papers, whose papers turned up; `is_after_quiet`: it is an edition, and
    its subscriber got that line before it.
    """

    id: int
    dispatch: Dispatch
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
        """Which of its `count` messages are to be sent, in their order."""
        return (*self.again, *range(self.part, count))

    def done(self, message: int) -> int:
        """What `part` is once `message` is done with."""
        return max(self.part, message + 1)


Part = dict[str, Any]
"""One message as its channel stores it: JSON."""


@dataclass(frozen=True, slots=True)
class Showing:
    """An answer on its way to who asked: the messages `parts`, of which the first `part` are gone.

    An edition is `silent`. Anything else answers the message `reply_to`; with `prompt` it asks for a reply.
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
    """What a delivery becomes; a field that is None stays as it is, but `reason`, which belongs to the state.

    `in_flight` is the message that is being sent, and `day` is today at its reader's, who may have chosen a pause a
    moment ago; `once_more`, whether that message was marked as being sent before. `unknown` is a message of which
    nobody knows whether it was taken; `settled`, one that was sent again and taken. A delivery is "sent" only if no
    message of it is unknown.
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
    """What the operator is alerted of. Most last until they are over; an event happens once, and is never over."""

    EDITION_MISSING = "edition-missing"
    """arXiv does not show the papers of an edition that is due; the subject is its date."""
    EDITION_FAILED = "edition-failed"
    """Editions cannot be made."""
    MODEL_FAILED = "model-failed"
    """Less than half of an edition's papers were translated, because of the model; the reason is a sentence."""
    PROMPTS_CUT = "prompts-cut"
    """An endpoint reads only a part of long prompts, without saying so; the subject is the model, the reason the tokens
    from which on."""
    PAPERS_UNEXPLAINED = "papers-unexplained"
    """Announced papers are in no edition, without a reason; the reason is their number."""
    HIDDEN_INSTRUCTIONS = "hidden-instructions"
    """Event: a paper gives language models instructions where no reader sees them; the subject is its version."""
    POST_NOT_WRITTEN = "post-not-written"
    POST_NOT_PUSHED = "post-not-pushed"
    CHANNEL_PAUSED = "channel-paused"
    """Nothing can be sent on a channel, whatever the address; the subject is its name."""
    MAIL_RETURNED = "mail-returned"
    """Mails come back from several readers for what they are or where they are from; the reason is what is said."""
    SENDS_UNKNOWN = "sends-unknown"
    """Event: messages of which nobody knows whether they arrived; the subject is their edition or broadcast, the
    reason their number."""
    TOPIC_CLOSED = "topic-closed"
    """Event: the topic of a forum is closed or deleted: its people cannot tell the bot. The subject is its address."""
    INTERNAL_ERROR = "internal-error"
    """A fault that only the log describes."""

    @property
    def is_event(self) -> bool:
        return self in _EVENTS


_EVENTS = frozenset({AlertKind.HIDDEN_INSTRUCTIONS, AlertKind.SENDS_UNKNOWN, AlertKind.TOPIC_CLOSED})


@dataclass(frozen=True, slots=True)
class Alert:
    """One trouble of the operator's: kind and subject name it, and `reason` is what is known of it.

    `over_at` is None while it lasts. `tries` counts the failed attempts to tell it.
    """

    kind: AlertKind
    subject: str
    reason: str
    raised_at: datetime
    over_at: datetime | None = None
    tries: int = 0


class Wish(StrEnum):
    """What a person asks of a paper."""

    READING = "reading"
    ANSWER = "answer"


ASK_LIFETIME = timedelta(days=1)
"""How long a request is worked on, and its answer tried to be sent."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One person's request, kept until it is answered: a restart goes on with it.

    `paper` is an identifier as it was asked for, with or without a version. `status_message` is the message that
    becomes the answer; `part` counts the messages of the answer that went out, or may have.
    """

    id: int
    address: str
    person: str
    paper: str
    wish: Wish
    language: str
    asked_at: datetime
    question: str | None = None
    reply_to: int | None = None
    status_message: int | None = None
    rich: bool = False
    part: int = 0
