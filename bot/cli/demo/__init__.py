"""The command `arxiv-daily demo`: the whole program on a sample, without network or keys.

Only the remote services are replaced. The sample holds the answers of arXiv and a model; papers and answers were
written for this project, under identifiers that arXiv never assigns.
"""

import asyncio
import json
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import httpx
import httpx2
import typer
from rich.console import Console

from bot import daily_run, process, settings
from bot.cli import preview
from bot.command_line import reporting, say
from bot.container import RemoteOverrides, open_app
from bot.core.models import Detail, Preferences
from bot.core.run_report import RunReport
from bot.telegram import messages
from bot.telegram.templates import Message
from digest.archive import files
from digest.core import ids
from digest.core.errors import DigestError
from digest.core.models import Edition, Reading
from digest.core.progress import Report
from digest.llm.endpoint import EndpointClient
from digest.render import page, terminal

_SAMPLE = resources.files(__name__) / "sample"
_AT = datetime(2026, 2, 12, 4, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DemoOutput:
    """The results of the demonstration: the run report, the edition as a page, and the subscribers' messages."""

    account: RunReport
    page: Path
    chat: Path
    mail: Path


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the files.")] = Path("demo"),
) -> None:
    """Make an edition from the bundled sample, without network or keys."""
    process.configure_logs("text", quiet=True)
    with reporting(Console(stderr=True)) as report:
        shown = asyncio.run(demonstrate(out, report))
    say(terminal.render("accounts", accounts=[shown.account]), nl=False)
    say(f"As a page for the browser: {shown.page}")
    say(f"As Telegram messages: {shown.chat}")
    say(f"As mail: {shown.mail}, also as .html and .txt")


async def demonstrate(out: Path, report: Report) -> DemoOutput:
    """Make the sample's edition in the folder `out`. Raises DigestError."""
    preview.folder(out)
    with tempfile.TemporaryDirectory(prefix="arxiv-daily-") as folder:
        chosen = settings.given(data_dir=folder, archive_dir=out, arxiv_request_interval=0)
        arxiv = httpx.AsyncClient(transport=httpx.MockTransport(_arxiv))
        model = EndpointClient("demo", "http://model.invalid/v1", transport=httpx2.MockTransport(_model))
        async with open_app(chosen, lambda: _AT, RemoteOverrides(arxiv, model)) as app:
            made = await daily_run.work(app, _AT, report)
    if not made.accounts or made.accounts[0].post is None:
        raise DigestError("The sample holds no papers.")
    account = made.accounts[0]
    html = made.accounts[0].post.with_suffix(".html")
    files.write(html, page.render(account.edition, chosen.timezone))
    language = chosen.target_language
    chat = preview.telegram(account.edition.date, _chat(account.edition, language), language, out)
    subscriber = replace(preview.nobody(chosen), preferences=Preferences(language, Detail.READINGS))
    mail, *_ = preview.mail(account.edition, subscriber, preview.letterhead(chosen, lambda: _AT), _AT, out)
    return DemoOutput(account, html, chat, mail)


def _chat(edition: Edition, language: str) -> list[Message]:
    """Return a subscriber's messages, and the reading that a tap opens."""
    opened = [
        messages.reading(entry.paper, entry.reading, 1, Preferences(language))
        for entry in edition.entries
        if isinstance(entry.reading, Reading)
    ]
    return [*messages.digest(edition, Preferences(language)), *opened[:1]]


def _arxiv(request: httpx.Request) -> httpx.Response:
    """Answer like arXiv: the query API, and the pages of papers that have one."""
    if request.url.path == "/api/query":
        return httpx.Response(200, content=_sample("papers.xml"))
    if request.url.path.startswith("/rss/"):
        return httpx.Response(200, content=_sample("rss.xml"))
    page = _sample(f"html/{request.url.path.rpartition('/')[2]}.html")
    is_page = request.url.path.startswith("/html/") and page is not None
    return httpx.Response(200, content=page) if is_page else httpx.Response(404)


def _model(request: httpx2.Request) -> httpx2.Response:
    """Answer like a model, with the prepared answer about a paper."""
    asked = json.loads(request.content)
    name = ids.find(asked["messages"][-1]["content"])[0]
    purpose = asked["response_format"]["json_schema"]["name"]
    prepared = _sample(f"answers/{name}.{purpose}.json") or _sample(f"answers/{purpose}.json")
    answer = (prepared or b"").decode()
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
    usage = {"prompt_tokens": len(request.content) // 4, "completion_tokens": len(answer) // 2}
    return httpx2.Response(200, json={"object": "chat.completion", "choices": [choice], "usage": usage})


def _sample(name: str) -> bytes | None:
    file: Traversable = _SAMPLE.joinpath(name)
    return file.read_bytes() if file.is_file() else None
