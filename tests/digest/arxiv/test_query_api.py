import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, timedelta

import pytest

from digest.arxiv import query_api
from digest.arxiv.client import ArxivClient, FetchPolicy, open_client
from digest.arxiv.query_api import QueryApi, clean
from digest.core.errors import (
    EmptyPageError,
    MalformedError,
    SourceRefusedError,
    TooManyError,
    UnknownPaperError,
    UnknownVersionError,
)
from digest.core.ids import PaperRef
from digest.core.models import PaperId
from tests.fakes.arxiv import FakeArxiv, feed
from tests.papers import MONDAY_MORNING, paper
from tests.shared import shared_data

QUICK = FetchPolicy(attempts=2, wait_initial=0.01, wait_max=0.01)
DAY = timedelta(days=1)


@asynccontextmanager
async def api_of(arxiv: FakeArxiv) -> AsyncIterator[QueryApi]:
    async with arxiv.serve() as url, open_client(None, QUICK) as client:
        yield QueryApi(ArxivClient(client, interval=0, patience=QUICK), f"{url}/api/query")


async def test_papers_of_any_watched_category_are_found_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_api, "_PAGE_SIZE", 2)
    crossed = paper(4, categories=("cs.CL", "cs.SD"))
    papers = [paper(1), paper(2), paper(3, categories=("cs.CV",)), crossed, paper(5, categories=("eess.AS",))]
    arxiv = FakeArxiv(papers=papers)
    async with api_of(arxiv) as query:
        found = await query.submitted(["cs.SD", "eess.AS"], MONDAY_MORNING - DAY, MONDAY_MORNING + DAY)
    assert found == [papers[4], crossed, papers[1], papers[0]]
    assert len(arxiv.requests) == 2


async def test_more_papers_than_one_query_gives_are_asked_for_in_parts_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(query_api, "_PAGE_SIZE", 2)
    monkeypatch.setattr(query_api, "_MOST_RESULTS", 4)
    papers = [paper(number, submitted=MONDAY_MORNING + number * DAY / 3) for number in range(1, 24)]
    arxiv = FakeArxiv(papers=papers, most_results=4)
    async with api_of(arxiv) as query:
        found = await query.submitted(["cs.SD"], MONDAY_MORNING, MONDAY_MORNING + 8 * DAY)
    assert found == papers[::-1]


async def test_more_papers_in_a_minute_than_one_query_gives_are_a_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(query_api, "_MOST_RESULTS", 2)
    async with api_of(FakeArxiv(papers=[paper(n, submitted=MONDAY_MORNING) for n in (1, 2, 3)])) as query:
        with pytest.raises(TooManyError, match="3 papers for one query"):
            await query.submitted(["cs.SD"], MONDAY_MORNING - DAY, MONDAY_MORNING + DAY)


async def test_a_paper_is_found_by_its_identifier_in_the_version_asked_for() -> None:
    second = paper(1, version=2)
    async with api_of(FakeArxiv(papers=[second])) as query:
        assert await query.named(PaperRef(second.id)) == second
        assert await query.named(PaperRef(second.id, 2)) == second
        with pytest.raises(UnknownPaperError, match=r"2602\.00009"):
            await query.named(PaperRef(PaperId("2602.00009")))


@pytest.mark.parametrize("answer", ["nothing", "empty"])
async def test_a_version_that_is_not_there_is_told_with_the_newest(answer: str) -> None:
    second = paper(1, version=2)
    arxiv = FakeArxiv(papers=[second])
    async with api_of(arxiv) as query:
        if answer == "empty":
            arxiv.faults.extend(["empty"] * 2)
        with pytest.raises(UnknownVersionError, match=r"no 2602\.00001v9: .* is 2602\.00001v2"):
            await query.named(PaperRef(second.id, 9))
        with pytest.raises(UnknownPaperError, match=r"no paper 2602\.00009"):
            await query.named(PaperRef(PaperId("2602.00009"), 9))


