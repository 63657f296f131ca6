"""Forms as sent by the pages, bounded and cleaned on input."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from digest.core.invisible import removed

_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 300  # every category of arXiv and the other fields


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, in order."""

    fields: tuple[tuple[str, str], ...]

    def text(self, name: str) -> str:
        """Return the value of the last field of that name, or an empty text."""
        return (self.texts(name) or ("",))[-1]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of all fields of that name."""
        return tuple(text for key, text in self.fields if key == name)


async def read(request: Request) -> Form:
    """Read the form of a request. Raises HTTPException if it is not one of ours."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _TYPE:
        raise HTTPException(415)
    try:
        body = (await request.body()).decode()
        return Form(tuple((name, removed(text)) for name, text in _pairs(body)))
    except (ValueError, ClientDisconnect):
        raise HTTPException(400) from None


def _pairs(body: str) -> list[tuple[str, str]]:
    return parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
