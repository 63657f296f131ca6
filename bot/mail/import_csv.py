"""Import of subscribers with consent from CSV: each row is valid, or has errors with its line number. Pure.

The first line names the columns. `address`, `consented_at` (a date or time) and `consent` (where and how) are required
in each row; `language`, `detail`, `categories`, `include`, `exclude`, `hour`, `zone` and `quiet` are optional, with the
values of the chat's settings.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.core import mailboxes
from bot.core.mailboxes import InvalidMailboxError, Mailbox
from bot.core.models import Consent, Subscriber
from bot.subscriptions import preferences
from bot.subscriptions.preferences import Offer, UnusableValueError

REQUIRED = ("address", "consented_at", "consent")
OPTIONAL = ("language", "detail", "categories", "include", "exclude", "hour", "zone", "quiet")
_LONGEST_CONSENT = 500
_LONGEST_SHOWN = 100
_HEADER = 1


@dataclass(frozen=True, slots=True)
class RowFault:
    """An error in a line."""

    line: int
    sentence: str


@dataclass(frozen=True, slots=True)
class CsvSheet:
    """The valid rows, and the errors of the others."""

    rows: tuple[Subscriber, ...]
    faults: tuple[RowFault, ...]


class _FaultyError(Exception):
    """All errors of a row."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """The base of each row: `reader` holds the default values. Consent must be older than `now`.

    The newsletter's `own` mailboxes are refused.
    """

    reader: Subscriber
    offer: Offer
    now: datetime
    own: tuple[Mailbox, ...] = ()


def read(lines: Iterable[str], defaults: Defaults) -> CsvSheet:
    """Read the subscribers from a CSV file. Errors in its first line are the only ones reported."""
    records = _records(lines)
    first = next(records, None)
    if first is None:
        return CsvSheet((), (RowFault(_HEADER, "the file is empty"),))
    line, header = first
    if isinstance(header, RowFault):
        return CsvSheet((), (header,))
    names = [name.strip().lower() for name in header]
    if wrong := list(_wrong_names(names)):
        return CsvSheet((), tuple(RowFault(line, each) for each in wrong))
    return _sheet(names, records, defaults)


def _records(lines: Iterable[str]) -> Iterator[tuple[int, list[str] | RowFault]]:
    """Yield each non-blank record with its first line number. A syntax error ends the records."""
    reader = csv.reader(lines, strict=True)
    begin = 1
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                yield begin, record
            begin = reader.line_num + 1
    except (csv.Error, UnicodeDecodeError):
        yield begin, RowFault(begin, "from here on this is not valid CSV in UTF-8")


def _wrong_names(names: list[str]) -> Iterator[str]:
    known = (*REQUIRED, *OPTIONAL)
    yield from (
        f"unknown column “{_shown(name)}”; the columns are {', '.join(known)}"
        for name in names
        if name not in known
    )
    yield from (f"the column “{name}” is missing" for name in REQUIRED if name not in names)
    yield from (f"the column “{_shown(name)}” occurs twice" for name in set(names) if names.count(name) > 1)


def _sheet(
    names: list[str], records: Iterable[tuple[int, list[str] | RowFault]], defaults: Defaults
) -> CsvSheet:
    rows: dict[str, tuple[int, Subscriber]] = {}
    faults: list[RowFault] = []
    for line, record in records:
        if isinstance(record, RowFault):
            faults.append(record)
            continue
        try:
            row = _row(names, record, defaults)
        except _FaultyError as error:
            faults += [RowFault(line, sentence) for sentence in error.args]
            continue
        if earlier := rows.get(row.address):
            faults.append(RowFault(line, f"the same address as in line {earlier[0]}"))
        else:
            rows[row.address] = line, row
    return CsvSheet(tuple(row for _, row in rows.values()), tuple(faults))


def _row(names: list[str], record: list[str], defaults: Defaults) -> Subscriber:
    """Convert a row. Raises _FaultyError with all its errors."""
    if len(record) > len(names):
        raise _FaultyError(f"{len(record)} cells in {len(names)} columns")
    cells = dict.fromkeys(names, "") | {name: cell.strip() for name, cell in zip(names, record, strict=False)}
    faults: list[str] = []
    address = _address(cells["address"], defaults, faults)
    consent = _consent(cells, defaults, faults)
    row = replace(defaults.reader, address=address, consent=consent)
    for name in OPTIONAL:
        if value := cells.get(name):
            try:
                row = preferences.change(name, value, defaults.offer)(row)
            except UnusableValueError:
                faults.append(f"“{_shown(value)}” is not a valid value of {name}")
    if faults:
        raise _FaultyError(*faults)
    return row


def _address(text: str, defaults: Defaults, faults: list[str]) -> str:
    try:
        mailbox = mailboxes.parse(text)
    except InvalidMailboxError as error:
        faults.append(f"address: {error}".removesuffix("."))
        return ""
    if any(mailbox.is_or_leads_to(each) for each in defaults.own):
        faults.append("address: this is one of the newsletter's own mailboxes")
    return str(mailbox)


def _shown(text: str) -> str:
    """Return `text` without control characters for the terminal, shortened."""
    return "".join(sign if sign.isprintable() else "�" for sign in text[:_LONGEST_SHOWN])


def _consent(cells: dict[str, str], defaults: Defaults, faults: list[str]) -> Consent | None:
    at, how = _moment(cells["consented_at"], defaults), cells["consent"]
    if at is None:
        faults.append("consented_at: give a past date or time, such as 2026-02-11T09:00")
    if not 0 < len(how) <= _LONGEST_CONSENT or not how.isprintable():
        faults.append(f"consent: state where and how in one line of at most {_LONGEST_CONSENT} characters")
    return Consent(at, how) if at else None


def _moment(text: str, defaults: Defaults) -> datetime | None:
    try:
        given = datetime.fromisoformat(text)
        moment = (given if given.tzinfo else given.replace(tzinfo=defaults.reader.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment <= defaults.now else None
