"""The audited pairs: what an auditor said of sentences and their translations, and the operator's labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core.findings import Attempt
from digest.core.models import PaperId, VersionId
from digest.core.verdicts import AuditedPair, JudgedPair, Relation, Verdict
from digest.db import model_calls
from digest.db.bulk import rows_among
from digest.db.tables import attempts, audited_pairs, calls

OBJECTIONS = tuple(relation.value for relation in Relation if relation.objects)


@dataclass(frozen=True, slots=True)
class FreshPair:
    """A pair with its verdict; `found` if the fault was known already, `shown` if readers see the sentence."""

    pair: JudgedPair
    verdict: Verdict
    found: bool
    shown: bool


async def candidates(connection: AsyncConnection) -> list[int]:
    """Return the ids of the calls of first attempts whose text is stored and was not audited, in ascending order."""
    audited = select(audited_pairs.c.call_id)
    query = (
        select(attempts.c.call_id)
        .where(attempts.c.number == 1, attempts.c.abstract.is_not(None), attempts.c.call_id.not_in(audited))
        .order_by(attempts.c.call_id)
    )
    return [*await connection.scalars(query)]


async def load_attempts(connection: AsyncConnection, call_ids: Iterable[int]) -> dict[int, Attempt]:
    """Load the attempts of the calls `call_ids`."""
    query = select(attempts, calls).join(calls)
    rows = await rows_among(connection, query, attempts.c.call_id, call_ids)
    return {row.call_id: model_calls.attempt_of(row) for row in rows}


async def save(
    connection: AsyncConnection, call_id: int, judge: str, pairs: Sequence[FreshPair], at: datetime
) -> None:
    """Store the audited `pairs` of an attempt."""
    rows = [
        {
            "call_id": call_id,
            "judge": judge,
            "position": each.pair.id,
            "original": each.pair.original,
            "made": each.pair.made,
            "relation": each.verdict.relation.value,
            "words": each.verdict.words,
            "found": each.found,
            "shown": each.shown,
            "audited_at": at,
        }
        for each in pairs
    ]
    if rows:
        await connection.execute(insert(audited_pairs), rows)


async def label(connection: AsyncConnection, labels: Mapping[int, bool], at: datetime) -> set[int]:
    """Store the operator's `labels` of objections by their ids; return the ids that name none."""
    unknown = set()
    for number, accepted in sorted(labels.items()):
        statement = update(audited_pairs).where(
            audited_pairs.c.id == number, audited_pairs.c.relation.in_(OBJECTIONS)
        )
        changed = await connection.execute(statement.values(accepted=accepted, labelled_at=at))
        if not changed.rowcount:
            unknown.add(number)
    return unknown


async def load(connection: AsyncConnection) -> list[AuditedPair]:
    """Load all audited pairs, in the order of their audits."""
    return [_pair(row) for row in await connection.execute(_pairs())]


async def of_calls(connection: AsyncConnection, call_ids: Iterable[int]) -> list[AuditedPair]:
    """Load the audited pairs of the calls `call_ids`, in the order of their audits."""
    rows = await rows_among(connection, _pairs(), audited_pairs.c.call_id, call_ids)
    return [_pair(row) for row in sorted(rows, key=lambda row: row.id)]


def _pairs() -> Select[Any]:
    return (
        select(audited_pairs, calls.c.paper_id, calls.c.version, calls.c.language)
        .join(calls, calls.c.id == audited_pairs.c.call_id)
        .order_by(audited_pairs.c.id)
    )


def _pair(row: Row[Any]) -> AuditedPair:
    return AuditedPair(
        id=row.id,
        call_id=row.call_id,
        version=VersionId(PaperId(row.paper_id), row.version),
        language=row.language,
        judge=row.judge,
        original=row.original,
        made=row.made,
        relation=Relation(row.relation),
        words=row.words,
        found=row.found,
        shown=row.shown,
        accepted=row.accepted,
    )
