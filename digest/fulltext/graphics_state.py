"""The part of a PDF's graphics state that decides whether text can be seen, with the named resources it depends on.

Follows ISO 32000-1, 8.4 and 9.3, and 7.8.3 for the resources.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pypdf.generic import ArrayObject, DictionaryObject

from digest.fulltext.geometry import EVERYWHERE, IDENTITY, Box, Colour, Matrix, Shape

_COMPONENTS = {"/DeviceGray": 1, "/CalGray": 1, "/DeviceRGB": 3, "/CalRGB": 3, "/DeviceCMYK": 4}


@dataclass(frozen=True, slots=True)
class FormXObject:
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

    def form(self, name: object) -> FormXObject | None:
        """The form `name`; None where that is a picture, or nothing."""
        found = self._named("/XObject", name)
        if found.get("/Subtype") != "/Form":
            return None
        matrix, box = _numbers(found.get("/Matrix"), 6), _numbers(found.get("/BBox"), 4)
        shape = None
        if box:
            left, bottom, right, top = box
            shape = Shape.of(((left, bottom), (right, bottom), (right, top), (left, top)))
        return FormXObject(Resources(found), matrix or IDENTITY, shape, is_group="/Group" in found)

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


BLACK: Colour = (0.0, 0.0, 0.0)
_COVERING = ("/Normal", "/Compatible")
_DEVICE_SPACES = {b"g": 1, b"rg": 3, b"k": 4}


@dataclass(frozen=True, slots=True)
class Paint:
    """A colour in a space of so many components, and how opaque it is.

    The colour is None where the operands do not say it: one number in a space of inks may mean anything. It is
    `certain` where the space is known too.
    """

    colour: Colour | None = BLACK
    components: int = 1
    opacity: float = 1.0
    certain: bool = True

    def set(self, operator: bytes, operands: Any, resources: Resources) -> "Paint":
        """Return the paint after one of the operators `g`, `rg`, `k`, `cs`, `sc` and `scn`."""
        if operator == b"cs":
            components = resources.components(operands[0]) if operands else 0
            colour = BLACK if components else None
            return replace(self, colour=colour, components=components, certain=bool(components))
        components = _DEVICE_SPACES.get(operator, self.components)
        certain = len(operands) == components
        colour = _colour(operands, components if certain else len(operands) if len(operands) in (3, 4) else 0)
        return replace(self, colour=colour, components=components, certain=certain)


@dataclass(frozen=True, slots=True)
class Ink:
    """The graphics state in which text and areas are painted; `size` is the font size, in text space.

    `clip` is where on the page anything is painted, None where that is not known.

    Not `covers`: what is painted is blended or masked, so that what it comes to is not known.
    """

    mode: int = 0
    fill: Paint = Paint()
    stroke: Paint = Paint()
    size: float = 12.0
    font_type: str = ""
    clip: Box | None = EVERYWHERE
    blend: str = "/Normal"
    masked: bool = False
    group_opacity: float = 1.0
    group_covers: bool = True

    @property
    def covers(self) -> bool:
        return self.group_covers and self.blend in _COVERING and not self.masked

    def opacity(self, paint: Paint) -> float:
        """Return the final opacity, from 0 to 1, of what is painted with `paint`."""
        return paint.opacity * self.group_opacity

    def grouped(self) -> "Ink":
        """Return the state in which a group begins; the group as a whole is painted as this state paints areas."""
        return replace(
            self,
            fill=replace(self.fill, opacity=1.0),
            stroke=replace(self.stroke, opacity=1.0),
            blend="/Normal",
            masked=False,
            group_opacity=self.opacity(self.fill),
            group_covers=self.covers,
        )

    def set(self, operator: bytes, operands: Any, resources: Resources) -> "Ink":
        """Return the state after `operator`; `resources` are those of the content that it stands in."""
        match operator, operands:
            case b"Tr", [int() as mode]:
                return replace(self, mode=mode)
            case b"Tf", [name, int() | float() as size]:
                return replace(self, size=float(size), font_type=resources.font_type(name))
            case b"gs", [name]:
                return self._in_state(resources.graphics_state(name))
            case b"g" | b"rg" | b"k" | b"cs" | b"sc" | b"scn", _:
                return replace(self, fill=self.fill.set(operator, operands, resources))
            case b"G" | b"RG" | b"K" | b"CS" | b"SC" | b"SCN", _:
                return replace(self, stroke=self.stroke.set(operator.lower(), operands, resources))
        return self

    def clipped(self, shapes: Sequence[Shape]) -> "Ink":
        """Within a path of these `shapes`."""
        box = shapes[0].box if len(shapes) == 1 else None
        return replace(self, clip=None if box is None or self.clip is None else self.clip.meet(box))

    def _in_state(self, state: GraphicsState) -> "Ink":
        """With what `state` says, the rest as it was."""
        fill = self.fill if state.fill is None else replace(self.fill, opacity=state.fill)
        stroke = self.stroke if state.stroke is None else replace(self.stroke, opacity=state.stroke)
        return replace(
            self,
            fill=fill,
            stroke=stroke,
            blend=self.blend if state.blend is None else state.blend,
            masked=self.masked if state.masked is None else state.masked,
        )


def _colour(operands: Any, components: int) -> Colour | None:
    """Red, green and blue; None for patterns and whatever else does not say them."""
    if len(operands) != components or not all(isinstance(part, int | float) for part in operands):
        return None
    parts = [min(1.0, max(0.0, float(part))) for part in operands]
    if components == 4:
        parts = [(1 - ink) * (1 - parts[3]) for ink in parts[:3]]
    red, green, blue = parts * 3 if components == 1 else parts
    return (red, green, blue)
