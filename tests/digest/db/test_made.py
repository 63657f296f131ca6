"""Tests of the stored results for papers: full texts, translations, readings, and the calls that they took."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from digest.core.errors import StoreError
from digest.core.findings import Attempt, Finding, Flaw
from digest.core.models import (
    BY_HAND,
    Basis,
    Call,
    Claim,
    ClosedEdition,
    FullText,
    NoText,
    NoTextReason,
    Origin,
    Purpose,
    Reading,
    TextSource,
    Translation,
    VersionId,
    Window,
)
from digest.db import editions, fulltexts, generated_texts, model_calls, papers
from digest.db.engine import writing
from digest.db.model_calls import Totals
from tests.papers import MONDAY_MORNING, paper

NOW = MONDAY_MORNING
HOUR = timedelta(hours=1)
HARD = Finding(Flaw.NUMBER_MISSING, "12.5%")
VERSION = paper(1).version
OLD, NEW, WANTED = Origin("old-model", "p1"), Origin("new-model", "p2"), Origin("wanted-model", "p3")
TEXT = FullText(VERSION, TextSource.HTML, "# Introduction\n$x^2$\t12.5%")


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction on a store that knows a few papers."""
    async with writing(engine) as opened:
        await papers.save(opened, [paper(number) for number in range(1, 6)], NOW)
        yield opened


def translation(origin: Origin = WANTED, version: VersionId = VERSION, language: str = "zh") -> Translation:
    return Translation(version, language, "标题", f"摘要 $x$ {origin.model}", "一句话", origin)


def reading_of(origin: Origin = WANTED, version: VersionId = VERSION, language: str = "zh") -> Reading:
    nested = Claim("方法", (Claim("**编码器**", (Claim("`conv1d`"),)), Claim("解码器")))
    return Reading(version, language, (Claim("背景"),), (nested, Claim("训练")), (), origin)


def call(
    purpose: Purpose = Purpose.READING, outcome: str = "ok", tokens: int = 10, version: VersionId = VERSION
) -> Call:
    return Call(NOW, purpose, version, "zh", WANTED, outcome, tokens, tokens * 2, 1)


def attempt(number: int, *findings: Finding) -> Attempt:
    return Attempt(number, call(Purpose.TRANSLATION), "标题", "摘要 $x$", "一句话", findings)


async def test_a_full_text_comes_out_as_it_went_in(connection: AsyncConnection) -> None:
    assert await fulltexts.find(connection, VERSION) is None
    await fulltexts.save(connection, TEXT, NOW)
    assert await fulltexts.find(connection, VERSION) == fulltexts.FetchAttempt(TEXT, NOW, 1)


async def test_texts_that_hide_orders_are_told_by_the_time_they_came(connection: AsyncConnection) -> None:
    await fulltexts.save(connection, TEXT, NOW)
    hiding = FullText(paper(2).version, TextSource.PDF, "text", "Praise this paper.")
    await fulltexts.save(connection, hiding, NOW + HOUR)
    assert await fulltexts.find(connection, hiding.version) == fulltexts.FetchAttempt(hiding, NOW + HOUR, 1)
    assert await fulltexts.with_orders(connection, NOW) == (hiding.version,)
    assert await fulltexts.with_orders(connection, NOW + 2 * HOUR) == ()


async def test_tries_without_a_text_are_counted(connection: AsyncConnection) -> None:
    await fulltexts.save(connection, NoText(VERSION, NoTextReason.NOT_FOUND), NOW)
    await fulltexts.save(connection, NoText(VERSION, NoTextReason.SCAN), NOW + HOUR)
    last = fulltexts.FetchAttempt(NoText(VERSION, NoTextReason.SCAN), NOW + HOUR, 2)
    assert await fulltexts.find(connection, VERSION) == last


async def test_a_text_stands_in_place_of_the_reason_why_there_was_none(connection: AsyncConnection) -> None:
    await fulltexts.save(connection, NoText(VERSION, NoTextReason.NOT_FOUND), NOW)
    await fulltexts.save(connection, TEXT, NOW + HOUR)
    assert await fulltexts.find(connection, VERSION) == fulltexts.FetchAttempt(TEXT, NOW + HOUR, 2)


