"""Geometry of a PDF page: the paths that its content draws, in points, and the ground beneath a text. Pure.

Paths follow ISO 32000-1, 8.3 and 8.5. The ground of a text is what was filled beneath it before.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

Matrix = Sequence[float]
Point = tuple[float, float]
IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
FILLS = frozenset((b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"))
"""The operators that end a path and fill it."""
PATH_ENDS = FILLS | {b"n", b"S", b"s"}
_POINTS = {b"m": 1, b"l": 1, b"c": 3, b"v": 2, b"y": 2}  # that an operator is given
_CONSTRUCTS = frozenset((*_POINTS, b"re", b"h", b"W", b"W*"))
_MOST_POINTS = 64  # of a shape that is looked at: a rectangle with rounded corners has twenty
_MOST_SHAPES = 50  # of one path that are held against each other
_ALMOST = 1e-6


def placed(point: Point, matrix: Matrix) -> Point:
    """Transform `point` by `matrix`."""
    x, y = point
    return (x * matrix[0] + y * matrix[2] + matrix[4], x * matrix[1] + y * matrix[3] + matrix[5])


def product(first: Matrix, second: Matrix) -> Matrix:
    """The matrix that does what `first` does, and then what `second` does."""
    if second is IDENTITY:
        return first
    a, b, c, d, e, f = first
    return (
        a * second[0] + b * second[2],
        a * second[1] + b * second[3],
        c * second[0] + d * second[2],
        c * second[1] + d * second[3],
        *placed((e, f), second),
    )


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def around(cls, points: Sequence[Point]) -> Self:
        """The smallest that holds all `points`."""
        across, up = [point[0] for point in points], [point[1] for point in points]
        return cls(min(across), min(up), max(across), max(up))

    @property
    def corners(self) -> tuple[Point, ...]:
        """In their order around it."""
        return (
            (self.left, self.bottom),
            (self.right, self.bottom),
            (self.right, self.top),
            (self.left, self.top),
        )

    @property
    def has_inside(self) -> bool:
        return self.left < self.right and self.bottom < self.top

    def holds(self, other: "Box") -> bool:
        """Return whether `other` lies entirely within this box."""
        return (
            self.left <= other.left
            and self.bottom <= other.bottom
            and self.right >= other.right
            and self.top >= other.top
        )

    def touches(self, other: "Box") -> bool:
        """Return whether the two boxes overlap in some area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def meet(self, other: "Box") -> "Box":
        """Return the intersection of the two boxes; if they do not overlap, a box without an inside."""
        return Box(
            max(self.left, other.left),
            max(self.bottom, other.bottom),
            min(self.right, other.right),
            min(self.top, other.top),
        )


EVERYWHERE = Box(-1e9, -1e9, 1e9, 1e9)


@dataclass(frozen=True, slots=True)
class Shape:
    """A closed line: its `corners` lie on it; its `outline` has the points that its curves bend towards as well."""

    corners: tuple[Point, ...]
    outline: tuple[Point, ...]

    @classmethod
    def of(cls, corners: Sequence[Point]) -> Self:
        """One of straight lines."""
        return cls(tuple(corners), tuple(corners))

    def placed(self, matrix: Matrix) -> "Shape":
        """Return the shape transformed by `matrix`."""
        corners, outline = (
            [placed(point, matrix) for point in each] for each in (self.corners, self.outline)
        )
        return Shape(tuple(corners), tuple(outline))

    @property
    def is_convex(self) -> bool:
        """True if the outline is convex; one with too many points counts as not convex."""
        points = [point for at, point in enumerate(self.outline) if point != self.outline[at - 1]]
        if not 3 <= len(points) <= _MOST_POINTS:
            return False
        turns = [_turn(points[at - 2], points[at - 1], points[at]) for at in range(len(points))]
        one_way = min(turns) >= -_ALMOST or max(turns) <= _ALMOST
        return one_way and max(map(abs, turns)) > _ALMOST and _goes_round_once(points)

    @property
    def box(self) -> Box | None:
        """Itself, where it is an upright rectangle."""
        box = Box.around(self.outline)
        return box if set(self.outline) == set(self.corners) == set(box.corners) and box.has_inside else None

    def holds(self, box: Box) -> bool:
        """Return whether `box` lies entirely within this shape, which must be convex."""
        sides = [(self.corners[at - 1], corner) for at, corner in enumerate(self.corners)]
        turns = [_turn(*side, point) for side in sides for point in box.corners]
        return min(turns) >= -_ALMOST or max(turns) <= _ALMOST


