r"""Conversion of arXiv's own titles and abstracts to the stored form of text (`digest.core.models`). Pure.

They are as their authors typed them, in TeX and sometimes Markdown.
"""

import re
from html import unescape

from digest.render.inline import Code, Link, Math, Span, Strong, Text, parse
from digest.render.tex_prose import links, prose, scripts

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
_SPECIAL = re.compile(r"[\\$`*~&]|http")  # a text without these needs no conversion
_QUOTED = re.compile(r"(?<!`)``(?=[^\s`\"])([^`\"]{1,300}?)(?:''(?!')|\")")
_TIE = re.compile(r"(?:(?<=[A-Za-z][a-z])|(?<=[a-z]\.))~(?=[A-Za-z0-9])")  # Fig.~3; but not 5~6


def stored(text: str) -> str:
    r"""Convert `text` to the stored form, without TeX in its prose.

    Formulas get single dollar signs, `\href{u}{so}` and `[so](u)` become so (u), `\textbf{so}` and `\emph{so}` become
    `**so**`, `\texttt{so}` becomes code, `\'e` é, ``so'' “so”, Fig.~3 Fig. 3, &lt; <.
    Text in the stored form is not changed.
    """
    if not _SPECIAL.search(text):
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
