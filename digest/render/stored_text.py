r"""The stored form of text (`digest.core.models`): its parser, arXiv's own text in it, and its sanitizer. Pure.

The parser returns spans, which each output renders in its own way. Formulas are accepted in every form that papers and
models write: `$…$`, `$$…$$`, `\(…\)`, `\[…\]`. Text that only looks like a formula (money, a single dollar sign) stays
text.

arXiv's titles and abstracts are as their authors typed them, in TeX and sometimes Markdown. Known commands (fonts,
accents, escapes, links) are shown as TeX would show them; everything else is kept verbatim. Text without a backslash is
not changed by that. The sanitizer leaves no invisible characters and no stacked marks over other lines.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

import regex

from digest.core.invisible import removed
from digest.render.tex_symbols import symbols


@dataclass(frozen=True, slots=True)
class Text:
    """Literal characters."""

    value: str


@dataclass(frozen=True, slots=True)
class Math:
    """A formula in TeX, without its delimiters."""

    tex: str


@dataclass(frozen=True, slots=True)
class Code:
    """Characters set as code."""

    value: str


@dataclass(frozen=True, slots=True)
class Link:
    """A bare http(s) address, without trailing punctuation."""

    url: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Bold spans; they contain no further Strong."""

    spans: tuple["Span", ...]


Span = Text | Math | Code | Link | Strong

_SPANS = re.compile(
    r"\$\$(?P<display>[^$]+?)\$\$"
    r"|(?<!\\)\$(?P<dollar>[^$]+?)(?<!\\)\$"
    r"|\\\((?P<round>.{1,2000}?)\\\)"
    r"|\\\[(?P<square>.{1,2000}?)\\\]"
    r"|(?<!`)`(?P<code>[^`]+)`(?!`)"
    r"|(?<!\*)\*\*(?P<strong>[^\s*](?:[^*]|\*(?!\*))*?(?<![\s*]))\*\*(?!\*)"
    r"|(?P<link>https?://[A-Za-z0-9](?:(?!\]\()[!-~])*)",
    re.DOTALL,
)
_WORD = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3,}")
_EASTERN = re.compile(r"[\u3041-\u30fa\u3400-\u9fff\uac00-\ud7af](?![^{}]*\})")
_MONEY = re.compile(r"\d[\d,.]*(?:\s+[A-Za-z]|\s*[-–/、，；]\s*$)")  # $5 million …, $5-$10
_BEHIND_A_LINK = ".,;:!?'\")]}>*_`|\\([{"


def parse(text: str) -> tuple[Span, ...]:
    """Parse `text` into spans; joined, they contain all of its characters except the delimiters."""
    return tuple(_joined(_spans(text)))


def _spans(text: str) -> Iterator[Span]:
    at = 0
    while found := _SPANS.search(text, at):
        span, end = _span(found)
        yield Text(text[at : found.start()])
        yield span
        at = end
    yield Text(text[at:])


def _span(found: re.Match[str]) -> tuple[Span, int]:
    """Return the span that begins at the match, and its end."""
    kind = found.lastgroup or ""
    content = found[kind]
    if kind == "code":
        return Code(content), found.end()
    if kind == "strong":
        return Strong(tuple(_joined(_spans(content)))), found.end()
    if kind == "link":
        url = trimmed(content)
        return Link(url), found.start() + len(url)
    if is_formula(content):
        return Math(content.strip()), found.end()
    return Text(found[0][0]), found.start() + 1  # a delimiter that opens nothing; parsing continues after it


def is_formula(content: str) -> bool:
    """Return True if the content between delimiters is a formula.

    A formula has balanced braces. Without a backslash it also has fewer than three words, no Chinese, Japanese or
    Korean outside braces, no white space at its ends, and is not an amount of money.
    """
    has_command = "\\" in content
    if content.endswith("\\") or re.search(r"(?<!\\)\$", content):
        return False
    if content != content.strip() and not has_command:
        return False
    if not content.strip() or not _balanced(content):
        return False
    if has_command:
        return True
    return len(_WORD.findall(content)) < 3 and not _MONEY.match(content) and not _EASTERN.search(content)