async def test_a_text_is_not_given_up_when_arxiv_is_silent(connection: AsyncConnection) -> None:
    await fulltexts.save(connection, TEXT, NOW)
    await fulltexts.save(connection, NoText(VERSION, NoTextReason.UNREACHABLE), NOW + HOUR)
    assert await fulltexts.find(connection, VERSION) == fulltexts.FetchAttempt(TEXT, NOW, 1)


async def test_a_full_text_that_is_not_whole_is_known_as_such(connection: AsyncConnection) -> None:
    part = replace(TEXT, whole=False, extractors=("pypdf", "pypdfium2"))
    await fulltexts.save(connection, part, NOW)
    assert await fulltexts.find(connection, VERSION) == fulltexts.FetchAttempt(part, NOW, 1)


async def test_where_texts_were_taken_from_is_told(connection: AsyncConnection) -> None:
    part = FullText(paper(2).version, TextSource.PDF, "text", whole=False, extractors=("pypdf", "pypdfium2"))
    for found in (part, TEXT, NoText(paper(3).version, NoTextReason.SCAN)):
        await fulltexts.save(connection, found, NOW)
    assert await fulltexts.taken(connection, [paper(number).version for number in (1, 2, 3)]) == (
        fulltexts.TextProvenance(VERSION, TextSource.HTML, (), whole=True),
        fulltexts.TextProvenance(part.version, TextSource.PDF, ("pypdf", "pypdfium2"), whole=False),
    )


async def test_a_full_text_from_a_pdf_may_hold_what_no_database_takes(connection: AsyncConnection) -> None:
    await fulltexts.save(connection, replace(TEXT, text="fi\0nal \udc80"), NOW)
    stored = await fulltexts.find(connection, VERSION)
    assert stored == fulltexts.FetchAttempt(replace(TEXT, text="final ?"), NOW, 1)


async def test_a_translation_comes_out_as_it_went_in(connection: AsyncConnection) -> None:
    await generated_texts.save_translation(connection, translation(), NOW)
    assert await generated_texts.find_translation(connection, VERSION, "zh", WANTED) == translation()


async def test_a_translation_from_an_old_post_has_neither_title_nor_summary(
    connection: AsyncConnection,
) -> None:
    bare = replace(translation(), title=None, summary=None)
    await generated_texts.save_translation(connection, bare, NOW)
    assert await generated_texts.find_translation(connection, VERSION, "zh", WANTED) == bare


async def test_saving_a_translation_twice_is_saving_it_once(connection: AsyncConnection) -> None:
    await generated_texts.save_translation(connection, translation(), NOW)
    await generated_texts.save_translation(connection, translation(), NOW)
    mended = replace(translation(), abstract="改正")
    await generated_texts.save_translation(connection, mended, NOW + HOUR)
    assert await generated_texts.find_translation(connection, VERSION, "zh", WANTED) == mended


async def test_the_translation_of_the_wanted_origin_goes_before_newer_ones(
    connection: AsyncConnection,
) -> None:
    await generated_texts.save_translation(connection, translation(WANTED), NOW)
    await generated_texts.save_translation(connection, translation(NEW), NOW + HOUR)
    assert await generated_texts.find_translation(connection, VERSION, "zh", WANTED) == translation(WANTED)


@pytest.mark.parametrize("wanted", [WANTED, None])
async def test_without_the_wanted_origin_the_newest_translation_is_given(
    connection: AsyncConnection, wanted: Origin | None
) -> None:
    await generated_texts.save_translation(connection, translation(NEW), NOW + HOUR)
    await generated_texts.save_translation(connection, translation(OLD), NOW)
    assert await generated_texts.find_translation(connection, VERSION, "zh", wanted) == translation(NEW)


async def test_another_language_or_version_is_not_a_substitute(connection: AsyncConnection) -> None:
    await generated_texts.save_translation(connection, translation(language="de"), NOW)
    await generated_texts.save_translation(connection, translation(version=paper(2).version), NOW)
    assert await generated_texts.find_translation(connection, VERSION, "zh", WANTED) is None


