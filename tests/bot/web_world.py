"""The web pages on loopback, with a program whose services are fakes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from starlette.routing import Route

from bot import channel_setup
from bot.container import App, open_app
from bot.core.models import ChannelName, ChatKind, Preferences, SignUp, Subscriber, SubscriberStatus
from bot.db import signups, subscribers
from bot.links import Links
from bot.mail import return_path
from bot.subscriptions.service import SubscriptionService
from bot.web.app import site
from bot.web.monitoring import Check
from digest.db import engine as database
from tests.bot.world import QUICK, world
from tests.fakes.server import serving

NOON = datetime(2026, 2, 11, 4, 0, tzinfo=UTC)
SECRET = "a secret of the tests, long enough"
WISHES = {
    "address": "li@example.org",
    "categories": ["cs.SD", "eess.AS"],
    "include": "",
    "exclude": "",
    "detail": "abstracts",
    "language": "zh-CN",
    "hour": "",
    "zone": "Asia/Shanghai",
}
"""What a form sends that somebody has filled in."""


@dataclass
class Site:
    """The pages at `url`; `web` is an HTTP client."""

    app: App
    links: Links
    url: str
    web: httpx.AsyncClient
    clock: list[datetime]
    woken: list[None] = field(default_factory=list)

    async def letters(self) -> list[SignUp]:
        """Return the mails that are queued."""
        async with database.reading(self.app.engine) as connection:
            return await signups.due(connection, self.clock[0], 1000)

    async def subscriber(self, address: str = "li@example.org") -> Subscriber | None:
        async with database.reading(self.app.engine) as connection:
            return await subscribers.find(connection, ChannelName.MAIL, address)

    async def subscribed(self, address: str = "li@example.org") -> Subscriber:
        """Add a subscriber who has signed up and confirmed."""
        await self.web.post("/", data=WISHES | {"address": address})
        await self.web.post(await self.confirmation())
        found = await self.subscriber(address)
        assert found is not None
        return found

    async def known(self) -> Subscriber:
        """Add a subscriber directly, as if from a time when the newsletter was switched on."""
        chosen = Preferences("zh-CN")
        reader = Subscriber(
            0,
            ChannelName.MAIL,
            "li@example.org",
            ChatKind.MAILBOX,
            chosen,
            ZoneInfo("UTC"),
            SubscriberStatus.ACTIVE,
        )
        async with database.writing(self.app.engine) as connection:
            return await subscribers.add(connection, reader, self.clock[0])

    async def confirmation(self) -> str:
        """Return the link in the newest mail."""
        return self.links.confirm((await self.letters())[-1].id)

    def later(self, time: timedelta) -> None:
        self.clock[0] += time


@asynccontextmanager
async def web_site(
    folder: Path,
    *,
    papers: int = 0,
    newsletter: bool = True,
    root: str = "",
    checks: Mapping[str, Check] | None = None,
    hook: Route | None = None,
    **settings: object,
) -> AsyncIterator[Site]:
    """The pages of a program; with `papers`, it has made the edition of that day."""
    async with world(folder, papers=papers) as here:
        if papers:
            await here.run(NOON, **settings)
        clock = [NOON]
        loaded = here.settings(**settings)
        async with open_app(loaded, lambda: clock[0], QUICK) as app:
            made: list[Site] = []
            links = Links(f"https://daily.example.org{root}", SECRET, lambda: clock[0])
            own = return_path.own_mailboxes(loaded)
            subscriptions = SubscriptionService(
                app.engine, app.clock, lambda: made[0].woken.append(None), own
            )
            pages = channel_setup.open_pages(app, links, subscriptions, newsletter=newsletter)
            async with (
                serving(site(pages, checks, hook)) as url,
                httpx.AsyncClient(base_url=url, timeout=300) as web,
            ):
                links = Links(url + root, SECRET, lambda: clock[0])
                made.append(Site(app, links, url, web, clock))
                yield made[0]
