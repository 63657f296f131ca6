"""Layout of a formula's pieces in one line, with spaces where readers expect them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from digest.render import tex_symbols as signs


class Kind(Enum):
    """The class of a piece, which determines the space around it."""

    ORDINARY = auto()
    PREFIX = auto()
    OPERATOR = auto()
    BINARY = auto()
    RELATION = auto()
    OPENING = auto()
    CLOSING = auto()
    COMMA = auto()
    FRACTION = auto()
    SPACE = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters of a line."""

    kind: Kind
    text: str
    gap: int = 0
    """White space before it in the source: 0 none, 1 only that which ends a macro's name, 2 other."""


_LETTERS = {Kind.ORDINARY, Kind.CLOSING, Kind.FRACTION, Kind.OPERATOR}
_CONTENT = {Kind.ORDINARY, Kind.OPENING, Kind.FRACTION, Kind.OPERATOR}
_TOGETHER = {Kind.ORDINARY, Kind.OPENING, Kind.CLOSING}
_BEFORE_A_PREFIX = {Kind.PREFIX, Kind.BINARY, Kind.RELATION, Kind.OPENING, Kind.COMMA, Kind.OPERATOR}
_BARS = frozenset("|‖!.:%°′″‴…")


def sign_piece(sign: str) -> Piece:
    """Return the piece for a single symbol."""
    return Piece(_kind(sign), sign)


def _kind(sign: str) -> Kind:
    kinds = (
        (Kind.SPACE, sign == " "),
        (Kind.RELATION, signs.is_relation(sign)),
        (Kind.BINARY, sign in signs.BINARY),
        (Kind.OPERATOR, sign in signs.LARGE),
        (Kind.OPENING, sign in signs.OPENING),
        (Kind.CLOSING, sign in signs.CLOSING),
        (Kind.COMMA, sign in {",", ";"}),
    )
    return next((kind for kind, holds in kinds if holds), Kind.ORDINARY)


def is_factor(pieces: Sequence[Piece]) -> bool:
    """Return True if `pieces` need no brackets beside a fraction's slash or under a script."""
    return {piece.kind for piece in pieces} <= _TOGETHER and " " not in line(pieces)


def scripted(pieces: Sequence[Piece], scripts: str, *, in_braces: bool) -> Piece:
    """Append `scripts` to `pieces`, which get brackets if the scripts would seem to belong to the last piece only."""
    if len(pieces) == 1 and pieces[0].kind is not Kind.FRACTION:
        return Piece(pieces[0].kind, pieces[0].text + scripts)
    text = line(pieces)
    needs_brackets = bool(pieces) and (in_braces or not is_factor(pieces))
    return Piece(Kind.ORDINARY, (f"({text})" if needs_brackets else text) + scripts)


def line(pieces: Sequence[Piece], *, tight: bool = False) -> str:
    """Join `pieces` into one line; without spaces around symbols if `tight`, as in scripts."""
    shown: list[str] = []
    before: Piece | None = None
    for piece in map(_prefixed, (None, *pieces), pieces):
        if before is not None and _are_apart(before, piece, tight=tight):
            shown.append(" ")
        shown.append(piece.text)
        before = piece
    return "".join(shown).strip() if tight else "".join(shown)


def _prefixed(before: Piece | None, piece: Piece) -> Piece:
    """Return `piece`, as a prefix if it precedes its only operand: `−1`, `∼5`."""
    is_first = before is None and piece.kind in {Kind.BINARY, Kind.RELATION}
    is_sign = before is not None and before.kind in _BEFORE_A_PREFIX and piece.kind is Kind.BINARY
    return replace(piece, kind=Kind.PREFIX) if is_first or is_sign else piece


def _are_apart(before: Piece, piece: Piece, *, tight: bool) -> bool:
    kinds = (before.kind, piece.kind)
    if Kind.SPACE in kinds or before.kind is Kind.PREFIX:
        return False
    if Kind.RELATION in kinds:
        return not tight and before.kind not in {piece.kind, Kind.OPENING} and piece.kind is not Kind.CLOSING
    if before.kind is Kind.COMMA:
        return not tight and (piece.gap > 0 or not _are_digits(before, piece))
    if Kind.BINARY in kinds:
        return not tight and (piece if piece.kind is Kind.BINARY else before).gap > 0
    if Kind.OPERATOR in kinds or Kind.FRACTION in kinds:
        return _are_read_apart(before, piece)
    if before.kind not in _LETTERS or piece.kind not in _CONTENT or piece.gap < 2:
        return False
    return not tight or (len(before.text) > 1 and len(piece.text) > 1)


def _are_digits(comma: Piece, piece: Piece) -> bool:
    return comma.text == "," and piece.text[:1].isdigit()


def _are_read_apart(before: Piece, piece: Piece) -> bool:
    """Return True if one of the two is a name or a fraction that needs a space beside the other."""
    if before.kind is Kind.OPERATOR and piece.kind is Kind.OPENING:
        return piece.gap == 2 or before.text[:1] in signs.LARGE
    if before.text in _BARS or piece.text[:1] in _BARS:
        return False
    return before.kind in _LETTERS and piece.kind in _CONTENT
