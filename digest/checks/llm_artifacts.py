"""Text that models write around a translation, or instead of one: preambles, notes, refusals. Pure."""

import re
from collections import Counter
from html import unescape

_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef"
    r"\ufeff\ufff9-\uffff\U000e0000-\U000e007f]"
)
_GAP = re.compile(r"\n\s*\n")
_FENCE = re.compile(r"\A\s*(?:```|~~~)[\w-]*[ \t]*\n(.*?)\n?\s*(?:```|~~~)\s*\Z", re.DOTALL)
_PREAMBLE = re.compile(
    r"\A\s*(?:(?:(?:好的|当然|没问题|Sure|Certainly|Of course|Okay)[，。！,.! ]+)?"
    r"(?:以下是|下面是|以下为|Here is|Here's|Below is)"
    r"(?=[^。！？!?\n：:]*(?:译|中文|translat|Chinese))[^。！？!?\n：:]{0,60}[：:]\s*"
    r"|\**(?:中文|简体中文)?(?:摘要|译文|翻译|标题|总结|一句话(?:总结|概括|摘要)|Abstract|Translation|Title|Summary)(?:如下)?\**[：:]\**\s*)",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"\A\s*\**[【\[［〔]\s*(?:中文|简体中文|论文|英文)?(?:标题|题目|摘要|概要|译文|翻译|总结|一句话(?:总结|概括|摘要))(?:翻译|译文|结果)?"
    r"\s*[】\]］〕]\**\s*[：:]?\s*"
)
_THINKING = re.compile(
    r"(?:\A|(?<=\n))\W{0,3}(?:(?:好的?|嗯|首先|接下来|现在|那么)[，,]\s*)?"
    r"(?:用户[^。！？\n]{0,12}(?:要求|要我|让我|希望|想要|想让|需要|请求|给|提供|发来)[^。！？\n]{0,30}(?:翻?译|摘要|标题|这[段篇])"
    r"|(?:我|让我)(?!们)[^。！？\n]{0,12}(?:需要|应该|必须|得|要|来|先)?[^。！？\n]{0,16}(?:翻译|译成|译为|理解原文|这[段篇](?:摘要|论文|文本|英文)))"
    r"|\A\W{0,3}(?:okay|ok|hmm|alright|first|so|wait)?[, ]{0,2}(?:the user (?:wants|asks|asked|is asking|has asked"
    r"|requested)|(?:I|we) (?:need|have|should|will|must) (?:to )?translate|let(?: me|'s|’s) translate)",
    re.IGNORECASE,
)
_OF_TRANSLATING = (
    r"[^\n]{0,200}?(?:译文|译法|译名|译为|译作|[直意音]译|(?:以上|[本此])翻译|翻译(?:仅|已|力求|说明)|按[^。\n]{0,20}翻译|原文"
    r"|保留(?:英文|不译)|(?:您|你)[^。\n]{0,40}(?:帮助|调整|修改|告诉|告知)|(?:帮助|调整|修改)[^。\n]{0,20}(?:您|你)"
    r"|translat(?:ed (?:as|literally)|ion (?:is|keeps|above|helps))|helps you|need any)"
)
_NOTE = re.compile(
    r"(?:\n\s*|(?<=[。！？]))[（(*\[【]*(?:(?:译注|译者注|翻译说明)[：:]?"
    rf"|(?:注|说明|备注|Note)[：:](?={_OF_TRANSLATING})"
    rf"|(?:以上|希望|如果?您|如需|I hope|Let me know)(?={_OF_TRANSLATING}))[^\n]*\Z",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"(?:(?:非常|很|十分)?(?:抱歉|对不起)|(?:很|非常)?遗憾[^。！？\n]{0,12}我[^。！？\n]{0,6}(?:无法|不能)"
    r"|作为(?:一个|一款|一名)?(?:AI|人工智能|大?语言模型|助手)[^。！？\n]{0,20}[，,]\s*我(?!们)"
    r"|我(?:无法|不能|没有办法)(?:翻译|完成|处理|提供|协助|帮|满足|执行|回答|继续)"
    r"|无法(?:翻译|完成|处理|提供|协助)[^。！？\n]{0,6}(?:此|这|该|您|你|请求|内容)"
    r"|I['’]?m sorry|I am sorry|Sorry,|I can(?:no|['’])t|I am unable|As an AI)",
    re.IGNORECASE,
)
_DECLINING = (
    "抱歉",
    "对不起",
    "遗憾",
    "作为",
    "无法",
    "不能",
    "没有办法",
    "orry",
    "I ca",
    "i ca",
    "nable",
    "s an AI",
)
"""Every refusal contains one of these; searching for them first is faster."""
_BEGINNING = re.compile(r"\A\s*|(?<=[。！？!?\n])\s*")
_SORRY = re.compile(r"\A\s*\W?(?:sorry|I['’]?m sorry|I can|as an AI)", re.IGNORECASE)
_OF_REFUSALS = re.compile(r"sorry|apolog|refus|\bI can(?:no|['’])t\b|\bas an AI\b", re.IGNORECASE)
_ECHO = re.compile(
    r"</?\s*(?:material|question|think)\b|JSON schema|\"(?:title|abstract|summary)\"\s*:|<\|(?:im_|end)"
    r"|(?:\A\s*|\n[^\S\n]*)(?:Title|Abstract|Summary|摘要|标题|译文)\s*[：:]|```|~~~",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"</?[a-zA-Z][a-zA-Z0-9-]*(?:\s[^<>]*)?/?>|<!--|\{\{|\{%|!\[[^\]]{0,300}\]\(|javascript:", re.IGNORECASE
)
_PICTURE = re.compile("[\U0001f300-\U0001faff]")
_PRAISE = re.compile(
    r"(?:给予|打出|给出)[^。，]{0,6}(?:好评|高分|满分|最高[评分]|积极评价|正面评[价审])|(?:推荐|建议)(?:直接)?(?:录用|接收)|强烈推荐"
    r"|最好的论文|[Pp]ositive review"
)
_OF_REVIEWS = re.compile(r"review|recommend|accept|rating|score", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});")
_DONE = re.compile(
    r"(?<=[。！？])\s*[（(【\[]?(?:翻译完毕|翻译完成|翻译结束|译文完|全文完|完|end)[）)】\]]?[。.!！]?\Z",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"“([^“”]*)”|「([^「」]*)」|\"([^\"]*)\"", re.DOTALL)
