"""Access tokens for the mailbox, fetched with a refresh token (RFC 6749 §6) when the last one expires.

Google's refresh tokens last until they are revoked. Microsoft's last ninety days, and each answer contains a new one,
which is stored in DATA_DIR, readable only by its owner. So MAIL_OAUTH_REFRESH_TOKEN has to be set only once.
"""

import asyncio
import json
import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import httpx
import structlog
from pydantic import SecretStr

from bot.settings import Settings
from digest.core import body_limit, json_input
from digest.core.body_limit import BodyLimit
from digest.core.errors import DigestError
from digest.core.json_input import InvalidJsonError

_log = structlog.get_logger()
_FILE = "mail-oauth.json"
_ANSWER_SECONDS = 30.0  # for the whole answer
_LARGEST_BYTES = 65_536
_LIFETIME_SECONDS = 3600.0  # if the answer gives none, as RFC 6749 §5.1 allows
_EARLY_SECONDS = 120.0  # the next token is fetched this long before the last one expires


class TokenError(DigestError):
    """No access token is available; the message gives the reason without tokens."""


@dataclass
class Tokens:
    """The access tokens of one account. `file` stores the refresh token that replaced the one of the settings."""

    url: str
    client_id: str
    client_secret: SecretStr | None
    refresh_token: SecretStr
    scope: str | None
    file: Path
    _token: str = field(init=False, repr=False, default="")
    _until: float = field(init=False, default=0.0)
    _fetching: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    async def access_token(self) -> str:
        """Return a token that is valid for some minutes. Raises TokenError."""
        async with self._fetching:
            loop = asyncio.get_running_loop()
            if not self._token or loop.time() >= self._until:
                answer = await self._fetch()
                self._token = str(answer["access_token"])
                self._until = loop.time() + _seconds(answer) - _EARLY_SECONDS
                self._keep(answer.get("refresh_token"))
        return self._token

    def forget(self) -> None:
        """Discard the last token, because it was refused."""
        self._token = ""

    async def _fetch(self) -> dict[str, object]:
        form = {"grant_type": "refresh_token", "client_id": self.client_id, "refresh_token": self._kept()}
        if self.client_secret is not None:
            form["client_secret"] = self.client_secret.get_secret_value()
        if self.scope:
            form["scope"] = self.scope
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answered = await _posted(self.url, form)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise TokenError(f"MAIL_OAUTH_TOKEN_URL cannot be reached ({type(error).__name__}).") from None
        return _read(answered.status_code, answered.content)

    def _kept(self) -> str:
        """Return the newest refresh token derived from the one of the settings."""
        try:
            kept = json.loads(self.file.read_bytes())
            if kept["of"] == self._origin:
                return str(kept["refresh_token"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return self.refresh_token.get_secret_value()

    def _keep(self, token: object) -> None:
        if not isinstance(token, str) or not token or token == self._kept():
            return
        part = self.file.with_suffix(".part")
        try:
            part.unlink(missing_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({"of": self._origin, "refresh_token": token}, file)
            part.replace(self.file)
        except OSError as error:
            _log.error("refresh_token_not_stored", error=error.strerror)

    @property
    def _origin(self) -> str:
        return sha256(self.refresh_token.get_secret_value().encode()).hexdigest()


def tokens(settings: Settings) -> Tokens | None:
    """Return the tokens of the settings; None if there are none."""
    url, client, refresh = (
        settings.mail_oauth_token_url,
        settings.mail_oauth_client_id,
        settings.mail_oauth_refresh_token,
    )
    if url is None or client is None or refresh is None:
        return None
    secret, scope = settings.mail_oauth_client_secret, settings.mail_oauth_scope
    return Tokens(str(url), client, secret, refresh, scope, settings.data_dir / _FILE)


def initial_response(username: str, token: str) -> bytes:
    """Return the first message of SASL XOAUTH2: https://developers.google.com/workspace/gmail/imap/xoauth2-protocol."""
    return f"user={username}\1auth=Bearer {token}\1\1".encode()


async def _posted(url: str, form: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(
        timeout=_ANSWER_SECONDS,
        follow_redirects=False,
        headers={"Accept-Encoding": body_limit.ACCEPTED},
        event_hooks={"response": [BodyLimit(_LARGEST_BYTES, _too_large)]},
    ) as client:
        return await client.post(url, data=form)


def _too_large() -> httpx.ReadError:
    return httpx.ReadError(f"over {_LARGEST_BYTES:,} bytes")


def _read(status: int, body: bytes) -> dict[str, object]:
    """Parse the answer (RFC 6749 §5). Raises TokenError with its error code, such as invalid_grant."""
    try:
        answer = json_input.parse(body)
    except InvalidJsonError:
        answer = None
    answer = answer if isinstance(answer, dict) else {}
    if status == 200 and isinstance(answer.get("access_token"), str):
        return answer
    code = str(answer.get("error") or f"status {status}")[:60]
    advice = ": fetch a new MAIL_OAUTH_REFRESH_TOKEN" if code == "invalid_grant" else ""
    raise TokenError(f"MAIL_OAUTH_TOKEN_URL gives no token ({code}){advice}.")


def _seconds(answer: dict[str, object]) -> float:
    told = answer.get("expires_in")
    try:
        return float(told) if isinstance(told, (int, float, str)) else _LIFETIME_SECONDS
    except ValueError:
        return _LIFETIME_SECONDS
