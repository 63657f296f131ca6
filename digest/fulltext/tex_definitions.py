"""The commands and environments of LaTeX and of a paper's own, by what becomes of them in its text. Pure.

For a paper's own commands and colours this decides what its reader sees. TeX cannot be judged in full without running
it, which is never done. So what is not plainly visible counts as hidden: an argument that a command throws away, text
in a colour that is not known to be dark, what is set under a condition. Sources that reach below all this, where text
may be hidden in any way, are refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pylatexenc.latexwalker import get_default_latex_context_db

HEADINGS = {
    "part": 1,
    "chapter": 1,
    "title": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "paragraph": 5,
}
CONDITIONS = (
    *("ifthenelse", "iftoggle", "nottoggle", "ifbool", "notbool", "ifdef", "ifundef"),
    *("ifcsdef", "ifdefempty", "ifblank", "notblank", "ifstrequal"),
)
"""Commands that set one of their arguments, nobody knows which."""
GIVEN = {  # the arguments of commands that pylatexenc does not know, or knows otherwise
    **dict.fromkeys((*HEADINGS, "subparagraph"), "*[{"),
    **dict.fromkeys(("textcolor", "colorbox"), "[{{"),
    "fcolorbox": "[{{{",
    **dict.fromkeys(
        ("color", "caption", "footnote", "thanks", "title", "todo", "hyperref", "marginpar"), "[{"
    ),
    **dict.fromkeys(
        ("citep", "citet", "citealp", "citealt", "citeauthor", "citeyear", "parencite", "textcite"), "*[[{"
    ),
    **dict.fromkeys(
        ("cref", "Cref", "autoref", "eqref", "ref", "pageref", "label", "subref", "vspace", "hspace"), "*{"
    ),
    **dict.fromkeys(("scalebox", "rotatebox"), "{{"),
    "resizebox": "{{{",
    **dict.fromkeys(
        ("fontsize", "setlength", "addtolength", "setcounter", "definecolor", "renewcommand"), "{{"
    ),
    **dict.fromkeys(
        ("phantom", "hphantom", "vphantom", "hypersetup", "bibliography", "bibliographystyle"), "{"
    ),
    **dict.fromkeys(("url", "author", "affiliation", "email", "date", "thispagestyle", "pagestyle"), "{"),
    **dict.fromkeys(("multicolumn", "multirow"), "{{{"),
    "href": "{{",
    "captionof": "*{[{",
    **dict.fromkeys(("makebox", "framebox"), "[[{"),
    "parbox": "[[[{{",
    **dict.fromkeys(("texorpdfstring", "pdftooltip", "markboth"), "{{"),
    **dict.fromkeys(("pdfcomment", "index", "tikz"), "[{"),
    **dict.fromkeys(
        ("markright", "pdfinfo", "typeout", "message", "newsavebox", "excludecomment", "includecomment"), "{"
    ),
    **dict.fromkeys(
        ("AddToShipoutPicture", "AddToShipoutPictureBG", "AddToShipoutPictureFG", "@gobble", "smash@"), "*{"
    ),
    **dict.fromkeys(("pdfbookmark", "rule"), "[{{"),
    "AddToHook": "{[{",
    "addcontentsline": "{{{",
    **dict.fromkeys(CONDITIONS, "{{{"),
    "ifstrequal": "{{{{",
    "includegraphics": "*[{",
}
WITHOUT_TEXT = """
ref pageref eqref cref Cref autoref subref usepackage bibitem toprule midrule bottomrule hline cline cmidrule centering
cite citep citet citealp citealt citeauthor citeyear parencite textcite nocite label vspace hspace setlength
addtolength setcounter definecolor renewcommand newcommand providecommand hypersetup bibliography date
usepackage bibliographystyle thispagestyle pagestyle includegraphics phantom hphantom vphantom author
affiliation email todo documentclass maketitle tableofcontents appendix markboth markright index pdfcomment
pdfinfo pdfbookmark addcontentsline typeout message newsavebox excludecomment includecomment rule tikz AddToHook
AddToShipoutPicture AddToShipoutPictureBG AddToShipoutPictureFG
"""
DROPPED = frozenset(WITHOUT_TEXT.split())
FIRST_IS_TEXT = frozenset(("texorpdfstring", "pdftooltip"))
LAST_IS_TEXT = frozenset(("href", "multicolumn", "multirow", "rotatebox", "captionof", "parbox"))
BOXES = frozenset(("colorbox", "fcolorbox"))
FORMULAS = frozenset(
    f"{name}{star}"
    for name in ("equation", "align", "gather", "multline", "eqnarray", "alignat")
    for star in ("", "*")
) | {"displaymath", "math", "flalign"}
FIGURES = frozenset(
    (
        *("tikzpicture", "pgfpicture", "picture", "filecontents", "comment", "CJK@hide", "lrbox"),
        *("textblock", "textblock*", "color", "textcolor"),  # anywhere on the page, or off it; in any colour
    )
)
TABLES = frozenset(("tabular", "tabular*", "tabularx", "tabulary", "longtable", "array"))
BLOCKS = frozenset(("par", "newline", "linebreak", "newpage", "clearpage", "bigskip", "medskip", "smallskip"))


_COMMAND = re.compile(
    r"\\(?:re|provide)?(?:newcommand|command|DeclareRobustCommand)\*?\s*\{?\s*\\(?P<name>[A-Za-z@]+)\s*\}?"
    r"\s*(?:\[(?P<count>\d)\])?\s*(?P<default>\[[^\[\]]*\])?\s*\{"
    r"|\\(?:long|global)?\s*[egx]?def\s*\\(?P<defined>[A-Za-z@]+)(?P<parameters>(?:\s*#\d)*)\s*\{"
    r"|\\(?:New|Renew|Provide|Declare)DocumentCommand\s*\{?\s*\\(?P<document>[A-Za-z@]+)\s*\}?"
    r"\s*\{(?P<kinds>(?:[^{}]|\{[^{}]*\})*)\}\s*\{"
    r"|\\(?:re)?newenvironment\*?\s*\{(?P<environment>[^{}]+)\}\s*(?:\[\d\])?\s*(?:\[[^\[\]]*\])?\s*\{"
)
_DELIMITED = re.compile(r"\\[egx]?def\s*\\([A-Za-z@]+)(?!(?:\s*#\d)*\s*\{)[^{}]{1,200}\{")
_EXCLUDED = re.compile(r"\\excludecomment\s*\{([^{}]+)\}")
_COLLECTING = re.compile(  # by the package environ, and by LaTeX itself; the second part is how it is set
    r"\\(?:Re)?[nN]ewEnviron\s*\{([^{}]+)\}\s*(?:\[[^\[\]]*\]\s*){0,2}(?=\{)"
    r"|\\(?:New|Renew|Provide|Declare)DocumentEnvironment\s*\{([^{}]+)\}\s*\{((?:[^{}]|\{[^{}]*\})*)\}\s*(?=\{)"
)
_DROPS = r"\@gobble"
_LET = re.compile(r"\\let\s*\\([A-Za-z@]+)\s*=?\s*\\([A-Za-z@]+)")
_PICTURE = re.compile(r"\\tikz(?![A-Za-z@])\s*(?:\[[^\[\]]*\]\s*)?\\[^;]{0,1000};")
_GROUNDS = re.compile(
    r"\\(?:pagecolor|colorbox|fcolorbox\s*(?:\[[^\[\]]*\])?\s*\{[^{}]*\})"
    r"\s*(?:\[(?P<model>[^\[\]]*)\])?\s*\{(?P<value>[^{}]*)\}"
)
_COLOUR_DEFINITION = re.compile(r"\\(?:define|provide)color\s*\{([^{}]+)\}\s*\{([^{}]+)\}\s*\{([^{}]+)\}")
_COLOUR_COPY = re.compile(r"\\colorlet\s*\{([^{}]+)\}")
_COLOURS = re.compile(r"\\(?:text)?color\s*(?:\[(?P<model>[^\[\]]*)\])?\s*\{(?P<value>[^{}]*)\}")
_CONDITION = re.compile(r"\\if[A-Za-z@]*(?:(?!\\if|\\fi\b).)*\\fi\b", re.DOTALL)
_BELOW = re.compile(
    r"\\(?:pdfliteral|pdfextension|special|directlua|luadirect|catcode|csname|scantokens|shipout|setbox|sbox|savebox"
    r"|transparent|texttransparent|textpdfrender|pdfrender|fontdimen|includepdf|lowercase|uppercase|raisebox|moveleft|moveright)(?![A-Za-z])"
    # Far off the page.
    r"|\\(?:hskip|vskip|kern|[hv]space)\*?\s*\{?\s*[-+]?(?:\d{3,}[.\d]*\s*pt|\d{2,}[.\d]*\s*(?:cm|in)|\d{3,}[.\d]*\s*mm)"
)
_ALIAS = re.compile(
    r"\\let\s*\\[A-Za-z@]+\s*=?\s*\\(?:(?:text|page)?color|[hv]?phantom|fontsize|scalebox|resizebox)\b"
)
INVISIBLE = frozenset(("phantom", "hphantom", "vphantom", "smash@", "gobble", "@gobble", "iffalse"))
"""Commands that set nothing of what they are given."""
_DARK = 0.9  # at least one component of a colour that is plainly seen on white is not above this
_PALE_PERCENT = 30  # of a colour in white: less is pale
_XCOLOR = """
red green blue cyan magenta black gray darkgray brown olive orange purple teal violet Apricot Aquamarine
Bittersweet Black Blue BlueGreen BlueViolet BrickRed Brown BurntOrange CadetBlue CarnationPink Cerulean
CornflowerBlue Cyan Dandelion DarkOrchid Emerald ForestGreen Fuchsia Gray Green JungleGreen LimeGreen
Magenta Mahogany Maroon MidnightBlue Mulberry NavyBlue OliveGreen Orange OrangeRed Orchid Periwinkle
PineGreen Plum ProcessBlue Purple RawSienna Red RedOrange RedViolet Rhodamine RoyalBlue RoyalPurple
RubineRed SeaGreen Sepia SkyBlue Tan TealBlue Thistle Turquoise Violet VioletRed WildStrawberry
"""
_NAMES = frozenset(_XCOLOR.split())  # its base names and those of dvips, without the pale ones


def is_out_of_reach(body: str) -> bool:
    """Return whether `body` has commands that can hide anything."""
    return _BELOW.search(body) is not None


def has_aliases(source: str) -> bool:
    """Return whether `source` gives other names to the commands that colour, shrink or drop text."""
    return _ALIAS.search(source) is not None


def without_pictures(body: str) -> str:
    """`body` without the drawings that stand in a line of it, and with them what is written there."""
    return _PICTURE.sub(" ", body)


def without_conditions(body: str) -> str:
    """`body` without what is set under conditions, whichever way they go."""
    while (shorter := _CONDITION.sub(" ", body)) != body:
        body = shorter
    return body


@dataclass(frozen=True, slots=True)
class Command:
    """One of the paper's own: the number of its arguments, whether the first may be left out, and what it sets."""

    arguments: int
    has_default: bool
    body: str

    def shows(self, argument: int) -> bool:
        """Return whether the command typesets its argument number `argument`, counted from 1, outside conditions."""
        settled = without_conditions(self.body)
        return f"#{argument}" in settled and not any(f"\\{name}{{" in settled for name in CONDITIONS)

    @property
    def drops_arguments(self) -> bool:
        """True if the command has arguments and typesets none of them."""
        return self.arguments > 0 and not any(map(self.shows, range(1, self.arguments + 1)))