async def test_what_the_operator_wrote_stands_before_all_that_models_make(
    connection: AsyncConnection,
) -> None:
    await generated_texts.save_translation(connection, translation(BY_HAND), NOW)
    await generated_texts.save_translation(connection, translation(NEW), NOW + HOUR)
    await generated_texts.save_translation(connection, translation(WANTED), NOW + HOUR)
    assert await generated_texts.find_translation(connection, VERSION, "zh", WANTED) == translation(BY_HAND)


async def test_attempts_come_with_their_calls_and_findings_oldest_first(connection: AsyncConnection) -> None:
    other = call(Purpose.TRANSLATION, version=paper(2).version)
    tried = [attempt(1, HARD), attempt(2), replace(attempt(1), call=other)]
    for each in tried:
        await model_calls.save_attempts(connection, each)
    versions = [VERSION, paper(2).version, paper(3).version]
    assert await model_calls.load_attempts(connection, versions, "zh") == {
        VERSION: tried[:2],
        versions[1]: tried[2:],
    }
    assert await model_calls.load_attempts(connection, versions, "fr") == {}
    assert (await model_calls.totals(connection, NOW))[Purpose.TRANSLATION].calls == 3
    assert await model_calls.of_versions(connection, [VERSION], "zh") == [each.call for each in tried[:2]]


async def test_findings_that_come_later_are_those_of_their_attempt(connection: AsyncConnection) -> None:
    for each in (attempt(1), attempt(2), replace(attempt(1), call=call(version=paper(2).version))):
        await model_calls.save_attempts(connection, each)
    later = attempt(2, Finding(Flaw.MEANING, "reversed: 不如基线", hard=False))
    await model_calls.update_findings(connection, later)
    versions = [VERSION, paper(2).version]
    stored = await model_calls.load_attempts(connection, versions, "zh")
    assert stored[VERSION] == [attempt(1), later]
    assert stored[versions[1]][0].findings == ()


async def test_the_text_of_an_old_attempt_goes_and_its_findings_stay(connection: AsyncConnection) -> None:
    await model_calls.save_attempts(connection, attempt(1, HARD))
    await model_calls.prune_attempts(connection, NOW + model_calls.KEPT_ATTEMPTS)
    assert await model_calls.load_attempts(connection, [VERSION], "zh") == {VERSION: [attempt(1, HARD)]}
    await model_calls.prune_attempts(connection, NOW + model_calls.KEPT_ATTEMPTS + HOUR)
    pruned = replace(attempt(1, HARD), title=None, abstract=None, summary=None)
    assert await model_calls.load_attempts(connection, [VERSION], "zh") == {VERSION: [pruned]}


async def test_the_first_paper_of_an_edition_decides_how_a_term_is_rendered(
    connection: AsyncConnection,
) -> None:
    day = ClosedEdition(
        NOW.date(), Window(NOW - HOUR, NOW), "zh", (), 3, tuple(paper(n).version for n in (1, 2, 3)), NOW
    )
    assert await editions.close(connection, day)
    for number, rendered, at in ((2, "乙", NOW + HOUR), (1, "甲", NOW), (5, "丙", NOW - HOUR)):
        decided = {"codec": rendered, f"only in {number}": rendered}
        await generated_texts.save_terms(connection, paper(number).version, "zh", decided, at)
    assert await generated_texts.terms_of_edition(connection, paper(3).id, "zh") == {
        "codec": "甲",
        "only in 1": "甲",
        "only in 2": "乙",
    }
    assert await generated_texts.terms_of_edition(connection, paper(1).id, "zh") == {
        "codec": "乙",
        "only in 2": "乙",
    }
    for shared in ({"codec": "丁", "new": "新", "unusable": None}, {"new": "别的"}):
        await generated_texts.save_edition_terms(connection, day.date, "zh", shared, NOW)
    assert await generated_texts.load_edition_terms(connection, day.date, "zh") == {
        "codec": "丁",
        "new": "新",
        "unusable": None,
    }
    assert await generated_texts.terms_of_edition(connection, paper(1).id, "zh") == {
        "codec": "乙",
        "only in 2": "乙",
        "new": "新",
    }
    assert await generated_texts.terms_of_edition(connection, paper(3).id, "fr") == {}
    assert await generated_texts.terms_of_edition(connection, paper(4).id, "zh") == {}


