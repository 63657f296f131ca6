"""Which text on a page of a PDF its reader can see, and which not.

Papers have carried orders to language models that no person sees: white, transparent, of next to no size, off the
page, clipped away, or in a render mode that paints nothing (ISO 32000-1, 9.3.6). pypdf extracts all of it, so it is
blanked as pypdf walks by. Whether a colour can be seen is judged by what lies beneath the text. What lies under a
picture, or in a hidden layer, is not noticed.
"""

import math
from dataclasses import dataclass
from typing import Any

from pypdf import PageObject
from pypdf.generic import ArrayObject, TextStringObject

from digest.fulltext.cleanup import Extract
from digest.fulltext.geometry import (
    EVERYWHERE,
    FILLS,
    IDENTITY,
    PATH_ENDS,
    WHITE,
    Box,
    Colour,
    Grounds,
    Matrix,
    Path,
    Shape,
    mixed_colour,
    placed,
    product,
)
from digest.fulltext.graphics_state import Ink, Paint, Resources

_SMALLEST_POINTS = 2.0
_PAINTS_NOTHING = (3, 7)  # render modes: invisible, and clipping only
_NEARLY = 0.06  # how far from the ground's colour a component of the text's may be
_OCR_SHARE = 10  # unpainted characters for each painted one where a page is a picture with its text behind it
_FAR_POINTS = 20.0  # beyond the page's edge
_A_SENTENCE = 20  # characters: fewer that are hidden are labels in a figure
_SHOWS = (b"Tj", b"TJ", b"'", b'"')
_MOVES_AND_SHOWS = (b"'", b'"')
_MOVES = (b"BT", b"Td", b"TD", b"Tm", b"T*")
_CHARACTER = (
    0.4  # of the size: the width of a narrow one, so that a text is not taken to be longer than it is
)
_LETTER = (0.1, 0.4)  # of the size, above the baseline: where any letter has ink
_SQUARE = Shape.of(((0, 0), (1, 0), (1, 1), (0, 1)))  # where a picture is, before its matrix
_SHEET = Shape.of(EVERYWHERE.corners)


def visible_text(page: PageObject) -> Extract:
    """The page's text without what its reader cannot see, and that by itself where it may be a sentence.

    A page that paints hardly any of its text is a scan with a layer of recognised text, and kept whole.
    Raises whatever pypdf raises.
    """
    eye = _Eye(page)
    text = _seen_by(eye, page)
    if eye.unpainted > _OCR_SHARE * eye.painted:
        return Extract(page.extract_text())
    hides = eye.hidden >= _A_SENTENCE
    return Extract(text, _seen_by(_Eye(page, wants_hidden=True), page) if hides else "")


def _seen_by(eye: "_Eye", page: PageObject) -> str:
    return page.extract_text(visitor_operand_before=eye.before, visitor_operand_after=eye.after)


@dataclass(frozen=True, slots=True)
class _Caller:
    """The state in which content drew a form."""

    ink: Ink
    saved: list[Ink]
    resources: Resources
    base: Matrix


