"""Named resources of a PDF's content (ISO 32000-1, 7.8.3), as far as they decide what is visible."""

from dataclasses import dataclass
from typing import Any

from pypdf.generic import ArrayObject, DictionaryObject

from digest.fulltext.geometry import IDENTITY, Matrix, Shape

_COMPONENTS = {"/DeviceGray": 1, "/CalGray": 1, "/DeviceRGB": 3, "/CalRGB": 3, "/DeviceCMYK": 4}


@dataclass(frozen=True, slots=True)
class Form:
    """Content that is drawn by its name, within `box`, in coordinates that `matrix` takes to the caller's.

    A group is drawn as one: what is set for it holds for all that is in it.
    """

    resources: "Resources"
    matrix: Matrix
    box: Shape | None
    is_group: bool


@dataclass(frozen=True, slots=True)
class GraphicsState:
    """The parameters of a named graphics state; None for those that it leaves unchanged.

    `fill` and `stroke` are how opaque areas and lines are, from 0 to 1.
    """

    fill: float | None
    stroke: float | None
    blend: str | None
    masked: bool | None


class Resources:
    """The resources of a page or a form; whatever is not as it should be is not there."""

    def __init__(self, owner: Any) -> None:
        self._all = _dictionary(owner.get("/Resources"))

    def graphics_state(self, name: object) -> GraphicsState:
        """Return the parameters of the graphics state `name`."""
        state = self._named("/ExtGState", name)
        fill, stroke = (
            float(value) if isinstance(value, int | float) else None
            for value in map(state.get, ("/ca", "/CA"))
        )
        blend = state.get("/BM")
        mask = state.get("/SMask")
        return GraphicsState(
            fill, stroke, None if blend is None else str(blend), None if mask is None else mask != "/None"
        )

    def components(self, space: object) -> int:
        """Return the number of components of a colour in `space`; 0 if it is not grey, RGB, CMYK or ICC-based."""
        if space in _COMPONENTS:
            return _COMPONENTS[str(space)]
        found = _get(self._named("/ColorSpace"), space)
        if isinstance(found, ArrayObject) and len(found) > 1 and found[0] == "/ICCBased":
            number = _dictionary(found[1]).get("/N")
            return number if isinstance(number, int) else 0
        return _COMPONENTS.get(str(found[0] if isinstance(found, ArrayObject) and found else found), 0)

    def font_type(self, name: object) -> str:
        """The `/Subtype` of the font `name`."""
        return str(self._named("/Font", name).get("/Subtype", ""))

    def form(self, name: object) -> Form | None:
        """The form `name`; None where that is a picture, or nothing."""
        found = self._named("/XObject", name)
        if found.get("/Subtype") != "/Form":
            return None
        matrix, box = _numbers(found.get("/Matrix"), 6), _numbers(found.get("/BBox"), 4)
        shape = None
        if box:
            left, bottom, right, top = box
            shape = Shape.of(((left, bottom), (right, bottom), (right, top), (left, top)))
        return Form(Resources(found), matrix or IDENTITY, shape, is_group="/Group" in found)

    @property
    def has_type3(self) -> bool:
        """True if any font is of Type 3, whose nominal size says nothing: dvips sets whole papers at size 1 in them."""
        return any(self.font_type(name) == "/Type3" for name in self._named("/Font"))

    def _named(self, kind: str, name: object = None) -> DictionaryObject:
        """The dictionary of that kind, or what it has under `name`."""
        every = _dictionary(self._all.get(kind))
        return every if name is None else _dictionary(_get(every, name))


def _get(found: DictionaryObject, name: object) -> Any:
    value = found.get(name) if isinstance(name, str) else None
    return None if value is None else value.get_object()


def _dictionary(value: Any) -> DictionaryObject:
    found = None if value is None else value.get_object()
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _numbers(value: Any, count: int) -> list[float]:
    """The `count` numbers of an array; none where it is not one of that many."""
    found = None if value is None else value.get_object()
    numbers = [each.get_object() for each in found] if isinstance(found, ArrayObject) else []
    if len(numbers) != count or not all(isinstance(each, int | float) for each in numbers):
        return []
    return [float(each) for each in numbers]