def _balanced(tex: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", tex):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def trimmed(url: str) -> str:
    """Strip from `url` the punctuation of the sentence, a closing bracket around it, and an opening one after it."""
    while url and url[-1] in _BEHIND_A_LINK:
        if url[-1] == ")" and url.count("(") >= url.count(")"):
            break
        url = url[:-1]
    return url


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """Merge adjacent texts, and drop empty ones."""
    pending = ""
    for span in spans:
        if isinstance(span, Text):
            pending += span.value
            continue
        if pending:
            yield Text(pending)
            pending = ""
        yield span
    if pending:
        yield Text(pending)


_INSIDE = r"(?P<text>(?:[^{}\\]|\\[%&_#$ ,])*)"
_FONT = re.compile(
    r"\\(?:emph|text(?:bf|it|tt|sc|rm|sf|sl|up|md|normal)|underline|[mh]box|uline|(?:textcolor|colorbox)\s*\{\w*\})"
    rf"\s*\{{{_INSIDE}\}}"
)
_OLD_FONT = re.compile(rf"\{{\\(?:bf|it|em|tt|sc|rm|sf|sl|color\s*\{{\w*\}})\s+{_INSIDE}\}}")
_SCRIPT = re.compile(r"\\text(super|sub)script\s*\{([A-Za-z0-9+-]{1,8})\}")
_SPACE = re.compile(  # a name needs an end, or the letters after it would be lost
    r"\s?\\\\(?:\s|$)|\s?\\(?:newline|linebreak|par|noindent|quad|qquad)(?![A-Za-z])\s?|\\[,;:](?=\w)|\\ "
)
_IN_QUOTES = re.compile(r"\\enquote\s*\{([^{}\\]*)\}")
_SIGN = re.compile(r"(?:\\ensuremath)?\{\\(?P<name>[A-Za-z]+)\}")  # arXiv's own notation for °, μ and ≤
_DEEPEST = 5
_ACCENT = re.compile(
    r"""(?P<open>\{)?\\(?:
        (?P<sign>['`^"~=.])\s?(?:\{(?P<braced>\\?[A-Za-z])\}|(?P<letter>[A-Za-z]|\\[ij](?![A-Za-z])))
        |(?P<name>[uvHcdbrk])\s?\{(?P<named>\\?[A-Za-z])\}
    )(?(open)\})""",
    re.VERBOSE,
)
_MARKS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "d": "\u0323", "b": "\u0331", "r": "\u030a",
    "k": "\u0328",
}  # fmt: skip
_PROSE_QUOTED = frozenset("dmst")  # letters after an apostrophe: it's, don't
_NAMED = re.compile(
    r"\\(?P<name>ss|ae|AE|oe|OE|aa|AA|o|O|l|L|ldots|dots|textendash|textemdash|textregistered|texttrademark"
    r"|copyright|textpm|textdegree|texttimes|S|P|pounds|euro|texteuro|textasciitilde|textquoteright|textquoteleft"
    r"|textquotedblright|textquotedblleft|textellipsis|textbullet|textless|textgreater|textbar|textmu|dag|ddag"
    r"|LaTeX|TeX|BibTeX|xspace)(?:\{\}|(?![A-Za-z])[ ]?)"
)
_SIGNS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å", "AA": "Å", "o": "ø", "O": "Ø", "l": "ł",
    "L": "Ł", "ldots": "…", "dots": "…", "textendash": "–", "textemdash": "—", "textregistered": "®",
    "texttrademark": "™", "copyright": "©", "textpm": "±", "textdegree": "°", "texttimes": "×", "S": "§", "P": "¶",
    "pounds": "£", "euro": "€", "texteuro": "€", "textasciitilde": "~", "textquoteright": "’", "textquoteleft": "‘",
    "textquotedblright": "”", "textquotedblleft": "“", "textellipsis": "…", "textbullet": "•", "textless": "<",
    "textgreater": ">", "textbar": "|", "textmu": "μ", "dag": "†", "ddag": "‡", "LaTeX": "LaTeX", "TeX": "TeX",
    "BibTeX": "BibTeX", "xspace": "",
}  # fmt: skip
_ESCAPE = re.compile(r"\\([%&_#$])")
_BRACE = re.compile(r"(?<!\\)\\([{}])")
_LINK = re.compile(
    r"(?P<code>`[^`]*`)"
    r"|(?P<dollar>\$?)\\href\s*\{(?P<target>https?://[!-z|~]+)\}\s*"
    r"\{(?P<label>(?:[^{}$]|\{[^{}$]*\})*)\}(?P=dollar)"
    r"|\\url\s*\{(?P<url>https?://[!-z|~]+)\}"
)


