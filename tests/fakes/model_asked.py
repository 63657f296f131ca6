"""One request of the fake model as it arrived, and the valid answer to it."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request


@dataclass(frozen=True)
class Asked:
    """A request; `answer` is the valid object, `completion` the whole body around it, `seconds` its delay."""

    request: Request
    body: dict[str, Any]
    answer: Any
    completion: dict[str, Any]
    seconds: float = 0
