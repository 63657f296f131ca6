"""What was asked of language models, and what it cost."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.models import Call, Purpose
from digest.store.tables import calls

_TOKENS = func.coalesce(func.sum(calls.c.prompt_tokens + calls.c.completion_tokens), 0)


@dataclass(frozen=True, slots=True)
class Totals:
    """How many calls there were, how many of them gave something usable, and the tokens of all of them."""

    calls: int
    ok: int
    tokens: int


async def save(connection: AsyncConnection, call: Call) -> None:
    """Add `call` to the log."""
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
    await connection.execute(insert(calls), row)


async def tokens_since(connection: AsyncConnection, at: datetime) -> int:
    """The tokens of prompts and answers since `at` (included)."""
    return int(await connection.scalar(select(_TOKENS).where(calls.c.at >= at)) or 0)


async def totals(connection: AsyncConnection, since: datetime) -> dict[Purpose, Totals]:
    """What each purpose took since `since` (included); one without a call is not there."""
    count, ok = func.count(), func.count().filter(calls.c.outcome == "ok")
    query = select(calls.c.purpose, count, ok, _TOKENS).where(calls.c.at >= since).group_by(calls.c.purpose)
    rows = await connection.execute(query)
    return {Purpose(purpose): Totals(made, good, int(tokens)) for purpose, made, good, tokens in rows}
