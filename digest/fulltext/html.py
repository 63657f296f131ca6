"""Extracts a paper's text from arXiv's LaTeXML page.

LaTeXML puts the paper into one `article` of class `ltx_document` (https://math.nist.gov/~BMiller/LaTeXML/manual/);
around it stands arXiv's furniture, of which the notice about missing packages has the same class. `role` tells what an
element is for a reader of the paper, `Grid` in which column a table's cell stands where some cells reach over several
rows or columns, and a writer walks over the elements and writes.
"""

import re
from enum import Enum, auto

import lxml.html
from lxml import etree

from digest.fulltext.cleanup import Extract, drop_references, plain_characters, tag_characters


class Role(Enum):
    """The role of an element."""

    HIDDEN = auto()
    """Content that the paper's own styles hide from every reader."""
    DROPPED = auto()
    """Furniture."""
    BIBLIOGRAPHY = auto()
    """References, but for any section within: an appendix may stand there."""
    SECTION = auto()
    FORMULA = auto()
    EQUATION = auto()
    """One line of displayed formulas, often in several cells, and its number."""
    HEADING = auto()
    CAPTION = auto()
    FOOTNOTE = auto()
    TABLE = auto()
    ROW = auto()
    CELL = auto()
    MARK = auto()
    """The bullet or number of a list's item."""
    BLOCK = auto()
    INLINE = auto()


_TAGS = {
    **dict.fromkeys(("script", "style", "noscript", "template", "iframe", "svg", "object"), Role.DROPPED),
    **dict.fromkeys(
        ("nav", "header", "footer", "button", "form", "dialog", "select", "textarea"), Role.DROPPED
    ),
    "math": Role.FORMULA,
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), Role.HEADING),
    "figcaption": Role.CAPTION,
    "caption": Role.CAPTION,
    "table": Role.TABLE,
    "tr": Role.ROW,
    "td": Role.CELL,
    "th": Role.CELL,
    **dict.fromkeys(("p", "div", "section", "article", "figure", "blockquote", "pre", "br"), Role.BLOCK),
    **dict.fromkeys(("ul", "ol", "dl", "li", "dt", "dd"), Role.BLOCK),
}
# A class says more than a tag: LaTeXML also makes tables and paragraphs out of spans.
_CLASSES = {
    **dict.fromkeys(("ltx_bibliography", "ltx_biblist"), Role.BIBLIOGRAPHY),
    **dict.fromkeys(("ltx_section", "ltx_appendix", "ltx_chapter", "ltx_part"), Role.SECTION),
    **dict.fromkeys(("ltx_TOC", "ltx_toclist", "ltx_page_navbar", "ltx_pagination"), Role.DROPPED),
    # A footnote's number stands there three times.
    **dict.fromkeys(
        ("ltx_note_mark", "ltx_note_type", "ltx_tag_note", "ltx_role_footnotemark"), Role.DROPPED
    ),
    **dict.fromkeys(("ltx_ERROR", "ltx_phantom", "ltx_rdf", "ltx_listing_data", "sr-only"), Role.DROPPED),
    "ltx_Math": Role.FORMULA,
    "ltx_eqn_row": Role.EQUATION,
    "ltx_caption": Role.CAPTION,
    "ltx_note_content": Role.FOOTNOTE,
    "ltx_tag_item": Role.MARK,
    "ltx_tabular": Role.TABLE,
    "ltx_tr": Role.ROW,
    "ltx_td": Role.CELL,
    "ltx_th": Role.CELL,
    **dict.fromkeys(("ltx_p", "ltx_para", "ltx_listingline"), Role.BLOCK),
}
_UNSEEN_STYLE = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?![.\d])"
    r"|font-size\s*:\s*(?:\d(?:\.\d+)?%|[01](?:\.\d+)?(?:pt|px)?\s*(?:;|$)))",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"(?:^|;)\s*(?:--ltx-fg-)?color\s*:\s*([^;]+)", re.IGNORECASE)
_GROUND = re.compile(
    r"(?:^|;)\s*(?:--ltx-bg-color|background(?:-color)?)\s*:(?!\s*(?:none|transparent|in|unset))([^;]+)",
    re.IGNORECASE,
)
_HEX = re.compile(r"#(?:([\da-f]{2})([\da-f]{2})([\da-f]{2})|([\da-f])([\da-f])([\da-f]))\b", re.IGNORECASE)
_RGB = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)", re.IGNORECASE)
_A_SENTENCE = 20  # characters
_NEARLY_WHITE = 240  # of 255, in each component
_SECTIONS = {"ltx_title_abstract", "ltx_title_keywords", "ltx_title_acknowledgements"}  # though set in h6
_FAILURE = re.compile(r"\bconversion\b.{0,40}\bfatal error\b", re.IGNORECASE | re.DOTALL)
_LINE_BREAK = re.compile(r"(?<!\\)%\s*\n\s*")  # a comment, with which LaTeXML breaks long formulas


def role(element: etree._Element) -> Role:
    """Return the role of `element`. LaTeXML keeps white and tiny text, so hidden orders are recognised by style."""
    if _is_unseen(element):
        return Role.HIDDEN
    named = [_CLASSES[name] for name in element.get("class", "").split() if name in _CLASSES]
    return min(named, key=lambda meaning: meaning.value, default=_TAGS.get(str(element.tag), Role.INLINE))


