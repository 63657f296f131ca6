"""The tables of people, beside those of papers. They are authoritative: what is not in them did not happen.

Data of a chat or mailbox refers to `subscribers` or holds its address, so deleting these rows deletes the data. The
address of a chat may be followed by `:topic`, for a topic of a forum.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from digest.db.tables import metadata as metadata  # noqa: PLC0414 - both packages share it
from digest.db.types import PlainText, Strings, UtcDateTime

# `joined` grows with each new or restored subscription, over all subscribers. A fan-out uses it to recognize those who
# joined after it began, whatever the clocks say.
subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("reason", Text),
    Column("language", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("categories", Strings, nullable=False),
    Column("include", Strings, nullable=False),
    Column("exclude", Strings, nullable=False),
    Column("rich", Boolean, nullable=False),
    Column("hour", Text),
    Column("zone", Text, nullable=False),
    Column("silent", Boolean, nullable=False),
    Column("quiet_line", Boolean, nullable=False),
    Column("paused_until", Date),
    Column("strikes", Integer, nullable=False, server_default="0"),
    Column("failing_since", UtcDateTime),
    Column("failed_at", UtcDateTime),
    Column("consented_at", UtcDateTime),
    Column("consent", Text),
    Column("made_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("awaited_until", UtcDateTime),
    Column("joined", Integer, nullable=False, server_default="0", index=True),
    Column("awaited", JSON(none_as_null=True)),
    UniqueConstraint("channel", "address"),
    Index("ix_subscribers_channel_standing", "channel", "standing"),
    Index("ix_subscribers_standing_zone_hour", "standing", "zone", "hour"),
    sqlite_autoincrement=True,
)

# One row for each edition, quiet day or broadcast, so that none is sent twice. A day can have both of the first, if its
# papers turned up late. `languages` are those in which it is ready, None for all. Its fan-out includes subscribers with
# `joined` up to `joined_until`; it has reached those with ids up to `reached`, and all of them at `given_at`. Its
# messages are composed for its `revision`.
dispatches = Table(
    "dispatches",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("subject", Text, nullable=False),
    Column("edition_date", Date),
    Column("quiet_date", Date, unique=True, index=True),
    Column("text", PlainText),
    Column("due_at", UtcDateTime, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("languages", JSON(none_as_null=True)),
    Column("joined_until", Integer),
    Column("reached", Integer, nullable=False, server_default="0"),
    Column("given_at", UtcDateTime),
    Column("revision", Integer, nullable=False, server_default="0"),
    UniqueConstraint("edition_date"),
    sqlite_autoincrement=True,
)

# The messages of a campaign for subscribers with the same preferences, composed once: an interrupted delivery continues
# with exactly these.
renderings = Table(
    "renderings",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("dispatch_id", Integer, ForeignKey("dispatches.id"), nullable=False),
    Column("choices", Text, nullable=False),
    Column("parts", JSON, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    UniqueConstraint("dispatch_id", "choices"),
    sqlite_autoincrement=True,
)

# `channel` is the subscriber's. `due_at` is the original due time; `next_at` is the next attempt, which moves if
# another delivery time is chosen. Messages before `part` are done; `in_flight` is the one being sent while the state is
# "sending".
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("dispatch_id", Integer, ForeignKey("dispatches.id"), nullable=False),
    Column("subscriber_id", Integer, ForeignKey("subscribers.id"), nullable=False, index=True),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("rendering_id", Integer, ForeignKey("renderings.id"), index=True),
    Column("part", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("repeated", Boolean, nullable=False, server_default=false()),
    Column("reason", Text),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("in_flight", Integer),
    UniqueConstraint("dispatch_id", "subscriber_id"),
    Index("ix_deliveries_channel_state_next_at", "channel", "state", "next_at"),
    sqlite_autoincrement=True,
)

# Messages with unknown delivery. `part` counts within the delivery's rendering. The state is "open" until the operator
# decides, then "again" until it is resent, or "left".
unknown_messages = Table(
    "unknown_messages",
    metadata,
    Column("delivery_id", Integer, ForeignKey("deliveries.id"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("noted_at", UtcDateTime, nullable=False),
)

# Paper requests. `answered_at` is None while the request is due; `outcome` is "answered" or the reason why not. `made`
# tells whether something was or will be made for it, which is what the quotas count. `part` is the number of messages
# of the answer that were sent or may have been.
asks = Table(
    "asks",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("address", Text, nullable=False, index=True),
    Column("person", Text, nullable=False),
    Column("paper", Text, nullable=False),
    Column("wish", Text, nullable=False),
    Column("question", PlainText),
    Column("language", Text, nullable=False),
    Column("rich", Boolean, nullable=False),
    Column("reply_to", Integer),
    Column("status_message", Integer),
    Column("asked_at", UtcDateTime, nullable=False, index=True),
    Column("answered_at", UtcDateTime, index=True),
    Column("outcome", Text),
    Column("made", Boolean, nullable=False),
    Column("part", Integer, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)

# Answers on their way: the messages, and how many of them were sent. Editions are `silent`.
showings = Table(
    "showings",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("address", Text, nullable=False, index=True),
    Column("parts", JSON, nullable=False),
    Column("part", Integer, nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("reply_to", Integer),
    Column("prompt", Boolean, nullable=False, server_default=false()),
    Column("silent", Boolean, nullable=False, server_default=true()),
    sqlite_autoincrement=True,
)

# Quota usage of people whose data was deleted: requests that used the model on the day that began at `day`. An alias
# cannot be traced back without the bot's token, and differs from day to day.
spent = Table(
    "spent",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("day", UtcDateTime, primary_key=True),
    Column("requests", Integer, nullable=False),
)

# Telegram's updates that were received, so that a repeated one is handled once. `content` is the update until it is
# answered, then None; `starts` counts the processes that began to handle it.
updates = Table(
    "updates",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("taken_at", UtcDateTime, nullable=False, index=True),
    Column("content", JSON(none_as_null=True)),
    Column("starts", Integer, nullable=False, server_default="0"),
)

# The rate that Telegram was found to accept from the bot, in messages a second. `bot` is a hash of its token: with
# another token the rate is learned again.
learned_rates = Table(
    "learned_rates",
    metadata,
    Column("bot", Text, primary_key=True),
    Column("per_second", Double, nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
)

# Sign-ups for the newsletter with their preferences. They have no effect before `confirmed_at`. `network` is a keyed
# hash of the request's origin. `letter` is the kind of mail: "confirm", or "known" if the address is already
# subscribed. `next_at` is the next attempt to send the mail, None once it was sent or given up; it is None from the
# start if no mail is to be sent and the row only counts.
signups = Table(
    "signups",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("address", Text, nullable=False, index=True),
    Column("network", Text, nullable=False, index=True),
    Column("letter", Text, nullable=False),
    Column("wishes", JSON, nullable=False),
    Column("how", Text, nullable=False),
    Column("made_at", UtcDateTime, nullable=False, index=True),
    Column("next_at", UtcDateTime, index=True),
    Column("tries", Integer, nullable=False),
    Column("confirmed_at", UtcDateTime),
    sqlite_autoincrement=True,
)

# Bounce reports, each once. `message_id` is the report's; `likeness` identifies reports that give the same reason.
bounces = Table(
    "bounces",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("subscriber_id", Integer, index=True),
    Column("kind", Text, nullable=False),
    Column("detail", Text),
    Column("likeness", Text, nullable=False, server_default=""),
    Column("seen_at", UtcDateTime, nullable=False, index=True),
)

# Alerts: one row for each problem, kept for a while after its end. `next_at` is the next attempt to tell the operator
# that it began or ended, None if there is nothing to tell. `told_at` is when the operator was told, `over_at` when the
# problem ended, `closed_at` when nothing was left to tell. If it begins again, that is not told before `quiet_until`.
alerts = Table(
    "alerts",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject", PlainText, primary_key=True),
    Column("reason", PlainText, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("told_at", UtcDateTime),
    Column("over_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("quiet_until", UtcDateTime),
    Column("next_at", UtcDateTime, index=True),
    Column("tries", Integer, nullable=False, server_default="0"),
)

# Publication of each edition's post. `write_at` and `push_at` are the next attempts to write and push it, None if there
# is nothing to do. The tries count failures since the last success; `reason` is that of the last failure.
publications = Table(
    "publications",
    metadata,
    Column("edition_date", Date, ForeignKey("editions.date"), primary_key=True),
    Column("written_at", UtcDateTime),
    Column("write_at", UtcDateTime),
    Column("write_tries", Integer, nullable=False, server_default="0"),
    Column("pushed_at", UtcDateTime),
    Column("push_at", UtcDateTime),
    Column("push_tries", Integer, nullable=False, server_default="0"),
    Column("reason", PlainText),
)


def within_address(column: Column[str], address: str) -> ColumnElement[bool]:
    """Match rows whose `column` holds `address` or one of its topics."""
    return (column == address) | column.startswith(f"{address}:", autoescape=True)
