"""Cases of which `make test` runs some and `make test-all` all."""

from collections.abc import Iterable
from typing import Any

import pytest


def some_of(cases: Iterable[Any], count: int) -> list[Any]:
    """Mark all but `count` of the cases, evenly spread, as plays: for slow tests whose cases are alike."""
    listed = list(cases)
    kept = {len(listed) * number // count for number in range(count)}
    return [
        pytest.param(case, marks=() if place in kept else (pytest.mark.play,))
        for place, case in enumerate(listed)
    ]
