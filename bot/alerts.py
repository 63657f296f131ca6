"""Alerts: the operator hears once of each problem, and once of its end, by any route, such as a webhook.

Whoever notices a problem raises the alert, as often as they like; whoever sees that it is gone resolves it. Each notice
is a row of `alerts` until a route has carried it to the operator, across restarts and by any process.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.models import Alert, AlertKind
from bot.db import alerts as rows
from digest.core import body_limit, json_input
from digest.core.backoff import Backoff
from digest.core.body_limit import BodyLimit
from digest.core.errors import DigestError, StoreError
from digest.core.json_input import InvalidJsonError
from digest.db import engine as database
from digest.render import i18n

_log = structlog.get_logger()
_FOLDER = "alerts"
_QUIET = timedelta(hours=1)  # a problem that comes and goes is alerted once in this time
ALERT_BACKOFF = Backoff(timedelta(seconds=30), timedelta(hours=1))  # for an alert that no route carried
_LONGEST_REASON = 500  # characters: a remote server may say anything


class NotToldError(Exception):
    """A route could not carry an alert; the message gives the reason without addresses and tokens."""


class Route(Protocol):
    """A route to the operator."""

    @property
    def name(self) -> str:
        """The name of the channel that it uses."""

    async def tell(self, alert: Alert) -> None:
        """Send `alert`, or the notice of its end, to the operator. Raises NotToldError."""


@dataclass
class Alerts:
    """Raises, resolves and sends alerts. A failing database does not stop the caller."""

    engine: AsyncEngine
    clock: Callable[[], datetime]
    _changed: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _unkept: dict[tuple[AlertKind, str], Alert] = field(init=False, default_factory=dict)
    """Alerts that the database did not store, perhaps because it is the problem. They are sent all the same."""

    async def raise_(self, kind: AlertKind, subject: str = "", reason: str = "") -> None:
        """Raise an alert; the operator is told if it is new."""
        reason, at = reason[:_LONGEST_REASON], self.clock()
        try:
            async with database.writing(self.engine) as connection:
                is_news = await rows.raise_(connection, kind, subject, reason, at)
        except StoreError as error:
            _log.error("alert_not_stored", kind=kind, error=str(error))
            is_news = (kind, subject) not in self._unkept
            self._unkept.setdefault((kind, subject), Alert(kind, subject, reason, at))
        if is_news:
            _log.warning("alert", kind=kind, subject=subject, reason=reason)
            self._changed.set()

    async def resolve(self, kind: AlertKind, subject: str = "") -> None:
        """Resolve an alert, if it is open."""
        try:
            async with database.writing(self.engine) as connection:
                if (lost := self._unkept.pop((kind, subject), None)) is not None:
                    await rows.raise_(connection, kind, subject, lost.reason, lost.raised_at)
                    await rows.claim(connection, lost, self.clock(), self.clock())
                was_there = await rows.resolve(connection, kind, subject, self.clock())
        except StoreError as error:
            _log.error("alert_not_stored", kind=kind, error=str(error))
            return
        if was_there:
            _log.info("alert_over", kind=kind, subject=subject)
            self._changed.set()

    async def update(self, kind: AlertKind, found: Mapping[str, str]) -> None:
        """Set the open alerts of this `kind` to those `found`, which map subjects to reasons. Others are resolved."""
        for subject, reason in found.items():
            await self.raise_(kind, subject, reason)
        for alert in await self.lasting(kind):
            if alert.subject not in found:
                await self.resolve(kind, alert.subject)

    async def lasting(self, kind: AlertKind | None = None) -> list[Alert]:
        """Return the open alerts, oldest first, of one `kind` or of all."""
        try:
            async with database.reading(self.engine) as connection:
                return await rows.lasting(connection, kind)
        except StoreError:
            return [each for each in self._unkept.values() if kind in (None, each.kind)]

    async def keep_telling(self, routes: Sequence[Route], look_seconds: float) -> None:
        """Send due alerts forever, checking every `look_seconds` for those of other processes."""
        while True:
            self._changed.clear()
            try:
                await self.tell(routes)
            except Exception:  # noqa: BLE001 - alerts must go on, whatever one of them met
                _log.exception("alerts_not_sent")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), look_seconds)

    async def hurry(self) -> None:
        """Retry failed alerts at once, because there is a new route to the operator."""
        with suppress(StoreError):
            async with database.writing(self.engine) as connection:
                await rows.hurry(connection, self.clock())
        self._changed.set()

    async def tell(self, routes: Sequence[Route]) -> None:
        """Send each due alert by the first of `routes` that carries it. Others stay due."""
        await self._tell_unkept(routes)
        try:
            async with database.reading(self.engine) as connection:
                due = await rows.due(connection, self.clock())
            for alert in due:
                await self._tell_kept(alert, routes)
        except StoreError as error:
            _log.error("alerts_not_read", error=str(error))

    async def _tell_kept(self, alert: Alert, routes: Sequence[Route]) -> None:
        next_at = self.clock() + ALERT_BACKOFF.pause(alert.tries)
        async with database.writing(self.engine) as connection:
            if not await rows.claim(connection, alert, self.clock(), next_at):
                return
        if await _carried(alert, routes):
            async with database.writing(self.engine) as connection:
                await rows.note_told(connection, alert, self.clock(), _QUIET)

    async def _tell_unkept(self, routes: Sequence[Route]) -> None:
        for key, alert in list(self._unkept.items()):
            if not alert.tries and await _carried(alert, routes):
                told = Alert(alert.kind, alert.subject, alert.reason, alert.raised_at, tries=1)
                self._unkept[key] = told


def in_order(alert: Alert, routes: Sequence[Route]) -> list[Route]:
    """Return `routes` with the one last whose channel the `alert` concerns. Pure."""
    return sorted(routes, key=lambda route: route.name == alert.subject)


def text(alert: Alert, language: str) -> str:
    """Return the alert as one line of plain text, in `language` or English."""
    said: Any = i18n.words(_FOLDER, i18n.words_of(_FOLDER, language))
    return " ".join(str(said.alert(alert)).split())


def title(language: str) -> str:
    """Return the subject of an alert mail."""
    return str(i18n.words(_FOLDER, i18n.words_of(_FOLDER, language)).title)


async def _carried(alert: Alert, routes: Sequence[Route]) -> bool:
    for route in in_order(alert, routes):
        try:
            await route.tell(alert)
        except (NotToldError, DigestError) as error:
            _log.warning("alert_not_delivered", kind=alert.kind, route=route.name, error=str(error))
        else:
            _log.info("alert_delivered", kind=alert.kind, subject=alert.subject, route=route.name)
            return True
    return False


_ANSWER_SECONDS = 15.0  # for the whole answer
_MOST_BYTES = 2000  # WeCom takes 2,048 bytes of text, the others more
_LARGEST_ANSWER = 65_536  # bytes
_TEXT = "$text"
_FINE = (0, None)
_CODES = ("code", "errcode", "StatusCode")  # Feishu, WeCom and DingTalk; Feishu's older form

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Webhook:
    """The route to ALERT_WEBHOOK: a JSON POST in the form that the service behind it takes.

    `body` is the operator's own JSON, in which `$text` is replaced by the alert.
    """

    url: str
    language: str
    body: Json | None = None
    name: str = "webhook"

    async def tell(self, alert: Alert) -> None:
        """Post the alert. Raises NotToldError if it was refused, also if an answer with status 200 says so."""
        url, content = webhook_request(self.url, text(alert, self.language), self.body)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                status, answer = await _posted(url, content)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotToldError(f"ALERT_WEBHOOK cannot be reached ({type(error).__name__})") from None
        if reason := webhook_refusal(status, answer):
            raise NotToldError(f"ALERT_WEBHOOK refuses the alert: {reason}")


class _LongAnswerError(Exception):
    """The answer is longer than an acknowledgement."""


async def _posted(url: str, content: Json) -> tuple[int, bytes]:
    """Return the status of the answer, and its body unless that is long."""
    async with (
        httpx.AsyncClient(
            timeout=_ANSWER_SECONDS,
            follow_redirects=False,
            headers={"Accept-Encoding": body_limit.ACCEPTED},
            event_hooks={"response": [BodyLimit(_LARGEST_ANSWER, _LongAnswerError)]},
        ) as client,
        client.stream("POST", url, json=content) as response,
    ):
        with suppress(_LongAnswerError):
            return response.status_code, await response.aread()
        return response.status_code, b""


def webhook_request(url: str, text: str, body: Json | None = None) -> tuple[str, Json]:
    """Build the URL and JSON for the alert `text`, in the operator's form or that of the host. Pure."""
    text = _cut(text)
    if body is not None:
        return url, _filled(body, text)
    form = _FORMS.get(httpx.URL(url).host, _plain)
    return form(url, text)


