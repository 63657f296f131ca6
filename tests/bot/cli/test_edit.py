"""Tests of `arxiv-daily edit` and `arxiv-daily quality` from the operator's side."""

import asyncio
import stat
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bot import daily_run
from digest.core.models import Translation
from tests.bot.cli.test_main import environment
from tests.bot.commands import Commands, Told
from tests.bot.world import WEDNESDAY_NOON, World, world
from tests.fakes.model import FakeModel
from tests.fakes.model_mistranslations import Mistranslates, changed
from tests.papers import paper

DAY = date(2026, 2, 11)
OWN = (
    "Title: EchoNet-1：听见第1号房间的形状\nSummary: 一句我的话。\n"
    "Abstract: 我们提出EchoNet-1，它最多可将1号房间的误差降低12.5%。\n"
)
PRICES = "gpt-4.1-mini=0.4/0.1/1.6"


@dataclass(frozen=True)
class Operator:
    """An operator who runs commands on a machine, while its fake services go on."""

    here: World
    commands: Commands

    async def call(self, *arguments: str, piped: str = "", **env: str) -> Told:
        self.commands.set(**environment(self.here, **env))
        return await asyncio.to_thread(self.commands.call, *arguments, piped=piped.encode())


async def shown(here: World) -> Translation:
    """Return the translation of paper 1 that is sent from now on."""
    async with here.app(WEDNESDAY_NOON) as app:
        edition = await daily_run.stored(app, DAY, "zh-CN")
    assert edition is not None
    [made] = [entry.translation for entry in edition.entries if entry.paper.id == paper(1).id]
    assert isinstance(made, Translation)
    return made


