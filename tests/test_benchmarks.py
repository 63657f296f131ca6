"""The benchmarks at their small size: each works, and the promises that hold on any machine hold."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import judge
from benchmarks.__main__ import QUICK
from benchmarks.labelled.pairs import load
from benchmarks.results import Result, run
from benchmarks.simulated.claims import claims
from benchmarks.simulated.trial import planted, posts
from digest.core.models import Price
from tests.components import program
from tests.fakes.model import KEY
from tests.shared import shared_data

ROOT = Path(__file__).resolve().parents[1]
LONG = {
    "coverage",
    "database",
    "edition",
    "fanout",
    "faults",
    "fidelity",
    "fulltext",
    "judge",
    "mail",
    "queries",
    "telegram",
}
NO_PROGRAMS = {"__main__", "results", "virtual_time"}


def call(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmark as its command line does."""
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.play if name in LONG else ()) for name in QUICK],
)
def test_every_benchmark_does_its_work_at_a_small_size(name: str) -> None:
    if name == "fidelity":
        shared_data("listings-2025.jsonl")
    if name == "fulltext":
        shared_data("pdf")
        program("pdftotext")
    if name == "mail":
        program("smtp-sink")
    ended = call(name, *QUICK[name])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "no figures" not in ended.stdout


def test_no_benchmark_is_left_out() -> None:
    assert {path.stem for path in ROOT.glob("benchmarks/*.py")} - NO_PROGRAMS == set(QUICK)


@pytest.mark.parametrize("script", ["honest", "lazy", "adversarial"])
async def test_a_scripted_judge_is_measured_as_what_it_is(script: str) -> None:
    endpoint = judge.Endpoint("", "script", KEY, Price(1, 1, 1), script)
    measured = await judge.judged(endpoint, "translation", 20)
    assert measured.undone == measured.broken == []
    faulty = sum(pair.relation.objects for pair in measured.pairs)
    assert 4 < faulty < 16
    right = {"honest": 20, "lazy": 20 - faulty, "adversarial": faulty}
    assert measured.right(measured.pairs).hits == right[script]
    assert "0 without a verdict" in str(measured)
    assert "cost: 0.00" in str(measured)


def test_an_honest_judge_stops_claims_that_pass_the_checks() -> None:
    measured = claims(2)
    assert measured.undone == measured.broken == []
    assert {judge: shown["reversed"].hits for judge, shown in measured.shown.items()} == {
        "no judge": 1,
        "honest judge": 0,
        "one in ten wrong": 0,
    }
    assert {shown["sound"].total for shown in measured.shown.values()} == {18}


@pytest.mark.play
def test_a_judge_without_verdicts_is_not_measured() -> None:
    ended = call("judge", "--scripted", "broken", "--pairs", "5")
    assert ended.returncode == 1
    assert "0 of 5 pairs have a verdict. The model's answer is broken JSON." in ended.stdout
    assert "%" not in ended.stdout


def test_no_text_shows_the_judge_a_sentence_twice() -> None:
    dealt = judge.texts(load("translation"))
    assert sum(map(len, dealt)) == len(load("translation"))
    assert all(len({pair.original for pair in text}) == len(text) for text in dealt)


@pytest.mark.play
def test_an_edition_that_is_not_made_is_not_measured() -> None:
    ended = call("edition", "--papers", "0")
    assert ended.returncode == 1
    assert "the program ended with 1 and said: arxiv-daily: arXiv shows no paper" in ended.stdout
    assert "ratio" not in ended.stdout


@dataclass(frozen=True)
class Measured(Result):
    left: tuple[str, ...] = ()
    unkept: tuple[str, ...] = ()
    over: tuple[str, ...] = ()

    @property
    def undone(self) -> list[str]:
        return [*self.left]

    @property
    def broken(self) -> list[str]:
        return [*self.unkept]

    @property
    def missed(self) -> list[str]:
        return [*self.over]

    def __str__(self) -> str:
        return "ratio 0.047"


def test_figures_are_shown_where_the_work_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    run({"part": Measured}, limits=True)
    assert capsys.readouterr().out == "ratio 0.047\n"


def test_work_that_was_not_done_fails_without_a_figure_and_keeps_no_other_part_from_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="failed: first"):
        run({"first": lambda: Measured(left=("nothing was sent",)), "second": Measured}, limits=False)
    shown, figures, _ = capsys.readouterr().out.partition("ratio 0.047")
    assert "first: no figures, because the work was not done\n        nothing was sent" in shown
    assert figures


def test_a_broken_promise_fails_at_any_size_and_an_exceeded_limit_only_at_the_full_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run({"part": lambda: Measured(over=("ratio 1.2",))}, limits=False)
    assert "FAILED" not in capsys.readouterr().out
    with pytest.raises(SystemExit, match="failed: part"):
        run({"part": lambda: Measured(over=("ratio 1.2",))}, limits=True)
    with pytest.raises(SystemExit, match="failed: part"):
        run({"part": lambda: Measured(unkept=("one was lost",))}, limits=False)
    assert capsys.readouterr().out.count("FAILED") == 2


@pytest.mark.play
def test_planted_faults_are_found_and_sound_translations_pass() -> None:
    came = planted(120)
    assert came.undone == came.missed == []
    assert came.both("all").texts > 400


def test_published_translations_show_the_faults_that_are_known_of_them() -> None:
    found = str(posts())
    assert "2510.13281: acronym-missing (soft) “GER”, hedge (soft) “up to”" in found
    assert "acronym-missing (soft) “FOA”" in found
    assert "2512.20948: acronym (soft) “AD”" in found
