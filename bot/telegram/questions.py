"""Recognition of questions to the bot among the conversations of a group. Pure.

Members reply to a paper's message to discuss it among themselves. So the bot answers only replies that read as a
question or contain nothing but papers.
"""

import re

from digest.core import ids

_TAIL = r"[\s!！。.~～…)）\]】\"'”’」*_\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F\u200D]*"
_ENDS = re.compile(rf"(?:[?？]|吗|呢|什么|怎么|为何|多少){_TAIL}\Z")
_BEGINS = re.compile(
    r"(?:请问|请解释|请说明|请总结|请介绍|解释|说明一下|总结|概括|介绍一下|什么|为什么|为何|为啥|怎么|怎样|如何|哪|谁|多少|几|是否"
    r"|能否|可否|有没有|有无|是不是|能不能|会不会"
    r"|(?:what(?! an? )|why|how|which|who|whose|where|when|explain|summari[sz]e|compare)\b)",
    re.IGNORECASE,
)
# Similar beginnings that ask nothing: praise, surprise, past time.
_SAYS = re.compile(
    r"(?:解释|总结|概括|介绍)(?:得|的)|什么鬼|怎么(?:可能|又)|哪里哪里|谁懂|几(?:乎|(?:天|周|年)(?:前|后|没))|多少有点"
    r"|(?:when|where) (?:i|we)\b|who knows\b|how (?:cool|nice|great|interesting|funny|sad)\b",
    re.IGNORECASE,
)
_EXCLAIMS = re.compile(r"[!！]+\s*\Z")
_BETWEEN = re.compile(r"[\s,，、;；。]+")


def is_question(text: str) -> bool:
    """Return whether `text` begins or ends like a question or a request to explain, in Chinese or English."""
    text = text.strip()
    if not any(map(str.isalnum, text)):
        return False
    if _ENDS.search(text):
        return True
    return bool(_BEGINS.match(text) and not _SAYS.match(text) and not _EXCLAIMS.search(text))


def is_only_papers(text: str) -> bool:
    """Return whether `text` names papers and says nothing else."""
    words = list(filter(None, _BETWEEN.split(text)))
    return bool(words) and all(map(ids.find, words))
