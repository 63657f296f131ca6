"""Papers for the tests: made, not recorded."""

from datetime import UTC, datetime, timedelta

from digest.core.models import Paper, PaperId, VersionId

MONDAY_MORNING = datetime(2026, 2, 9, 9, 0, tzinfo=UTC)


def paper(
    number: int = 1,
    *,
    version: int = 1,
    title: str | None = None,
    abstract: str | None = None,
    categories: tuple[str, ...] = ("cs.SD", "eess.AS"),
    submitted: datetime | None = None,
) -> Paper:
    """Return paper 2602.0`number`, submitted some minutes after the one before it."""
    moment = submitted or MONDAY_MORNING + timedelta(minutes=number)
    return Paper(
        version=VersionId(PaperId(f"2602.{number:05d}"), version),
        title=title or f"EchoNet-{number}: Hearing the Shape of Room {number}",
        authors=("Ada Lovelace", "Jan Černocký"),
        categories=categories,
        primary_category=categories[0],
        abstract=abstract
        or f"We present EchoNet-{number}, which lowers the error of room {number} by up to 12.5%.",
        published=moment,
        updated=moment,
    )
