"""Screens for meaning: they raise doubts whether a translation still says what its original says. Pure.

The sentences are aligned (`digest.checks.sentences`), and each pair is searched for the words and numbers that carry
its meaning (`digest.checks.screens`). A screen refuses nothing: its doubts are questions for a judge
(`digest.judging.judge`), who also gets the sentences that bear a comparison, a negation or a result.
"""

import re
from collections.abc import Iterator

from digest.checks import language_id, screens, sentences
from digest.checks.screens import Passage
from digest.checks.translation import Original, Translated
from digest.checks.wording_index import index_of
from digest.core.verdicts import Doubt, JudgedPair
from digest.languages import SOURCE, load
from digest.render.stored_text import stored

_LABEL = re.compile(r"[【\[［]\s*([^】\]］\d\s](?:[^】\]］\d]{0,19}?))\s*[】\]］]")
_EDGE = 80  # characters at both ends of a text in which a model speaks about its work


def screened(original: Original, made: Translated, language: str) -> tuple[JudgedPair, ...]:
    """Return the pairs to be judged, each with its doubts: those that a screen flagged, and those that bear a result.

    The title and the summary are pairs too; the summary stands beside the whole abstract. For a `language` (a BCP 47
    tag) without data, only the order of names and numbers is compared.
    """
    found: list[JudgedPair] = []
    strange = (Doubt.LANGUAGE,) if language_id.is_in(made.abstract, language) is False else ()
    for said, written, is_whole in _pairs(original, made, language):
        doubts = (*_doubts(said, written, language, whole=is_whole), *strange)
        if doubts:
            found.append(JudgedPair(len(found) + 1, said, written, doubts))
    return tuple(found)


def _doubts(said: str, written: str, language: str, *, whole: bool) -> Iterator[Doubt]:
    """Yield the screens' doubts about a pair; `RESULT` if there are none and it bears a result."""
    source = _passage(said, SOURCE)
    if not said or not written:
        yield Doubt.RESULT
        return
    found = [
        *screens.doubts(source, _passage(written, language), whole=whole),
        *_chatter(said, written, language),
    ]
    yield from found
    if not found and screens.bears_result(source):
        yield Doubt.RESULT


def _passage(text: str, language: str) -> Passage:
    index, data = index_of(language), load(language)
    return Passage(text, index.find(text) if index else None, data.lexicon.roles if data else {})


def _pairs(original: Original, made: Translated, language: str) -> Iterator[tuple[str, str, bool]]:
    """Yield title, aligned sentences and summary, each with its counterpart, and False for the summary.

    A sentence without a counterpart stands in one pair with its neighbour, so that what is missing or added is seen.
    """
    if made.title:
        yield stored(original.title), stored(made.title), True
    abstract = stored(original.abstract)
    split = sentences.chinese if language.lower().startswith(("zh", "ja")) else sentences.english
    said: list[str] = []
    written: list[str] = []
    for some, others in sentences.aligned(sentences.english(abstract), split(stored(made.abstract))):
        said += [each.text for each in some]
        written += [each.text for each in others]
        if some and others:
            yield " ".join(said), " ".join(written), True
            said, written = [], []
    if said or written:
        yield " ".join(said), " ".join(written), True
    if made.summary:
        yield abstract, stored(made.summary), False


def _chatter(said: str, written: str, language: str) -> Iterator[Doubt]:
    """Yield doubts if the model speaks about its own work, or adds a label in brackets."""
    target = load(language)
    if target is None:
        return
    chatter = target.lexicon.chatter
    edges = f"{written[:_EDGE]}\n{written[-_EDGE:]}"
    if chatter.openers.are_in(edges) or chatter.thinking.are_in(edges):
        yield Doubt.CHATTER
    labels = (label for label in _LABEL.findall(written) if label not in said)
    if any(chatter.labels.are_in(label) for label in labels):
        yield Doubt.LABEL
