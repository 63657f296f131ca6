"""The part of a PDF's graphics state that decides whether text can be seen (ISO 32000-1, 8.4 and 9.3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from digest.fulltext.geometry import EVERYWHERE, Box, Shape
from digest.fulltext.grounds import Colour
from digest.fulltext.resources import GraphicsState, Resources

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