class Path:
    """The path under construction, in the coordinates of the content that draws it."""

    def __init__(self) -> None:
        self._corners: list[list[Point]] = []
        self._outlines: list[list[Point]] = []
        self.clips = False
        """True if the path clips what is painted after it."""

    def takes(self, operator: bytes, operands: Any) -> bool:
        """Add `operator` to the path if it constructs or clips one; return whether it does."""
        if operator not in _CONSTRUCTS:
            return False
        numbers = [float(each) for each in operands if isinstance(each, int | float)]
        if operator == b"re" and len(numbers) == 4:
            x, y, width, height = numbers
            self._draw([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
        elif operator in (b"W", b"W*"):
            self.clips = True
        elif len(numbers) == 2 * _POINTS.get(operator, -1):
            points = list(zip(numbers[::2], numbers[1::2], strict=True))
            if operator == b"m" or not self._corners:
                self._draw([])
            self._corners[-1] += points[-1:]
            self._outlines[-1] += points
        return True

    def end(self) -> list[Shape]:
        """Return the shapes drawn, and begin a new path."""
        lines = zip(self._corners, self._outlines, strict=True)
        shapes = [Shape(tuple(corners), tuple(outline)) for corners, outline in lines if len(outline) > 1]
        self._corners, self._outlines, self.clips = [], [], False
        return shapes

    def _draw(self, corners: list[Point]) -> None:
        self._corners.append(corners)
        self._outlines.append([*corners])


def are_apart(shapes: Sequence[Shape]) -> bool:
    """Return whether no two overlap, so that none is a hole in another; too many shapes count as overlapping."""
    if len(shapes) > _MOST_SHAPES:
        return False
    boxes = [Box.around(shape.outline) for shape in shapes]
    return not any(one.touches(other) for at, one in enumerate(boxes) for other in boxes[:at])


def _turn(one: Point, other: Point, third: Point) -> float:
    """Above 0 where the way from `one` over `other` to `third` turns left, below 0 where it turns right."""
    return (other[0] - one[0]) * (third[1] - other[1]) - (other[1] - one[1]) * (third[0] - other[0])


def _goes_round_once(points: Sequence[Point]) -> bool:
    """Return whether a closed line that turns only one way makes a single turn: once to and once fro."""
    steps = [points[at][0] - points[at - 1][0] for at in range(len(points))]
    ways = [step > 0 for step in steps if step]
    return sum(way != ways[at - 1] for at, way in enumerate(ways)) == 2


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
    """The areas painted on one page so far.

    Light letters on a coloured ground are seen: the heads of tables, rows of results, titles of boxes. Only convex
    areas (rectangles, also with rounded corners) of a known colour count. Whatever is not understood (pictures,
    patterns, other shapes, other ways of blending) counts as white paper, so that hidden text cannot be passed off as
    shown by it.
    """

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
                self._areas.append(_Area(seen, shape, mixed_colour(colour, below, opacity)))

    def beneath(self, box: Box) -> Colour:
        """The colour of what was painted last beneath all of `box`; white where that lies beneath a part of it."""
        for area in reversed(self._areas):
            if area.bounds.touches(box):
                return area.colour if area.covers(box) else WHITE
        return WHITE


def mixed_colour(colour: Colour, beneath: Colour, opacity: float) -> Colour:
    """`colour` over `beneath`."""
    red, green, blue = (
        opacity * over + (1 - opacity) * under for over, under in zip(colour, beneath, strict=True)
    )
    return (red, green, blue)