_HAN = re.compile(r"[\u3400-\u9fff]")
_GRAM = 12  # characters
_SENTENCE_END = re.compile(r"(?<=[。！？])")
_SENTENCE = 10  # characters; a sentence of at least this length never occurs twice in honest texts


def unwrapped(text: str) -> str:
    """Remove a preamble, a note at the end, a fence or quotation marks around `text`, and invisible characters."""
    plain = _ENTITY.sub(lambda entity: unescape(entity[0]), text.replace("\r\n", "\n"))
    seen = _GAP.sub("\n\n", _UNSEEN.sub("", plain)).strip()
    for _ in range(2):  # a fence may stand in a preamble, or the other way round
        fenced = _FENCE.match(seen)
        seen = (fenced[1] if fenced else seen).strip()
        preamble = _PREAMBLE.match(seen) or _LABEL.match(seen)
        if preamble and seen[preamble.end() :].strip():
            seen = seen[preamble.end() :].strip()
    bare = _DONE.sub("", _NOTE.sub("", seen).strip())
    quoted = _QUOTED.fullmatch(bare)
    return (quoted[quoted.lastindex or 0] if quoted else bare).strip()


def refusal(original: str, made: str) -> str | None:
    """Return the words with which `made`, or a sentence in it, refuses; None if none does.

    A translation of an original about refusals may contain such words.
    """
    if not any(word in made for word in _DECLINING) or _SORRY.match(original):
        return None
    places = [found.end() for found in _BEGINNING.finditer(made)]
    found = (_REFUSAL.match(made, at) for at in (places[:1] if _OF_REFUSALS.search(original) else places))
    return next((each[0] for each in found if each), None)


def echo(original: str, made: str) -> str | None:
    """Return the first part of `made` that repeats the task or the prompt's markup; None if there is none."""
    return next(
        (found[0].strip() for found in _ECHO.finditer(made) if found[0].strip() not in original), None
    )


def thinking(made: str) -> str | None:
    """Return the words at the beginning of `made`, or of a line, with which a model thinks about its task, or None.

    No translation begins so: a paper speaks of itself as we, and not of a user who wants it translated.
    """
    found = _THINKING.search(made)
    return found[0].strip() if found else None


def praise(original: str, made: str) -> str | None:
    """Return the words of `made` that ask for a good review, as injected prompts do; None in papers about reviews."""
    found = _PRAISE.search(made)
    return found[0] if found and not _OF_REVIEWS.search(original) else None


def markup(original: str, made: str) -> str | None:
    """Return HTML, Liquid, an image, an emoji or an invisible character in `made` that `original` lacks, else None."""
    unseen = _UNSEEN.search(made)
    if unseen:
        return f"U+{ord(unseen[0]):04X}"
    marks = (*_MARKUP.finditer(made), *_PICTURE.finditer(made))
    return next((found[0] for found in marks if found[0] not in original), None)


def repetition(original: str, made: str) -> str | None:
    """Return a sentence that occurs twice in `made`, or a run of characters repeated more often than in `original`.

    A run is 12 characters three times or 24 characters twice: honest texts may repeat a long name once. Returns None if
    there is no repetition.
    """
    sentences = [each.strip() for each in _SENTENCE_END.split(made) if len(each) >= _SENTENCE]
    if len(set(sentences)) < len(sentences):
        return next(each for each in sentences if sentences.count(each) > 1)
    starts = range(len(made) - _GRAM + 1)
    if len({made[at : at + _GRAM] for at in starts}) == len(starts):
        return None
    return _often(original, made, _GRAM, 3) or _often(original, made, 2 * _GRAM, 2)


def _often(original: str, made: str, length: int, times: int) -> str | None:
    """Return a run of `length` mostly Chinese characters that occurs `times` times in `made`, fewer in `original`."""
    grams = Counter(made[at : at + length] for at in range(len(made) - length + 1))
    counted = (
        gram for gram, count in grams.items() if count >= times and len(_HAN.findall(gram)) > length / 2
    )
    return next(
        (gram for gram in counted if made.count(gram) >= times and original.count(gram) < times), None
    )
