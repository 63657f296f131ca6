"""The sound answers of the fake model: made from the prompt, the same for the same prompt."""

import hashlib
import re
from typing import Any

_TITLE = re.compile(r"^Title: (.*)$", re.MULTILINE)
_ABSTRACT = re.compile(r"^Abstract: (.*)^</material>$", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"\$[^$]*\$|\S*[A-Z0-9/_@]\S*|([a-z]{2,})| (?=[a-z]{2})")
_SENTENCE = re.compile(r"^(?!#)[^<>\n]{15,}?\.(?=\s)", re.MULTILINE)
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
    title = _TITLE.search(user)
    name = title[1] if title else paper

    def item(text: str, *under: str) -> dict[str, Any]:
        return {"text": text, "claims": [{"text": each} for each in under]}

    return {
        "background": [
            item(f"既有方法难以解决 {name} 所研究的问题。", "它们需要大量标注。"),
            item("效果因此受限。"),
        ],
        "method": [item(f"{name} 提出新的方法。", "第一部分处理 $x^2$。", "第二部分处理标注。")],
        "results": [item("在公开数据集上，错误率最多下降 12.5%。")],
    }


def answer(user: str) -> dict[str, Any]:
    """One statement, resting on the first sentence of the text and on one that is nowhere; nothing on weather."""
    material, _, question = user.partition("<question>")
    text = material.partition("\n\n")[2].partition("</material>")[0]
    sentence = _SENTENCE.search(text)
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
