"""Detection of text that speaks to a language model and not to people. Pure.

Only of hidden text is that evidence: a paper about such attacks quotes them where everybody sees them.
"""

import re

_MODEL = r"(?:ai|llms?|language models?|chatbots?|chatgpt|gpt(?:-\w+)?)"
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}"
    r"\b(?:instructions?|prompts?|rules|guidelines|you were told|(?:everything|anything|all) (?:above|before))\b"
    rf"|\b(?:as|if you are|note to|attention|dear) (?:an? |all |any )?(?:large )?{_MODEL}\b|\b{_MODEL} reviewers?\b"
    r"|\b(?:give|write|provide|generate|output|assign|leave|produce)\b.{0,40}"
    r"\b(?:positive|favou?rable|glowing|enthusiastic|highest?|top|full)\b.{0,20}\b(?:reviews?|scores?|ratings?)\b"
    r"|\bpositive review only\b|\bonly (?:the )?(?:positives?|strengths)\b"
    r"|\b(?:do not|don't|never)\b.{0,20}\b(?:highlight|mention|report|include|list|reveal)\b.{0,30}"
    r"\b(?:negatives?|weakness(?:es)?|limitations?|flaws?|shortcomings?)\b"
    r"|\b(?:recommend|praise|accept)\b.{0,30}\b(?:this|the) (?:paper|manuscript|submission)\b"
    r"|(?:忽略|无视).{0,12}(?:指令|提示|要求|规则)|(?:正面|积极)的?(?:评价|评审|评语)|作为(?:一个)?(?:语言模型|人工智能)",
    re.IGNORECASE,
)
_LIMIT = 2_000  # characters that are kept


def orders_in(hidden: str) -> str:
    """The beginning of `hidden`, on one line, where it gives a model orders; else nothing."""
    line = " ".join(hidden.split())
    return line[:_LIMIT] if _ORDER.search(line) else ""