def prose(text: str) -> str:
    r"""Convert the fonts, accents and escapes in `text`: `\emph{so}` becomes so, `\'e` é.

    Unknown macros are kept.
    """
    if "\\" not in text:
        return text
    text = _NAMED.sub(_named, _SIGN.sub(_sign, _ACCENT.sub(_accented, text)))
    text = _IN_QUOTES.sub(r"“\1”", _OLD_FONT.sub(r"\g<text>", text))
    for _ in range(_DEEPEST):
        changed = _FONT.sub(r"\g<text>", text)
        if changed == text:
            break
        text = changed
    return _ESCAPE.sub(r"\1", _SPACE.sub(" ", _BRACE.sub(r"\1", text.removeprefix(r"\noindent "))))


def scripts(text: str) -> str:
    r"""Convert superscripts and subscripts in `text` to formulas: `\textsuperscript{2}` becomes `$^{2}$`."""
    return _SCRIPT.sub(lambda found: f"${'^' if found[1] == 'super' else '_'}{{{found[2]}}}$", text)


def links(text: str) -> str:
    r"""Convert the links in `text` of the stored form: `\href` becomes “label (address)”, `\url` its address."""
    return _LINK.sub(_link, text) if "\\href" in text or "\\url" in text else text


def _link(found: re.Match[str]) -> str:
    if found["code"]:
        return found["code"]
    target = _address(found["url"] or found["target"])
    label = (found["label"] or "").strip()
    return f"{label} ({target})" if label and label != target else target


def _address(written: str) -> str:
    return _ESCAPE.sub(r"\1", written)


def _sign(found: re.Match[str]) -> str:
    sign = "°" if found["name"] == "deg" else symbols().get(found["name"], "")
    return sign if len(sign) == 1 else found[0]


def _named(found: re.Match[str]) -> str:
    sign = _SIGNS[found["name"]]
    return f"{sign} " if found[0].endswith(" ") and not sign.isalpha() else sign


def _accented(found: re.Match[str]) -> str:
    """Return the accented letter if it exists, else the source."""
    letter = (found["braced"] or found["letter"] or found["named"]).lstrip("\\")
    mark = _MARKS[found["sign"] or found["name"]]
    shown = unicodedata.normalize("NFC", letter + mark)
    return found[0] if len(shown) > 1 or _is_quote(found) else shown


def _is_quote(found: re.Match[str]) -> bool:
    """Return True if the accent is an escaped quotation mark, which programs leave in text."""
    if found["letter"] is None or found["open"] or found["sign"] not in {"'", '"'}:
        return False
    before, after = (
        found.string[max(found.start() - 1, 0) : found.start()],
        found.string[found.end() : found.end() + 1],
    )
    if found["sign"] == '"':
        return not before.isalpha() and not after.isalpha()
    return before.isalpha() and found["letter"] in _PROSE_QUOTED and not after.isalpha()


_FONTS = re.compile(
    r"(?P<kept>\$\$?[^$]+\$\$?|\\\(.{1,2000}?\\\)|\\\[.{1,2000}?\\\]|`[^`]*`)"
    r"|\\(?P<font>textbf|emph|textit|textsl|texttt)\s*\{(?P<words>(?!\s)(?:[^{}$\\*`]|\\[%&_#]|\$[^$*`]*\$)+(?<!\s))\}",
    re.DOTALL,
)

