"""The basis of all pages: the parts of the program that they use, rendering, and a short cache for many requests."""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.links import Links
from bot.subscriptions.preferences import Offer
from bot.subscriptions.service import SubscriptionService
from bot.web import forms
from digest.core.models import Edition
from digest.pipeline.open_days import EditionPlan

_PLACES = 64
V = TypeVar("V")


class ShortCache:
    """A cache whose values are valid for the time `fresh`. The least recently used ones are removed."""

    def __init__(self, clock: Callable[[], datetime], fresh: timedelta) -> None:
        self._clock = clock
        self._fresh = fresh
        self._kept: OrderedDict[object, tuple[datetime, asyncio.Future[Any]]] = OrderedDict()

    async def get(self, key: object, make: Callable[[], Awaitable[V]]) -> V:
        """Return the value of `make` for `key`. Concurrent requests share one call. Raises what `make` raises."""
        now = self._clock()
        made_at, future = self._kept.get(key, (None, None))
        if future is None or made_at is None or not timedelta(0) <= now - made_at < self._fresh:
            future = asyncio.ensure_future(make())
            self._kept[key] = (now, future)
            future.add_done_callback(lambda done: self._drop_failed(key, done))
        self._kept.move_to_end(key)
        while len(self._kept) > _PLACES:
            self._kept.popitem(last=False)
        found: V = await asyncio.shield(future)  # a client that disconnects leaves it to the others
        return found

    def _drop_failed(self, key: object, done: "asyncio.Future[Any]") -> None:
        failed = done.cancelled() or done.exception() is not None
        if failed and self._kept.get(key, (None, None))[1] is done:
            del self._kept[key]


_FRESH = timedelta(minutes=1)


@dataclass(slots=True)
class Pages:
    """The parts of the program that pages use.

    `clock` returns aware UTC. `stored_edition` returns the edition of a day in a language, None if there is none.
    `newsletter` tells whether sign-up by mail is offered.
    """

    engine: AsyncEngine
    plan: EditionPlan
    clock: Callable[[], datetime]
    stored_edition: Callable[[date, str], Awaitable[Edition | None]]
    links: Links
    subscriptions: SubscriptionService
    newsletter: bool
    cache: ShortCache = field(init=False)

    def __post_init__(self) -> None:
        self.cache = ShortCache(self.clock, _FRESH)

    @property
    def root(self) -> str:
        """The path prefix of the pages' public URLs, without a trailing slash."""
        return urlsplit(self.links.base).path.rstrip("/")

    def now(self) -> datetime:
        """Return the present time."""
        return self.clock()

    def language(self, request: Request) -> str:
        """Return the language of a request: the one it names, or that of the link's owner, or the preferred one."""
        return forms.chosen_language(request, self.plan.language, getattr(request.state, "language", ""))

    def speak(self, request: Request, language: str) -> None:
        """Answer the request in the language of the subscriber whose link it uses."""
        request.state.language = language

    def offer(self, zone: ZoneInfo) -> Offer:
        """Return the possible values of the preferences, for somebody in `zone`."""
        plan = self.plan
        return Offer(plan.categories, forms.languages(plan.language), self.now().astimezone(zone).date())

    def network(self, request: Request) -> str:
        """Return a keyed hash of the request's network, for counting."""
        return self.links.hashed(network(request.client.host if request.client else ""))

    def render(self, template: str, language: str, **material: Any) -> str:
        """Render a template of `templates/web`."""
        said, made = forms.words(language), forms.environment().get_template(f"web/{template}.j2")
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
        """Render a page. Links to other languages are shown if repeating the request is harmless."""
        language = self.language(request)
        others = [each for each in forms.languages(self.plan.language) if each != language]
        switch = others if request.method in ("GET", "HEAD") else []
        html = self.render(f"{template}.html", language, switch=switch, faults=faults, **material)
        return HTMLResponse(html, status, headers={"Content-Language": language, "Vary": "Accept-Language"})

    def message(self, request: Request, name: str, status: int = 200) -> Response:
        """Render a page with only a message."""
        return self.page(request, "message", status, said=forms.words(self.language(request)).messages[name])


Handler = Callable[[Pages, Request], Awaitable[Response]]


def network(host: str) -> str:
    """Return the network that counts as one origin: an IPv4 address, or the first 64 bits of an IPv6 address. Pure."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
