"""Which text on a page of a PDF its reader can see, and which not.

Papers have carried orders to language models that no person sees: white, transparent, of next to no size, off the
page, or in a render mode that paints nothing (ISO 32000-1, 9.3.6). pypdf extracts all of it, so it is blanked as pypdf
walks by. What lies under a picture, or in a hidden layer, is not noticed.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from pypdf import PageObject
from pypdf.generic import ArrayObject, DictionaryObject, TextStringObject

from digest.sources.fulltext.extract import Extract

_SMALLEST_POINTS = 2.0
_PAINTS_NOTHING = (3, 7)  # render modes: invisible, and clipping only
_NEARLY = 0.06  # how far from white a colour's component may be
_OCR_SHARE = 10  # unpainted characters for each painted one where a page is a picture with its text behind it
_FAR_POINTS = 20.0  # beyond the page's edge
_A_SENTENCE = 20  # characters: fewer that are hidden are labels in a figure


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
class _Ink:
    """The part of the graphics state that decides whether text can be seen; `size` is the font's, in text space."""

    mode: int = 0
    white: bool = False
    clear: bool = False
    size: float = 12.0


class _Eye:
    """Follows the operators of one page, counts the characters painted and not, and blanks the unseen.

    One that `wants_hidden` blanks all else. pypdf hands over each operator's own operands before it uses them: that is
    where they are blanked.
    """

    def __init__(self, page: PageObject, *, wants_hidden: bool = False) -> None:
        self.painted = 0
        self.unpainted = 0
        self.hidden = 0
        self._wants_hidden = wants_hidden
        self._box = page.cropbox if "/MediaBox" in page else None
        self._sizes_count = not _has_type3(page)
        self._opacities = _opacities(page)
        self._ink = _Ink()
        self._saved: list[_Ink] = []
        self._callers: list[tuple[_Ink, list[_Ink]]] = []

    def before(self, operator: bytes, operands: Any, cm: list[float], tm: list[float]) -> None:
        """Called before each operator; `cm` and `tm` are the matrices of the page and of the text."""
        if operator in (b"Tj", b"TJ", b"'", b'"'):
            self._show(operands, cm, tm)
        elif operator == b"q":
            self._saved.append(self._ink)
        elif operator == b"Q":
            self._ink = self._saved.pop() if self._saved else self._ink
        elif operator == b"Do":
            self._callers.append((self._ink, self._saved))
            self._saved = []
        else:
            self._set(operator, operands)

    def after(self, operator: bytes, _operands: Any, _cm: list[float], _tm: list[float]) -> None:
        """Called after each operator: a form leaves no trace in the state of whoever drew it."""
        if operator == b"Do":
            self._ink, self._saved = self._callers.pop()

    def _set(self, operator: bytes, operands: Any) -> None:
        match operator, operands:
            case b"Tr", [int() as mode]:
                self._ink = replace(self._ink, mode=mode)
            case b"Tf", [_, int() | float() as size]:
                self._ink = replace(self._ink, size=float(size))
            case b"gs", [name] if name in self._opacities and not self._callers:  # a form's names are its own
                self._ink = replace(self._ink, clear=self._opacities[name] <= _NEARLY)
            case b"g" | b"rg" | b"k" | b"cs" | b"sc" | b"scn", _:
                self._ink = replace(self._ink, white=_is_white(operator, operands))

    def _show(self, operands: Any, cm: list[float], tm: list[float]) -> None:
        if not operands:
            return
        length = _length(operands[-1])
        if self._ink.mode in _PAINTS_NOTHING:
            self.unpainted += length
        else:
            self.painted += length
        hidden = self._is_hidden(cm, tm)
        self.hidden += length * hidden
        if hidden != self._wants_hidden:
            operands[-1] = ArrayObject() if isinstance(operands[-1], ArrayObject) else TextStringObject("")

    def _is_hidden(self, cm: list[float], tm: list[float]) -> bool:
        ink = self._ink
        if ink.mode in _PAINTS_NOTHING or ink.white or ink.clear:
            return True
        small = self._sizes_count and abs(ink.size) * _scale(cm) * _scale(tm) < _SMALLEST_POINTS
        return small or self._is_off_the_page(cm, tm)

    def _is_off_the_page(self, cm: list[float], tm: list[float]) -> bool:
        box = self._box
        if box is None or self._callers:  # pypdf does not tell a form where on the page it is drawn
            return False
        x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
        y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
        return not (
            box.left - _FAR_POINTS <= x <= box.right + _FAR_POINTS
            and box.bottom - _FAR_POINTS <= y <= box.top + _FAR_POINTS
        )


def _is_white(operator: bytes, operands: Any) -> bool:
    """Whether a fill colour is white. One component of `sc` may be an amount of ink, so it counts as seen."""
    if operator in (b"sc", b"scn") and len(operands) < 3:
        return False
    if not operands or not all(isinstance(part, int | float) for part in operands):
        return False
    if len(operands) == 4:
        return all(part <= _NEARLY for part in operands)
    return all(part >= 1 - _NEARLY for part in operands)


def _length(shown: Any) -> int:
    parts = shown if isinstance(shown, ArrayObject) else [shown]
    return sum(len(part) for part in parts if isinstance(part, str | bytes))


def _scale(matrix: list[float]) -> float:
    return math.sqrt(abs(matrix[0] * matrix[3] - matrix[1] * matrix[2]))


def _opacities(page: PageObject) -> dict[str, float]:
    """How opaque each of the page's named graphics states paints, as far as it says so (ISO 32000-1, 8.4.5)."""
    resources = page.get("/Resources", DictionaryObject()).get_object()
    states = resources.get("/ExtGState", DictionaryObject()).get_object()
    named = ((str(name), state.get_object().get("/ca")) for name, state in states.items())
    return {name: float(opacity) for name, opacity in named if isinstance(opacity, int | float)}


def _has_type3(page: PageObject) -> bool:
    """Whether the page has a font whose nominal size says nothing: dvips set whole papers at size 1 in them."""
    fonts = (
        page.get("/Resources", DictionaryObject()).get_object().get("/Font", DictionaryObject()).get_object()
    )
    return any(font.get_object().get("/Subtype") == "/Type3" for font in fonts.values())
