"""The tables of the digest. They are the source of truth: what is not in them did not happen.

The key of a paper is arXiv's identifier, that of a version also its number. Rows are inserted and updated, rarely
deleted; texts kept only for debugging are dropped after some time.
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

from digest.db.types import Claims, Findings, PlainText, Strings, UtcDateTime

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

# Every paper that was ever seen in a listing of the watched categories. Each is in an edition (edition_papers), left
# out with a reason, or still undecided. `edition_date` is the edition that left it out, if one did. `batch` is its
# announcement, inferred when it was decided; `absent_at` is the last check before `listed_at` that did not show it.
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

# The announcements in the feeds. `batch` is the time of the announcement. If replacements are wanted, a newer version
# is `awaited` until an edition shows it.
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

# The result of the last attempt: either `source` and `text`, or `reason`. `orders` is prompt injection, invisible to
# readers of the paper; it is not in `text`. `whole` is false if the text is known to be incomplete.
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

# `model` and `prompt` are the origin: another model or prompt gets a row of its own.
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

# `findings` are about dropped claims (hard) and shown ones (soft); unchecked readings of older versions have none.
# `basis` is the part of the paper that the reading is based on.
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

# The calls of models and their tokens. A log: no row depends on another table.
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

# Each attempt of a model at a translation, the `number`-th of its series, with the findings of the checks. The call has
# the paper, the model and the tokens. The texts are kept for months, the findings permanently.
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

# The verdicts of judges. `key` is a hash of the judge's model, its prompt and the pair: nothing is judged twice. A log:
# no row depends on another table.
verdicts = Table(
    "verdicts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("paper_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("language", Text, nullable=False),
    Column("relation", Text, nullable=False),
    Column("words", PlainText, nullable=False),
    Column("judged_at", UtcDateTime, nullable=False, index=True),
)

# The pairs of a first attempt, a sentence and its translation each, that the auditor `judge` compared. `found` says
# whether the checks or the judge had found the fault, `shown` whether readers see the sentence; `accepted` is the
# operator's label on an objection. Kept permanently: labels are work.
audited_pairs = Table(
    "audited_pairs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("call_id", Integer, ForeignKey("attempts.call_id"), nullable=False),
    Column("judge", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("original", PlainText, nullable=False),
    Column("made", PlainText, nullable=False),
    Column("relation", Text, nullable=False),
    Column("words", PlainText, nullable=False),
    Column("found", Boolean, nullable=False),
    Column("shown", Boolean, nullable=False),
    Column("audited_at", UtcDateTime, nullable=False),
    Column("accepted", Boolean),
    Column("labelled_at", UtcDateTime),
    UniqueConstraint("call_id", "position"),
    sqlite_autoincrement=True,
)

# The translations of terms that a paper's translation chose: the other papers of its edition follow them.
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

# The terms of an edition, which its papers share and the glossary leaves open, as a model decided them before the
# translations. `translation` is null if its answer had no usable one: the term is not asked for again.
edition_terms = Table(
    "edition_terms",
    metadata,
    Column("edition_date", Date, ForeignKey("editions.date"), primary_key=True),
    Column("language", Text, primary_key=True),
    Column("term", PlainText, primary_key=True),
    Column("translation", PlainText),
    Column("decided_at", UtcDateTime, nullable=False),
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

# The languages in which an edition was made, as far as possible: from then on it is delivered in them. "*" means all
# languages that were wanted when the last of them was made.
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

# The text of each paper of an edition in which words are searched, as `digest.db.search_texts` writes it. The migration
# adds what SQLAlchemy does not know: an index of the text, and on SQLite the triggers that keep it.
search_texts = Table(
    "search_texts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("paper_id", Text, ForeignKey("papers.id"), nullable=False, unique=True),
    Column("text", PlainText, nullable=False),
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

# The time from which any process may send the next request to a server: seconds since 1970, by the database's clock.
turns = Table(
    "turns",
    metadata,
    Column("far_end", Text, primary_key=True),
    Column("free_at", Double, nullable=False),
)

# The learned capabilities of each model's endpoint. `settings` is a hash of the settings at that time.
endpoint_profiles = Table(
    "endpoint_profiles",
    metadata,
    Column("base_url", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("settings", Text, nullable=False),
    Column("profile", JSON, nullable=False),
    Column("learned_at", UtcDateTime, nullable=False),
)