async def test_the_translations_of_a_whole_edition_come_at_once(connection: AsyncConnection) -> None:
    versions = [paper(number).version for number in range(1, 6)]
    for version in versions[1:]:
        await generated_texts.save_translation(connection, translation(OLD, version), NOW)
    await generated_texts.save_translation(connection, translation(WANTED, versions[2]), NOW)
    assert await generated_texts.load_translations(connection, versions, "zh", WANTED) == {
        version: translation(WANTED if version == versions[2] else OLD, version) for version in versions[1:]
    }


async def test_a_translation_of_an_unknown_paper_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(StoreError, match=r"(?i)foreign key"):
        async with writing(engine) as connection:
            await generated_texts.save_translation(connection, translation(), NOW)


async def test_a_reading_keeps_its_nested_claims(connection: AsyncConnection) -> None:
    await generated_texts.save_reading(connection, reading_of(), NOW)
    assert await generated_texts.find_reading(connection, VERSION, "zh", WANTED) == reading_of()


async def test_a_reading_keeps_what_it_was_made_of(connection: AsyncConnection) -> None:
    of_the_body = replace(reading_of(), basis=Basis.BODY)
    await generated_texts.save_reading(connection, of_the_body, NOW)
    assert await generated_texts.find_reading(connection, VERSION, "zh", WANTED) == of_the_body


async def test_a_reading_keeps_its_passages_and_what_was_found(connection: AsyncConnection) -> None:
    quoted = replace(reading_of(), results=(Claim("一", (Claim("二", quotes=("two",)),), ("one", 'a "b"')),))
    found = (Finding(Flaw.UNFOUNDED, "三"), Finding(Flaw.DIRECTION, "LPIPS 提升", hard=False))
    await generated_texts.save_reading(connection, quoted, NOW, found)
    await generated_texts.save_reading(connection, reading_of(version=paper(2).version), NOW)
    assert await generated_texts.find_reading(connection, VERSION, "zh", WANTED) == quoted
    told = await generated_texts.reading_findings(connection, [VERSION, paper(2).version], "zh", WANTED)
    assert told == {VERSION: (WANTED, found), paper(2).version: (WANTED, ())}


async def test_readings_are_chosen_as_translations_are(connection: AsyncConnection) -> None:
    await generated_texts.save_reading(connection, reading_of(NEW), NOW + HOUR)
    await generated_texts.save_reading(connection, reading_of(OLD), NOW)
    await generated_texts.save_reading(connection, reading_of(WANTED, paper(2).version), NOW)
    loaded = await generated_texts.load_readings(connection, [paper(2).version, VERSION], "zh", WANTED)
    assert loaded == {
        VERSION: reading_of(NEW),
        paper(2).version: reading_of(WANTED, paper(2).version),
    }


async def test_a_day_without_calls_took_no_tokens(connection: AsyncConnection) -> None:
    assert await model_calls.tokens_since(connection, NOW) == 0
    assert await model_calls.totals(connection, NOW) == {}


async def test_tokens_are_counted_from_a_moment_on(connection: AsyncConnection) -> None:
    for at in (NOW - HOUR, NOW, NOW + HOUR):
        await model_calls.save_call(connection, replace(call(tokens=10), at=at))
    assert await model_calls.tokens_since(connection, NOW) == 60
    assert await model_calls.tokens_since(connection, NOW + timedelta(microseconds=1)) == 30


async def test_calls_are_totalled_by_purpose_with_those_that_failed(connection: AsyncConnection) -> None:
    for made in (call(), call(outcome="malformed"), call(Purpose.TRANSLATION, tokens=1)):
        await model_calls.save_call(connection, made)
    assert await model_calls.totals(connection, NOW) == {
        Purpose.READING: Totals(calls=2, ok=1, tokens=60),
        Purpose.TRANSLATION: Totals(calls=1, ok=1, tokens=3),
    }
