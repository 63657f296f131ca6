"""Concurrent requests for one paper, by hand and for an edition, are made once in this process, and stored."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from bot import daily_run
from bot.container import App
from digest.core.ids import parse
from digest.core.models import Answer, Gap, Paper, Purpose, Reading, Translation
from digest.db import engine as database
from digest.db import model_calls
from tests.bot.world import WEDNESDAY_NOON, World, world
from tests.fakes.model import FakeModel
from tests.fakes.model_faults import drip, status

ONE, NAME = "2602.00001", "2602.00001v1"


def slow() -> FakeModel:
    return FakeModel(translation_seconds=0.2, reading_seconds=0.2)


async def first(app: App) -> Paper:
    return await app.paper_service.paper(parse(ONE))


async def asked(here: World, purpose: Purpose) -> None:
    """Wait until the model is at work."""
    async with asyncio.timeout(300):
        while not here.model.asked_for[purpose, NAME]:  # noqa: ASYNC110 - the fake sends no notification
            await asyncio.sleep(0.01)


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[list[str]]:
    """Count the queries in the block."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


async def test_what_many_ask_for_at_once_costs_one_call_each_and_one_download(tmp_path: Path) -> None:
    async with world(tmp_path, slow()) as here, here.app(WEDNESDAY_NOON) as app:
        paper = await first(app)
        made = await asyncio.gather(
            *(app.paper_service.reading(paper) for _ in range(10)),
            *(app.paper_service.translation(paper) for _ in range(10)),
        )
        assert len(set(made)) == 2
        assert dict(here.model.asked_for) == {(Purpose.TRANSLATION, NAME): 1, (Purpose.READING, NAME): 1}
        assert len([url for url in map(str, here.arxiv.requests) if NAME in url]) == 1


async def test_an_edition_and_a_reader_share_what_is_being_made(tmp_path: Path) -> None:
    async with world(tmp_path, slow()) as here, here.app(WEDNESDAY_NOON) as app:
        edition = asyncio.create_task(daily_run.work(app, WEDNESDAY_NOON, here.progress.append))
        await asked(here, Purpose.READING)
        paper = await first(app)
        reading = await app.paper_service.reading(paper)
        [account] = (await edition).accounts
        assert reading in [entry.reading for entry in account.edition.entries]
        assert set(here.model.asked_for.values()) == {1}


async def test_a_reading_that_nobody_waits_for_any_more_is_kept(tmp_path: Path) -> None:
    async with world(tmp_path, slow()) as here, here.app(WEDNESDAY_NOON) as app:
        paper = await first(app)
        waiting = [asyncio.create_task(app.paper_service.reading(paper)) for _ in range(3)]
        await asked(here, Purpose.READING)
        for task in waiting:
            task.cancel()
        assert all(task.cancelled() for task in (await asyncio.wait(waiting))[0])
        assert isinstance(await app.paper_service.reading(paper), Reading)
        assert here.model.asked_for[Purpose.READING, NAME] == 1
        assert (Purpose.READING, NAME) in here.kept()


async def test_a_fault_is_told_to_all_who_wait_and_the_next_one_tries_again(tmp_path: Path) -> None:
    model = FakeModel(status(400), translation_seconds=0.2)
    async with world(tmp_path, model) as here, here.app(WEDNESDAY_NOON) as app:
        paper = await first(app)
        many = await asyncio.gather(*(app.paper_service.translation(paper) for _ in range(5)))
        assert many == [Gap.MODEL] * 5
        assert isinstance(await app.paper_service.translation(paper), Translation)


async def test_the_end_of_the_program_waits_for_no_call_under_way(tmp_path: Path) -> None:
    async with world(tmp_path, FakeModel(reading_seconds=60)) as here:
        async with here.app(WEDNESDAY_NOON) as app:
            waiting = asyncio.create_task(app.paper_service.reading(await first(app)))
            await asked(here, Purpose.READING)
        assert (await asyncio.gather(waiting, return_exceptions=True))[0].__class__ is asyncio.CancelledError
        assert here.kept() == set()


async def test_languages_have_libraries_of_their_own_over_the_same_papers(tmp_path: Path) -> None:
    async with world(tmp_path, slow()) as here, here.app(WEDNESDAY_NOON) as app:
        french = app.paper_service_in("fr")
        assert french is app.paper_service_in("fr")
        paper = await first(app)
        chinese, other = await asyncio.gather(app.paper_service.translation(paper), french.translation(paper))
        assert isinstance(chinese, Translation)
        assert isinstance(other, Translation)
        assert (chinese.language, other.language) == ("zh-CN", "fr")
        assert here.model.asked_for[Purpose.TRANSLATION, NAME] == 2


async def test_english_is_the_record_itself_and_costs_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as here, here.app(WEDNESDAY_NOON) as app:
        paper = await first(app)
        for language in ("en", "en-GB"):
            made = await app.paper_service_in(language).translation(paper)
            assert isinstance(made, Translation)
            assert (made.language, made.title, made.abstract) == (language, paper.title, paper.abstract)
            assert made.summary is None
        assert here.model.requests == []
        assert here.kept() == set()


async def test_what_is_stored_of_a_whole_edition_is_asked_for_at_once(tmp_path: Path) -> None:
    async with world(tmp_path, papers=8) as here, here.app(WEDNESDAY_NOON) as app:
        [account] = (await daily_run.work(app, WEDNESDAY_NOON, here.progress.append)).accounts
        papers = [entry.paper for entry in account.edition.entries]
        with counted(app.engine) as statements:
            stored = await app.paper_service.stored(papers)
        assert len([each for each in statements if each.startswith("SELECT")]) == 2
        assert [stored[each.paper.version] for each in account.edition.entries] == [
            (each.translation, each.reading) for each in account.edition.entries
        ]
        assert len(papers) == 8


async def test_an_answer_is_shared_and_counted_though_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    model = FakeModel(always=drip(0.2))
    async with world(tmp_path, model) as here, here.app(WEDNESDAY_NOON) as app:
        paper = await first(app)
        waiting = [asyncio.create_task(app.paper_service.answer(paper, "Does it fall?")) for _ in range(3)]
        await asked(here, Purpose.ANSWER)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert isinstance(await app.paper_service.answer(paper, "Does it fall?"), Answer)
        assert isinstance(await app.paper_service.answer(paper, "And then?"), Answer)
        async with database.reading(app.engine) as connection:
            spent = await model_calls.totals(connection, WEDNESDAY_NOON)
        assert here.model.asked_for[Purpose.ANSWER, NAME] == spent[Purpose.ANSWER].ok == 2