_NESTED = re.compile(
    r"\\(?:textbf|emph|textit|textsl)\s*\{([^{}\\`$*]{0,300}\*\*[^{}\\`$*]{1,300}\*\*[^{}\\`$*]{0,300})\}"
)
_NESTED_CODE = re.compile(r"\\(?:textbf|emph|textit|textsl)\s*\{(`[^{}`]+`)\}")
_VERBATIM = re.compile(r"\\(?:verb|lstinline)\*?([|!+@])([^`\n]{1,200}?)\1")
_FOOTNOTE = re.compile(r"\s?\\footnote\s?\{\s?((?:[^{}]|\{[^{}]{0,300}\}){1,1000}?)\.?\s?\}")
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\((https?://[^\s()<>]+)\)")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});")
_SPECIAL = ("\\", "$", "`", "*", "~", "&", "http")  # a text without these needs no conversion
_QUOTED = re.compile(r"(?<!`)``(?=[^\s`\"])([^`\"]{1,300}?)(?:''(?!')|\")")
_TIE = re.compile(r"(?:(?<=[A-Za-z][a-z])|(?<=[a-z]\.))~(?=[A-Za-z0-9])")  # Fig.~3; but not 5~6


def stored(text: str) -> str:
    r"""Convert `text` to the stored form, without TeX in its prose.

    Formulas get single dollar signs, `\href{u}{so}` and `[so](u)` become so (u), `\textbf{so}` and `\emph{so}` become
    `**so**`, `\texttt{so}` becomes code, `\'e` é, ``so'' “so”, Fig.~3 Fig. 3, &lt; <.
    Text in the stored form is not changed.
    """
    if not any(sign in text for sign in _SPECIAL):
        return text
    text = _ENTITY.sub(lambda entity: unescape(entity[0]), text)
    linked = _MARKDOWN_LINK.sub(_linked, links(text)) if "](http" in text else links(text)
    quoted = _QUOTED.sub(r"“\1”", linked) if "``" in linked else linked
    return _set(quoted)


def typeset(text: str) -> str:
    r"""Convert the TeX commands that older posts and models left in text of the stored form."""
    return _set(links(text)) if "\\" in text else text


def _set(text: str) -> str:
    if "\\" not in text:
        return "".join(map(_written, parse(text)))
    text = _FOOTNOTE.sub(r" (\1)", scripts(_VERBATIM.sub(r"`\2`", text)))
    marked = _NESTED_CODE.sub(r"\1", _FONTS.sub(_marked, text))
    nested = _NESTED.sub(lambda found: f"**{found[1].replace('**', '').strip()}**", marked)
    return "".join(map(_written, parse(nested)))


def _linked(found: re.Match[str]) -> str:
    words, url = found[1].strip(), found[2]
    return url if words in {"", url} else f"{words} ({url})"


def _marked(found: re.Match[str]) -> str:
    if found["kept"]:
        return found[0]
    mark = "`" if found["font"] == "texttt" else "**"
    return f"{mark}{found['words']}{mark}"


def _written(span: Span) -> str:
    match span:
        case Text(value):
            return _TIE.sub(" ", prose(value)) if "~" in value else prose(value)
        case Math(tex):
            return f"${tex}$"
        case Code(value):
            return f"`{value}`"
        case Link(url):
            return url
        case Strong(spans):
            return f"**{''.join(map(_written, spans))}**"


_CLEANING_MARKS = regex.compile(r"(\p{M}{8})\p{M}+")  # no script stacks more; more would cover other lines
_EMPTY_LINES = regex.compile(r"\n{3,}")


def clean(text: str) -> str:
    """Remove invisible characters from `text`; tabs become spaces, and several blank lines become one."""
    *lines, last = _CLEANING_MARKS.sub(r"\1", removed(text)).split("\n")
    return _EMPTY_LINES.sub("\n\n", "\n".join([*map(str.rstrip, lines), last]))
