"""The roles that elements of a LaTeXML page have for a reader of the paper."""

import re
from enum import Enum, auto

from lxml import etree

from digest.fulltext.characters import plain


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
    one_line = " ".join(_LINE_BREAK.sub("", plain(source)).split())
    return one_line.removeprefix(r"\displaystyle").strip()


def _annotated(element: etree._Element) -> str | None:
    return element.findtext(".//annotation[@encoding='application/x-tex']")
