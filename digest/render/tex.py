"""Converts TeX formulas to readable Unicode on one line, with spaces where readers expect them. Pure.

TeX without a readable equivalent on one line (environments, nested fractions, unknown macros) is rejected, and the
caller shows it as code. Limits on length and depth bound the cost.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

import regex

from digest.render import tex_symbols as signs


class PieceKind(Enum):
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

    kind: PieceKind
    text: str
    gap: int = 0
    """White space before it in the source: 0 none, 1 only that which ends a macro's name, 2 other."""


_LETTERS = {PieceKind.ORDINARY, PieceKind.CLOSING, PieceKind.FRACTION, PieceKind.OPERATOR}
_CONTENT = {PieceKind.ORDINARY, PieceKind.OPENING, PieceKind.FRACTION, PieceKind.OPERATOR}
_TOGETHER = {PieceKind.ORDINARY, PieceKind.OPENING, PieceKind.CLOSING}
_BEFORE_A_PREFIX = {
    PieceKind.PREFIX,
    PieceKind.BINARY,
    PieceKind.RELATION,
    PieceKind.OPENING,
    PieceKind.COMMA,
    PieceKind.OPERATOR,
}
_BARS = frozenset("|‖!.:%°′″‴…")


def sign_piece(sign: str) -> Piece:
    """Return the piece for a single symbol."""
    return Piece(_kind(sign), sign)


def _kind(sign: str) -> PieceKind:
    kinds = (
        (PieceKind.SPACE, sign == " "),
        (PieceKind.RELATION, signs.is_relation(sign)),
        (PieceKind.BINARY, sign in signs.BINARY),
        (PieceKind.OPERATOR, sign in signs.LARGE),
        (PieceKind.OPENING, sign in signs.OPENING),
        (PieceKind.CLOSING, sign in signs.CLOSING),
        (PieceKind.COMMA, sign in {",", ";"}),
    )
    return next((kind for kind, holds in kinds if holds), PieceKind.ORDINARY)


def is_factor(pieces: Sequence[Piece]) -> bool:
    """Return True if `pieces` need no brackets beside a fraction's slash or under a script."""
    return {piece.kind for piece in pieces} <= _TOGETHER and " " not in line(pieces)


def scripted(pieces: Sequence[Piece], scripts: str, *, in_braces: bool) -> Piece:
    """Append `scripts` to `pieces`, which get brackets if the scripts would seem to belong to the last piece only."""
    if len(pieces) == 1 and pieces[0].kind is not PieceKind.FRACTION:
        return Piece(pieces[0].kind, pieces[0].text + scripts)
    text = line(pieces)
    needs_brackets = bool(pieces) and (in_braces or not is_factor(pieces))
    return Piece(PieceKind.ORDINARY, (f"({text})" if needs_brackets else text) + scripts)


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
    is_first = before is None and piece.kind in {PieceKind.BINARY, PieceKind.RELATION}
    is_sign = before is not None and before.kind in _BEFORE_A_PREFIX and piece.kind is PieceKind.BINARY
    return replace(piece, kind=PieceKind.PREFIX) if is_first or is_sign else piece


def _are_apart(before: Piece, piece: Piece, *, tight: bool) -> bool:
    kinds = (before.kind, piece.kind)
    if PieceKind.SPACE in kinds or before.kind is PieceKind.PREFIX:
        return False
    if PieceKind.RELATION in kinds:
        return (
            not tight
            and before.kind not in {piece.kind, PieceKind.OPENING}
            and piece.kind is not PieceKind.CLOSING
        )
    if before.kind is PieceKind.COMMA:
        return not tight and (piece.gap > 0 or not _are_digits(before, piece))
    if PieceKind.BINARY in kinds:
        return not tight and (piece if piece.kind is PieceKind.BINARY else before).gap > 0
    if PieceKind.OPERATOR in kinds or PieceKind.FRACTION in kinds:
        return _are_read_apart(before, piece)
    if before.kind not in _LETTERS or piece.kind not in _CONTENT or piece.gap < 2:
        return False
    return not tight or (len(before.text) > 1 and len(piece.text) > 1)


def _are_digits(comma: Piece, piece: Piece) -> bool:
    return comma.text == "," and piece.text[:1].isdigit()


def _are_read_apart(before: Piece, piece: Piece) -> bool:
    """Return True if one of the two is a name or a fraction that needs a space beside the other."""
    if before.kind is PieceKind.OPERATOR and piece.kind is PieceKind.OPENING:
        return piece.gap == 2 or before.text[:1] in signs.LARGE
    if before.text in _BARS or piece.text[:1] in _BARS:
        return False
    return before.kind in _LETTERS and piece.kind in _CONTENT


