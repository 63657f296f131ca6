"""Proportions with their confidence intervals. Pure."""

import math
from dataclasses import dataclass

_Z = 1.959964  # standard normal quantile of 97.5 %


@dataclass(frozen=True, slots=True)
class Proportion:
    """`hits` of `total` cases, which are a sample of many more."""

    hits: int
    total: int

    @property
    def share(self) -> float | None:
        """The share of the sample, from 0 to 1; None without cases."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds of the Wilson score interval at 95 %, each from 0 to 1; without cases, all is possible.

        Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). It
        holds for small samples and for shares of 0 and 1, where the normal approximation has no width.
        """
        if not self.total:
            return 0.0, 1.0
        n, share = self.total, self.hits / self.total
        shrink = 1 + _Z**2 / n
        middle = (share + _Z**2 / (2 * n)) / shrink
        half = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n)) / shrink
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        """Show the share and its interval in percent, such as 80 % (49 to 94); a dash without cases."""
        if self.share is None:
            return "–"
        low, high = self.interval
        return f"{100 * self.share:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
