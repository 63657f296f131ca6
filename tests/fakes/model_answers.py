"""The sound answers of the fake model: made from the prompt, the same for the same prompt."""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

_TITLE = re.compile(r"^Title: (.*)$", re.MULTILINE)
_ABSTRACT = re.compile(r"^Abstract: (.*)^</material>$", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\$[^$]*\$|\S*[A-Z0-9/_@]\S*|([a-z]{2,})| (?=[a-z]{2})")
_SENTENCE = re.compile(r"^(?!#)[^<>\n]{15,}?\.(?=\s)", re.MULTILINE)
_MEASURED = re.compile(r"[A-Z][^.<>\n\"]{15,}\b12\.5%[^.<>\n\"]*\.")
_NOTED = re.compile(r'^  "(.+)"$', re.MULTILINE)
_AGAIN = "You have answered already."
_FAILING = re.compile(r"^- (background|method|results): ", re.MULTILINE)
_PARTS = ("background", "method", "results")
_HAN = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后"


def translation(system: str, user: str) -> dict[str, Any]:
    title, abstract = _TITLE.search(user), _ABSTRACT.search(user)
    chinese = "简体中文" in system
    texts = {
        "title": title[1] if title else "A paper",
        "abstract": abstract[1].strip() if abstract else "An abstract",
        "summary": (title[1] if title else "A paper") + " in one sentence",
    }
    return {name: in_chinese(text) if chinese else f"Traduit : {text}" for name, text in texts.items()}


def reading(user: str, paper: str) -> dict[str, Any]:
    """Statements that rest on the first sentence of the text, and a result where the text has it.

    Asked to correct statements, it has nothing to put in their place.
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
    """The text of the paper in a prompt."""
    return user.partition("<material>")[2].partition("\n\n")[2].partition("</material>")[0]


def answer(user: str) -> dict[str, Any]:
    """One statement, resting on the first sentence of the text and on one that is nowhere; nothing on weather."""
    question = user.partition("<question>")[2]
    sentence = _SENTENCE.search(_text(user))
    if "weather" in question or sentence is None:
        return {"statements": []}
    quotes = [sentence[0], "This sentence stands nowhere in the paper, though it sounds right."]
    return {"statements": [{"text": "误差在每种情况下都下降了。", "quotes": quotes}]}


def in_chinese(text: str) -> str:
    """`text` with Chinese characters for its plain words; names, numbers and formulas stay as they are."""
    return _WORD.sub(_word, text)


def _word(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0].strip(" ") if match[0] == " " else match[0]
    digest = hashlib.sha256(match[1].encode()).digest()
    return "".join(_HAN[byte % len(_HAN)] for byte in digest[:2])
