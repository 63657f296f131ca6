"""The command `arxiv-daily quality`: the report on what the checks found, and audits of translations."""

import asyncio
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer

from bot import command_line, language_model
from bot.alerts import Alerts
from bot.command_line import say
from bot.container import open_database
from bot.settings import Settings
from digest.core.errors import DigestError
from digest.core.verdicts import AuditedPair
from digest.db import audits
from digest.db import engine as database
from digest.pipeline import auditing
from digest.pipeline import quality as qualities
from digest.pipeline.auditing import Audit, AuditReport
from digest.pipeline.quality import Quality
from digest.render import audit_page, terminal

_LABEL = re.compile(r"(\d{1,9})=(accept|reject)", re.ASCII)
_MOST = 1_000  # translations in an audit


class AuditError(DigestError):
    """Translations cannot be audited, or not all were."""


def quality(
    day_: Annotated[
        str, typer.Option("--date", metavar="DATE", help="One edition.", show_default="the last 30 days")
    ] = "",
    audit: Annotated[
        int | None, typer.Option("--audit", metavar="N", min=1, max=_MOST, help="Have N translations judged.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the audited pairs to an HTML page.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Draw the same translations again.")
    ] = None,
    label: Annotated[
        str,
        typer.Option(metavar="LABELS", help="17=accept,18=reject, or the address that the page leads to."),
    ] = "",
) -> None:
    """Show the findings of the checks in each edition, their results, and the cost; audit translations.

    With --date it shows every paper. With --audit, AUDIT_MODEL judges N stored translations drawn at random and its
    objections are listed; accept or reject each with --label. The report then tells the precision of the objections and
    how many of the accepted faults had been found before.
    """
    if (page or seed is not None) and not audit:
        raise typer.BadParameter("--page and --seed belong to --audit.", param_hint="--audit")
    loaded = command_line.load()
    if label:
        asyncio.run(_label(loaded, _labels(label)))
    if audit:
        asyncio.run(_audit(loaded, audit, seed, page))
    if not (label or audit):
        _report(loaded, command_line.day(day_, "--date"))


def _report(loaded: Settings, wanted: date | None) -> None:
    accounts, audited = asyncio.run(_quality(loaded, wanted))
    shown = terminal.render(
        "quality", accounts=accounts, details=wanted is not None, prices=loaded.llm_prices
    )
    say(shown, nl=False)
    if audited:
        say(terminal.render("audits", report=audited), nl=False)


async def _quality(loaded: Settings, wanted: date | None) -> tuple[list[Quality], AuditReport | None]:
    today = command_line.now().astimezone(loaded.timezone).date()
    async with open_database(loaded) as engine:
        found = await qualities.between(engine, wanted or today - timedelta(days=30), wanted or today)
        audited = await auditing.report(engine)
    if wanted and not found:
        raise DigestError(f"There is no edition of {wanted}.")
    return found, audited


async def _audit(loaded: Settings, count: int, seed: int | None, page: Path | None) -> None:
    """Audit `count` translations, and show the objections without a label, also those of earlier audits."""
    async with open_database(loaded) as engine:
        connected = language_model.client(loaded)
        if connected is None:
            raise AuditError("Nothing can be audited without OPENAI_API_KEY.")
        async with connected:
            alerts = Alerts(engine, command_line.now)
            asked = await language_model.model(loaded, engine, connected, command_line.now, alerts)
            judge = language_model.auditor(loaded, asked, engine, command_line.now)
            if judge is None:
                raise AuditError("Nothing can be audited: JUDGE_MODEL is none, and AUDIT_MODEL is not set.")
            done = await auditing.audit(engine, judge, str(loaded.auditor), count, seed, command_line.now)
        async with database.reading(engine) as connection:
            pairs = await audits.load(connection)
    _show(loaded, done, pairs, page)


def _show(loaded: Settings, done: Audit, pairs: list[AuditedPair], page: Path | None) -> None:
    waiting = [pair for pair in pairs if pair.relation.objects and pair.accepted is None]
    wanted = {*done.call_ids, *(pair.call_id for pair in waiting)}
    say(terminal.render("audit", done=done, judge=loaded.auditor, pairs=pairs, waiting=waiting), nl=False)
    if page is not None:
        _write(page, audit_page.render([pair for pair in pairs if pair.call_id in wanted]))
        say(f"The page is {page}.")
    if done.failure is not None:
        raise AuditError(
            f"AUDIT_MODEL {loaded.auditor} judged {len(done.call_ids)} of {done.drawn} translations, which are kept. "
            f"{done.failure}"
        )


def _write(page: Path, text: str) -> None:
    try:
        page.write_text(text, "utf-8")
    except OSError as error:
        raise AuditError(
            f"{page} cannot be written: {error.strerror}. The audit is kept; its objections are above."
        ) from None


def _labels(given: str) -> dict[int, bool]:
    """Parse labels, alone or as the query of an address. Raises BadParameter."""
    query = given.partition("#")[0].rpartition("?")[2]
    found = [_LABEL.fullmatch(each.strip()) for each in re.split("[,&]", query) if each.strip()]
    labels = {int(each[1]): each[2] == "accept" for each in found if each}
    if not labels or not all(found) or len({each[0] for each in found if each}) > len(labels):
        raise typer.BadParameter(
            "give one label for each number, such as 17=accept,18=reject.", param_hint="--label"
        )
    return labels


async def _label(loaded: Settings, labels: dict[int, bool]) -> None:
    async with open_database(loaded) as engine, database.writing(engine) as connection:
        unknown = await audits.label(connection, labels, command_line.now())
    kept = len(labels) - len(unknown)
    say(f"{kept} {'label is' if kept == 1 else 'labels are'} kept.")
    if unknown:
        raise AuditError(f"There is no objection {', '.join(map(str, sorted(unknown)))}.")
