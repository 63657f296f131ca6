"""Learned capabilities of model endpoints, as JSON objects: one row per base URL and model."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from digest.core import json_input
from digest.core.json_input import InvalidJsonError
from digest.db.bulk import insert_into
from digest.db.tables import endpoint_profiles

_COLUMNS = endpoint_profiles.c


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as configured by the operator; `settings` is a hash that changes with any of its settings."""

    base_url: str
    settings: str


async def known(connection: AsyncConnection, endpoint: Endpoint, since: datetime) -> dict[str, Any]:
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


async def keep(
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
