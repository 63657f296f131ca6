r"""Conversion of TeX formulas to readable Unicode, and of TeX in prose. Pure.

TeX without a readable equivalent on one line (environments, nested fractions, unknown macros) is rejected, and the
caller shows it as code. Limits on length and depth bound the cost.
"""

import re

import regex

from digest.render import tex_symbols as signs
from digest.render.tex_line import Kind, Piece, is_factor, line, scripted, sign_piece
from digest.render.tex_prose import links, prose

__all__ = ["links", "prose", "unicode"]

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
_KINDS = {"mid": Kind.RELATION, "colon": Kind.COMMA}  # these differ from the same symbol when typed
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
        pieces = _Reader(_INVISIBLE.sub("", tex)).pieces(None)
    except _Unreadable:
        return None
    return " ".join(line(pieces).split()) or None


class _Reader:
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
            nucleus = [Piece(Kind.ORDINARY, "")]
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
            return [Piece(Kind.ORDINARY, f"−{self._tokens.pop()}")]  # authors write ^-1 for ^{-1}
        self._gap = 0
        return self._nucleus(mark)

    def _macro(self, name: str) -> list[Piece]:
        if self._tokens and name[-1:].isalpha() and self._tokens[-1].isspace():
            self._tokens.pop()
            self._gap = 1
        if name in _NOTHING:
            return self._fence() if name in _FENCES else []
        if name in _SPACES:
            return [Piece(Kind.SPACE, " ")]
        if name in _FONTS:
            return self._word(Kind.OPERATOR if name in _OPERATORS else Kind.ORDINARY)
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

    def _word(self, kind: Kind) -> list[Piece]:
        """Parse the argument of a font macro; a plain word keeps its hyphens and spaces."""
        word = self._plain_word()
        if word is not None:
            return [Piece(kind, word)]
        found = self._argument()
        return found if kind is Kind.ORDINARY else [Piece(kind, line(found))]

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
        if not upper or not lower or any(piece.kind is Kind.FRACTION for piece in (*upper, *lower)):
            raise _Unreadable
        above = line(upper) if is_factor(upper) else f"({line(upper)})"
        below = line(lower) if len(lower) == 1 and is_factor(lower) else f"({line(lower)})"
        return Piece(Kind.FRACTION, f"{above}/{below}")

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
        return Piece(Kind.ORDINARY, sign + (text if text.isalnum() else f"({text})"))

    def _changed(self, name: str) -> Piece:
        text = line(self._argument())
        if name == "pmod":
            return Piece(Kind.ORDINARY, f" (mod {text})")
        if name in signs.ALPHABETS:
            return Piece(Kind.ORDINARY, signs.styled(signs.ALPHABETS[name], text))
        shown = signs.negated(text) if name == "not" else signs.accented(name, text)
        if shown is None:
            raise _Unreadable
        return Piece(Kind.RELATION if name == "not" else Kind.ORDINARY, shown)


def _symbol(name: str) -> Piece:
    text = signs.symbols().get(name)
    if text is None:
        raise _Unreadable
    if name in _KINDS:
        return Piece(_KINDS[name], text)
    if len(text) > 1 and text.replace(" ", "").isalpha() and text.isascii():
        return Piece(Kind.OPERATOR, text)
    return sign_piece(text)
