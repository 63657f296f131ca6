"""The commands for one paper: `arxiv-daily paper` shows it, `arxiv-daily edit` replaces its translation."""

import asyncio
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import click
import typer

from bot import command_line, daily_run, publishing, setting_values
from bot.command_line import say
from bot.container import App, open_app, rules
from bot.core.run_report import RunReport
from bot.db import campaigns
from bot.settings import Settings
from digest import languages
from digest.checks import translation as translation_checks
from digest.checks.translation import Translated
from digest.core import ids
from digest.core.errors import DigestError, InvalidPaperIdError, ModelError
from digest.core.findings import Finding
from digest.core.ids import PaperRef
from digest.core.models import BY_HAND, Gap, Paper, Translation, VersionId
from digest.core.progress import Listener
from digest.db import editions
from digest.db import engine as database
from digest.pipeline import translation_draft
from digest.pipeline.answering import QUESTION_LIMIT
from digest.pipeline.papers import PaperService
from digest.pipeline.translation_draft import TranslationFile, TranslationFileError
from digest.render import terminal


class EditError(DigestError):
    """A translation cannot be edited, or was not written."""


def paper(
    name: Annotated[str, typer.Argument(metavar="ID", help="An arXiv identifier or link.")],
    ask: Annotated[
        str, typer.Option("--ask", metavar="QUESTION", help="Answer this question from the paper.")
    ] = "",
) -> None:
    """Show the translation and the reading of any paper, or answer a question about it."""
    ref = _ref(name)
    if len(ask) > QUESTION_LIMIT:
        raise typer.BadParameter(
            f"A question may have at most {QUESTION_LIMIT} characters.", param_hint="--ask"
        )
    loaded = command_line.load()
    say(asyncio.run(_answer(loaded, ref, ask) if ask else _paper(loaded, ref)))


async def _paper(loaded: Settings, ref: PaperRef) -> str:
    async with open_app(loaded, command_line.now) as parts:
        found = await parts.paper_service.paper(ref)
        async with asyncio.TaskGroup() as group:
            translation = group.create_task(parts.paper_service.translation(found, Listener()))
            reading = group.create_task(parts.paper_service.reading(found, Listener()))
        earlier = await parts.paper_service.earlier_reading(found)
        return terminal.paper(found, translation.result(), reading.result(), loaded.target_language, earlier)


async def _answer(loaded: Settings, ref: PaperRef, question: str) -> str:
    async with open_app(loaded, command_line.now) as parts:
        found = await parts.paper_service.paper(ref)
        answer = await parts.paper_service.answer(found, question)
    if isinstance(answer, Gap):
        raise ModelError(terminal.render("unanswered", why=answer).strip())
    return terminal.render("answer", answer=answer, paper=found).strip()


def edit(
    name: Annotated[str, typer.Argument(metavar="ID", help="An arXiv identifier or link.")],
    language: Annotated[
        str, typer.Option(metavar="TAG", help="The translation's language.", show_default="TARGET_LANGUAGE")
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Read it from a file, - for standard input.", show_default="an editor"
        ),
    ] = None,
) -> None:
    """Replace a model's translation of a paper by your own, permanently.

    The post is written again, and everything not yet sent shows the new translation. Without --file the current
    translation opens in $EDITOR. The checks warn, but do not refuse.
    """
    ref = _ref(name)
    try:
        tag = str(setting_values.language(language)) if language else ""
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--language") from None
    loaded = command_line.load()
    asyncio.run(_edit(loaded, ref, tag or loaded.target_language, file))


def _ref(name: str) -> PaperRef:
    """Parse the argument ID. Raises BadParameter."""
    try:
        return ids.parse(name)
    except InvalidPaperIdError as error:
        raise typer.BadParameter(str(error), param_hint="ID") from None


