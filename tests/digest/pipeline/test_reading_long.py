"""Tests of papers that are longer than the model's context window."""

import json
from dataclasses import replace

import pytest
from starlette.responses import Response

from digest.core.errors import LongPromptError, ModelUnreachableError
from digest.core.models import Basis
from digest.core.sections import parts
from digest.core.singleflight import Listeners
from digest.pipeline.reading import TEXT_LIMIT
from tests.digest.llm.llm_world import full_text, world
from tests.fakes import model_faults as faults
from tests.fakes.model import FakeModel
from tests.papers import paper


def section(number: int, characters: int) -> str:
    line = f"In room {number} every answer is another echo.\n"
    return f"## {number} Room\n" + line * (characters // len(line))


MEASURED = "On public datasets, the error falls by up to 12.5%.\n"
LONG = "".join(section(number, 50_000) for number in range(1, 6)) + MEASURED
APPENDIX = "## Appendix A Proofs\nIt holds in every single room.\n" + section(9, 100_000)


def test_a_text_that_fits_is_one_part_with_its_appendix() -> None:
    text = section(1, 20_000) + "## Appendix A Proofs\nIt holds.\n"
    assert parts(text, len(text)) == [text]


def test_an_appendix_makes_room_for_the_body() -> None:
    body = section(1, 60_000)
    assert parts(body + APPENDIX, TEXT_LIMIT) == [body]


@pytest.mark.parametrize(
    "line",
    [
        "In all rooms.\nAppendix A shows more of them, in every",
        "This we prove in\nAppendix B. The rooms are not alike",
        "as told in\nAppendix C",
        "In all rooms.\nSupplementary materials tell of the",
        "In all rooms.\nAppendix A to C, which tell of all others.",
    ],
)
def test_a_line_of_the_body_that_begins_with_an_appendix_is_none(line: str) -> None:
    text = section(1, 30_000) + line + "\nResults follow.\n" + section(2, 30_000)
    assert "".join(parts(text, 20_000)) == text


@pytest.mark.parametrize(
    "heading",
    [
        "Appendix",
        "APPENDIX A",
        "Appendix B.2 Further Proofs",
        "Appendix: Proofs",
        "Supplementary Material",
        "附录 A 证明",
    ],
)
def test_the_text_of_a_pdf_ends_where_its_appendix_begins(heading: str) -> None:
    body = section(1, 30_000)
    assert "".join(parts(f"{body}{heading}\n{section(2, 30_000)}", 35_000)) == body


def test_a_table_of_contents_is_no_appendix() -> None:
    text = "Appendix A Proofs\n" + section(1, 30_000)
    assert "".join(parts(text, 20_000)) == text


def test_a_long_text_is_cut_before_headings_and_nothing_is_lost() -> None:
    cut = parts(LONG + APPENDIX, TEXT_LIMIT)
    assert "".join(cut) == LONG
    assert [part.count("## ") for part in cut] == [2, 2, 1]
    assert all(part.startswith("## ") for part in cut)


@pytest.mark.parametrize("text", ["word " * 100, "line\n" * 100 + "x" * 250, "x" * 301])
def test_a_section_that_is_too_long_is_cut_in_it(text: str) -> None:
    cut = parts(text, 100)
    assert "".join(cut) == text
    assert max(map(len, cut)) <= 100


async def test_a_long_paper_is_read_part_by_part_and_then_as_a_whole() -> None:
    async with FakeModel() as fake, world(fake) as it:
        made = await it.reader.read(paper(), full_text(paper(), LONG + APPENDIX))
        systems, users = zip(
            *([message["content"] for message in each["messages"]] for each in fake.requests), strict=True
        )
        assert len({*systems}) == 1
        assert [f"part {number} of 3" in users[number - 1] for number in (1, 2, 3)] == [True] * 3
        assert "It holds in every single room" not in "".join(users)
        assert all(len(user) < TEXT_LIMIT + 1_000 for user in users)
        assert "notes on its 3 parts" in users[3]
        assert '- 在公开数据集上，错误率最多下降 12.5%。\n  "On public datasets, the error falls' in users[3]
        assert made.reading.results[0].quotes == (MEASURED.strip(),)
        assert (len(it.calls), len(made.calls)) == (3, 1)
        assert made.reading.basis is Basis.BODY


@pytest.mark.parametrize(("whole", "basis"), [(True, Basis.WHOLE), (False, Basis.PART)])
async def test_a_reading_of_a_text_that_is_not_whole_is_known_to_be_of_a_part(
    *, whole: bool, basis: Basis
) -> None:
    async with FakeModel() as fake, world(fake) as it:
        made = await it.reader.read(paper(), replace(full_text(paper()), whole=whole))
        assert made.reading.basis is basis


def window(characters: int) -> faults.Fault:
    """Create a model with that context window."""

    def fault(asked: faults.Asked) -> Response:
        user = asked.body["messages"][1]["content"]
        refused = len(user) > characters
        return (faults.status(400, code="context_length_exceeded") if refused else faults.around(""))(asked)

    return fault


async def test_a_paper_is_read_in_parts_that_the_model_takes() -> None:
    text = section(1, 40_000) + section(2, 40_000) + MEASURED
    async with FakeModel(always=window(50_000)) as fake, world(fake) as it:
        made = await it.reader.read(paper(), full_text(paper(), text))
        assert made.reading.results[0].quotes == (MEASURED.strip(),)
        assert it.outcomes == ["long-prompt", "ok", "ok"]


async def test_a_model_without_room_for_anything_is_asked_a_few_times_and_no_more() -> None:
    async with FakeModel(always=window(1_000)) as fake, world(fake) as it:
        with pytest.raises(LongPromptError):
            await it.reader.read(paper(), full_text(paper(), section(1, 20_000)))
        assert it.outcomes == ["long-prompt"] * 4


async def test_notes_that_are_too_long_leave_room_for_those_of_the_last_part() -> None:
    def notes(number: int) -> faults.Fault:
        items = [
            {"text": f"{'甲乙丙'[number]}{item} " + "字" * 1_500, "quotes": ["another echo.\nIn room"]}
            for item in "子丑寅卯辰巳午未申酉戌亥"
        ]
        return faults.says(
            json.dumps(dict.fromkeys(("background", "method", "results"), items), ensure_ascii=False)
        )

    async with FakeModel(*map(notes, range(3))) as fake, world(fake) as it:
        await it.reader.read(paper(), full_text(paper(), LONG))
        user = fake.requests[3]["messages"][1]["content"]
        assert [f"- {part}子 字" in user for part in "甲乙丙"] == [True] * 3
        assert len(user) < TEXT_LIMIT + 1_000


async def test_of_a_long_paper_the_whole_is_heard_and_not_the_parts() -> None:
    async with FakeModel() as fake, world(fake) as it:
        listeners = Listeners()
        heard: list[str] = []
        listeners.join(heard.append)
        await it.reader.read(paper(), full_text(paper(), LONG), listeners)
        assert [bool(request.get("stream")) for request in fake.requests] == [False] * 3 + [True]


async def test_a_part_that_fails_fails_the_reading_and_what_was_paid_is_kept() -> None:
    sound = faults.around("")
    async with FakeModel(sound, sound, always=faults.status(500)) as fake, world(fake) as it:
        with pytest.raises(ModelUnreachableError):
            await it.reader.read(paper(), full_text(paper(), LONG))
        assert it.outcomes[:2] == ["ok", "ok"]
        assert "ok" not in it.outcomes[2:]
