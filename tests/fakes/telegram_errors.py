"""Refusals of the fake Bot API, in the words of the real one."""

from collections.abc import Mapping
from typing import Any


class BotApiError(Exception):
    """A refusal in the Bot API's form ("Making requests"): `parameters` are its ResponseParameters."""

    def __init__(self, code: int, description: str, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> dict[str, Any]:
        """Return the JSON object of the response."""
        body = {"ok": False, "error_code": self.code, "description": self.description}
        return body if self.parameters is None else {**body, "parameters": dict(self.parameters)}


def bad_request(why: str) -> BotApiError:
    return BotApiError(400, f"Bad Request: {why}")


def forbidden(why: str) -> BotApiError:
    return BotApiError(403, f"Forbidden: {why}")


def conflict(why: str) -> BotApiError:
    return BotApiError(409, f"Conflict: {why}")


def not_found() -> BotApiError:
    return BotApiError(404, "Not Found")


def too_many(retry_after_seconds: int) -> BotApiError:
    return BotApiError(
        429,
        f"Too Many Requests: retry after {retry_after_seconds}",
        {"retry_after": retry_after_seconds},
    )