async def _edit(loaded: Settings, ref: PaperRef, language: str, file: Path | None) -> None:
    if languages.is_source(language):
        raise EditError(f"Nothing is translated into “{language}”: arXiv's own records are shown.")
    async with open_app(loaded, command_line.now) as parts:
        shown = await _shown(parts, ref)
        paper = await parts.paper_service.paper(PaperRef(ref.paper, shown.version.number) if shown else ref)
        paper_service = parts.paper_service_in(language)
        written = await _written(paper_service, paper, language, file)
        doubts = _doubts(loaded, paper, language, written)
        if doubts:
            say(terminal.render("doubts", findings=doubts), err=True, nl=False)
        await paper_service.pin(
            Translation(paper.version, language, written.title, written.abstract, written.summary, BY_HAND)
        )
        if shown:
            async with database.writing(parts.engine) as connection:
                await campaigns.renew(connection, shown.day)
        here = shown if language == loaded.target_language else None
        account = await _rebuilt(parts, here) if here else None
    say(terminal.render("edited", version=paper.version, account=account), nl=False)


@dataclass(frozen=True, slots=True)
class _Shown:
    """The version of a paper in an edition."""

    version: VersionId
    day: date


async def _shown(parts: App, ref: PaperRef) -> _Shown | None:
    """Return the requested version, if an edition shows it."""
    async with database.reading(parts.engine) as connection:
        wanted = (await editions.assigned(connection, [ref.paper])).get(ref.paper)
        closed = await editions.find(connection, wanted) if wanted else None
    if closed is None:
        return None
    version = next(version for version in closed.versions if version.paper == ref.paper)
    return _Shown(version, closed.date) if ref.version in (None, version.number) else None


async def _written(
    paper_service: PaperService, paper: Paper, language: str, file: Path | None
) -> TranslationFile:
    """Read the operator's translation from `file` or an editor. Raises DigestError if it is invalid."""
    if file is not None:
        return translation_draft.parse_translation_file(_read(file))
    present = (await paper_service.stored([paper]))[paper.version][0]
    begun = terminal.render("manuscript", paper=paper, translation=present)
    found = await asyncio.to_thread(_edited, begun)
    try:
        return translation_draft.parse_translation_file(found)
    except TranslationFileError as error:
        kept = await asyncio.to_thread(_set_aside, found, f"{paper.version}.{language}.txt".replace("/", "-"))
        raise EditError(f"{error} Your text is in {kept}: correct it, and pass it with --file.") from None


def _edited(begun: str) -> str:
    """Let the operator edit a text in $EDITOR, and return it."""
    try:
        found = click.edit(begun)
    except click.ClickException as error:
        raise EditError(f"{error.message}.") from None
    if not isinstance(found, str) or found == begun:
        raise EditError("Nothing was changed.")
    return found


def _set_aside(text: str, name: str) -> Path:
    """Save the text, so that no work is lost because of a wrong heading."""
    path = Path(name)
    path.write_text(text, "utf-8")
    return path


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except OSError as error:
        raise EditError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeError:
        raise EditError(f"{file} is not UTF-8.") from None


def _doubts(loaded: Settings, paper: Paper, language: str, written: TranslationFile) -> tuple[Finding, ...]:
    """Return the findings of the checks; none if there is no abstract to compare with."""
    if paper.abstract is None:
        return ()
    source = translation_draft.source(paper, language, rules(loaded, language).glossary, {})
    made = Translated(written.title, written.abstract, written.summary)
    return translation_checks.check_translation(source.original, made, language, source.glossary)


async def _rebuilt(parts: App, shown: _Shown) -> RunReport | None:
    """Write the post again; what else the edition lacks is made too."""
    try:
        account = await daily_run.rebuild(parts, shown.day, lambda _: None)
        fault = await publishing.publish(parts)
    except DigestError as error:
        raise _not_in_the_post(shown, error) from error
    if fault is not None:
        raise _not_in_the_post(shown, fault) from fault
    return account


def _not_in_the_post(shown: _Shown, error: DigestError) -> EditError:
    return EditError(
        f"{shown.version}: stored, and shown from now on, but not in the post of {shown.day}. {error} "
        "Repeat the command to have the post written."
    )
