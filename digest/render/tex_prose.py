r"""Conversion of TeX in prose: fonts, accents, escapes, links. Pure.

arXiv's abstracts are as their authors typed them. Known commands are shown as TeX would show them; everything else is
kept verbatim. Text without a backslash is never changed.
"""

import re
import unicodedata

from digest.render.tex_symbols import symbols

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
_QUOTED = frozenset("dmst")  # letters after an apostrophe: it's, don't
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
    return before.isalpha() and found["letter"] in _QUOTED and not after.isalpha()