def editor(folder: Path, script: str) -> str:
    """Create an editor that opens the file it is given, and runs `script` with the variable `text`."""
    path = folder / "editor.py"
    path.write_text(
        "#!/usr/bin/env python3\nimport pathlib, sys\npath = pathlib.Path(sys.argv[1])\n"
        f"text = path.read_text('utf-8')\n{script}\npath.write_text(text, 'utf-8')\n",
        "utf-8",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def test_the_operators_own_translation_is_in_the_post_and_stays_there(
    tmp_path: Path, commands: Commands
) -> None:
    model = FakeModel(always=Mistranslates(changed("12.5%", "15.2%")))
    async with world(tmp_path, model, papers=1) as here:
        await here.run()
        assert "显示原文" in here.post(str(DAY))
        told = await Operator(here, commands).call("edit", "2602.00001", "--file", "-", piped=OWN)
        assert told.status == 0
        assert "doubt" not in told.err
        assert f"The post of {DAY} was rewritten: {here.posts}" in told.out
        assert "我们提出EchoNet-1，它最多可将1号房间的误差降低12.5%。" in here.post(str(DAY))
        assert "显示原文" not in here.post(str(DAY))
        asked = len(here.model.requests)
        here.model.always = None
        await here.run(translation_model="another-model")
        assert len(here.model.requests) == asked
        assert (await shown(here)).title == "EchoNet-1：听见第1号房间的形状"


async def test_what_the_checks_doubt_is_kept_all_the_same_with_a_warning(
    tmp_path: Path, commands: Commands
) -> None:
    async with world(tmp_path, papers=1) as here:
        await here.run()
        own = tmp_path / "own.txt"
        own.write_text(OWN.replace("12.5%", "99%"), "utf-8")
        told = await Operator(here, commands).call("edit", "2602.00001v1", "--file", str(own))
        assert told.status == 0
        assert "The checks found problems. The translation is stored anyway:" in told.err
        assert "99%" in told.err
        assert "99%" in here.post(str(DAY))


async def test_without_a_file_the_present_translation_opens_in_the_editor(
    tmp_path: Path, commands: Commands
) -> None:
    async with world(tmp_path, papers=1) as here:
        await here.run()
        before = await shown(here)
        script = (
            "assert '# We present EchoNet-1' in text\ntext = text.replace('Summary: ', 'Summary: 简言之，')"
        )
        told = await Operator(here, commands).call("edit", "2602.00001", EDITOR=editor(tmp_path, script))
        assert told.status == 0
        assert "doubt" not in told.err
        after = await shown(here)
        assert after.summary == f"简言之，{before.summary}"
        assert (after.title, after.abstract) == (before.title, before.abstract)
        untouched = await Operator(here, commands).call("edit", "2602.00001", EDITOR=editor(tmp_path, "pass"))
        assert (untouched.status, untouched.sentence) == (1, "Nothing was changed.")


async def test_what_was_written_in_the_editor_is_not_lost_over_a_heading(
    tmp_path: Path, commands: Commands
) -> None:
    async with world(tmp_path, papers=1) as here:
        await here.run()
        script = "text = text.replace('Abstract:', 'Abstrct:').replace('Summary: ', 'Summary: 简言之，')"
        told = await Operator(here, commands).call("edit", "2602.00001", EDITOR=editor(tmp_path, script))
        assert told.status == 1
        assert "2602.00001v1.zh-CN.txt: correct it, and pass it with --file." in told.sentence
        assert "简言之，" in (tmp_path / "2602.00001v1.zh-CN.txt").read_text("utf-8")
        failed = await Operator(here, commands).call("edit", "2602.00001", EDITOR="/nowhere/editor")
        assert failed.status == 1
        assert "/nowhere/editor" in failed.sentence


async def test_what_cannot_be_edited_is_refused_in_a_sentence(tmp_path: Path, commands: Commands) -> None:
    async with world(tmp_path, papers=1) as here:
        await here.run()
        for arguments, piped, sentence in (
            (("2602.00001", "--file", "-"), "摘要", "before the first heading"),
            (("2602.00001", "--file", "missing.txt"), "", "missing.txt cannot be read"),
            (("2602.00001", "--language", "en", "--file", "-"), OWN, "Nothing is translated into “en”"),
            (("2602.09999", "--file", "-"), OWN, "arXiv"),
        ):
            told = await Operator(here, commands).call("edit", *arguments, piped=piped)
            assert told.status == 1
            assert sentence in told.sentence
        for faulty in (("nonsense",), ("2602.00001", "--language", "../x")):
            assert (await Operator(here, commands).call("edit", *faulty)).status == 2


async def test_a_paper_of_no_edition_and_another_language_can_be_edited_too(
    tmp_path: Path, commands: Commands
) -> None:
    async with world(tmp_path, papers=1) as here:
        told = await Operator(here, commands).call(
            "edit", "2602.00001", "--language", "fr", "--file", "-", piped=OWN
        )
        assert (told.status, told.out) == (0, "2602.00001v1: stored and shown from now on.\n")
        async with here.app(WEDNESDAY_NOON) as app:
            paper_service = app.paper_service_in("fr")
            made = (await paper_service.stored([paper(1)]))[paper(1).version][0]
        assert made is not None
        assert made.title == "EchoNet-1：听见第1号房间的形状"


async def test_quality_reports_what_was_found_and_what_it_cost(tmp_path: Path, commands: Commands) -> None:
    model = FakeModel(always=Mistranslates(changed("12.5%", "15.2%"), only="2602.00002"))
    async with world(tmp_path, model) as here:
        await here.run()
        unpriced = await Operator(here, commands).call("quality", "--date", str(DAY))
        assert "LLM_PRICES" in unpriced.out
        told = await Operator(here, commands).call("quality", "--date", str(DAY), LLM_PRICES=PRICES)
        assert told.status == 0
        assert "doubt" not in told.err
        assert told.out.startswith(
            f"Edition of {DAY} in zh-CN: papers 3 · checked 3 · passed 2 · failed, original shown 1 · read 3\n"
        )
        assert "  translation hard      2     0  gpt-4.1-mini             a number" in told.out
        assert "2602.00002v1: failed, original shown" in told.out
        assert "15.2%" in told.out
        assert "translations by gpt-4.1-mini: 4 calls" in told.out
        assert "readings by gpt-4.1-mini: 3 calls" in told.out
        assert "  cost 0.0" in told.out
        assert "\n  full texts: html by lxml 3\n" in told.out
        assert "\n  2602.00001v1: full text from html by lxml\n" in told.out
        missing = await Operator(here, commands).call("quality", "--date", "2026-02-12")
        assert (missing.status, missing.sentence) == (1, "There is no edition of 2026-02-12.")
        recent = await Operator(here, commands).call("quality")
        assert (recent.status, recent.out) == (0, "There is no edition to report on.\n")
