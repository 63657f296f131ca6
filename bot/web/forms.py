"""What a page's form sends, bounded and cleaned at the door."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from digest.invisible import removed

_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 300  # every category of arXiv, and what else there is to fill in


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, in their order."""

    fields: tuple[tuple[str, str], ...]

    def text(self, name: str) -> str:
        """What the last field of that name holds, else nothing."""
        return (self.texts(name) or ("",))[-1]

    def texts(self, name: str) -> tuple[str, ...]:
        """What all fields of that name hold."""
        return tuple(text for key, text in self.fields if key == name)


async def read(request: Request) -> Form:
    """The form that a request brings. Raises HTTPException where it is none of ours."""
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
