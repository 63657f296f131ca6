"""A paper's TeX -> its text, in the form that pages are brought into.

Nothing is run or expanded: pylatexenc reads the TeX into a tree, and this module walks over it and writes what its
reader would see, as far as `tex_definitions` can tell. Everything else is kept apart.
"""

import re
from collections.abc import Iterable

from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import (
    LatexCharsNode,
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexMathNode,
    LatexNode,
    LatexSpecialsNode,
    LatexWalker,
    get_default_latex_context_db,
)
from pylatexenc.macrospec import std_environment, std_macro

from digest.fulltext.cleanup import Extract, plain_characters, tag_characters
from digest.fulltext.tex_definitions import (
    BLOCKS,
    BOXES,
    CONDITIONS,
    DROPPED,
    FIGURES,
    FIRST_IS_TEXT,
    FORMULAS,
    GIVEN,
    HEADINGS,
    LAST_IS_TEXT,
    TABLES,
    Definitions,
    has_aliases,
    is_out_of_reach,
    without_conditions,
    without_pictures,
)

_EXTRACTORS = ("pylatexenc",)
_DOCUMENT = re.compile(r"\\begin\{document\}(.*?)(?:\\end\{document\}|\Z)", re.DOTALL)
_END = re.compile(r"\\(?:bye|stop|end)(?![A-Za-z@]|\s*\{)")
_TITLE = re.compile(r"\\title\s*(?:\[[^\[\]]*\])?\s*(?=\{)")
# A name that the paper gives to something, its system for one.
_NAME = re.compile(r"(?:\\(?:text[a-z]+|emph|mbox)\{)?([^\\{}#$%&]{1,100})\}?(?:\\xspace)?(?:\{\})?")
_SYMBOLS = LatexNodes2Text(strict_latex_spaces=True)
_SMALL = 2.0  # points, and so little of a size
_HIDDEN_CHARACTERS = 20_000


def extract(source: str, styles: str = "") -> Extract | None:
    """The text of the paper whose TeX is `source`, set in `styles`.

    None where nobody can tell without running it what is seen.
    """
    document = _DOCUMENT.search(source)
    body = without_conditions(without_pictures(document[1] if document else source))
    definitions = Definitions(source, styles)
    body = body if "stop" in definitions.commands else _END.split(body, maxsplit=1)[0]
    if is_out_of_reach(body) or has_aliases(source) or definitions.leaves_open_what_is_seen(body):
        return None
    title = _TITLE.search(source[: document.start()]) if document else None
    head = f"\\title{_braced(source, title.end())}\n" if title else ""
    context = get_default_latex_context_db()
    own = [
        std_macro(name, "[" * each.has_default + "{" * (each.arguments - each.has_default))
        for name, each in definitions.commands.items()
        if each.arguments
    ]
    given = [std_macro(name, arguments) for name, arguments in GIVEN.items()]
    given += [std_macro(name, "{") for name in definitions.aliases()]
    tables = [std_environment("tabularx", "{{"), std_environment("longtable", "[{")]
    context.add_context_category("paper", macros=[*own, *given], environments=tables, prepend=True)
    nodes, _, _ = LatexWalker(head + body, latex_context=context, tolerant_parsing=True).get_latex_nodes()
    writer = _TexWriter(definitions)
    writer.write(nodes)
    return writer.extract()


def _braced(source: str, begin: int) -> str:
    depth = 0
    for at in range(begin, min(len(source), begin + 2_000)):
        depth += {"{": 1, "}": -1}.get(source[at], 0)
        if not depth:
            return source[begin : at + 1]
    return "{}"


