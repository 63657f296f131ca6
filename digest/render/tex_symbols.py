"""Unicode equivalents of TeX: symbols, superscripts and subscripts, accents, alphabets. Pure."""

import unicodedata
from functools import cache

from pylatexenc.latex2text import fmt_math_text_style, get_default_latex_context_db

_TABLES = ("latex-base", "advanced-symbols")  # pylatexenc's others contain placeholders
_DATES = {"today"}
_MORE = {
    "ne": "≠", "gets": "←", "owns": "∋", "iff": "⟺", "implies": "⟹", "impliedby": "⟸", "leadsto": "⇝",
    "land": "∧", "lor": "∨", "neg": "¬", "bot": "⊥", "top": "⊤", "models": "⊨", "triangle": "△", "Box": "□",
    "lt": "<", "gt": ">", "coloneqq": ":=", "colonequals": ":=", "colon": ":", "prime": "′", "degree": "°",
    "lbrack": "[", "rbrack": "]", "lbrace": "{", "rbrace": "}", "backslash": "∖", "|": "‖", "slash": "/",
    "%": "%", "checkmark": "✓", "S": "§", "P": "¶", "ddag": "‡", "dag": "†", "Re": "Re", "Im": "Im", "tr": "tr",
    "bmod": "mod", "mod": "mod", "arg": "arg", "argmax": "arg max", "argmin": "arg min", "Pr": "Pr", "det": "det",
    "dim": "dim", "ker": "ker", "gcd": "gcd", "deg": "deg", "hom": "hom", "sgn": "sgn", "sign": "sign",
    "softmax": "softmax",
    "degreeCelsius": "°C", "textdegree": "°", "textmu": "μ", "hslash": "ℏ", "hbar": "ℏ",
    "phi": "ϕ", "varphi": "φ", "epsilon": "ϵ", "varepsilon": "ε", "bigstar": "★", "cdotp": "·", "cdot": "·",
    "ldots": "…", "dots": "…", "dotsc": "…", "dotsb": "⋯", "dotsm": "⋯", "cdots": "⋯", "ast": "∗",
}  # fmt: skip

OPENING = frozenset("([{⟨⌊⌈")
CLOSING = frozenset(")]}⟩⌋⌉")
BINARY = frozenset("+−±∓×÷·∗∘∙⋅⊕⊖⊗⊘⊙∪∩∧∨∖⊎⋆⊓⊔≀⋄/")
LARGE = frozenset("∑∏∐∫∬∭∮⋃⋂⋁⋀⨁⨂⨀")
_RELATIONS = frozenset("=<>∈∉∋∌∣∤∥∦⊢⊣⊥⊨⊩∝∼∽≁≔⟵⟶⟷⟸⟹⟺⟼⩽⩾⪅⪆⪯⪰⪡⪢")

_ABOVE = dict(
    zip(
        "0123456789+−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδεθιφϕχ",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᵋᶿᶥᵠᵠᵡ",
        strict=True,
    )
)
_BELOW = dict(
    zip(
        "0123456789+−=()aehijklmnoprstuvxβγρφϕχ",
        "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵩᵪ",
        strict=True,
    )
)
_RAISED = {
    "′": "′",
    "″": "″",
    "‴": "‴",
    "†": "†",
    "‡": "‡",
    "°": "°",
    "∘": "°",
}  # these are raised already
SMALL = frozenset((*_ABOVE.values(), *_BELOW.values(), *_RAISED.values()))
_LONGEST_SCRIPT = 20

ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303", "bar": "\u0304",
    "vec": "\u20d7", "dot": "\u0307", "ddot": "\u0308", "acute": "\u0301", "grave": "\u0300", "check": "\u030c",
    "widecheck": "\u030c", "breve": "\u0306", "mathring": "\u030a", "overrightarrow": "\u20d7",
    "overline": "\u0305", "underline": "\u0332",
}  # fmt: skip
_LINES = {"overline", "underline"}

ALPHABETS = {
    "mathbb": "doublestruck", "mathds": "doublestruck", "mathcal": "script", "mathscr": "script",
    "mathfrak": "fraktur", "mathbbm": "doublestruck",
}  # fmt: skip


@cache
def symbols() -> dict[str, str]:
    """Return the macros without arguments, each with the text that it shows."""
    categories = get_default_latex_context_db().d
    found = {
        name: spec.simplify_repl
        for table in _TABLES
        for name, spec in categories[table]["macros"].items()
        if isinstance(spec.simplify_repl, str) and name not in _DATES and _is_shown(spec.simplify_repl)
    }
    return found | _MORE


def _is_shown(text: str) -> bool:
    return bool(text.strip()) and "%" not in text and "\\" not in text


def is_relation(sign: str) -> bool:
    """Return True if a symbol is a relation, such as `=`, `≤`, `→`, `∈`."""
    if len(sign) > 1:
        return sign in {":=", "==", "<=", ">=", "!=", "->", "<-", "=>"}
    return sign in _RELATIONS or "≂" <= sign <= "⊋" or "←" <= sign <= "⇿"


def above(text: str) -> str | None:
    """Return `text` as a superscript; None if it has no readable form."""
    return _script(text, _ABOVE | _RAISED, "^")


def below(text: str) -> str | None:
    """Return `text` as a subscript; None if it has no readable form."""
    return _script(text, _BELOW, "_")


def _script(text: str, table: dict[str, str], sign: str) -> str | None:
    if all(character in table for character in text):
        return "".join(table[character] for character in text)
    if len(text) > _LONGEST_SCRIPT:
        return None
    return f"{sign}{text}" if len(text) == 1 else f"{sign}({text})"


def accented(name: str, text: str) -> str | None:
    """Return `text` with the accent of that name; None unless it is one character with superscripts or subscripts."""
    mark = ACCENTS[name]
    if name in _LINES and text.isalnum():
        return "".join(character + mark for character in text)
    if not text or not text[0].isalnum() or any(_is_base(character) for character in text[1:]):
        return None
    return unicodedata.normalize("NFC", text[0] + mark) + text[1:]


def _is_base(character: str) -> bool:
    return character not in SMALL and not unicodedata.combining(character)


def styled(alphabet: str, text: str) -> str:
    """Return the letters of `text` in another alphabet; a double-struck `1` exists too, other characters stay."""
    changed = str(fmt_math_text_style(text, alphabet))
    return changed.replace("1", "𝟙") if alphabet == "doublestruck" and text == "1" else changed


def negated(sign: str) -> str | None:
    """Return the negated symbol, as `≠` for `=`; None if there is none."""
    changed = unicodedata.normalize("NFC", sign + "\u0338")
    return changed if len(changed) == 1 else None
