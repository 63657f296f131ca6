"""Calls to language models, with their tokens; attempts at translations; and what is learned of each endpoint.

Attempts are stored whether they were shown or not, with the findings of the checks. The learned capabilities are JSON
objects, one row per base URL and model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Text, cast, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core import json_input
from digest.core.findings import Attempt
from digest.core.json_input import InvalidJsonError
from digest.core.models import Call, Origin, PaperId, Purpose, VersionId
from digest.db.bulk import insert_into, rows_among
from digest.db.tables import attempts, calls, endpoint_profiles

_TOKENS = func.coalesce(func.sum(calls.c.prompt_tokens + calls.c.completion_tokens), 0)


@dataclass(frozen=True, slots=True)
class Totals:
    """The number of calls, of those with a usable answer (`ok`), and the tokens of all of them."""

    calls: int
    ok: int
    tokens: int


async def save_call(connection: AsyncConnection, call: Call) -> int:
    """Add `call` to the log; return the id of its row."""
    row = {
        "at": call.at,
        "purpose": call.purpose,
        "paper_id": str(call.version.paper),
        "version": call.version.number,
        "language": call.language,
        "model": call.origin.model,
        "prompt": call.origin.prompt,
        "outcome": call.outcome,
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": call.completion_tokens,
        "cached_tokens": call.cached_tokens,
    }
    return int(await connection.scalar(insert(calls).returning(calls.c.id), row))


async def tokens_since(connection: AsyncConnection, at: datetime) -> int:
    """Sum up the tokens of prompts and answers since `at` (included)."""
    return int(await connection.scalar(select(_TOKENS).where(calls.c.at >= at)) or 0)


async def totals(connection: AsyncConnection, since: datetime) -> dict[Purpose, Totals]:
    """Sum up the calls since `since` (included) by purpose; a purpose without calls is absent."""
    count, ok = func.count(), func.count().filter(calls.c.outcome == "ok")
    query = select(calls.c.purpose, count, ok, _TOKENS).where(calls.c.at >= since).group_by(calls.c.purpose)
    rows = await connection.execute(query)
    return {Purpose(purpose): Totals(made, good, int(tokens)) for purpose, made, good, tokens in rows}


async def of_versions(
    connection: AsyncConnection, versions: Iterable[VersionId], language: str
) -> list[Call]:
    """Load the calls about `versions` in `language`, oldest first."""
    query = select(calls).where(calls.c.language == language)
    pair = tuple_(calls.c.paper_id, calls.c.version)
    rows = await rows_among(connection, query, pair, [(str(v.paper), v.number) for v in versions])
    return [call(row) for row in sorted(rows, key=lambda row: row.id)]


async def languages(connection: AsyncConnection, versions: Iterable[VersionId]) -> set[str]:
    """Return the languages of the calls about any of `versions`."""
    pair = tuple_(calls.c.paper_id, calls.c.version)
    query = select(calls.c.language).distinct()
    rows = await rows_among(connection, query, pair, [(str(v.paper), v.number) for v in versions])
    return {row.language for row in rows}


def call(row: Row[Any]) -> Call:
    """Convert a row with the columns of the log to a call."""
    return Call(
        at=row.at,
        purpose=Purpose(row.purpose),
        version=VersionId(PaperId(row.paper_id), row.version),
        language=row.language,
        origin=Origin(row.model, row.prompt),
        outcome=row.outcome,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        cached_tokens=row.cached_tokens,
    )


KEPT_ATTEMPTS = timedelta(days=90)
"""The retention time of an attempt's text, which is only for debugging; shown texts are in `translations`."""


async def save_attempts(connection: AsyncConnection, attempt: Attempt) -> None:
    """Store `attempt` and its call."""
    row = {
        "call_id": await save_call(connection, attempt.call),
        "number": attempt.number,
        "title": attempt.title,
        "abstract": attempt.abstract,
        "summary": attempt.summary,
        "findings": attempt.findings,
    }
    await connection.execute(insert(attempts), row)


async def update_findings(connection: AsyncConnection, attempt: Attempt) -> None:
    """Replace the findings of `attempt`, which was stored before."""
    call = attempt.call
    same = select(calls.c.id).where(
        calls.c.paper_id == str(call.version.paper),
        calls.c.version == call.version.number,
        calls.c.language == call.language,
        calls.c.at == call.at,
    )
    statement = update(attempts).where(attempts.c.call_id.in_(same), attempts.c.number == attempt.number)
    await connection.execute(statement.values(findings=attempt.findings))


async def load_attempts(
    connection: AsyncConnection, versions: Iterable[VersionId], language: str
) -> dict[VersionId, list[Attempt]]:
    """Load the attempts at each of `versions` in `language`, oldest first; versions without any are absent."""
    query = select(attempts, calls).join(calls).where(calls.c.language == language)
    pair = tuple_(calls.c.paper_id, calls.c.version)
    rows = await rows_among(connection, query, pair, [(str(v.paper), v.number) for v in versions])
    found: dict[VersionId, list[Attempt]] = {}
    for row in sorted(rows, key=lambda row: row.call_id):
        attempt = attempt_of(row)
        found.setdefault(attempt.call.version, []).append(attempt)
    return found


async def prune_attempts(connection: AsyncConnection, now: datetime) -> None:
    """Delete the texts of attempts older than `KEPT_ATTEMPTS`; their findings stay."""
    old = select(calls.c.id).where(calls.c.at < now - KEPT_ATTEMPTS)
    statement = update(attempts).where(attempts.c.abstract.is_not(None), attempts.c.call_id.in_(old))
    await connection.execute(statement.values(title=None, abstract=None, summary=None))


def attempt_of(row: Row[Any]) -> Attempt:
    """Convert a row with the columns of an attempt and its call."""
    return Attempt(row.number, call(row), row.title, row.abstract, row.summary, row.findings)


_COLUMNS = endpoint_profiles.c


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as configured by the operator; `settings` is a hash that changes with any of its settings."""

    base_url: str
    settings: str


async def load_profile(connection: AsyncConnection, endpoint: Endpoint, since: datetime) -> dict[str, Any]:
    """Load the profile of each model learned under exactly these settings after `since` (aware).

    A row that is not valid JSON is left out; its content is learned again.
    """
    query = select(_COLUMNS.model, cast(_COLUMNS.profile, Text).label("written")).where(
        _COLUMNS.base_url == endpoint.base_url,
        _COLUMNS.settings == endpoint.settings,
        _COLUMNS.learned_at >= since,
    )
    rows = await connection.execute(query)
    return {row.model: value for row in rows if (value := _parsed(row.written)) is not None}


def _parsed(written: str) -> Any | None:
    try:
        return json_input.parse(written)
    except InvalidJsonError:
        return None


async def save_profile(
    connection: AsyncConnection, endpoint: Endpoint, model: str, profile: Mapping[str, Any], at: datetime
) -> None:
    """Store the profile of `model`, and delete those learned under other settings."""
    others = or_(_COLUMNS.base_url != endpoint.base_url, _COLUMNS.settings != endpoint.settings)
    await connection.execute(delete(endpoint_profiles).where(others))
    insert = insert_into(connection, endpoint_profiles).values(
        base_url=endpoint.base_url,
        model=model,
        settings=endpoint.settings,
        profile=dict(profile),
        learned_at=at,
    )
    learned = {name: insert.excluded[name] for name in ("settings", "profile", "learned_at")}
    await connection.execute(
        insert.on_conflict_do_update(index_elements=[_COLUMNS.base_url, _COLUMNS.model], set_=learned)
    )
