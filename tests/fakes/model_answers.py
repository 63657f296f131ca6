"""The valid answers of the fake model: made from the prompt, and deterministic."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

_TITLE = re.compile(r"^Title: (.*)$", re.MULTILINE)
_ABSTRACT = re.compile(r"^Abstract: (.*)^</material>$", re.MULTILINE | re.DOTALL)
_PASSAGE = re.compile(r"^Passage \d+: (.*?)(?=^Faulty )", re.MULTILINE | re.DOTALL)
_KNOWN = {
    "up to": "最多",
    "at most": "最多",
    "at least": "至少",
    "more than": "超过",
    "over": "超过",
    "about": "约",
    "approximately": "约",
    "nearly": "近",
    "may": "可能",
    "might": "可能",
    "one": "一",
    "two": "两",
    "three": "三",
}
"""Patterns whose meaning must be kept, or the checks find it."""

_TERMS = re.compile(r"^<terms>\n(.*)^</terms>$", re.MULTILINE | re.DOTALL)
_WORD = r"\$[^$]*\$|\S*[/_@\[]\S*|\b(?P<plain>[A-Z]?[a-z]+)\b|\S*[A-Z0-9]\S*|(?<!\.) (?=[A-Za-z])"
_FULL_STOP = re.compile(r"\.(?:[^\S\n]+|$)", re.MULTILINE)
_SENTENCE = re.compile(r"^(?!#)[^<>\n]{15,}?\.(?=\s)", re.MULTILINE)
_MEASURED = re.compile(r"[A-Z][^.<>\n\"]{15,}\b12\.5%[^.<>\n\"]*\.")
_NOTED = re.compile(r'^  "(.+)"$', re.MULTILINE)
_AGAIN = "You have answered already."
_FAILING = re.compile(r"^- (background|method|results): ", re.MULTILINE)
_PARTS = ("background", "method", "results")
_HAN = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后"


def translation(system: str, user: str) -> dict[str, Any]:
    title, abstract = _TITLE.search(user), _ABSTRACT.search(user)
    texts = {
        "title": title[1] if title else "A paper",
        "abstract": abstract[1].strip() if abstract else "An abstract",
        "summary": (title[1] if title else "A paper") + ", as it can be told in not too many words",
    }
    if "简体中文" not in system:
        return {name: f"Traduit : {in_french(text)}" for name, text in texts.items()}
    name, colon, _ = texts["title"].partition(":")
    names = dict.fromkeys(name.split() if colon else ())
    known = {**_terms(user), **{each: each for each in names}}
    return {name: in_chinese(text, known) for name, text in texts.items()}


def term_list(system: str, user: str) -> dict[str, Any]:
    """Return a translation of each term, which no translation of its words alone resembles."""
    known = _terms(user)
    wanted = user.partition("<material>")[2].partition("</material>")[0].split("\n")
    in_language = _as_a_whole if "简体中文" in system else lambda term, _: in_french(term)
    return {
        "terms": [{"term": term, "translation": in_language(term, known)} for term in wanted if term.strip()]
    }


def _as_a_whole(term: str, parts: Mapping[str, str]) -> str:
    required = [target for source, target in parts.items() if source.lower() in term.lower()]
    digest = hashlib.sha256(term.lower().encode()).digest()
    return "".join([*required, *(_HAN[byte % len(_HAN)] for byte in digest[:4])])


def passages(user: str) -> dict[str, Any]:
    """Return new translations of the passages that need a repair."""
    known = _terms(user)
    return {"passages": [in_chinese(text.strip(), known) for text in _PASSAGE.findall(user)]}


def reading(user: str, paper: str) -> dict[str, Any]:
    """Return statements with evidence in the first sentence of the text, and a result if the text has one.

    For a prompt that asks to correct statements, there is nothing to replace them with.
    """
    if _AGAIN in user:
        failing = _FAILING.findall(user.partition(_AGAIN)[2])
        return {part: [_item("") for name in failing if name == part] for part in _PARTS}
    title, text = _TITLE.search(user), _text(user)
    name = title[1] if title else paper
    first, measured = _SENTENCE.search(text), _MEASURED.search(text)
    noted = _NOTED.search(text)
    first = noted or first
    quotes = [first[first.lastindex or 0]] if first else [text.strip().partition("\n")[0]]
    return {
        "background": [
            _item(f"既有方法难以解决 {name} 所研究的问题。", quotes, _under("它们需要大量标注。", quotes)),
            _item("效果因此受限。", quotes),
        ],
        "method": [
            _item(
                f"{name} 提出新的方法。",
                quotes,
                _under("第一部分处理 $x^2$。", quotes),
                _under("第二部分处理标注。", quotes),
            )
        ],
        "results": [
            _item("在公开数据集上，错误率最多下降 12.5%。", [measured[0]])
            if measured
            else _item("错误率下降。", quotes)
        ],
    }


def _item(text: str, quotes: Sequence[str] = (), *under: dict[str, Any]) -> dict[str, Any]:
    return {"text": text, "quotes": [*quotes], "claims": [*under]}


def _under(text: str, quotes: Sequence[str]) -> dict[str, Any]:
    return {"text": text, "quotes": [*quotes]}


def _text(user: str) -> str:
    """Return the text of the paper in a prompt."""
    return user.partition("<material>")[2].partition("\n\n")[2].partition("</material>")[0]


def answer(user: str) -> dict[str, Any]:
    """Return one statement that cites the first sentence of the text and a nonexistent one; none on weather."""
    question = user.partition("<question>")[2]
    sentence = _SENTENCE.search(_text(user))
    if "weather" in question or sentence is None:
        return {"statements": []}
    quotes = [sentence[0], "This sentence stands nowhere in the paper, though it sounds right."]
    return {"statements": [{"text": "误差在每种情况下都下降了。", "quotes": quotes}]}


def in_chinese(text: str, terms: Mapping[str, str] | None = None) -> str:
    """Return `text` with Chinese plain words and the given `terms`; names, numbers and formulas stay.

    As in a correct translation, bounds and number words keep their meaning.
    """
    known = {**_KNOWN, **{source.lower(): target for source, target in (terms or {}).items()}}
    named = "|".join(re.escape(each) for each in sorted(known, key=len, reverse=True))
    pattern = re.compile(rf"\b(?P<known>(?i:{named}))(?:e?s)?\b|{_WORD}")
    return _FULL_STOP.sub("。", pattern.sub(lambda match: _word(match, known), text))


def in_french(text: str) -> str:
    """Replace the words of `text` with words that only have to look non-English: each plain one gets a letter more."""
    return re.sub(r"(?<![\w@./-])[A-Z]?[a-z]+(?![\w@/-]|\.\w)", lambda word: f"{word[0]}é", text)


def _word(match: re.Match[str], known: Mapping[str, str]) -> str:
    if match["known"]:
        return known[match["known"].lower()]
    if match["plain"] is None:
        return match[0].strip(" ") if match[0] == " " else match[0]
    digest = hashlib.sha256(match["plain"].lower().encode()).digest()
    return "".join(_HAN[byte % len(_HAN)] for byte in digest[:2])


def _terms(user: str) -> dict[str, str]:
    """Return the translations of terms that the prompt asks for."""
    found = _TERMS.search(user)
    lines = found[1].strip().splitlines() if found else []
    pairs = (line.partition(": ")[::2] for line in lines)
    return {source: source if target == "(as it is)" else target for source, target in pairs}
