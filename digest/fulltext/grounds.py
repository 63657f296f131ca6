"""The ground beneath a text on a page of a PDF: the areas that were filled before it.

Light letters on a coloured ground are seen: the heads of tables, rows of results, titles of boxes. Only convex areas
(rectangles, also with rounded corners) of a known colour count. Whatever is not understood (pictures, patterns, other
shapes, other ways of blending) counts as white paper, so that hidden text cannot be passed off as shown by it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from digest.fulltext.geometry import Box, Shape, are_apart

Colour = tuple[float, float, float]
"""Red, green and blue, each from 0 to 1."""
WHITE: Colour = (1.0, 1.0, 1.0)
_REMEMBERED = 500  # areas; forgotten first is what was drawn first


@dataclass(frozen=True, slots=True)
class _Area:
    """A painted area: `colour` covers the intersection of `bounds` and `shape`."""

    bounds: Box
    shape: Shape | None
    colour: Colour

    def covers(self, box: Box) -> bool:
        return self.bounds.holds(box) and (self.shape is None or self.shape.holds(box))


class Grounds:
    """The areas painted on one page so far."""

    def __init__(self) -> None:
        self._areas: deque[_Area] = deque(maxlen=_REMEMBERED)

    def paint(self, shapes: Sequence[Shape], colour: Colour | None, opacity: float, clip: Box | None) -> None:
        """Notes what one path fills, within `clip`; None stands for a colour or a clip that is not known."""
        apart = are_apart(shapes)  # else one may be a hole in another
        for shape in shapes:
            bounds = Box.around(shape.outline)
            if colour is None or clip is None or not apart or not shape.is_convex:
                self._areas.append(_Area(bounds, None, WHITE))
            elif (seen := bounds.meet(clip)).has_inside:
                below = WHITE if opacity == 1 else self.beneath(seen)
                self._areas.append(_Area(seen, shape, mixed(colour, below, opacity)))

    def beneath(self, box: Box) -> Colour:
        """The colour of what was painted last beneath all of `box`; white where that lies beneath a part of it."""
        for area in reversed(self._areas):
            if area.bounds.touches(box):
                return area.colour if area.covers(box) else WHITE
        return WHITE


def mixed(colour: Colour, beneath: Colour, opacity: float) -> Colour:
    """`colour` over `beneath`."""
    red, green, blue = (
        opacity * over + (1 - opacity) * under for over, under in zip(colour, beneath, strict=True)
    )
    return (red, green, blue)
