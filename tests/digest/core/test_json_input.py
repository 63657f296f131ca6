import json

import pytest

from digest.core import json_input
from digest.core.json_input import DEEPEST, InvalidJsonError


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"NaN",
        b"[-Infinity]",
        b"9223372036854775808",
        b'{"a": [-1e400]}',
        b"-" + b"9" * 5_000,
        b"[" * 100_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
    ],
)
def test_what_nothing_can_handle_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJsonError):
        json_input.parse(body)


def test_all_else_comes_as_it_is() -> None:
    value = {"a": [1, -2.5, None, True, "é中😀"], "b": {"c": 9223372036854775807}, "d": {}}
    assert json_input.parse(json.dumps(value)) == value
    assert json_input.parse(json.dumps(value, ensure_ascii=False).encode()) == value
    assert json_input.parse("[" * DEEPEST + "]" * DEEPEST)


def test_strings_keep_their_length_without_what_no_database_takes() -> None:
    assert json_input.parse(rb'{"a\u0000": ["x\ud83dy", "\ud83d\ude00"]}') == {"a�": ["x�y", "😀"]}
