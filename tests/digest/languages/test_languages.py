"""Tests of the languages as data: every folder is read, is consistent, and is found by its tags."""

from collections.abc import Iterator, Mapping

import pytest
from pydantic import BaseModel, ValidationError

from digest import languages
from digest.languages import Bound, Check, Language, Lexicon, Rung, Superlative, Wordings

KNOWN = languages.known()
ENGLISH, CHINESE = languages.load("en"), languages.load("zh-CN")


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("zh-CN", "zh-CN"),
        ("zh-cn", "zh-CN"),
        ("zh", "zh-CN"),
        ("zh-Hans", "zh-CN"),
        ("zh-Hans-CN", "zh-CN"),
        ("zh-TW", None),
        ("zh-Hant", None),
        ("zh-Hant-HK", None),
        ("en-GB", "en"),
        ("tlh", None),
        ("english", None),
        ("", None),
        ("../en", None),
    ],
)
def test_a_tag_finds_its_language(tag: str, found: str | None) -> None:
    language = languages.load(tag)
    assert (language.tag if language else None) == found


def test_no_tag_means_two_languages() -> None:
    tags = [tag for language in KNOWN for tag in language.answers_to]
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize("language", KNOWN, ids=lambda each: each.tag)
def test_a_language_has_the_data_for_the_checks_that_it_carries(language: Language) -> None:
    lexicon = language.lexicon
    data = {
        Check.DIRECTION: lexicon.opposites,
        Check.NEGATION: lexicon.negation.words,
        Check.PERCENT_POINTS: lexicon.percent.points and lexicon.percent.percent,
        Check.SUPERLATIVE: len(lexicon.superlatives) == len(Superlative),
        Check.HEDGE: len(lexicon.hedges) == len(Rung),
        Check.BOUND: len(lexicon.bounds) == len(Bound),
        Check.NUMERAL: lexicon.numerals.values and lexicon.numerals.scales and lexicon.numerals.factors,
        Check.CHATTER: lexicon.chatter.openers and lexicon.chatter.thinking,
        Check.LABEL: lexicon.chatter.labels,
    }
    assert not {check for check in language.checks if not data.get(check, True)}


@pytest.mark.parametrize("language", KNOWN, ids=lambda each: each.tag)
def test_opposites_and_percents_share_no_wording(language: Language) -> None:
    lexicon = language.lexicon
    for pair in lexicon.opposites:
        assert not {*pair.up.words} & {*pair.down.words}, pair.concept
    assert not {*lexicon.percent.percent.words} & {*lexicon.percent.points.words}


@pytest.mark.parametrize("language", KNOWN, ids=lambda each: each.tag)
def test_no_wording_is_ignored(language: Language) -> None:
    ignored, lexicon = language.lexicon.ignored, language.lexicon.model_copy(update={"ignored": Wordings()})
    words = [word for wordings in _wordings(lexicon) for word in wordings.words]
    assert [word for word in words if ignored.pattern.fullmatch(word)] == []


@pytest.mark.parametrize("language", KNOWN, ids=lambda each: each.tag)
def test_english_has_every_concept_of_another_language(language: Language) -> None:
    assert ENGLISH
    concepts = {pair.concept for pair in ENGLISH.lexicon.opposites}
    assert {pair.concept for pair in language.lexicon.opposites} <= concepts


@pytest.mark.parametrize(
    ("text", "up", "down"),
    [
        ("The error increased.", True, False),
        ("It is increasingly used.", True, False),
        ("The increment is one.", False, False),
        ("It dropped from 5% to 4%.", False, True),
        ("A raindrop.", False, False),
        ("It went Up\nfrom 3.", True, False),
    ],
)
def test_english_wordings_match_whole_words(text: str, up: bool, down: bool) -> None:
    assert ENGLISH
    pair = ENGLISH.lexicon.opposite("increase")
    assert pair
    assert (pair.up.are_in(text), pair.down.are_in(text)) == (up, down)


def test_chinese_wordings_match_anywhere() -> None:
    assert CHINESE
    pair = CHINESE.lexicon.opposite("higher")
    assert pair
    assert [found[0] for found in pair.up.find("噪声下准确率更高，而非高达五成")] == ["更高", "高达"]


def test_a_gap_stays_within_a_sentence() -> None:
    assert CHINESE
    openers = CHINESE.lexicon.chatter.openers
    assert openers.are_in("以下是该摘要的中文翻译：")
    assert not openers.are_in("以下是结果。我们研究机器翻译。")


def test_an_unknown_key_or_bound_is_refused() -> None:
    faulty: tuple[dict[str, object], ...] = (
        {"oposites": []},
        {"bounds": {"atleast": ["x"]}},
        {"ignored": []},
        {"ignored": ["a", "a"]},
    )
    for material in faulty:
        with pytest.raises(ValidationError):
            Lexicon.model_validate(material, context={"bounded": True})


def _wordings(data: object) -> Iterator[Wordings]:
    """Yield all wordings in `data`."""
    if isinstance(data, Wordings):
        yield data
    elif isinstance(data, BaseModel):
        for name in type(data).model_fields:
            yield from _wordings(getattr(data, name))
    elif isinstance(data, Mapping | tuple):
        for each in data.values() if isinstance(data, Mapping) else data:
            yield from _wordings(each)
