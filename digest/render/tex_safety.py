r"""Sanitizer for TeX: removes macros that make links, identifiers, styles or scripts, or define macros. Pure.

The site renders formulas with MathJax, which does more than mathematics: `\href{javascript:…}{x}` is a live link, and a
`\def` applies to all formulas of the page. The list has the macros of all packages of MathJax 3.2 and 4.1 that write
attributes, load packages or define macros (https://docs.mathjax.org/en/latest/input/tex/extensions), their equivalents
in KaTeX (https://katex.org/docs/supported#html) and in LaTeX (hyperref, xparse, xargs), which readers would see as raw
text, and TeX's own ways to build a name. Since no macro can be defined, the list of names is complete. MathJax also
processes the text around formulas (environments, references, `$$`), so prose must pass through here too.
"""

import re
from collections.abc import Iterator

from digest.core.invisible import removed

# The arguments of a macro: m an argument, M one that readers see, r all that follow, o an [option], * a star, c the
# macro that is defined, d everything up to the end of the next argument, e an equals sign, u and U the number of a
# character, n a number without braces.
_ARGUMENTS = {
    "mM": "href hyperlink hypertarget class style cssId data",
    "M": "url nolinkurl",
    "Mm": "texttip mathtip",
    "Mr": "toggle",
    "oM": "bbox hyperref",
    "moM": "mmlToken enclose",
    "omM": "textcolor colorbox",
    "ommM": "fcolorbox",
    "om": "color setOptions includegraphics",
    "omoo": "cellcolor rowcolor columncolor",
    "mmm": "definecolor",
    "m": "require label ref eqref refeq pageref mathtoolsset usetagform input include usepackage special",
    "oou": "unicode",
    "U": "U",
    "n": "char",
    "cd": "def edef gdef xdef",
    "cec": "let futurelet",
    "*coom": "newcommand renewcommand providecommand DeclareRobustCommand newcommandx renewcommandx providecommandx",
    "cmm": "NewDocumentCommand RenewDocumentCommand ProvideDocumentCommand DeclareDocumentCommand "
    "NewExpandableDocumentCommand",
    "*moomm": "newenvironment renewenvironment",
    "*cm": "DeclareMathOperator",
    "coor": "DeclarePairedDelimiter DeclarePairedDelimiterX DeclarePairedDelimiterXPP DeclarePairedDelimiters "
    "DeclarePairedDelimitersX DeclarePairedDelimitersXPP Newextarrow MakeAboxedCommand",
    "moor": "newtagform renewtagform newcolumntype",
    "": "endtoggle global long outer protected begingroup endgroup begingroupReset begingroupSandbox csname endcsname "
    "expandafter noexpand catcode mathchardef chardef write openout read",
}
_ACTIVE = {name: arguments for arguments, names in _ARGUMENTS.items() for name in names.split()}
_FOUND = re.compile(
    r"\\(?:html[A-Za-z]*|" + "|".join(sorted(_ACTIVE, key=len, reverse=True)) + r")(?![A-Za-z])"
)
_CONTROL = re.compile(r"\\(?:([A-Za-z]+)|.)", re.DOTALL)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_OPTION = re.compile(r"\s*\[[^\[\]{}]{0,300}\]")
_NAME = re.compile(r"\s*(?:\\(?:[A-Za-z]+|.)|\{\s*\\(?:[A-Za-z]+|.)\s*\})", re.DOTALL)
_EQUALS = re.compile(r"\s*=?")
_BLANK = re.compile(r"\s*")
_NUMBER = re.compile(r"\s*(?:\"([0-9A-Fa-f]{1,6})|'([0-7]{1,7})|x([0-9A-Fa-f]{1,6})|(\d{1,7})) ?")
_CODE = re.compile(r"\s*(?:[xX]([0-9A-Fa-f]{1,6})|(\d{1,7}))\s*")  # of \unicode
_HEXADECIMAL = re.compile(r"\s*([0-9A-Fa-f]{1,6})\s*")  # of \U
_ENDS_IN_A_NAME = re.compile(r"\\[A-Za-z]+\Z")
_NUMBERS = {"u": (_CODE, (16, 10)), "U": (_HEXADECIMAL, (16,))}
_DEEPEST = 20


def formula(tex: str) -> str:
    r"""Sanitize `tex`, a formula without its delimiters, to what readers see: `\href{u}{x}` becomes `{x}`."""
    return _harmless(tex, in_formula=True)


def text(tex: str) -> str:
    r"""Sanitize TeX in the text around formulas to what readers see: `\href{u}{x}` becomes `x`."""
    return _harmless(tex, in_formula=False)


