"""What the pages stand on, and how one is made."""

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.app import App
from bot.choices import Offer
from bot.links import Links
from bot.web import words
from bot.web.shelf import Shelf

_FRESH = timedelta(minutes=1)


def _nothing() -> None:
    pass


@dataclass(slots=True)
class Pages:
    """The parts of the program that pages use.

    `newsletter` is whether one can sign up for mail; `wake` tells that there may be something to send.
    """

    app: App
    links: Links
    newsletter: bool
    wake: Callable[[], None] = _nothing
    shelf: Shelf = field(init=False)

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.app.clock, _FRESH)

    @property
    def root(self) -> str:
        """The path under which the internet reaches the pages, without a slash at its end."""
        return urlsplit(self.links.base).path.rstrip("/")

    def now(self) -> datetime:
        """The present moment."""
        return self.app.clock()

    def language(self, request: Request) -> str:
        """The language in which a request is answered: what it asks for, else that of whoever its link is for."""
        return words.chosen(request, self.app.plan.language, getattr(request.state, "language", ""))

    def speak(self, request: Request, language: str) -> None:
        """Has the request, which comes by a link of somebody's own, answered in the language that they chose."""
        request.state.language = language

    def offer(self, zone: ZoneInfo) -> Offer:
        """What there is to choose from, for somebody in `zone`."""
        plan = self.app.plan
        return Offer(plan.categories, words.languages(plan.language), self.now().astimezone(zone).date())

    def network(self, request: Request) -> str:
        """Where a request came from, so that it can be counted and not be read."""
        return self.links.hashed(network(request.client.host if request.client else ""))

    def render(self, template: str, language: str, **material: Any) -> str:
        """One of the templates in `templates/web`."""
        said, made = words.of(language), words.environment().get_template(f"web/{template}.j2")
        return made.render(words=said, language=language, root=self.root, pages=self, **material)

    def page(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        faults: tuple[str, ...] = (),
        **material: Any,
    ) -> Response:
        """One of the pages. It can be had in another language where nothing is done by asking for it again."""
        language = self.language(request)
        others = [each for each in words.languages(self.app.plan.language) if each != language]
        switch = others if request.method in ("GET", "HEAD") else []
        html = self.render(f"{template}.html", language, switch=switch, faults=faults, **material)
        return HTMLResponse(html, status, headers={"Content-Language": language, "Vary": "Accept-Language"})

    def message(self, request: Request, name: str, status: int = 200) -> Response:
        """A page that only says something."""
        return self.page(request, "message", status, said=words.of(self.language(request)).messages[name])


Handler = Callable[[Pages, Request], Awaitable[Response]]


def network(host: str) -> str:
    """What counts as one place on the internet: an address of IPv4, the 64 leading bits of one of IPv6. Pure."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