def _is_unseen(element: etree._Element) -> bool:
    style = element.get("style", "")
    if _UNSEEN_STYLE.search(style) or (element.tag == "math" and _hides_words(element)):
        return True
    colour = _COLOUR.search(style)
    return colour is not None and _is_white(colour[1]) and not _is_on_a_ground(element)


def _hides_words(formula: etree._Element) -> bool:
    r"""Return whether a formula has a sentence in white: `\textcolor{white}{\text{…}}`."""
    white = (each.text or "" for each in formula.iter() if _is_white(str(each.get("mathcolor", ""))))
    return len("".join(white)) >= _A_SENTENCE and not _is_on_a_ground(formula)


def _is_on_a_ground(element: etree._Element) -> bool:
    """Return whether `element` has a coloured background, on which white letters show, as in the head of a table."""
    styles = (each.get("style", "") for each in (element, *element.iterancestors()))
    ground = next(filter(None, map(_GROUND.search, styles)), None)
    return ground is not None and not _is_white(ground[1])


def _is_white(colour: str) -> bool:
    if digits := _HEX.search(colour):
        parts = [int(part * (2 // len(part)), 16) for part in digits.groups() if part]
    elif numbers := _RGB.search(colour):
        parts = [int(part) for part in numbers.groups()]
    else:
        return colour.strip().lower() == "white"
    return min(parts) >= _NEARLY_WHITE


def tells_of_failure(root: etree._Element) -> bool:
    """Return whether the page says that its conversion broke off.

    In arXiv's words of it, "Conversion to HTML had a Fatal error and exited abruptly", set as LaTeXML sets its errors;
    a paper about conversions has them as its own text.
    """
    errors = (each for each in root.iter() if is_of_class(each, "ltx_ERROR"))
    return any(_FAILURE.search("".join(each.itertext())) for each in errors)


def has_bibliography(root: etree._Element) -> bool:
    """Return whether the page lists any reference: where the list was lost, its heading may be left."""
    return any(is_of_class(each, "ltx_bibitem") for each in root.iter())


def is_of_class(element: etree._Element, name: str) -> bool:
    """Return whether `element` has the class `name`."""
    return name in element.get("class", "").split()


def heading_marks(element: etree._Element) -> str:
    """The `#` marks for a heading's level."""
    section = _SECTIONS & set(element.get("class", "").split())
    return "## " if section else "#" * int(str(element.tag)[1]) + " "


def tex(element: etree._Element) -> str:
    """A formula's TeX on one line, without its dollars; its characters where the page has no TeX of it."""
    source = (
        element.get("alttext") or element.get("alt") or _annotated(element) or "".join(element.itertext())
    )
    one_line = " ".join(_LINE_BREAK.sub("", plain_characters(source)).split())
    return one_line.removeprefix(r"\displaystyle").strip()


def _annotated(element: etree._Element) -> str | None:
    return element.findtext(".//annotation[@encoding='application/x-tex']")


_WIDEST = 30  # rows or columns of one cell; pages that claim more are not believed
_COLUMNS = 500  # of a table; beyond them nothing is aligned


class Grid:
    """One table, filled cell by cell in reading order."""

    def __init__(self) -> None:
        self._column = 0
        self._covered: dict[int, int] = {}  # by column: the rows to come that a cell above reaches into

    def next_row(self) -> None:
        """Begins a row; what reached into the rest of the last one reaches no further there."""
        for column, rows in self._covered.items():
            if column >= self._column and rows:
                self._covered[column] = rows - 1
        self._column = 0

    def place(self, cell: etree._Element) -> int:
        """The columns, from the end of the last cell, that `cell` stands to the right: 0 where it adjoins."""
        skipped = 0
        if self._column > _COLUMNS:
            return skipped
        while self._covered.get(self._column, 0):
            self._covered[self._column] -= 1
            self._column += 1
            skipped += 1
        end = self._column + cell_width(cell)
        self._covered.update(dict.fromkeys(range(self._column, end), _span(cell, "rowspan") - 1))
        self._column = end
        return skipped


def cell_width(cell: etree._Element) -> int:
    """The columns that `cell` takes."""
    return _span(cell, "colspan")


def _span(cell: etree._Element, name: str) -> int:
    value = cell.get(name, "1")
    return (
        min(int(value), _WIDEST)
        if value.isascii() and value.isdigit() and len(value) < 4 and int(value)
        else 1
    )


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
    writer = _HtmlWriter()
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


class _HtmlWriter:
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
            self._hidden.append(plain_characters("".join(element.itertext())))
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
            self._put("\t" * (cell_width(element) - 1))
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
            self._hidden.append(tag_characters(words))
            self._put(_WHITE_SPACE.sub(" ", plain_characters(words)))


def _lines(text: str) -> list[str]:
    """The lines of what was written, without blank ones; a row begins with its first cell."""
    joined = re.sub(rf"{_JOIN}\s*", " ", text)
    lines = (re.sub(" *\t *", "\t", re.sub(" +", " ", line)).strip(" ") for line in joined.split("\n"))
    return [line.removeprefix("\t").rstrip() for line in lines if line.strip()]
