"""Findings of the checks: how the result or error of a check becomes the health of a part.

A check returns its note if all is well; by its error the part is broken, off or unsure. A check that fails itself, or
takes over 90 s, counts as broken, and the others still run.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from digest.core.errors import DigestError

_log = structlog.get_logger()
_SECONDS = 90.0


class Health(StrEnum):
    """The health of a part."""

    OK = "ok"
    OFF = "off"
    """It is not configured."""
    UNSURE = "unsure"
    """It may be fine; that cannot be determined from here."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The health of the part `what`, with a sentence that says what to fix if it is broken."""

    what: str
    health: Health
    sentence: str


class BrokenError(DigestError):
    """A problem to fix; the message says how."""


class UnsureError(DigestError):
    """A result that cannot be determined from here."""


class OffError(DigestError):
    """The part is not configured; the message names the setting."""


async def found(what: str, check: Awaitable[str]) -> Diagnosis:
    """Run `check`, and convert its note or error into a finding."""
    try:
        async with asyncio.timeout(_SECONDS):
            return Diagnosis(what, Health.OK, await check)
    except TimeoutError:
        return Diagnosis(what, Health.BROKEN, f"No answer within {_SECONDS:g} s.")
    except OffError as error:
        return Diagnosis(what, Health.OFF, str(error))
    except UnsureError as error:
        return Diagnosis(what, Health.UNSURE, str(error))
    except DigestError as error:
        return Diagnosis(what, Health.BROKEN, str(error))
    except Exception as error:  # noqa: BLE001 - one part's fault is no reason to leave out the others
        _log.exception("check_crashed", what=what)
        return Diagnosis(what, Health.BROKEN, f"The check itself failed ({type(error).__name__}).")
