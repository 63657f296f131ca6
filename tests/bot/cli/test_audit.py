"""Tests of audits: an auditor judges stored translations, the operator labels its objections, and the report counts."""

import re
from pathlib import Path

import pytest

from tests.bot.cli.test_edit import Operator
from tests.bot.commands import Commands
from tests.bot.world import world
from tests.fakes import model_faults as faults
from tests.fakes import model_judges as judges
from tests.fakes.model import FakeModel
from tests.fakes.model_mistranslations import Mistranslates, changed

AUDITOR = {"AUDIT_MODEL": "auditor"}
FAULT = "12.5%"
"""Part of a sentence that every paper's translation has."""


def numbers(listed: str) -> list[int]:
    """Return the numbers of the objections in the output of an audit."""
    return [int(found) for found in re.findall(r"^(\d+)\. ", listed, re.MULTILINE)]


async def test_an_audit_is_labelled_and_counted(tmp_path: Path, commands: Commands) -> None:
    async with world(tmp_path) as here:
        await here.run()
        operator = Operator(here, commands)
        here.model.judge = judges.honest({FAULT: "reversed"})
        told = await operator.call("quality", "--audit", "2", "--seed", "1", **AUDITOR)
        assert told.status == 0, told.err
        assert "of 2 translations.\n" in told.out
        assert "in zh-CN: reversed" in told.out
        assert "shown to readers" in told.out
        assert "found before" not in told.out
        assert here.model.requests[-1]["model"] == "auditor"
        first, second, *_ = found = numbers(told.out)
        labels = ",".join(f"{each}=reject" for each in found[1:])
        assert (await operator.call("quality", "--label", f"{first}=accept,{labels}")).out == (
            f"{len(found)} labels are kept.\n"
        )
        report = (await operator.call("quality")).out
        assert "Audits by auditor: 2 translations" in report
        [line] = [line for line in report.splitlines() if line.startswith("  reversed")]
        assert line.split()[1:4] == [str(len(found)), "1", str(len(found) - 1)]
        assert "0 % (0 to 79)" in line  # nothing had been found before
        assert line.split()[-1] == "1"  # readers see it
        assert "labels say little" in report
        again = await operator.call("quality", "--label", f"{second}=accept")
        assert again.out == "1 label is kept.\n"


async def test_a_fault_that_the_checks_had_found_counts_as_found_and_is_not_shown(
    tmp_path: Path, commands: Commands
) -> None:
    model = FakeModel(always=Mistranslates(changed("12.5%", "15.2%")))
    async with world(tmp_path, model, papers=1) as here:
        await here.run()
        here.model.always, here.model.judge = None, judges.honest({"15.2%": "added"})
        operator = Operator(here, commands)
        told = await operator.call("quality", "--audit", "1", **AUDITOR)
        assert "found before" in told.out
        assert "shown to readers" not in told.out
        for number in numbers(told.out):
            await operator.call("quality", "--label", f"{number}=accept")
        report = (await operator.call("quality")).out
        [line] = [line for line in report.splitlines() if line.startswith("  added")]
        assert line.count("100 % (") == 2
        assert line.split()[-1] == "0"


async def test_the_page_leads_to_labels(tmp_path: Path, commands: Commands) -> None:
    async with world(tmp_path, papers=1) as here:
        await here.run()
        operator = Operator(here, commands)
        page = tmp_path / "audit.html"
        here.model.judge = judges.objecting
        told = await operator.call("quality", "--audit", "1", "--page", str(page), **AUDITOR)
        assert told.status == 0, told.err
        found = numbers(told.out)
        assert len(found) >= 3
        for number in found:
            assert f'name="{number}" value="accept"' in page.read_text("utf-8")
        address = f"file://{page}?" + "&".join(f"{number}=reject" for number in found)
        assert (await operator.call("quality", "--label", address)).out == f"{len(found)} labels are kept.\n"
        missing = str(tmp_path / "missing" / "audit.html")
        told = await operator.call("quality", "--audit", "1", "--page", missing, **AUDITOR)
        assert told.sentence.startswith(f"{missing} cannot be written: No such file or directory.")


async def test_what_was_audited_is_not_drawn_again_and_open_objections_stay_listed(
    tmp_path: Path, commands: Commands
) -> None:
    async with world(tmp_path) as here:
        await here.run()
        operator = Operator(here, commands)
        here.model.judge = judges.honest({FAULT: "added"})
        first = numbers((await operator.call("quality", "--audit", "1", **AUDITOR)).out)
        second = numbers((await operator.call("quality", "--audit", "5", **AUDITOR)).out)
        assert second[: len(first)] == first
        asked = len(here.model.requests)
        third = await operator.call("quality", "--audit", "5", **AUDITOR)
        assert len(here.model.requests) == asked
        assert "no stored attempt is left to audit" in third.out
        assert numbers(third.out) == second


async def test_an_auditor_that_does_not_answer_is_a_sentence_and_loses_nothing(
    tmp_path: Path, commands: Commands
) -> None:
    async with world(tmp_path) as here:
        await here.run()
        operator = Operator(here, commands)
        here.model.judge = judges.honest({FAULT: "missing"})
        kept = numbers((await operator.call("quality", "--audit", "1", **AUDITOR)).out)
        here.model.always = faults.status(401)
        told = await operator.call("quality", "--audit", "2", **AUDITOR)
        assert told.status == 1
        assert told.sentence.startswith("AUDIT_MODEL auditor judged 0 of 2 translations, which are kept. ")
        assert numbers(told.out) == kept
        here.model.always = None
        assert (await operator.call("quality", "--audit", "2", **AUDITOR)).status == 0


@pytest.mark.parametrize("judge", [judges.about_others, judges.broken])
async def test_an_auditor_without_usable_verdicts_is_a_sentence(
    tmp_path: Path, commands: Commands, judge: judges.Script
) -> None:
    async with world(tmp_path, papers=1) as here:
        await here.run()
        here.model.judge = judge
        told = await Operator(here, commands).call("quality", "--audit", "1", **AUDITOR)
        assert told.status == 1
        assert told.sentence.startswith("AUDIT_MODEL auditor judged 0 of 1 translations")


async def test_labels_of_nothing_and_other_words_are_refused(tmp_path: Path, commands: Commands) -> None:
    async with world(tmp_path, papers=1) as here:
        operator = Operator(here, commands)
        told = await operator.call("quality", "--label", "17=accept")
        assert (told.status, told.sentence) == (1, "There is no objection 17.")
        for wrong in ("17", "17=yes", "17=accept,maybe", "17=accept,17=reject", "?"):
            assert (await operator.call("quality", "--label", wrong)).status == 2
        assert (await operator.call("quality", "--page", "page.html")).status == 2


@pytest.mark.parametrize(("variable", "value"), [("OPENAI_API_KEY", ""), ("JUDGE_MODEL", "none")])
async def test_an_audit_without_a_model_is_refused(
    tmp_path: Path, commands: Commands, variable: str, value: str
) -> None:
    async with world(tmp_path, papers=1) as here:
        told = await Operator(here, commands).call("quality", "--audit", "1", **{variable: value})
        assert told.status == 1
        assert "Nothing can be audited" in told.sentence
        assert variable in told.sentence