_LONGEST = 600
_DEEPEST = 24
_INVISIBLE = regex.compile(r"(?!\s)\p{C}|[\u034f\u115f\u1160\u2800\u3164\uffa0]")
_TOKENS = re.compile(
    r"\\operatorname\*|\\[A-Za-z]+|\\.|\s+|\d+(?:,\d{3}(?!\d))*(?:\.\d+)?|'+|:=|==|<=|>=|!=|->|<-|=>|.",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^\\{}_^$~]*")
_PRIMES = {1: "′", 2: "″", 3: "‴"}
_CHARACTERS = {"-": "−", "*": "∗", "`": "‘"}
_FRACTIONS = {"frac", "dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"}
_FONTS = {
    "mathrm", "mathbf", "mathit", "mathsf", "mathtt", "mathnormal", "boldsymbol", "bm", "pmb", "text", "textrm",
    "textbf", "textit", "textsf", "texttt", "textsc", "textnormal", "emph", "mbox", "hbox", "ensuremath", "mathop",
    "operatorname", "operatorname*", "mathbin", "mathrel", "mathord", "mathstrut", "textup", "bold",
}  # fmt: skip
_OPERATORS = {"mathop", "operatorname", "operatorname*"}
_SPACES = {
    ",",
    ";",
    ":",
    " ",
    ">",
    "quad",
    "qquad",
    "space",
    "thinspace",
    "medspace",
    "thickspace",
    "enspace",
}
_NOTHING = {
    "!", "/", "limits", "nolimits", "displaystyle", "textstyle", "scriptstyle", "scriptscriptstyle", "rm", "bf", "it",
    "sf", "tt", "cal", "left", "right", "middle", "negthinspace", "nonumber", "notag", "strut", "allowbreak",
} | {size + side for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m")}  # fmt: skip
_KINDS = {"mid": PieceKind.RELATION, "colon": PieceKind.COMMA}  # these differ from the same symbol when typed
_FENCES = {"left", "right", "middle"}


class _Unreadable(Exception):  # noqa: N818 - not an error: an answer
    pass


def unicode(tex: str) -> str | None:
    """Convert `tex`, a formula without its delimiters, to one line of Unicode; None if it would not be readable.

    The line contains no macros, control characters or invisible characters; its braces are visible in the formula.
    """
    if len(tex) > _LONGEST:
        return None
    try:
        pieces = _TexReader(_INVISIBLE.sub("", tex)).pieces(None)
    except _Unreadable:
        return None
    return " ".join(line(pieces).split()) or None


class _TexReader:
    """Parser state: the remaining tokens of one formula."""

    def __init__(self, tex: str) -> None:
        self._tokens = _TOKENS.findall(tex)
        self._tokens.reverse()
        self._gap = 0
        self._depth = 0

    def pieces(self, closing: str | None) -> list[Piece]:
        """Parse up to and including `closing`; None means the end of the formula."""
        found: list[Piece] = []
        while mark := self._next():
            if mark == closing:
                return found
            found.extend(self._with_scripts(mark))
        if closing is not None:
            raise _Unreadable
        return found

    def _next(self) -> str | None:
        """Return the next visible token, None at the end; skipped white space is recorded in `_gap`."""
        while self._tokens:
            mark: str = self._tokens.pop()
            if not mark.isspace():
                return mark
            self._gap = max(self._gap, 2)
        return None

    def _with_scripts(self, mark: str) -> list[Piece]:
        gap, self._gap = self._gap, 0
        if mark in {"_", "^"} or mark[0] == "'":
            self._tokens.append(mark)
            nucleus = [Piece(PieceKind.ORDINARY, "")]
        else:
            nucleus = self._nucleus(mark)
        scripts = self._scripts()
        if scripts:
            nucleus = [scripted(nucleus, scripts, in_braces=mark == "{")]
        if not nucleus:
            self._gap = max(self._gap, gap)
            return []
        return [Piece(nucleus[0].kind, nucleus[0].text, gap), *nucleus[1:]]

    def _nucleus(self, mark: str) -> list[Piece]:
        self._depth += 1
        if self._depth > _DEEPEST or mark in {"}", "&", "$", "\\"}:
            raise _Unreadable
        if mark == "{":
            found = self.pieces("}")
        elif mark[0] == "\\":
            found = self._macro(mark[1:])
        else:
            found = [sign_piece(" " if mark == "~" else _CHARACTERS.get(mark, mark))]
        self._depth -= 1
        return found

    def _scripts(self) -> str:
        """Parse the scripts after a nucleus; subscripts come before superscripts, as they are read."""
        below = above = ""
        while sign := self._script_sign():
            if sign[0] == "'":
                above += _PRIMES.get(len(sign)) or "′" * len(sign)
                continue
            if below if sign == "_" else above.strip("′″‴"):
                raise _Unreadable
            text = line(self._argument(in_script=True), tight=True)
            shown = signs.below(text) if sign == "_" else signs.above(text)
            if shown is None:
                raise _Unreadable
            below, above = (shown, above) if sign == "_" else (below, above + shown)
        return below + above

    def _script_sign(self) -> str | None:
        mark = self._next()
        while mark in {"\\limits", "\\nolimits"}:
            mark = self._next()
        if mark is not None and (mark in {"_", "^"} or mark[0] == "'"):
            return mark
        if mark is not None:
            self._tokens.append(mark)
        return None

    def _argument(self, *, in_script: bool = False) -> list[Piece]:
        mark = self._next()
        if mark is None or mark in {"_", "^"}:
            raise _Unreadable
        if mark[0].isdigit() and len(mark) > 1:
            self._tokens.append(mark[1:])
            mark = mark[0]
        if in_script and mark == "-" and self._tokens and self._tokens[-1].isdigit():
            return [Piece(PieceKind.ORDINARY, f"−{self._tokens.pop()}")]  # authors write ^-1 for ^{-1}
        self._gap = 0
        return self._nucleus(mark)

    def _macro(self, name: str) -> list[Piece]:
        if self._tokens and name[-1:].isalpha() and self._tokens[-1].isspace():
            self._tokens.pop()
            self._gap = 1
        if name in _NOTHING:
            return self._fence() if name in _FENCES else []
        if name in _SPACES:
            return [Piece(PieceKind.SPACE, " ")]
        if name in _FONTS:
            return self._word(PieceKind.OPERATOR if name in _OPERATORS else PieceKind.ORDINARY)
        if name in _FRACTIONS:
            return [self._fraction()]
        if name == "sqrt":
            return [self._root()]
        if name in signs.ACCENTS or name in signs.ALPHABETS or name in {"not", "pmod"}:
            return [self._changed(name)]
        return [_symbol(name)]

    def _fence(self) -> list[Piece]:
        r"""Drop the full stop of `\left.`; a fence itself shows nothing."""
        if self._tokens and self._tokens[-1].startswith("."):
            self._tokens.pop()
        return []

    def _word(self, kind: PieceKind) -> list[Piece]:
        """Parse the argument of a font macro; a plain word keeps its hyphens and spaces."""
        word = self._plain_word()
        if word is not None:
            return [Piece(kind, word)]
        found = self._argument()
        return found if kind is PieceKind.ORDINARY else [Piece(kind, line(found))]

    def _plain_word(self) -> str | None:
        if not self._tokens or self._tokens[-1] != "{" or "}" not in self._tokens:
            return None
        end = len(self._tokens) - 1 - self._tokens[::-1].index("}")
        word = "".join(reversed(self._tokens[end + 1 : -1]))
        if not _PLAIN.fullmatch(word):
            return None
        del self._tokens[end:]
        return re.sub(r"\s+", " ", word)

    def _fraction(self) -> Piece:
        upper, lower = self._argument(), self._argument()
        if not upper or not lower or any(piece.kind is PieceKind.FRACTION for piece in (*upper, *lower)):
            raise _Unreadable
        above = line(upper) if is_factor(upper) else f"({line(upper)})"
        below = line(lower) if len(lower) == 1 and is_factor(lower) else f"({line(lower)})"
        return Piece(PieceKind.FRACTION, f"{above}/{below}")

    def _root(self) -> Piece:
        index = ""
        if self._tokens and self._tokens[-1] == "[":
            self._tokens.pop()
            index = line(self.pieces("]"), tight=True)
        sign = {"": "√", "2": "√", "3": "∛", "4": "∜"}.get(index) or f"{signs.above(index) or '^'}√"
        if "^" in sign:
            raise _Unreadable
        inner = self._argument()
        text = line(inner)
        return Piece(PieceKind.ORDINARY, sign + (text if text.isalnum() else f"({text})"))

    def _changed(self, name: str) -> Piece:
        text = line(self._argument())
        if name == "pmod":
            return Piece(PieceKind.ORDINARY, f" (mod {text})")
        if name in signs.ALPHABETS:
            return Piece(PieceKind.ORDINARY, signs.styled(signs.ALPHABETS[name], text))
        shown = signs.negated(text) if name == "not" else signs.accented(name, text)
        if shown is None:
            raise _Unreadable
        return Piece(PieceKind.RELATION if name == "not" else PieceKind.ORDINARY, shown)


def _symbol(name: str) -> Piece:
    text = signs.symbols().get(name)
    if text is None:
        raise _Unreadable
    if name in _KINDS:
        return Piece(_KINDS[name], text)
    if len(text) > 1 and text.replace(" ", "").isalpha() and text.isascii():
        return Piece(PieceKind.OPERATOR, text)
    return sign_piece(text)