class _TexWriter:
    """Collects the text, node by node; what is hidden goes to a heap of its own."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._pieces: list[str] = []
        self._hidden: list[str] = []
        self._is_hidden = False
        self._has_references = False
        self._in_table = False
        self._appendix = ""

    def extract(self) -> Extract:
        """Return the collected text, visible and hidden."""
        spaced = re.sub(r" *\t *", "\t", re.sub(r"[^\S\t\n]+", " ", "".join(self._pieces)))
        lines = (line.strip(" ") for line in spaced.split("\n"))
        text = "\n".join(line for line in lines if line.strip())
        hidden = "\n".join((*self._hidden, tag_characters(text)))[:_HIDDEN_CHARACTERS]
        return Extract(
            plain_characters(text), plain_characters(hidden), True, self._has_references, _EXTRACTORS
        )

    def write(self, nodes: Iterable[LatexNode | None] | None) -> None:
        """Writes `nodes`; what they set holds to the end of their group."""
        before = self._is_hidden
        for node in nodes or ():
            self._node(node)
        self._is_hidden = before

    def _node(self, node: LatexNode | None) -> None:
        match node:
            case LatexCharsNode():
                self._put(re.sub(r"\n\s*\n", "\x1f", node.chars).replace("\n", " ").replace("\x1f", "\n"))
            case LatexGroupNode():
                self.write(node.nodelist)
            case LatexMathNode():
                self._formula(node.latex_verbatim().strip("$"), display=node.displaytype == "display")
            case LatexEnvironmentNode():
                self._environment(node)
            case LatexMacroNode():
                self._macro(node)
            case LatexSpecialsNode():
                self._special(node)

    def _put(self, text: str) -> None:
        (self._hidden if self._is_hidden else self._pieces).append(text)

    def _hide(self, nodes: Iterable[LatexNode | None] | None) -> None:
        before, self._is_hidden = self._is_hidden, True
        self.write(nodes)
        self._is_hidden = before

    def _formula(self, source: str, *, display: bool) -> None:
        inner = re.sub(r"^\\[\[(]|\\[\])]$", "", source)
        one_line = " ".join(re.sub(r"\\label\{[^{}]*\}|\\nonumber\b", "", inner).split())
        coloured = re.search(r"\\(?:text)?color\b|\\[hv]?phantom\b", one_line)
        if coloured or any(f"\\{name}" in one_line for name in self._definitions.hiding):
            self._hidden.append(one_line)
        elif one_line:
            self._put(f"\n$${one_line}$$\n" if display else f"${one_line}$")

    def _environment(self, node: LatexEnvironmentNode) -> None:
        name = node.environmentname
        if name == "thebibliography":
            self._has_references = True
        elif name in FIGURES or self._definitions.hides_environment(name):
            self._hide(node.nodelist)
        elif name in FORMULAS:
            begin, end = rf"\begin{{{name}}}", rf"\end{{{name}}}"
            self._formula(node.latex_verbatim().removeprefix(begin).removesuffix(end), display=True)
        else:
            before, self._in_table = self._in_table, self._in_table or name in TABLES
            self._put("\n## Abstract\n" if name == "abstract" else "\n")
            self.write(node.nodelist)
            self._put("\n")
            self._in_table = before

    def _macro(self, node: LatexMacroNode) -> None:
        name = node.macroname
        given = [
            each for each in (node.nodeargd.argnlist if node.nodeargd else None) or () if each is not None
        ]
        texts = [each for each in given if not _is_optional(each)]
        if name in self._definitions.commands:
            self._own(name, texts)
        elif name in self._definitions.hiding or name in CONDITIONS:
            self._hide(texts)
        elif name == "appendix":
            self._appendix = "Appendix "
        elif name in ("bibliography", "printbibliography"):
            self._has_references = True
        elif name in DROPPED:
            pass
        elif name in HEADINGS:
            self._heading(name, texts)
        elif name in ("color", "textcolor"):
            self._colour(node, given, texts)
        elif name in BOXES:
            self._box(given, texts)
        elif name == "fontsize":
            self._is_hidden = self._is_hidden or not _is_legible(texts)
        elif name in ("scalebox", "resizebox"):
            (self.write if _is_scaled_legibly(texts) else self._hide)(texts[-1:])
        else:
            self._other(node, texts)

    def _own(self, name: str, texts: list[LatexNode]) -> None:
        """A command of the paper: what it hides is hidden; what it is given and sets is text."""
        command = self._definitions.commands[name]
        if name in self._definitions.hiding:
            if texts:
                self._hide(texts)
            else:
                self._is_hidden = True  # as far as the group goes
            return
        if not command.arguments and (named := _NAME.fullmatch(command.body.strip())):
            self._put(named[1])
        first = 1 + command.arguments - len(texts)  # the one with a default is no text
        for number, text in enumerate(texts, start=first):
            self.write([text]) if command.shows(number) else self._hide([text])

    def _heading(self, name: str, texts: list[LatexNode]) -> None:
        marks = "#" * HEADINGS[name]
        self._put(f"\n{marks} {self._appendix if name == 'section' else ''}")
        self.write(texts[-1:])
        self._put("\n")

    def _colour(self, node: LatexMacroNode, given: list[LatexNode], texts: list[LatexNode]) -> None:
        model = next((_source(each)[1:-1] for each in given if _is_optional(each)), None)
        seen = bool(texts) and self._definitions.is_seen(model, _source(texts[0]).strip("{}"))
        if node.macroname == "color":
            self._is_hidden = not seen
        elif seen:
            self.write(texts[1:])
        else:
            self._hide(texts[1:])

    def _box(self, given: list[LatexNode], texts: list[LatexNode]) -> None:
        """A box with a ground of a colour; the letters on it are black."""
        model = next((_source(each)[1:-1] for each in given if _is_optional(each)), None)
        is_dark = len(texts) > 1 and self._definitions.is_seen(model, _source(texts[-2]).strip("{}"))
        (self._hide if is_dark else self.write)(texts[-1:])

    def _other(self, node: LatexMacroNode, texts: list[LatexNode]) -> None:
        name = node.macroname
        if name in ("\\", "tabularnewline", "item", *BLOCKS):
            self._put("\n")
        elif name in ("footnote", "caption", "thanks"):
            self._put(" [footnote: " if name != "caption" else "\n")
            self.write(texts)
            self._put("]" if name != "caption" else "\n")
        elif name in FIRST_IS_TEXT:
            self.write(texts[:1])
        elif name in LAST_IS_TEXT:
            self.write(texts[-1:])
        elif texts and not _is_accent(node):
            self.write(texts)
        else:
            self._put(str(_SYMBOLS.nodelist_to_text([node])) + (" " if node.macro_post_space else ""))

    def _special(self, node: LatexSpecialsNode) -> None:
        if node.specials_chars == "&":
            self._put("\t" if self._in_table else " ")
        elif node.specials_chars.isspace():
            self._put("\n")
        else:
            self._put(str(_SYMBOLS.nodelist_to_text([node])))


def _source(node: LatexNode) -> str:
    return str(node.latex_verbatim())


def _is_optional(node: LatexNode) -> bool:
    return _source(node)[:1] in ("[", "*")


def _is_accent(node: LatexMacroNode) -> bool:
    """Return whether the command puts an accent on a letter, judged by its length."""
    return len(_source(node)) <= len(node.macroname) + 5 and not node.macroname.startswith(("text", "emph"))


def _is_legible(texts: list[LatexNode]) -> bool:
    """Return whether a font size, in points, is large enough to read."""
    number = re.match(r"\{\s*(\d*\.?\d+)\s*(?:pt)?\s*\}", _source(texts[0])) if texts else None
    return number is not None and float(number[1]) > _SMALL


def _is_scaled_legibly(texts: list[LatexNode]) -> bool:
    """Return whether a box is scaled by a plain factor of at least 0.3, to a named width, or in proportion (`!`)."""
    said = _source(texts[0]) if texts else ""
    number = re.fullmatch(r"\{\s*(\d*\.?\d+)\s*\}", said)
    return float(number[1]) >= 0.3 if number else "width" in said or "!" in said
