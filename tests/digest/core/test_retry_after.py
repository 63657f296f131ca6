from datetime import UTC, datetime

import pytest

from digest.core import backoff

NOW = datetime(2026, 2, 9, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("1", 1.0),
        (" 1.5 ", 1.5),
        ("٣", None),
        ("Mon, 09 Feb 2026 12:01:00 GMT", 60.0),
        ("Mon, 09 Feb 2026 11:00:00 GMT", 0.0),
        ("Mon, 99 Feb 2026 11:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(header: str | None, seconds: float | None) -> None:
    assert backoff.retry_after_seconds(header, NOW) == seconds
