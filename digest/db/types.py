"""Column types for values other than text and numbers; they work on both SQLite and PostgreSQL."""
# ruff: noqa: ARG002 - SQLAlchemy passes the dialect to every type, although these do not depend on it.

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from digest.core.findings import Finding, Flaw
from digest.core.models import Claim


def storable(text: str) -> str:
    """Make `text` from PDFs and models storable: NUL is removed, lone surrogates become `?`."""
    return text.replace("\0", "").encode(errors="replace").decode()


class PlainText(TypeDecorator[str]):
    """Text from outside, made `storable`."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class UtcDateTime(TypeDecorator[datetime]):
    """A time: accepted in any time zone, returned in UTC. A naive one raises ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value!r} has no time zone.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite has no time zones: it stores the UTC time without one.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Strings(TypeDecorator[tuple[str, ...]]):
    """Names or categories, in their order."""

    impl = JSON
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...]:
        return tuple(value or ())


class Claims(TypeDecorator[tuple[Claim, ...]]):
    """One part of a reading: a list of `{"text": …, "quotes": […], "claims": […]}`; empty inner lists are omitted."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Sequence[Claim] | None, dialect: Dialect) -> list[dict[str, Any]]:
        return [_to_json(claim) for claim in value or ()]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[Claim, ...]:
        return tuple(_from_json(item) for item in value or ())


class Findings(TypeDecorator[tuple[Finding, ...]]):
    """The findings of the checks: a list of `{"flaw": …, "detail": …, "hard": …}`."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Sequence[Finding] | None, dialect: Dialect) -> list[dict[str, Any]]:
        return [
            {"flaw": each.flaw, "detail": storable(each.detail), "hard": each.hard} for each in value or ()
        ]

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[Finding, ...]:
        return tuple(Finding(Flaw(item["flaw"]), item["detail"], hard=item["hard"]) for item in value or ())


def _to_json(claim: Claim) -> dict[str, Any]:
    quotes = {"quotes": [*map(storable, claim.quotes)]} if claim.quotes else {}
    inner = {"claims": [_to_json(child) for child in claim.claims]} if claim.claims else {}
    return {"text": claim.text, **quotes, **inner}


def _from_json(item: dict[str, Any]) -> Claim:
    under = tuple(_from_json(child) for child in item.get("claims", ()))
    return Claim(item["text"], under, tuple(item.get("quotes", ())))
