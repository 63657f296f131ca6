"""Tests of the languages as data: every folder is read, is consistent, and is found by its tags."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from digest import languages
from digest.languages import Check, Language, LanguageError, Lexicon, Wordings
from digest.languages.sentences import Hedge
from digest.languages.units import Unit

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


_HEAD = 'name = "Klingon"\nown_name = "tlhIngan Hol"\nscript = "Latn"\nbounded_words = true\n'


def _folder(place: Path, *, checks: str = "[]", **parts: str) -> Path:
    """Write the folder of a language with the texts of its files."""
    folder = place / "tlh"
    folder.mkdir()
    for part, text in {"lexicon": "", **parts, "language": f"{_HEAD}checks = {checks}\n"}.items():
        (folder / f"{part}.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_new_language_needs_only_a_folder_of_data(tmp_path: Path) -> None:
    language = languages.read(
        _folder(
            tmp_path,
            checks='["negation", "label"]',
            lexicon='[negation]\nwords = ["ghobe"]\n[chatter]\nlabels = ["mughghach"]\n',
            numbers='[units]\nsecond = ["lup"]\n',
        )
    )
    assert language.tag == "tlh"
    assert language.checks == {Check.NEGATION, Check.LABEL}
    assert language.lexicon.negation.words.are_in("jatlh ghobe ghaH")
    assert language.numbers.units == {Unit.SECOND: ("lup",)}


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"checks": '["negatoin"]'}, "tlh/language.toml: checks.0: Input should be "),
        ({"checks": '["negation"]'}, "tlh/language.toml: checks: there are no data for “negation”."),
        ({"checks": '["sentence"]'}, "tlh/language.toml: checks: the rules of “sentence” only exist for"),
        ({"lexicon": "[bounds]\natleast = ['x']"}, "tlh/lexicon.toml: bounds.atleast"),
        ({"lexicon": "ignored = []"}, "tlh/lexicon.toml: ignored: wordings are a list of at least one text."),
        ({"lexicon": "ignored ="}, "tlh/lexicon.toml cannot be read as TOML: Invalid value (at"),
        ({"numbers": "[units]\nseconds = ['lup']"}, "tlh/numbers.toml: units.seconds"),
        ({"numbers": "months = ['jar']"}, "tlh/numbers.toml: months"),
        (
            {"numbers": "[[idioms]]\nwords = ['bID']\nmeans = ['50 procent']"},
            "tlh/numbers.toml: idioms.0.means.0: “50 procent” is not a number, or a number and a unit.",
        ),
        (
            {"numbers": "[characters]\ndigits = 'X'"},
            "lexicon.toml has no value of X, a sign in numbers.toml.",
        ),
        ({"sentences": "[counterparts]\nsound = []"}, "tlh/sentences.toml: counterparts.sound"),
        ({"hedges": "[hedges]\nmaybe = ['chaq']"}, "tlh/hedges.toml: hedges.maybe"),
        ({"words": "function = 'je'"}, "tlh/words.toml: function"),
        ({"number": ""}, "tlh/number.toml is none of the files that a language has."),
    ],
)
def test_a_fault_in_the_data_is_told_with_its_file_and_key(
    tmp_path: Path, parts: dict[str, str], told: str
) -> None:
    with pytest.raises(LanguageError) as caught:
        languages.read(_folder(tmp_path, **parts))
    assert told in str(caught.value)


def test_each_hedge_of_english_has_its_wordings_in_chinese() -> None:
    assert ENGLISH
    assert CHINESE
    assert ENGLISH.hedges.hedges.keys() == CHINESE.hedges.hedges.keys() == {*Hedge}


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
