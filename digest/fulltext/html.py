"""arXiv's LaTeXML page of a paper -> its text.

LaTeXML puts the paper into one `article` of class `ltx_document` (https://math.nist.gov/~BMiller/LaTeXML/manual/);
around it stands arXiv's furniture, of which the notice about missing packages has the same class. What each element
is, `markup` knows; this module walks over them and writes.
"""

import re

import lxml.html
from lxml import etree

from digest.fulltext.characters import plain, tagged
from digest.fulltext.extract import Extract
from digest.fulltext.markup import (
    Role,
    has_bibliography,
    heading_marks,
    is_of_class,
    role,
    tells_of_failure,
    tex,
)
from digest.fulltext.references import drop_references
from digest.fulltext.tables import Grid, width

_WHITE_SPACE = re.compile(r"\s+")
_HIDDEN_CHARACTERS = 20_000
_EXTRACTORS = ("lxml",)
_END = b"</article>"
_JOIN = "\x1f"  # takes the white space after it away; the page's own text never holds one
_BEFORE = {
    Role.SECTION: "\n",
    Role.HEADING: "\n",
    Role.CAPTION: "\n",
    Role.FOOTNOTE: " [footnote: ",
    Role.TABLE: "\n",
    Role.ROW: "\n",
    Role.BLOCK: "\n",
}
_AFTER = {
    Role.SECTION: "\n",
    Role.HEADING: "\n",
    Role.CAPTION: "\n",
    Role.FOOTNOTE: "]",
    Role.TABLE: "\n",
    Role.ROW: "\n",
    Role.MARK: _JOIN,
    Role.BLOCK: "\n",
}
_FLAT = (Role.HEADING, Role.CAPTION, Role.FOOTNOTE, Role.CELL)  # keep to one line, whatever is in them


def extract(page: bytes) -> Extract:
    """The text of the paper on `page`, "" where there is none.

    Headings stand behind `#` marks, formulas in TeX between `$` or, on lines of their own, `$$`, the cells of a
    table's row between tabs, footnotes in brackets. References are left out; appendices stay.
    """
    root = _root(page)
    document = None if root is None else _document(root)
    if root is None or document is None:
        return Extract("")
    writer = _Writer()
    walk = etree.iterwalk(document, events=("start", "end"))
    for event, element in walk:
        if event == "end":
            writer.end(element)
        elif not writer.start(element):
            walk.skip_subtree()
    lines = _lines(writer.text())
    kept = drop_references(lines)
    return Extract(
        "\n".join(kept),
        writer.hidden(),
        whole=not tells_of_failure(root) and (document.tag != "article" or _END in page),
        has_references=has_bibliography(root) or len(kept) < len(lines),
        extractors=_EXTRACTORS,
    )


def _root(page: bytes) -> etree._Element | None:
    """None also where the parser gave up halfway, as it does on absurdly deep pages."""
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = lxml.html.document_fromstring(page, parser)
    except etree.ParserError:  # nothing in it at all
        return None
    if any(entry.level == etree.ErrorLevels.FATAL for entry in parser.error_log):
        return None
    return root


def _document(root: etree._Element) -> etree._Element | None:
    """The paper's element: an article of that class before any other element of it."""
    articles = list(root.iter("article"))
    papers = (element for element in (*articles, *root.iter()) if is_of_class(element, "ltx_document"))
    return next(papers, articles[0] if articles else None)


class _Writer:
    """Collects the text, element by element: each one that starts ends."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._hidden: list[str] = []
        self._open: list[Role] = []
        self._muted = [False]  # within a bibliography; the last one counts
        self._flat = 0  # flat elements around the place of writing
        self._grid = Grid()
        self._equation_from: int | None = None  # the piece at which the open equation began
        self._formulas: list[str] = []  # of the open equation

    def text(self) -> str:
        return "".join(self._pieces)

    def hidden(self) -> str:
        """The beginning of what no reader sees."""
        return "\n".join(filter(None, self._hidden))[:_HIDDEN_CHARACTERS]

    def start(self, element: etree._Element) -> bool:
        """Writes what `element` begins with; tells whether to go on into it."""
        part = self._in_context(role(element))
        self._open.append(part)
        self._muted.append(part is Role.BIBLIOGRAPHY or (self._muted[-1] and part is not Role.SECTION))
        if part is Role.HIDDEN:
            self._hidden.append(plain("".join(element.itertext())))
        if part in (Role.HIDDEN, Role.DROPPED):
            return False
        if part is Role.FORMULA:
            self._write_formula(tex(element), display=element.get("display") == "block")
            return False
        self._begin(part, element)
        self._flat += part in _FLAT
        self._write_words(element.text)
        return True

    def end(self, element: etree._Element) -> None:
        """Writes what `element` ends with, and the text that follows it within its parent."""
        part = self._open.pop()
        self._flat -= part in _FLAT
        self._write(_AFTER.get(part, ""))
        if part is Role.CELL and not self._flat:
            self._put("\t" * (width(element) - 1))
        if part is Role.EQUATION:
            self._end_equation()
        self._muted.pop()
        if self._open:
            self._write_words(element.tail)

    def _begin(self, part: Role, element: etree._Element) -> None:
        self._write(_BEFORE.get(part, ""))
        if part is Role.HEADING:
            self._put(heading_marks(element))
        elif part is Role.EQUATION:
            self._equation_from, self._formulas = len(self._pieces), []
        elif part is Role.TABLE and not self._flat:
            self._grid = Grid()
        elif part is Role.ROW and not self._flat:
            self._grid.next_row()
        elif part is Role.CELL:
            self._write("\t" if self._flat else "\t" * (1 + self._grid.place(element)))

    def _in_context(self, part: Role) -> Role:
        return Role.INLINE if part is Role.EQUATION and self._equation_from is not None else part

    def _end_equation(self) -> None:
        """Puts an equation's formulas into one, and its number and whatever else it says behind it."""
        beside = " ".join("".join(self._pieces[self._equation_from :]).split())
        del self._pieces[self._equation_from :]
        self._equation_from = None
        self._write_formula(" ".join(filter(None, self._formulas)), beside, display=True)

    def _write_formula(self, source: str, beside: str = "", *, display: bool) -> None:
        if self._equation_from is not None:
            self._formulas.append(source)
        elif display and not self._flat:
            self._put(f"\n$${source}$$ {beside}\n" if source else f"\n{beside}\n")
        else:
            self._put(f"${source}$ {beside}".rstrip() if source else beside)

    def _put(self, piece: str) -> None:
        if piece and not self._muted[-1]:
            self._pieces.append(piece)

    def _write(self, mark: str) -> None:
        """A mark of the text's structure, which breaks no line where none may be broken."""
        self._put(" " if self._flat and mark.isspace() else mark)

    def _write_words(self, words: str | None) -> None:
        if words:
            self._hidden.append(tagged(words))
            self._put(_WHITE_SPACE.sub(" ", plain(words)))


def _lines(text: str) -> list[str]:
    """The lines of what was written, without blank ones; a row begins with its first cell."""
    joined = re.sub(rf"{_JOIN}\s*", " ", text)
    lines = (re.sub(" *\t *", "\t", re.sub(" +", " ", line)).strip(" ") for line in joined.split("\n"))
    return [line.removeprefix("\t").rstrip() for line in lines if line.strip()]