_LATEX = get_default_latex_context_db()
_COMMANDS = frozenset(spec.macroname for spec in _LATEX.iter_macro_specs()) | GIVEN.keys()
_ENVIRONMENTS = frozenset(spec.environmentname for spec in _LATEX.iter_environment_specs())


class Definitions:
    """The commands, environments and colours that `source` defines.

    `styles` are the style files that came with it. They define what every paper of a journal has, so that of them
    count commands that have arguments, and of LaTeX's own those that drop them.
    """

    def __init__(self, source: str, styles: str = "") -> None:
        self.commands: dict[str, Command] = {}
        self.environments: dict[str, str] = {}
        """By their names, with what they begin with."""
        self.colours: dict[str, list[tuple[str, str]]] = {}
        """By their names, with the models and values that they are given."""
        if styles:
            self._begin_with(Definitions(styles))
        for name, model, value in _COLOUR_DEFINITION.findall(source):
            self.colours.setdefault(name, []).append((model, value))
        for name in _COLOUR_COPY.findall(source):
            self.colours.setdefault(name, []).append(("", ""))  # of what, is not followed
        for found in _COMMAND.finditer(source):
            self._define(found, _group(source, found.end() - 1))
        self._delimited = frozenset(_DELIMITED.findall(source + styles))
        self._lets = _LET.findall(source + styles)
        self._grounds = [
            each for each in _GROUNDS.finditer(source + styles) if each[0].startswith(r"\pagecolor")
        ]
        for found in _COLLECTING.finditer(source):
            self._collect(found, _group(source, found.end()))
        self.environments |= dict.fromkeys(_EXCLUDED.findall(source), _DROPS)
        self.hiding = self._hiding()
        """The names of commands that hide what they set, or all that follows them."""

    def aliases(self) -> frozenset[str]:
        """The other names of commands that hide their argument."""
        return frozenset(name for name, _ in self._lets if name in self.hiding) - self.commands.keys()

    def leaves_open_what_is_seen(self, body: str) -> bool:
        """Return whether pages are dark, or `body` uses a command with delimited arguments, whose end is not known."""
        used = re.findall(r"\\([A-Za-z@]+)", _DELIMITED.sub(" ", body))
        return not self._delimited.isdisjoint(used) or any(map(self._is_dark_ground, self._grounds))

    def hides_environment(self, name: str) -> bool:
        """Return whether the environment `name` is one of the paper's own that hides its content."""
        return name in self.hiding or self._is_hiding(self.environments.get(name, ""), self.hiding)

    def is_seen(self, model: str | None, value: str) -> bool:
        """Return whether text in that colour is plainly visible on white."""
        if model:
            return _is_dark(model, value)
        name, *mixed = value.strip().split("!")
        if mixed and not (mixed[0].strip().isdigit() and int(mixed[0]) >= _PALE_PERCENT):
            return False
        if name in self.colours:
            return all(_is_dark(*each) for each in self.colours[name])
        return name in _NAMES

    def _begin_with(self, styles: "Definitions") -> None:
        for name, command in styles.commands.items():
            if command.drops_arguments or (command.arguments and name not in _COMMANDS):
                self.commands[name] = command
        self.environments = {
            name: body for name, body in styles.environments.items() if name not in _ENVIRONMENTS
        }
        self.colours = styles.colours

    def _collect(self, found: re.Match[str], body: str) -> None:
        """Add an environment that is given what stands in it, and may drop it."""
        name, other, kinds = found.groups()
        sets = "\\BODY" in body if name else "b" not in kinds or "#" in body
        self.environments[name or other] = body if sets else _DROPS

    def _define(self, found: re.Match[str], body: str) -> None:
        if found["environment"]:
            self.environments[found["environment"]] = body
        elif found["document"]:
            kinds = re.sub(r"\{[^{}]*\}", "", found["kinds"])
            self.commands[found["document"]] = Command(
                len(re.findall("[moOs]", kinds)), kinds[:1] in "oO", body
            )
        elif found["defined"]:
            self.commands[found["defined"]] = Command(found["parameters"].count("#"), False, body)
        else:
            self.commands[found["name"]] = Command(int(found["count"] or 0), bool(found["default"]), body)

    def _hiding(self) -> frozenset[str]:
        """Grows until no command uses one that hides without being one."""
        hiding = INVISIBLE | ({"comment"} - self.commands.keys())  # the environment, as a command
        while True:
            more = {name for name, command in self.commands.items() if self._is_hiding(command.body, hiding)}
            more |= {new for new, old in self._lets if old in hiding}
            if more <= hiding:
                return hiding
            hiding |= more

    def _is_hiding(self, body: str, hiding: frozenset[str]) -> bool:
        colours = any(not self.is_seen(each["model"], each["value"]) for each in _COLOURS.finditer(body))
        colours = colours or "opacity" in body or any(map(self._is_dark_ground, _GROUNDS.finditer(body)))
        used = re.findall(r"\\(?:begin\s*\{)?([A-Za-z@]+)", body)
        return colours or is_out_of_reach(body) or any(name in hiding for name in used)

    def _is_dark_ground(self, found: re.Match[str]) -> bool:
        return self.is_seen(found["model"], found["value"])


def _group(source: str, begin: int) -> str:
    """Return the content of the group whose brace opens at `begin`; all that follows if it is never closed."""
    depth = 0
    for found in re.compile(r"\\.|[{}]", re.DOTALL).finditer(source, begin):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if not depth:
            return source[begin + 1 : found.start()]
    return source[begin + 1 :]


def _is_dark(model: str, value: str) -> bool:
    largest: Mapping[str, float] = {"rgb": 1.0, "RGB": 255.0, "gray": 1.0, "Gray": 15.0}
    try:
        if model == "HTML":
            parts = [int(value[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        elif model == "cmyk":
            cyan, magenta, yellow, black = map(float, value.split(","))
            parts = [(1 - ink) * (1 - black) for ink in (cyan, magenta, yellow)]
        else:
            parts = [float(part) / largest[model] for part in value.split(",")]
    except (ValueError, KeyError):
        return False
    return min(parts) <= _DARK
