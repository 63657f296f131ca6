"""A model that translates wrongly on cue: its changes of the valid answer, call by call for each paper."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from tests.fakes.model_faults import Asked, Fault, says
from tests.fakes.model_stream import told

Wrong = Callable[[dict[str, Any]], dict[str, Any]]
"""A function from the valid answer to a wrong one."""


def answered(wrong: Wrong) -> Fault:
    """Answer with the result of `wrong` in place of the valid answer."""
    return lambda asked: says(json.dumps(wrong(asked.answer), ensure_ascii=False))(asked)


def soundly(asked: Asked) -> Response:
    return told(asked, asked.completion)


def changed(old: str, new: str) -> Fault:
    """Put `new` wherever the answer has `old`."""

    def wrong(answer: dict[str, Any]) -> dict[str, Any]:
        written = json.dumps(answer, ensure_ascii=False)
        assert old in written, f"“{old}” is not in {written}"
        return dict(json.loads(written.replace(old, new)))

    return answered(wrong)


def with_abstract(text: str) -> Fault:
    """Replace the abstract; `{}` in the new one stands for the valid one."""
    return answered(lambda answer: {**answer, "abstract": text.replace("{}", answer["abstract"])})


_TRANSLATORS = ("You translate", "You correct passages")


class Mistranslates:
    """A fault that answers the n-th translation of each paper with the n-th of `faults`, later ones with the last.

    With `only`, the other papers are translated correctly. All other requests (readings) get valid answers.
    """

    def __init__(self, *faults: Fault, only: str = "") -> None:
        self._faults = faults
        self._only = only
        self._asked: Counter[str] = Counter()

    def __call__(self, asked: Asked) -> Response:
        system, user = (message["content"] for message in asked.body["messages"])
        paper = user.partition("\n")[0]
        if not system.startswith(_TRANSLATORS) or self._only not in paper:
            return soundly(asked)
        fault = self._faults[min(self._asked[paper], len(self._faults) - 1)]
        self._asked[paper] += 1
        return fault(asked)
