import pytest

from digest.checks.glossary import Glossary, Term
from digest.core.findings import Finding, Flaw
from digest.pipeline import translation_draft
from digest.pipeline.translation_draft import DraftSheet
from tests.papers import paper

ABSTRACT = "We present EchoNet, e.g. a model with $O(n)$ steps. It lowers the error by 12.5%. The code is at https://a.org/x."
SHEET = DraftSheet(
    "EchoNet：听见房间的形状与声音",
    "我们提出EchoNet，例如一个需要[[M1]]步的模型。它将误差降低了12.5%。代码见[[M2]]。",
    "EchoNet将误差降低了12.5%，步数为[[M1]]。",
)


def source(glossary: Glossary | None = None, **decided: str) -> translation_draft.Source:
    made = paper(title="EchoNet: Hearing the Shapes and Sounds of Rooms", abstract=ABSTRACT)
    return translation_draft.source(made, "zh-CN", glossary or Glossary({}), decided)


def test_a_model_sees_neither_formulas_nor_addresses_and_readers_do() -> None:
    it = source()
    assert it.abstract.text.count("[[M") == 2
    assert "$" not in it.abstract.text
    draft = it.draft(SHEET)
    assert draft.findings == ()
    assert draft.passes
    assert "$O(n)$" in draft.made.abstract
    assert "https://a.org/x" in draft.made.abstract
    assert "$O(n)$" in (draft.made.summary or "")


def test_what_is_wrong_with_placeholders_is_found_with_all_else_and_ranks_a_draft() -> None:
    sound = source().draft(SHEET)
    lost = source().draft(DraftSheet(SHEET.title, SHEET.abstract.replace("[[M2]]", "那里"), SHEET.summary))
    worse = source().draft(DraftSheet(SHEET.title, SHEET.abstract.replace("12.5%", "[[M9]]"), SHEET.summary))
    assert Flaw.MASK_MISSING in {finding.flaw for finding in lost.findings}
    assert {Flaw.MASK_INVENTED, Flaw.NUMBER_MISSING} <= {finding.flaw for finding in worse.findings}
    assert not lost.passes
    assert sound.rank < lost.rank


@pytest.mark.parametrize(
    ("wrong", "failing"),
    [
        (("12.5%。代码", "15.2%。代码"), [2]),
        (("听见", "听见77个"), [0]),
        (("步数为", "步数为88与"), [4]),
        (("[[M1]]步的模型", "[[M1]]步的模型99"), [1]),
    ],
)
def test_a_finding_lies_in_the_passages_that_have_it(wrong: tuple[str, str], failing: list[int]) -> None:
    it = source()
    sheet = DraftSheet(*(text.replace(*wrong) for text in (SHEET.title, SHEET.abstract, SHEET.summary)))
    cut = translation_draft.passages(it, it.draft(sheet))
    assert len(cut.pieces) == 5
    assert [place for place, piece in enumerate(cut.pieces) if piece.findings] == failing
    assert cut.pieces[1].source == "We present EchoNet, e.g. a model with [[M1]] steps."
    assert cut.pieces[1].made.startswith("我们提出EchoNet")


def test_mended_passages_go_back_to_their_places_with_the_white_space_around_them() -> None:
    it = source()
    sheet = DraftSheet(SHEET.title, SHEET.abstract.replace("12.5%。", "15.2%。\n\n"), SHEET.summary)
    cut = translation_draft.passages(it, it.draft(sheet))
    assert cut.mended([]) is None
    assert cut.mended(["一", "二"]) is None
    assert cut.mended([" 它将误差降低了12.5%。 "]) == DraftSheet(
        SHEET.title, SHEET.abstract.replace("12.5%。", "12.5%。\n\n"), SHEET.summary
    )


def test_where_sentences_were_joined_the_abstract_is_one_passage() -> None:
    it = source()
    sheet = DraftSheet(
        SHEET.title, SHEET.abstract.replace("。它", "，它").replace("12.5%", "15.2%"), SHEET.summary
    )
    cut = translation_draft.passages(it, it.draft(sheet))
    assert [bool(piece.findings) for piece in cut.pieces] == [False, True, False]
    assert cut.pieces[1].source == it.abstract.text


def test_what_lies_nowhere_in_particular_concerns_the_whole_abstract() -> None:
    it = source()
    draft = translation_draft.Draft(SHEET, it.draft(SHEET).made, (Finding(Flaw.LENGTH),))
    assert [bool(piece.findings) for piece in translation_draft.passages(it, draft).pieces] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_what_the_edition_decided_binds_unless_the_glossary_has_changed_since() -> None:
    open_ = Glossary({("room",): Term("room", "房间", ("室",))})
    assert [term.passing for term in source(open_, room="室").terms] == [("室",)]
    closed = Glossary({("room",): Term("room", "房间")})
    assert [term.passing for term in source(closed, room="室").terms] == [("房间",)]
    assert source(Glossary({}), room="室").glossary.terms == {}


def test_terms_of_the_edition_stand_beside_the_glossary_which_they_must_not_contradict() -> None:
    glossary = Glossary({("room",): Term("room", "房间"), ("shape",): Term("shape", "形状")})
    decided = {"sounds of rooms": "房间声音", "shapes and sounds": "外形与声音", "room": "室"}
    it = source(glossary, **decided)
    assert [(term.source, term.target) for term in it.terms] == [
        ("shape", "形状"),
        ("room", "房间"),
        ("sounds of rooms", "房间声音"),
    ]
    assert it.draft(SHEET).findings == (Finding(Flaw.TERM_OF_EDITION, "sounds of rooms", hard=False),)
    assert it.decided(it.draft(SHEET)) == {}


def test_a_draft_decides_the_terms_for_which_there_is_a_choice() -> None:
    it = source(Glossary({("room",): Term("room", "房间", ("室",)), ("error",): Term("error", "误差")}))
    assert it.decided(it.draft(SHEET)) == {"room": "房间"}
