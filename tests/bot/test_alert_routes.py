"""The alert routes to the operator, over real sockets: Telegram, mail, a webhook; from commands and from `serve`."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from bot import alerts
from bot.alerts import NotToldError, Webhook
from bot.channel_setup import routes
from bot.core.models import Alert, AlertKind
from tests.bot.mail.mail_fixture import SECRET
from tests.bot.telegram.world import OPERATOR, bot_world
from tests.bot.world import WEDNESDAY_NOON, World, world
from tests.fakes import telegram_faults as faults
from tests.fakes.answers import bomb, drip
from tests.fakes.server import serving
from tests.fakes.smtp import FakeSmtp
from tests.fakes.telegram import TOKEN
from tests.fakes.webhooks import FakeWebhook

PUSH = Alert(
    AlertKind.POST_NOT_PUSHED, "", "The push failed: <at all> & more.", datetime(2026, 2, 12, tzinfo=UTC)
)
FORMS: dict[str, dict[str, object] | None] = {
    "plain": None,
    "feishu": {"msg_type": "text", "content": {"text": "arXiv Daily: $text"}},
    "wecom": {"msgtype": "text", "text": {"content": "$text"}},
    "ntfy": {"topic": "arxiv-daily", "message": "$text"},
}


@pytest.mark.parametrize("service", FORMS)
async def test_a_webhook_is_told_in_the_form_of_its_service(service: str) -> None:
    async with FakeWebhook(service).serve() as hook:
        await Webhook(hook.url, "en", FORMS[service]).tell(PUSH)
        (shown,) = hook.shown
        assert "⚠️ The post was written but could not be published" in shown


@pytest.mark.parametrize("service", ["feishu", "wecom"])
async def test_a_service_that_refuses_under_status_200_has_not_been_told(service: str) -> None:
    async with FakeWebhook(service).serve() as hook:
        with pytest.raises(NotToldError) as refused:
            await Webhook(hook.url, "en", {"msg_type": "text", "content": {"text": "$text".strip("$")}}).tell(
                PUSH
            )
        assert "code" in str(refused.value)
        assert hook.url not in str(refused.value)


async def test_a_webhook_that_is_down_is_not_told_and_its_address_is_no_secret_lost() -> None:
    async with FakeWebhook().serve() as hook:
        hook.down = True
        with pytest.raises(NotToldError, match="status 503"):
            await Webhook(hook.url, "en").tell(PUSH)
    with pytest.raises(NotToldError, match="cannot be reached") as refused:
        await Webhook(hook.url, "en").tell(PUSH)
    assert "secret-of-the-hook" not in str(refused.value)


async def test_a_webhook_that_answers_with_a_flood_has_taken_the_alert_and_one_that_drips_has_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ways = [Route("/flood", bomb, methods=["POST"]), Route("/drip", drip, methods=["POST"])]
    async with serving(Starlette(routes=ways)) as address:
        monkeypatch.setattr(alerts, "_ANSWER_SECONDS", 300.0)
        await Webhook(f"{address}/flood", "en").tell(PUSH)
        monkeypatch.setattr(alerts, "_ANSWER_SECONDS", 2.0)
        with pytest.raises(NotToldError, match="TimeoutError"):
            await Webhook(f"{address}/drip", "en").tell(PUSH)


async def told(here: World, **settings: object) -> None:
    """Raise an alert in a command and send it."""
    async with here.app(WEDNESDAY_NOON, **settings) as app:
        await app.alerts.raise_(PUSH.kind, PUSH.subject, PUSH.reason)
        await app.alerts.tell(routes(app, here.settings(**settings)))


def mail(smtp: FakeSmtp) -> dict[str, object]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp.port,
        "smtp_security": "none",
        "mail_from": "arXiv Daily <daily@daily.example>",
        "public_url": "https://daily.example",
        "secret_key": SECRET,
    }


def text_of(content: bytes) -> str:
    body = message_from_bytes(content, policy=default).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


async def test_without_telegram_alerts_go_by_mail_to_where_answers_go(tmp_path: Path) -> None:
    async with world(tmp_path) as here, FakeSmtp().serving() as smtp:
        await told(here, **mail(smtp), target_language="en")
        (taken,) = smtp.taken
        assert taken.to == "daily@daily.example"
        assert "The post was written but could not be published" in text_of(taken.content)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"mail_reply_to": "ops@daily.example"}, "ops@daily.example"),
        (
            {"mail_reply_to": "ops@daily.example", "alert_mail": "me@elsewhere.example"},
            "me@elsewhere.example",
        ),
    ],
)
async def test_the_operators_own_mailbox_comes_first(
    tmp_path: Path, settings: dict[str, object], expected: str
) -> None:
    async with world(tmp_path) as here, FakeSmtp().serving() as smtp:
        await told(here, **mail(smtp), **settings)
        assert [taken.to for taken in smtp.taken] == [expected]


async def test_where_mail_is_refused_the_webhook_is_told(tmp_path: Path) -> None:
    async with world(tmp_path) as here, FakeSmtp().serving() as smtp, FakeWebhook().serve() as hook:
        gone = {**mail(smtp), "smtp_port": 1}
        await told(here, **gone, alert_webhook=hook.url)
        assert len(hook.shown) == 1


async def test_a_command_tells_the_operators_in_telegram_and_else_by_webhook(tmp_path: Path) -> None:
    async with bot_world(tmp_path) as here, FakeWebhook().serve() as hook:
        operator = here.telegram.user(OPERATOR, started=True)
        settings = {
            "telegram_bot_token": TOKEN,
            "telegram_api_url": here.telegram.url,
            "telegram_admins": str(OPERATOR),
            "alert_webhook": hook.url,
        }
        await told(here.machine, **settings)
        (message,) = operator.chat.shown
        assert "<at all> & more." in message.text
        here.telegram.fail(faults.status(401, "Unauthorized"), method="getMe", times=10)
        async with here.machine.app(WEDNESDAY_NOON) as app:
            await app.alerts.raise_(AlertKind.CHANNEL_PAUSED, "mail")
            await app.alerts.tell(routes(app, here.machine.settings(**settings)))
        assert len(hook.shown) == 1
