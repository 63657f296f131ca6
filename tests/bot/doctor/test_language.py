"""Tests of what the doctor says about the language of the translations."""

import pytest

from bot.doctor.findings import Diagnosis, Health, found
from bot.doctor.machine import language
from bot.settings import given
from bot.telegram import templates
from bot.web import forms
from digest import languages


async def told(tag: str) -> Diagnosis:
    return await found("language", language(given(target_language=tag)))


async def test_a_complete_language_is_in_order() -> None:
    finding = await told("zh-CN")
    assert (finding.health, finding.sentence) == (Health.OK, "Chinese (Simplified) (zh-CN), with all checks")


async def test_the_checks_that_a_language_lacks_are_named() -> None:
    finding = await told("de-AT")
    assert finding.health is Health.OK
    assert finding.sentence == "German (de-AT), without: script, typography, quantity, sentence"


@pytest.mark.parametrize("tag", ["pt", "zh-TW"])
async def test_a_language_without_word_lists_works_but_is_pointed_out(tag: str) -> None:
    finding = await told(tag)
    assert finding.health is Health.UNSURE
    assert finding.sentence.startswith(f"{tag} has no word lists")
    assert "direction, negation" in finding.sentence
    assert "fr (French)" in finding.sentence


def test_only_languages_with_word_lists_are_offered() -> None:
    offered = {*templates.languages(), *forms.languages("ja")}
    assert {language for language in offered if languages.load(language) is None} == set()