@pytest.mark.parametrize(
    ("fault", "error"), [("html", MalformedError), ("cut", MalformedError), ("empty", EmptyPageError)]
)
async def test_a_bad_answer_is_asked_again_and_then_named(fault: str, error: type[Exception]) -> None:
    arxiv = FakeArxiv(papers=[paper(1)])
    async with api_of(arxiv) as query:
        arxiv.faults.append(fault)
        assert len(await query.submitted(["cs.SD"], MONDAY_MORNING - DAY, MONDAY_MORNING + DAY)) == 1
        arxiv.faults.extend([fault] * 2)
        with pytest.raises(error):
            await query.submitted(["cs.SD"], MONDAY_MORNING - DAY, MONDAY_MORNING + DAY)


async def test_no_papers_is_an_answer_too() -> None:
    async with api_of(FakeArxiv()) as query:
        assert await query.submitted(["cs.SD"], MONDAY_MORNING, MONDAY_MORNING) == []


async def test_a_hostile_feed_reaches_no_file_and_no_memory() -> None:
    bomb = (
        b'<!DOCTYPE f [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        + feed([paper(1, title="X")]).split(b"?>", 1)[1]
    )
    arxiv = FakeArxiv(recorded=bomb.replace(b"<title>X", b"<title>&a;"))
    async with api_of(arxiv) as query:
        found = await query.submitted(["cs.SD"], MONDAY_MORNING, MONDAY_MORNING)
    assert "root:" not in found[0].title


async def test_an_endless_abstract_is_cut() -> None:
    async with api_of(FakeArxiv(papers=[paper(1, abstract="$ a " * 1_000_000)])) as query:
        found = await query.submitted(["cs.SD"], MONDAY_MORNING - DAY, MONDAY_MORNING + DAY)
    assert len(found[0].abstract or "") <= 20_000


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("q_testing_s0_m100_cfe7536492ca.response.json", 100),
        ("q_testing_s10_m10_34e56e15aaac.response.json", 10),
        ("id_astro-ph_0601001_s0_m100_3150dca9dc76.response.json", 1),
        ("id_0000.0000_s0_m100_8b51d9633a68.response.json", 0),
        ("xiv_csRO_2025-10-17.xml", 2),
    ],
)
async def test_recorded_answers_of_both_forms_are_understood(name: str, count: int) -> None:
    recorded = shared_data("api", name).read_text("utf-8")
    body = json.loads(recorded)["body"] if name.endswith("json") else recorded
    # The recorded total promises further pages; here it ends with the page.
    body = re.sub(r"(totalResults[^>]*>)[0-9]+", rf"\g<1>{count}", body)
    body = re.sub(r"(startIndex[^>]*>)[0-9]+", r"\g<1>0", body)
    async with api_of(FakeArxiv(recorded=body.encode())) as query:
        papers = await query.submitted(["cs.SD"], MONDAY_MORNING, MONDAY_MORNING)
    assert len(papers) == count
    for found in papers:
        assert found.title == clean(found.title)
        assert found.abstract
        assert "\n" not in found.abstract
        assert found.authors
        assert found.primary_category in found.categories
        assert found.published
        assert found.published.tzinfo is UTC


async def test_the_recorded_refusal_is_repeated_in_arxivs_own_words() -> None:
    recorded = json.loads(shared_data("api", "id_abc_s0_m100_b79c8dcf6bc3.response.json").read_text("utf-8"))
    arxiv = FakeArxiv(recorded=recorded["body"].encode(), recorded_status=recorded["status_code"])
    async with api_of(arxiv) as query:
        with pytest.raises(SourceRefusedError, match="incorrect id format for abc"):
            await query.named(PaperRef(PaperId("abc")))
    assert len(arxiv.requests) == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            r"Jan \v{C}ernock\'y and Sch{\"o}lkopf, \L{}ukasz Gro\ss{}",
            "Jan Černocký and Schölkopf, Łukasz Groß",
        ),
        ("a title\n  over two lines", "a title over two lines"),
        (r"by 30\% with $\bar{x}_{\'e}$ and \(\v{c}\)", r"by 30% with $\bar{x}_{\'e}$ and \(\v{c}\)"),
        (r"\textbf{kept} for the model", r"\textbf{kept} for the model"),
    ],
)
def test_accents_and_line_wraps_go_and_formulas_stay(given: str, expected: str) -> None:
    assert clean(given) == expected
