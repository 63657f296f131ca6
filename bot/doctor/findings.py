"""What an examination found."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from digest.errors import DigestError

_log = structlog.get_logger()
_SECONDS = 90.0


class Health(StrEnum):
    """How it stands with a part."""

    OK = "ok"
    OFF = "off"
    """It is not set up."""
    UNSURE = "unsure"
    """It may be as it should be; from here that cannot be told."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """How it stands with the part `what`, and a sentence: what to mend, where it is broken."""

    what: str
    health: Health
    sentence: str


class BrokenError(DigestError):
    """Something to mend; the sentence says what."""


class UnsureError(DigestError):
    """Something that cannot be told from here."""


class OffError(DigestError):
    """It is not set up; the sentence says which setting does."""


async def found(what: str, check: Awaitable[str]) -> Finding:
    """What `check` finds: the note that it gives, or the error that it raises."""
    try:
        async with asyncio.timeout(_SECONDS):
            return Finding(what, Health.OK, await check)
    except TimeoutError:
        return Finding(what, Health.BROKEN, f"It did not answer within {_SECONDS:g} s.")
    except OffError as error:
        return Finding(what, Health.OFF, str(error))
    except UnsureError as error:
        return Finding(what, Health.UNSURE, str(error))
    except DigestError as error:
        return Finding(what, Health.BROKEN, str(error))
    except Exception as error:  # noqa: BLE001 - one part's fault is no reason to leave out the others
        _log.exception("examination_failed", what=what)
        return Finding(what, Health.BROKEN, f"The examination itself failed ({type(error).__name__}).")
