"""Alerts by webhook: a JSON POST to ALERT_WEBHOOK, in the form that the service behind it takes.

What each of them takes, and where its maker says so:
- WeCom, group robots: https://work.weixin.qq.com/api/doc/90000/90136/91770 (body, 2,048 bytes, `<@userid>`)
- Slack, incoming webhooks: https://slack.dev/java-slack-sdk/guides/ja/incoming-webhooks (body), and
  https://api.slack.com/docs/attachments (the three characters that are to be escaped)
- ntfy, publishing as JSON: https://docs.ntfy.sh/publish/#publish-as-json
- DingTalk, custom robots: https://help.aliyun.com/en/oos/user-guide/acs-notify-dingtalkwebhook (body); its answers are
  known from copies of https://open.dingtalk.com/document/robots/custom-robot-access
- Feishu and Lark, custom bots: known from copies, which agree with one another, of
  https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from bot.alerting import alerts
from bot.alerting.alerts import NotToldError
from bot.core.models import Alert
from digest.core import body_limit, json_input
from digest.core.body_limit import BodyLimit
from digest.core.json_input import InvalidJsonError

_ANSWER_SECONDS = 15.0  # for the whole answer
_MOST_BYTES = 2000  # WeCom takes 2,048 bytes of text, the others more
_LARGEST_ANSWER = 65_536  # bytes
_TEXT = "$text"
_FINE = (0, None)
_CODES = ("code", "errcode", "StatusCode")  # Feishu, WeCom and DingTalk; Feishu's older form

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Webhook:
    """The route to ALERT_WEBHOOK. `body` is the operator's own JSON, in which `$text` is replaced by the alert."""

    url: str
    language: str
    body: Json | None = None
    name: str = "webhook"

    async def tell(self, alert: Alert) -> None:
        """Post the alert. Raises NotToldError if it was refused, also if an answer with status 200 says so."""
        url, content = request(self.url, alerts.text(alert, self.language), self.body)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                status, answer = await _posted(url, content)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotToldError(f"ALERT_WEBHOOK cannot be reached ({type(error).__name__})") from None
        if reason := refusal(status, answer):
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


def request(url: str, text: str, body: Json | None = None) -> tuple[str, Json]:
    """Build the URL and JSON for the alert `text`, in the operator's form or that of the host. Pure."""
    text = _cut(text)
    if body is not None:
        return url, _filled(body, text)
    form = _FORMS.get(httpx.URL(url).host, _plain)
    return form(url, text)


def refusal(status: int, answer: bytes) -> str:
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
