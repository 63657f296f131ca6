"""Sign-ups for the newsletter, and their transactional mail."""

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.mailboxes import Mailbox
from bot.core.models import CONFIRMING, Detail, MailPurpose, Preferences, RequestedPreferences, SignUp
from bot.db.tables import signups
from digest.core import keywords
from digest.db.bulk import BATCH, delete_some

_COLUMNS = signups.c
_KEPT = 2 * CONFIRMING  # the mail may go out that late, and its link is valid for as long again
_LOCK = 0x7369676E  # PostgreSQL's advisory locks are numbers


async def one_at_a_time(connection: AsyncConnection) -> None:
    """Make other sign-ups wait for this transaction, so that its counts stay valid. SQLite's writers wait anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


async def count_of_address(connection: AsyncConnection, mailbox: Mailbox, since: datetime) -> int:
    """Count the sign-ups of an address since then."""
    query = select(func.count()).where(_COLUMNS.address == str(mailbox), _COLUMNS.made_at > since)
    return int(await connection.scalar(query) or 0)


async def count_of_network(connection: AsyncConnection, network: str, since: datetime) -> int:
    """Count the sign-ups from a network since then."""
    query = select(func.count()).where(_COLUMNS.network == network, _COLUMNS.made_at > since)
    return int(await connection.scalar(query) or 0)


async def add(connection: AsyncConnection, new: SignUp) -> None:
    """Store a new sign-up."""
    row = {
        "address": str(new.mailbox),
        "network": new.network,
        "letter": new.letter,
        "wishes": _to_json(new.preferences) if new.preferences else {},
        "how": new.how,
        "made_at": new.made_at,
        "next_at": new.next_at,
        "tries": new.tries,
    }
    await connection.execute(insert(signups), row)


async def find(connection: AsyncConnection, number: int) -> SignUp | None:
    """Return the sign-up `number`, as long as it is stored."""
    row = (await connection.execute(select(signups).where(_COLUMNS.id == number))).first()
    return None if row is None else _signing_up(row)


async def confirm(connection: AsyncConnection, number: int, at: datetime) -> SignUp | None:
    """Confirm the sign-up `number` and return it. Returns None if it was confirmed before or is gone."""
    open_ = update(signups).where(
        _COLUMNS.id == number, _COLUMNS.letter == MailPurpose.CONFIRM, _COLUMNS.confirmed_at.is_(None)
    )
    row = (await connection.execute(open_.values(confirmed_at=at, next_at=None).returning(signups))).first()
    return None if row is None else _signing_up(row)


async def due(connection: AsyncConnection, at: datetime, limit: int) -> list[SignUp]:
    """Return the sign-ups whose mail is due at `at`, the longest waiting first."""
    query = select(signups).where(_COLUMNS.next_at <= at).order_by(_COLUMNS.next_at, _COLUMNS.id)
    return [_signing_up(row) for row in await connection.execute(query.limit(limit))]


async def note_letter(
    connection: AsyncConnection, number: int, tries: int, next_at: datetime | None = None
) -> None:
    """Record an attempt to send the mail, and the time of the next one; None means never."""
    columns = update(signups).where(_COLUMNS.id == number)
    await connection.execute(columns.values(tries=tries, next_at=next_at))


async def prune(connection: AsyncConnection, at: datetime, limit: int = BATCH) -> int:
    """Delete at most `limit` sign-ups with expired links, confirmed or not. Returns how many."""
    return await delete_some(connection, signups, _COLUMNS.made_at < at - _KEPT, limit)


async def of_address(connection: AsyncConnection, address: str) -> list[dict[str, Any]]:
    """Export all sign-ups of an address."""
    columns = (_COLUMNS.how, _COLUMNS.network, _COLUMNS.letter, _COLUMNS.wishes)
    query = (
        select(*columns, _COLUMNS.made_at, _COLUMNS.confirmed_at)
        .where(_COLUMNS.address == address)
        .order_by(_COLUMNS.id)
    )
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def _signing_up(row: Row[Any]) -> SignUp:
    return SignUp(
        id=row.id,
        mailbox=Mailbox.of(row.address),
        network=row.network,
        letter=MailPurpose(row.letter),
        preferences=_from_json(row.wishes) if row.wishes else None,
        how=row.how,
        made_at=row.made_at,
        next_at=row.next_at,
        tries=row.tries,
        confirmed_at=row.confirmed_at,
    )


def _to_json(preferences: RequestedPreferences) -> dict[str, Any]:
    chosen = preferences.preferences
    return {
        "language": chosen.language,
        "detail": chosen.detail,
        "categories": chosen.categories,
        "include": [keyword.text for keyword in chosen.include],
        "exclude": [keyword.text for keyword in chosen.exclude],
        "hour": preferences.hour.strftime("%H:%M") if preferences.hour else None,
        "zone": preferences.zone.key,
        "quiet_line": preferences.quiet_line,
    }


def _from_json(row: dict[str, Any]) -> RequestedPreferences:
    choices = Preferences(
        language=row["language"],
        detail=Detail(row["detail"]),
        categories=tuple(row["categories"]),
        include=tuple(map(keywords.keyword, row["include"])),
        exclude=tuple(map(keywords.keyword, row["exclude"])),
    )
    hour = time.fromisoformat(row["hour"]) if row["hour"] else None
    quiet_line = row.get("quiet_line", False)  # missing in sign-ups from before the form asked for it
    return RequestedPreferences(choices, hour, ZoneInfo(row["zone"]), quiet_line)