class _Eye:
    """Follows the operators of one page, counts the characters painted and not, and blanks the unseen.

    One that `wants_hidden` blanks all else. pypdf hands over each operator's own operands before it uses them: that is
    where they are blanked. It gives matrices from the content that it is in: `base` takes them to the page.
    """

    def __init__(self, page: PageObject, *, wants_hidden: bool = False) -> None:
        self.painted = 0
        self.unpainted = 0
        self.hidden = 0
        self._wants_hidden = wants_hidden
        self._box = page.cropbox if "/MediaBox" in page else None
        self._resources = Resources(page)
        self._sizes_count = not self._resources.has_type3
        self._ink = Ink()
        self._saved: list[Ink] = []
        self._base: Matrix = IDENTITY
        self._callers: list[_Caller] = []
        self._path = Path()
        self._grounds = Grounds()
        self._advance = 0.0  # of what was shown since the text was placed, in text space

    def before(self, operator: bytes, operands: Any, cm: list[float], tm: list[float]) -> None:
        """Called before each operator; `cm` and `tm` are the matrices of the content and of the text."""
        if operator in _SHOWS:
            self._show(operator, operands, product(cm, self._base), tm)
        elif operator in _MOVES:
            self._advance = 0.0
        elif operator == b"q":
            self._saved.append(self._ink)
        elif operator == b"Q":
            self._ink = self._saved.pop() if self._saved else self._ink
        elif operator == b"INLINE IMAGE":
            self._grounds.paint([_SQUARE.placed(product(cm, self._base))], None, 1.0, None)
        elif operator == b"sh":  # paints wherever it may
            self._grounds.paint([_SHEET], None, 1.0, None)
        elif operator == b"Do":
            self._call(operands, product(cm, self._base))
        elif operator in PATH_ENDS:
            self._end_path(operator, cm)
        elif not self._path.takes(operator, operands):
            self._ink = self._ink.set(operator, operands, self._resources)

    def after(self, operator: bytes, _operands: Any, _cm: list[float], _tm: list[float]) -> None:
        """Called after each operator: a form leaves no trace in the state of whoever drew it."""
        if operator == b"Do":
            caller = self._callers.pop()
            self._ink, self._saved = caller.ink, caller.saved
            self._resources, self._base = caller.resources, caller.base

    def _call(self, operands: Any, cm: Matrix) -> None:
        self._callers.append(_Caller(self._ink, self._saved, self._resources, self._base))
        self._saved = []
        form = self._resources.form(operands[0]) if operands else None
        if form is None:
            self._grounds.paint([_SQUARE.placed(cm)], None, 1.0, None)
            return
        self._resources, self._base = form.resources, product(form.matrix, cm)
        ink = self._ink.grouped() if form.is_group else self._ink
        self._ink = ink.clipped([form.box.placed(self._base)] if form.box else [])

    def _end_path(self, operator: bytes, cm: Matrix) -> None:
        """Keeps what a path fills, which lies beneath the text that follows, and what it clips."""
        clips, shapes = self._path.clips, self._path.end()
        if not clips and operator not in FILLS:
            return
        ink, matrix = self._ink, product(cm, self._base)
        shapes = [shape.placed(matrix) for shape in shapes]
        if operator in FILLS:
            colour = ink.fill.colour if ink.fill.certain and ink.covers else None
            self._grounds.paint(shapes, colour, ink.opacity(ink.fill), ink.clip)
        if clips:
            self._ink = ink.clipped(shapes)

    def _show(self, operator: bytes, operands: Any, cm: Matrix, tm: list[float]) -> None:
        if not operands:
            return
        length = _length(operands[-1])
        if self._ink.mode in _PAINTS_NOTHING:
            self.unpainted += length
        else:
            self.painted += length
        hidden = self._is_hidden(operator, length, cm, tm)
        self.hidden += length * hidden
        if hidden != self._wants_hidden:
            operands[-1] = ArrayObject() if isinstance(operands[-1], ArrayObject) else TextStringObject("")

    def _is_hidden(self, operator: bytes, length: int, cm: Matrix, tm: list[float]) -> bool:
        ink = self._ink
        if ink.mode in _PAINTS_NOTHING:
            return True
        small = self._sizes_count and abs(ink.size) * _scale(cm) * _scale(tm) < _SMALLEST_POINTS
        if small or self._is_off_the_page(cm, tm):
            return True
        place = self._place(operator, length, product(tm, cm))
        if place is not None and ink.clip is not None and not ink.clip.touches(place):
            return True
        ground = WHITE if place is None else self._grounds.beneath(place)
        paints = ((ink.fill,), (ink.stroke,), (ink.fill, ink.stroke), ())[ink.mode % 4]
        return not any(_shows(paint, ink.opacity(paint), ground) for paint in paints)

    def _place(self, operator: bytes, length: int, matrix: Matrix) -> Box | None:
        """Return a box around the middle of a text of `length` bytes; None if its place is not known."""
        ink = self._ink
        if ink.font_type == "/Type3" or operator in _MOVES_AND_SHOWS:
            return None
        begin = self._advance
        self._advance += ink.size * _CHARACTER * (length / 2 if ink.font_type == "/Type0" else length)
        ends = [(x, y * ink.size) for x in (begin, self._advance) for y in _LETTER]
        return Box.around([placed(end, matrix) for end in ends])

    def _is_off_the_page(self, cm: Matrix, tm: list[float]) -> bool:
        box = self._box
        if box is None:
            return False
        x, y = placed((tm[4], tm[5]), cm)
        return not (
            box.left - _FAR_POINTS <= x <= box.right + _FAR_POINTS
            and box.bottom - _FAR_POINTS <= y <= box.top + _FAR_POINTS
        )


def _shows(paint: Paint, opacity: float, ground: Colour) -> bool:
    """Return whether text in that paint stands out from the `ground`; one of unknown colour does."""
    if paint.colour is None:
        return True
    seen = mixed_colour(paint.colour, ground, opacity)
    return any(abs(part - below) > _NEARLY for part, below in zip(seen, ground, strict=True))


def _length(shown: Any) -> int:
    parts = shown if isinstance(shown, ArrayObject) else [shown]
    return sum(len(part) for part in parts if isinstance(part, str | bytes))


def _scale(matrix: Matrix) -> float:
    return math.sqrt(abs(matrix[0] * matrix[3] - matrix[1] * matrix[2]))
