"""The tables of the digest. They are the truth: what is not in them did not happen.

A paper is named by arXiv's identifier as it stands, a version by that and its number. Rows are made and
changed, never deleted; what is only for looking into faults loses its text in time.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from digest.store.types import Claims, Findings, PlainText, Strings, UtcDateTime

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _of_known_version() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["paper_id", "version"], ["versions.paper_id", "versions.version"])


papers = Table(
    "papers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("first_seen_at", UtcDateTime, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("paper_id", Text, ForeignKey("papers.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("title", PlainText, nullable=False),
    Column("authors", Strings, nullable=False),
    Column("categories", Strings, nullable=False),
    Column("primary_category", Text),
    Column("abstract", PlainText),
    Column("published", UtcDateTime),
    Column("updated", UtcDateTime),
    Column("comment", PlainText),
)

# Every paper that was ever seen in a listing of the watched categories, and so the account of what became of each:
# it is in an edition (edition_papers), or left out with a reason, or still to be decided. `edition_date` is the
# edition that left it out, if one did. `batch` is the announcement that it was taken for when that was decided,
# `absent_at` the last look before it was listed that did not show it.
listings = Table(
    "listings",
    metadata,
    Column("paper_id", Text, primary_key=True),
    Column("listed_at", UtcDateTime, nullable=False),
    Column("absent_at", UtcDateTime),
    Column("left_out", Text),
    Column("detail", Text),
    Column("edition_date", Date, ForeignKey("editions.date"), index=True),
    Column("batch", UtcDateTime, index=True),
)

# What the feeds said. `batch` is the moment of the announcement. A newer version is `awaited` until it is among the
# replacements of an edition, where those are wanted.
announcements = Table(
    "announcements",
    metadata,
    Column("paper_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("announce_type", Text, primary_key=True),
    Column("batch", UtcDateTime, nullable=False, index=True),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("awaited", Boolean, nullable=False, server_default=false()),
)

# Batches in which both of arXiv's sources had nothing of the watched categories.
empty_batches = Table(
    "empty_batches",
    metadata,
    Column("batch", UtcDateTime, primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
)

watches = Table(
    "watches",
    metadata,
    Column("category", Text, primary_key=True),
    Column("listed_at", UtcDateTime, nullable=False),
)

# The outcome of the last try: either `source` and `text`, or `reason`. `orders` are instructions to language models
# that no reader of the paper sees; they are not in `text`. `whole` is false where the text is known to lack something.
fulltexts = Table(
    "fulltexts",
    metadata,
    Column("paper_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("source", Text),
    Column("text", PlainText),
    Column("orders", PlainText),
    Column("whole", Boolean, nullable=False, server_default=true()),
    Column("extractors", Text),
    Column("reason", Text),
    Column("tried_at", UtcDateTime, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    _of_known_version(),
)

# `model` and `prompt` are the origin: a better model or prompt makes a row of its own.
translations = Table(
    "translations",
    metadata,
    Column("paper_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("prompt", Text, primary_key=True),
    Column("title", PlainText),
    Column("abstract", PlainText, nullable=False),
    Column("summary", PlainText),
    Column("made_at", UtcDateTime, nullable=False),
    _of_known_version(),
)

# `findings` is what was dropped, and what is odd in what stayed; readings of before that were not checked have none.
# `basis` is what of the paper they were made of.
readings = Table(
    "readings",
    metadata,
    Column("paper_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("prompt", Text, primary_key=True),
    Column("background", Claims, nullable=False),
    Column("method", Claims, nullable=False),
    Column("results", Claims, nullable=False),
    Column("findings", Findings),
    Column("basis", Text, nullable=False, server_default="whole"),
    Column("made_at", UtcDateTime, nullable=False),
    _of_known_version(),
)

# What was spent. A log: no row depends on another table's.
calls = Table(
    "calls",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("paper_id", Text, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("language", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    sqlite_autoincrement=True,
)

# Each translation that a model gave, the `number`-th of its row, with what the checks found in it; the call says of
# which paper, by which model and for how many tokens. The text is there for months, the findings for good.
attempts = Table(
    "attempts",
    metadata,
    Column("call_id", Integer, ForeignKey("calls.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("title", PlainText),
    Column("abstract", PlainText),
    Column("summary", PlainText),
    Column("findings", Findings, nullable=False),
)

# How the translation of a paper renders the terms of the field: the other papers of its edition follow it.
terms = Table(
    "terms",
    metadata,
    Column("paper_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("term", PlainText, primary_key=True),
    Column("translation", PlainText, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    _of_known_version(),
)

editions = Table(
    "editions",
    metadata,
    Column("date", Date, primary_key=True),
    Column("window_start", UtcDateTime, nullable=False),
    Column("window_end", UtcDateTime, nullable=False),
    Column("language", Text, nullable=False),
    Column("categories", Strings, nullable=False),
    Column("fetched", Integer, nullable=False),
    Column("late", Integer, nullable=False, server_default="0"),
    Column("closed_at", UtcDateTime, nullable=False),
    Column("archived_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
)

# The languages in which an edition was made, as far as it could be: from then on it is given out in them. "*" stands
# for all that were wanted when the last of them was made.
edition_languages = Table(
    "edition_languages",
    metadata,
    Column("edition_date", Date, ForeignKey("editions.date"), primary_key=True),
    Column("language", Text, primary_key=True),
    Column("made_at", UtcDateTime, nullable=False),
)

edition_papers = Table(
    "edition_papers",
    metadata,
    Column("edition_date", Date, ForeignKey("editions.date"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("paper_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("paper_id"),  # A paper is in exactly one edition, whichever version of it.
    _of_known_version(),
)

edition_replacements = Table(
    "edition_replacements",
    metadata,
    Column("edition_date", Date, ForeignKey("editions.date"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("paper_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    _of_known_version(),
)

# When a far end may be asked again by any process: seconds since 1970, by the database's clock.
turns = Table(
    "turns",
    metadata,
    Column("far_end", Text, primary_key=True),
    Column("free_at", Double, nullable=False),
)

# What each model's endpoint was found to take. `settings` is a hash of those that it was found with.
endpoint_profiles = Table(
    "endpoint_profiles",
    metadata,
    Column("base_url", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("settings", Text, nullable=False),
    Column("profile", JSON, nullable=False),
    Column("learned_at", UtcDateTime, nullable=False),
)