def webhook_refusal(status: int, answer: bytes) -> str:
    """Return why the alert was refused, or an empty text. Pure."""
    if not 200 <= status < 300:
        return f"status {status}"
    try:
        said = json_input.parse(answer)
    except InvalidJsonError:
        return ""
    if not isinstance(said, dict):
        return ""
    found = (said[name] for name in _CODES if said.get(name) not in _FINE)
    return next((f"code {str(code)[:20]}" for code in found), "")


def _plain(url: str, text: str) -> tuple[str, Json]:
    """Build the JSON of Slack, which Mattermost, Rocket.Chat and others also take."""
    return url, {"text": text}


def _slack(url: str, text: str) -> tuple[str, Json]:
    """Escape Slack's three markup characters: `<!channel>` would notify everybody."""
    return url, {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def _feishu(url: str, text: str) -> tuple[str, Json]:
    """Build Feishu's JSON. `<at …>` in a text would notify people."""
    return url, {"msg_type": "text", "content": {"text": text.replace("<", "＜")}}


def _wecom(url: str, text: str) -> tuple[str, Json]:
    """Build WeCom's JSON. `<@…>` in a text would notify people."""
    return _dingtalk(url, _cut(text.replace("<", "＜")))


def _dingtalk(url: str, text: str) -> tuple[str, Json]:
    """Build DingTalk's JSON, which names people to notify in a separate field."""
    return url, {"msgtype": "text", "text": {"content": text}}


def _ntfy(url: str, text: str) -> tuple[str, Json]:
    """Build ntfy's JSON, which goes to the root URL with the topic inside; at the topic's URL it would be shown as
    text.
    """
    parsed = httpx.URL(url)
    return str(parsed.copy_with(path="/")), {"topic": parsed.path.strip("/"), "message": text}


# What each service takes, and where its maker says so:
# - WeCom, group robots: https://work.weixin.qq.com/api/doc/90000/90136/91770 (body, 2,048 bytes, `<@userid>`)
# - Slack, incoming webhooks: https://slack.dev/java-slack-sdk/guides/ja/incoming-webhooks (body), and
#   https://api.slack.com/docs/attachments (the three characters that are to be escaped)
# - ntfy, publishing as JSON: https://docs.ntfy.sh/publish/#publish-as-json
# - DingTalk, custom robots: https://help.aliyun.com/en/oos/user-guide/acs-notify-dingtalkwebhook (body); its answers
#   are known from copies of https://open.dingtalk.com/document/robots/custom-robot-access
# - Feishu and Lark, custom bots: known from copies, which agree with one another, of
#   https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
_FORMS: dict[str, Callable[[str, str], tuple[str, Json]]] = {
    "open.feishu.cn": _feishu,
    "open.larksuite.com": _feishu,
    "qyapi.weixin.qq.com": _wecom,
    "oapi.dingtalk.com": _dingtalk,
    "hooks.slack.com": _slack,
    "ntfy.sh": _ntfy,
}


def _filled(form: Any, text: str) -> Any:
    if isinstance(form, dict):
        return {name: _filled(each, text) for name, each in form.items()}
    if isinstance(form, list):
        return [_filled(each, text) for each in form]
    return form.replace(_TEXT, text) if isinstance(form, str) else form


def _cut(text: str) -> str:
    raw = text.encode()
    return text if len(raw) <= _MOST_BYTES else raw[: _MOST_BYTES - 3].decode(errors="ignore") + "…"
