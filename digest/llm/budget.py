"""The operator's daily token budget: readings stop first, so that translations can continue. Reads no clock."""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from digest.core.errors import BudgetSpentError
from digest.core.models import Purpose

_SHARE = {
    Purpose.TRANSLATION: 1.0,
    Purpose.READING: 0.8,
    Purpose.ANSWER: 0.9,
    Purpose.JUDGEMENT: 0.9,
    Purpose.TERM_LIST: 0.9,
}
"""The share of the daily budget up to which calls for a purpose are allowed; calls for all purposes count."""

_ANSWER_TOKENS = {
    Purpose.TRANSLATION: 1_500,
    Purpose.READING: 6_000,
    Purpose.ANSWER: 2_000,
    Purpose.JUDGEMENT: 600,
    Purpose.TERM_LIST: 2_000,
}
_CHARACTERS_A_TOKEN = 3
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")


def estimate_tokens(purpose: Purpose, prompt: str) -> int:
    """Estimate the tokens of a call, prompt and expected answer, on the high side."""
    wide = sum(1 for _ in _WIDE.finditer(prompt))
    return wide + (len(prompt) - wide) // _CHARACTERS_A_TOKEN + _ANSWER_TOKENS[purpose]


class Budget:
    """The tokens of the current day in `zone`: those spent, and those reserved for running calls.

    `limit_tokens` is the daily budget; None means no limit.
    """

    def __init__(self, limit_tokens: int | None, zone: ZoneInfo) -> None:
        self._limit = limit_tokens
        self._zone = zone
        self._day = date.min
        self._spent = 0
        self._reserved = 0

    def resume(self, day: date, tokens: int) -> None:
        """Set the tokens that were spent on `day` before this process started."""
        self._day, self._spent = day, tokens

    def reserve(self, purpose: Purpose, tokens: int, now: datetime) -> None:
        """Reserve `tokens` for a call; `settle` must follow. Raises BudgetSpentError."""
        self._turn_to(now)
        if self._limit is not None:
            allowed = int(self._limit * _SHARE[purpose])
            if tokens > allowed:
                raise BudgetSpentError(_too_small(purpose, self._limit, tokens))
            if self._spent + self._reserved + tokens > allowed:
                raise BudgetSpentError(self._spent_sentence(purpose, self._limit))
        self._reserved += tokens

    def settle(self, reserved: int, used: int, now: datetime) -> None:
        """End a reservation of `reserved` tokens, and count the `used` tokens for the day of `now` (aware)."""
        self._turn_to(now)
        self._reserved -= reserved
        self._spent += used

    def _turn_to(self, now: datetime) -> None:
        day = now.astimezone(self._zone).date()
        if day > self._day:
            self._day, self._spent = day, 0

    def _spent_sentence(self, purpose: Purpose, limit: int) -> str:
        midnight = datetime.combine(self._day + timedelta(days=1), time())
        return (
            f"The daily budget of {limit:,} tokens has no room for further {purpose}s "
            f"before {midnight:%Y-%m-%d %H:%M} ({self._zone.key})."
        )


def _too_small(purpose: Purpose, limit: int, tokens: int) -> str:
    return f"The daily budget of {limit:,} tokens is too small for a {purpose} of about {tokens:,} tokens."
