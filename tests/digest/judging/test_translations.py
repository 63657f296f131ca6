"""Tests of the review of translations: objections go into the one repair, what remains is shown in English."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from digest.checks import glossary
from digest.checks.meaning import screened
from digest.checks.translation import Original, Translated
from digest.core.findings import Flaw, finding
from digest.core.models import Paper, Purpose, Translation
from digest.core.verdicts import Doubt, JudgedPair, Relation, Verdict
from digest.judging.judge import JudgementAnswer
from digest.judging.translations import Objection, Reviewer, affordable, with_originals
from digest.llm.prompts import PromptTemplate
from digest.pipeline.translate import TranslationAnswer, TranslationAttempt, TranslationRules, Translator
from digest.pipeline.translation_draft import Draft, DraftSheet
from digest.render.stored_text import stored
from tests.databases import ONE_DATABASE
from tests.digest.judging.judge_world import JudgeWorld, judge_world
from tests.fakes import model_faults as faults
from tests.fakes import model_judges as judges
from tests.fakes.model import FakeModel
from tests.papers import paper
from tests.shared import shared_data

ENGLISH = (
    "We propose EchoNet-1.",
    "Errors fall in room 1.",
    "Our method beats the baseline.",
    "It needs no labels.",
    "Code is public.",
)
RIGHT = (
    "我们提出EchoNet-1。",
    "误差在1号房间下降。",
    "我们的方法优于基线。",
    "它不需要标注。",
    "代码已公开。",
)
WORSE = "我们的方法不如基线。"
PAPER = paper(title="EchoNet-1: Hearing", abstract=" ".join(ENGLISH))


def sheet(*sentences: str) -> dict[str, str]:
    return {"title": "EchoNet-1：听", "abstract": "".join(sentences), "summary": "EchoNet-1优于基线。"}


def changed(**instead: str) -> tuple[str, ...]:
    """Return the right sentences with others in place of some, named by s0 to s4."""
    return tuple(instead.get(f"s{number}", each) for number, each in enumerate(RIGHT))


def screen(original: Original, made: Translated, _language: str) -> tuple[JudgedPair, ...]:
    """Pair the sentences in order, as the screens do."""
    sentences = [f"{each}。" for each in made.abstract.split("。") if each]
    return tuple(
        JudgedPair(number, *each, (Doubt.DIRECTION,))
        for number, each in enumerate(zip(ENGLISH, sentences, strict=False), 1)
        if original.abstract
    )


@dataclass
class ReviewWorld:
    it: JudgeWorld
    fake: FakeModel
    translator: Translator
    tried: list[TranslationAttempt]

    async def translated(self, *answers: tuple[str, ...], about: Paper = PAPER) -> Translation | None:
        """Translate a paper with these answers of the model, the first and the repair."""
        waiting = [*answers]

        def answer(asked: faults.Asked) -> Response:
            is_judgement = '"verdicts"' in asked.body["messages"][0]["content"]
            said = asked.answer if is_judgement else sheet(*waiting.pop(0))
            text = said if isinstance(said, str) else json.dumps(said)
            return faults.says(text)(asked)

        self.fake.always = answer
        return await self.translator.translate(about, self.keep)

    async def keep(self, tried: TranslationAttempt) -> None:
        self.tried.append(tried)

    @property
    def asked(self) -> list[Purpose]:
        """The purposes of the calls, oldest first."""
        return [
            Purpose.JUDGEMENT if '"verdicts"' in body["messages"][0]["content"] else Purpose.TRANSLATION
            for body in self.fake.requests
        ]


TRANSLATED, JUDGED = Purpose.TRANSLATION, Purpose.JUDGEMENT


@asynccontextmanager
async def reviewing(engine: AsyncEngine, judge: judges.Script) -> AsyncIterator[ReviewWorld]:
    async with FakeModel(judge=judge) as fake, judge_world(fake, engine) as it:
        rules = TranslationRules(glossary.load("zh-CN", None))
        translator = Translator(it.model, "fake-small", "zh-CN", rules, Reviewer(it.judge, screen))
        yield ReviewWorld(it, fake, translator, [])


FINDS_WORSE = judges.honest({WORSE: "reversed"})


@ONE_DATABASE
async def test_a_translation_that_is_right_costs_one_call_more(engine: AsyncEngine) -> None:
    async with reviewing(engine, judges.agreeing) as here:
        made = await here.translated(RIGHT)
        assert made is not None
        assert made.abstract == "".join(RIGHT)
        assert here.asked == [TRANSLATED, JUDGED]
        assert [each.translation for each in here.tried] == [None, made]  # nobody sees it before it is judged


@ONE_DATABASE
async def test_what_the_judge_objects_to_is_repaired_and_only_that_is_judged_again(
    engine: AsyncEngine,
) -> None:
    async with reviewing(engine, FINDS_WORSE) as here:
        made = await here.translated(changed(s2=WORSE), RIGHT)
        assert made is not None
        assert made.abstract == "".join(RIGHT)
        assert made.summary == "EchoNet-1优于基线。"
        assert here.asked == [TRANSLATED, JUDGED, TRANSLATED, JUDGED]
        assert [[each.flaw for each in tried.attempt.findings] for tried in here.tried] == [
            [],
            [Flaw.MEANING],
            [],
            [],
        ]
        repair = here.fake.requests[2]["messages"][1]["content"]
        assert "does not say what the original says" in repair
        assert f"reversed: {WORSE}" in repair
        [again] = judges.pairs_of(here.fake.requests[3]["messages"][1]["content"])
        assert again.made == RIGHT[2]


@ONE_DATABASE
async def test_a_sentence_that_stays_wrong_is_shown_in_english_with_a_mark(engine: AsyncEngine) -> None:
    async with reviewing(engine, FINDS_WORSE) as here:
        made = await here.translated(changed(s2=WORSE), changed(s2=WORSE))
        assert made is not None
        assert made.abstract == (
            "我们提出EchoNet-1。误差在1号房间下降。 [原文] Our method beats the baseline. 它不需要标注。代码已公开。"
        )
        assert made.summary is None
        assert here.asked == [TRANSLATED, JUDGED, TRANSLATED]  # the same sentence is not judged again
        assert here.tried[-1].translation == made
        assert [each.flaw for each in here.tried[-1].attempt.findings] == [Flaw.MEANING]


@ONE_DATABASE
async def test_a_repair_that_makes_it_worse_is_shown_in_english_where_it_is_wrong(
    engine: AsyncEngine,
) -> None:
    fails_again = judges.honest({WORSE: "reversed", "标注很多": "added"})
    async with reviewing(engine, fails_again) as here:
        made = await here.translated(changed(s2=WORSE), changed(s3="它需要的标注很多。"))
        assert made is not None
        assert "[原文] It needs no labels." in made.abstract
        assert RIGHT[2] in made.abstract
        assert here.asked == [TRANSLATED, JUDGED, TRANSLATED, JUDGED]


@pytest.mark.parametrize("relation", ["weaker", "other", "same"])
@ONE_DATABASE
async def test_a_small_difference_changes_nothing(engine: AsyncEngine, relation: str) -> None:
    async with reviewing(engine, judges.honest({WORSE: relation})) as here:
        made = await here.translated(changed(s2=WORSE))
        assert made is not None
        assert WORSE in made.abstract
        assert here.asked == [TRANSLATED, JUDGED]


@pytest.mark.parametrize(
    "judge", [judges.objecting, judges.broken, judges.about_others, lambda _: "所有句子都正确。"]
)
@ONE_DATABASE
async def test_a_bad_judge_never_hides_a_translation(engine: AsyncEngine, judge: judges.Script) -> None:
    async with reviewing(engine, judge) as here:
        made = await here.translated(RIGHT)
        assert made is not None
        assert made.abstract == "".join(RIGHT)
        assert here.asked == [TRANSLATED, JUDGED]


@ONE_DATABASE
async def test_a_repair_that_fails_leaves_the_first_text_with_the_sentence_in_english(
    engine: AsyncEngine,
) -> None:
    async with reviewing(engine, FINDS_WORSE) as here:
        made = await here.translated(changed(s2=WORSE), ("The English came back, and nothing else did.",))
        assert made is not None
        assert "[原文] Our method beats the baseline." in made.abstract
        assert here.asked == [TRANSLATED, JUDGED, TRANSLATED]


@ONE_DATABASE
async def test_a_text_that_is_made_again_as_a_whole_is_not_judged_first(engine: AsyncEngine) -> None:
    async with reviewing(engine, judges.agreeing) as here:
        made = await here.translated(("The English came back, and it is not what was asked for.",), RIGHT)
        assert made is not None
        assert here.asked == [TRANSLATED, TRANSLATED, JUDGED]


@ONE_DATABASE
async def test_a_summary_may_leave_things_out(engine: AsyncEngine) -> None:
    def with_summary(_original: Original, made: Translated, _language: str) -> tuple[JudgedPair, ...]:
        return (JudgedPair(1, PAPER.abstract or "", made.summary or "", (Doubt.SUPERLATIVE,)),)

    for relation, objected in (("missing", 0), ("added", 1)):
        judge = judges.honest({"优于基线": relation})
        async with FakeModel(judge=judge) as fake, judge_world(fake, engine) as it:
            original, made = (
                Original("", PAPER.abstract or ""),
                Translated(None, "".join(RIGHT), f"{relation}优于基线。"),
            )
            reviewer = Reviewer(it.judge, with_summary)
            found = await reviewer.objections(original, made, PAPER.version, "zh-CN")
            assert len(found) == objected


@ONE_DATABASE
async def test_a_stored_attempt_is_reviewed_without_being_made_again(engine: AsyncEngine) -> None:
    async with reviewing(engine, FINDS_WORSE) as here:
        await here.translated(changed(s2=WORSE), changed(s2=WORSE))
        attempt, asked = here.tried[0].attempt, len(here.fake.requests)
        made = await here.translator.finish(PAPER, attempt, here.keep)
        assert made == here.tried[-1].translation
        assert made is not None
        assert "[原文] Our method beats the baseline." in made.abstract
        assert here.tried[-1].was_stored
        assert len(here.fake.requests) == asked  # not even judged again


def objection(made: str, original: str = ENGLISH[2]) -> Objection:
    return Objection(JudgedPair(1, original, made), Verdict(1, Relation.REVERSED, made))


def shown(*objections: Objection, language: str = "zh-CN") -> Translated | None:
    original = Original("EchoNet-1: Hearing", " ".join(ENGLISH))
    return with_originals(original, Translated("题", "甲。\n\n乙 丙。丁。", "总。"), objections, language)


def test_a_sentence_is_found_whatever_the_white_space_in_it() -> None:
    assert shown(objection("乙\n丙。")) == shown(objection("乙 丙。"))
    joined = shown(objection("乙 丙。 丁。"))
    assert joined is not None
    assert joined.abstract == "甲。\n\n[原文] Our method beats the baseline."
    assert shown(objection("乙\n丙。")) == Translated(
        "题", "甲。\n\n[原文] Our method beats the baseline. 丁。", None
    )


def test_a_sentence_is_found_if_the_model_wrote_it_in_tex() -> None:
    original = Original("EchoNet-1: Hearing", " ".join(ENGLISH))
    made = Translated("题", r"甲。\textbf{乙}优于丙。丁。", "总。")
    found = with_originals(original, made, [objection("**乙**优于丙。")], "zh-CN")
    assert found is not None
    assert found.abstract == "甲。 [原文] Our method beats the baseline. 丁。"


def test_a_repair_of_the_meaning_is_preferred_though_it_has_more_small_flaws() -> None:
    flaws = {"wrong": [Flaw.MEANING], "repaired": [Flaw.TERM, Flaw.BRACKETS], "broken": [Flaw.FORMULA]}
    drafts = {
        name: Draft(DraftSheet("", name, ""), Translated(None, name, None), tuple(map(finding, some)))
        for name, some in flaws.items()
    }
    assert sorted(drafts, key=lambda name: drafts[name].rank) == ["repaired", "wrong", "broken"]


def test_a_wrong_title_is_replaced_and_a_wrong_summary_left_out() -> None:
    found = shown(objection("题"), objection("总。"))
    assert found == Translated("EchoNet-1: Hearing", "甲。\n\n乙 丙。丁。", None)


def test_a_translation_is_not_shown_if_the_wrong_sentence_cannot_be_taken_out() -> None:
    assert shown(objection("戊。")) is None
    assert shown(objection("")) is None


def test_the_mark_is_in_the_language_of_the_translation() -> None:
    made = shown(objection("甲。"), language="fr")
    assert made is not None
    assert made.abstract.startswith("[original] Our method")


def test_doubted_sentences_are_judged_first_and_the_others_from_the_end_up_to_a_share() -> None:
    original, made = Original("", "a" * 100), Translated(None, "一" * 100, "一" * 20)
    pairs = [JudgedPair(number, "a" * 10, "一" * 10, (Doubt.RESULT,)) for number in range(1, 11)]
    assert [pair.id for pair in affordable(pairs, original, made)] == [8, 9, 10]
    doubted = [replace(pair, doubts=(Doubt.RESULT, Doubt.ORDER)) for pair in pairs[:2]]
    assert [pair.id for pair in affordable([*doubted, *pairs[2:]], original, made)] == [1, 2, 10]
    long = JudgedPair(11, "a" * 100, "一" * 10, (Doubt.RESULT,))
    assert [pair.id for pair in affordable([*pairs, long], original, made)] == [8, 9, 10]
    summary = JudgedPair(11, "a" * 100, "一" * 20, (Doubt.SUPERLATIVE,))
    all_doubted = [replace(pair, doubts=(Doubt.HEDGE,)) for pair in pairs]
    assert [pair.id for pair in affordable([*doubted, summary], original, made)] == [1, 2, 11]
    assert [pair.id for pair in affordable([*all_doubted, summary], original, made)] == [*range(2, 11)]


def tokens(*texts: str) -> float:
    """Estimate the tokens of `texts`: 0.75 for each wide character, one for each 4.2 others."""
    wide = sum(len(re.findall(r"[\u2e80-\u9fff\uff00-\uffef]", text)) for text in texts)
    return 0.75 * wide + (sum(map(len, texts)) - wide) / 4.2


def test_judging_costs_at_most_two_fifths_of_translating_real_abstracts() -> None:
    translation = PromptTemplate("translation", TranslationAnswer, "zh-CN")
    judgement = PromptTemplate("judge-translation", JudgementAnswer, "zh-CN")
    spent: Counter[str] = Counter()
    for real in json.loads(shared_data("pairs-tune.json").read_text())[::5]:
        original = Original(stored(real["title"]), stored(real["abstract"]))
        made = Translated(None, stored(real["zh"]), stored(real["zh"])[:60])
        asked = translation.render(id="x", title=original.title, abstract=original.abstract, terms=())
        spent["translation"] += round(tokens(asked.system, asked.user, made.abstract, "题" * 25, "要" * 60))
        if pairs := affordable(screened(original, made, "zh-CN"), original, made):
            judged = judgement.render(id="x", pairs=pairs)
            verdicts = judges.agreeing([judges.AskedPair(pair.id, "", pair.made) for pair in pairs])
            spent["judgement"] += round(tokens(judged.system, judged.user, json.dumps(verdicts)))
    assert 0 < spent["judgement"] <= 0.4 * spent["translation"]
