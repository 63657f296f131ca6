"""The tables of people, beside those of papers. They are the truth: what is not in them did not happen.

What belongs to one chat or mailbox hangs on `subscribers` or names its address, so that forgetting it is deleting
these rows.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
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

from digest.store.tables import metadata as metadata  # noqa: PLC0414 - both packages share it
from digest.store.types import PlainText, Strings, UtcDateTime

# `joined` grows with each subscription and each return, over all subscribers: a fan-out knows by it who came after it
# began, whatever the clocks say.
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
    Column("awaiting", Text),
    Column("strikes", Integer, nullable=False, server_default="0"),
    Column("failing_since", UtcDateTime),
    Column("failed_at", UtcDateTime),
    Column("consented_at", UtcDateTime),
    Column("consent", Text),
    Column("made_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("awaited_until", UtcDateTime),
    Column("joined", Integer, nullable=False, server_default="0", index=True),
    UniqueConstraint("channel", "address"),
    Index("ix_subscribers_channel_standing", "channel", "standing"),
    Index("ix_subscribers_standing_zone_hour", "standing", "zone", "hour"),
    sqlite_autoincrement=True,
)

# Whatever was once given out is never given out again: one row an edition, quiet day or broadcast. A day can have both
# of the first, where its papers turned up late. `languages` are those in which it is ready, None for all. Its fan-out
# takes in who had joined up to `joined_until`; it has reached the subscribers up to the number `reached`, and all of
# them at `given_at`.
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
    UniqueConstraint("edition_date"),
    sqlite_autoincrement=True,
)

# The messages of a dispatch for those with the same choices, made once: a delivery that was cut off goes on with
# exactly these.
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

# `channel` is the subscriber's. `due_at` is the hour for which it was given out, `next_at` the next attempt: at another
# hour, if one was chosen since. The messages before `part` are done with; `in_flight` is the one that is being sent,
# while the state is "sending".
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

# Messages of which nobody knows whether they arrived: `part` counts within the delivery's rendering. "open" until the
# operator decides, then "again" until it is sent, or "left".
unknown_messages = Table(
    "unknown_messages",
    metadata,
    Column("delivery_id", Integer, ForeignKey("deliveries.id"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("noted_at", UtcDateTime, nullable=False),
)

# What people asked for. `answered_at` is None while it is due; `outcome` is "answered" or why not; `made` tells
# whether something was made for it, or is to be, which is what the quotas count; `part`, how many messages of the
# answer went out, or may have.
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

# Answers on their way to who asked: the messages, and how many of them are gone. Editions are `silent`.
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

# How many requests of the day that began at `day` took the model, of people who were forgotten since. An alias cannot
# be traced back without the bot's token, and differs from day to day.
spent = Table(
    "spent",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("day", UtcDateTime, primary_key=True),
    Column("requests", Integer, nullable=False),
)

# Telegram's updates that were taken, so that one that comes twice is acted on once. `content` is what is in one that is
# not answered yet, and None from then on; `starts`, how often a new process has begun with it.
updates = Table(
    "updates",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("taken_at", UtcDateTime, nullable=False, index=True),
    Column("content", JSON(none_as_null=True)),
    Column("starts", Integer, nullable=False, server_default="0"),
)

# How many messages a second Telegram was found to take from the bot. `bot` is a digest of its token: with another one,
# that is learned anew.
learned_rates = Table(
    "learned_rates",
    metadata,
    Column("bot", Text, primary_key=True),
    Column("per_second", Double, nullable=False),
    Column("noted_at", UtcDateTime, nullable=False),
)

# Who gave an address to the newsletter's form, and what they chose: nothing more comes of it before `confirmed_at`.
# `network` is a keyed hash of where the request came from; `letter` tells what the letter says: "confirm", or
# "known" where the address has the newsletter already. `next_at` is when the letter is to be tried, None once it
# was sent or given up; it is None from the start where nobody is to get one, so that such a row only counts.
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

# Reports of mail that came back, each once: `message_id` is that of the report, `likeness` what it has in common with
# those that say the same of others.
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

# What the operator is alerted of: one row a trouble, kept for a while after its end. `next_at` is the next attempt to
# tell the operator that it began, or that it is over; None where there is nothing to tell. `told_at` is when the
# operator heard of it, `over_at` when it ended, `closed_at` when there was nothing left to tell. Where it begins again,
# that is not told before `quiet_until`.
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

# How far the post of each edition is published. `write_at` is when writing it is tried again, `push_at` when pushing
# it is; None where there is nothing to do. The tries are the failed ones since it last worked, `reason` is the last's.
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