def _harmless(tex: str, *, in_formula: bool) -> str:
    if "\\" not in tex or not _FOUND.search(tex):
        return tex
    return _Source(tex, in_formula=in_formula).shown(0, len(tex), 0)


class _Source:
    """A text with TeX, and the ends of its groups."""

    def __init__(self, tex: str, *, in_formula: bool) -> None:
        self._tex = tex
        self._in_formula = in_formula
        self._ends = dict(_groups(tex))

    def shown(self, start: int, end: int, depth: int) -> str:
        """Return the visible text of the part from `start` to `end`."""
        shown: list[str] = []
        at = start
        while found := _CONTROL.search(self._tex, at, end):
            _join(shown, self._tex[at : found.start()])
            at = found.end()
            arguments = _arguments(found[1])
            if arguments is None:
                _join(shown, found[0])
                continue
            passed = self._passed(arguments, at, end, depth) if depth < _DEEPEST else None
            if passed is None:  # without its arguments it is not a macro, but a word
                _join(shown, found[1])
            else:
                at, seen = passed
                is_all = found.start() == start and at == end
                in_braces = self._in_formula and len(seen) > 1 and not is_all
                _join(shown, f"{{{seen}}}" if in_braces else seen)
        _join(shown, self._tex[at:end])
        return "".join(shown)

    def _passed(self, arguments: str, at: int, end: int, depth: int) -> tuple[int, str] | None:
        """Return the end of the arguments that begin at `at`, and their visible text; None if they are missing."""
        seen = ""
        for kind in arguments:
            passed = self._one(kind, at, end, depth)
            if passed is None:
                return None
            at, some = passed
            seen += some
        return at, seen

    def _one(self, kind: str, at: int, end: int, depth: int) -> tuple[int, str] | None:
        match kind:
            case "*":
                return (at + 1 if self._tex.startswith("*", at) else at), ""
            case "o":
                found = _OPTION.match(self._tex, at, end)
                return (found.end() if found else at), ""
            case "c":
                found = _NAME.match(self._tex, at, end)
                return (found.end(), "") if found else None
            case "e":
                found = _EQUALS.match(self._tex, at, end)
                return (found.end(), "") if found else None
            case "n":
                found = _NUMBER.match(self._tex, at, end)
                return (found.end(), _character(found, (16, 8, 16, 10))) if found else None
            case "r":
                return self._rest(at, end), ""
            case "d":
                at = self._tex.find("{", at, end)
        group = self._group(at, end) if at >= 0 else None
        if group is None:
            return None
        inner, after = group
        if kind == "M":
            return after, self.shown(inner, after - 1, depth + 1)
        if kind in _NUMBERS and (found := _NUMBERS[kind][0].fullmatch(self._tex, inner, after - 1)):
            return after, _character(found, _NUMBERS[kind][1])
        return after, ""

    def _rest(self, at: int, end: int) -> int:
        while group := self._group(at, end):
            at = group[1]
        return at

    def _group(self, at: int, end: int) -> tuple[int, int] | None:
        """Return the start of the content of the group at `at`, and the end of the group; None if there is none."""
        blank = _BLANK.match(self._tex, at, end)
        start = blank.end() if blank else at
        after = self._ends.get(start, end) + 1
        return (start + 1, after) if after <= end else None


def _arguments(name: str | None) -> str | None:
    """Return the arguments of the macro `name`; None if it is harmless."""
    if name is None:
        return None
    return "mM" if name.startswith("html") else _ACTIVE.get(name)


def _groups(tex: str) -> Iterator[tuple[int, int]]:
    """Yield the position of each `{` and its `}`."""
    open_: list[int] = []
    for found in _BRACE.finditer(tex):
        if found[0] == "{":
            open_.append(found.start())
        elif found[0] == "}" and open_:
            yield open_.pop(), found.start()


def _join(shown: list[str], piece: str) -> None:
    """Append `piece`, after a space if its first letter would extend the name of a macro."""
    if not piece:
        return
    if piece[0].isalpha() and shown and _ENDS_IN_A_NAME.search(shown[-1]):
        shown.append(" ")
    shown.append(piece)


def _character(found: re.Match[str], bases: tuple[int, ...]) -> str:
    """Return the character with that number; empty if it is invisible or special in TeX."""
    number = next(int(digits, base) for digits, base in zip(found.groups(), bases, strict=True) if digits)
    sign = removed(chr(number)) if 0x20 <= number < 0x110000 else ""
    return "" if sign in set("\\{}$&#^_%~") else sign
