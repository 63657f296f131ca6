"""The operator's settings, from the environment and from `.env` of the home folder (the environment wins)."""

import re
from datetime import date, time
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import (
    AnyHttpUrl,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    UrlConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from bot import setting_values as values
from bot.core.mailboxes import Mailbox, Sender
from digest.core.errors import DigestError
from digest.core.keywords import Keyword
from digest.core.models import CatchUp, Price

HttpUrl = Annotated[AnyHttpUrl, UrlConstraints(max_length=2000)]

_ExtraBody = Annotated[dict[str, Any], NoDecode, BeforeValidator(values.extra_body)]


class Security(StrEnum):
    """The security of the connection to the SMTP server; the chosen one is required."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class SettingsError(DigestError):
    """Settings are invalid; the message lists every error, one a line."""


class Settings(BaseSettings):
    """Every setting with its default; `.env.example` explains each.

    Units: seconds for ARXIV_REQUEST_INTERVAL and OPENAI_TIMEOUT, tokens a day for LLM_DAILY_TOKENS, messages a second
    for TELEGRAM_RATE and MAIL_RATE, papers a day for QUOTA_PERSON and QUOTA_DAY; 0 means no limit in all but the
    first two. SMTP_PORT 0 is the usual one for SMTP_SECURITY.
    """

    model_config = SettingsConfigDict(env_file_encoding="utf-8", env_ignore_empty=True)

    arxiv_categories: Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.categories)] = (
        "cs.SD",
        "eess.AS",
    )
    arxiv_api_url: HttpUrl = AnyHttpUrl("https://export.arxiv.org/api/query")
    arxiv_rss_url: HttpUrl = AnyHttpUrl("https://rss.arxiv.org/rss")
    arxiv_site_url: HttpUrl = AnyHttpUrl("https://arxiv.org")
    arxiv_tex_source: bool = False
    arxiv_request_interval: NonNegativeFloat = 3.0
    arxiv_contact: Annotated[str, Field(max_length=200, pattern=r"^[\x20-\x27\x2a-\x7e]*$")] | None = None

    arxiv_holidays: Annotated[tuple[date, ...], NoDecode, BeforeValidator(values.dates)] = ()

    primary_only: bool = False
    include_keywords: Annotated[tuple[Keyword, ...], NoDecode, BeforeValidator(values.keywords)] = ()
    exclude_keywords: Annotated[tuple[Keyword, ...], NoDecode, BeforeValidator(values.keywords)] = ()
    max_papers: NonNegativeInt = 0
    replacements: bool = False
    catch_up: CatchUp = CatchUp.EACH

    openai_api_key: SecretStr | None = None
    openai_base_url: HttpUrl = AnyHttpUrl("https://api.openai.com/v1")
    openai_proxy: Annotated[SecretStr, BeforeValidator(values.proxy)] | None = None
    openai_timeout: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    openai_extra_body: _ExtraBody = {}
    translation_extra_body: _ExtraBody = {}
    reading_extra_body: _ExtraBody = {}
    judge_extra_body: _ExtraBody = {}
    translation_model: str = "gpt-4.1-mini"
    reading_model: str = "gpt-4.1-mini"
    repair_model: str | None = None
    judge_model: str | None = None
    audit_model: str | None = None
    llm_prices: Annotated[dict[str, Price], NoDecode, BeforeValidator(values.prices)] = {}
    llm_concurrency: PositiveInt = 8
    llm_daily_tokens: NonNegativeInt = 0

    glossary_file: Path | None = None
    cjk_spacing: bool = False

    target_language: Annotated[str, BeforeValidator(values.language)] = "zh-CN"
    timezone: Annotated[ZoneInfo, BeforeValidator(values.zone)] = ZoneInfo("Asia/Shanghai")
    digest_time: Annotated[time | None, BeforeValidator(values.digest_time)] = None

    data_dir: Path = Path("data")
    database_url: Annotated[str, BeforeValidator(values.database)] = ""
    archive_dir: Path | None = None
    archive_git: bool = False

    telegram_bot_token: Annotated[SecretStr, BeforeValidator(values.token)] | None = None
    telegram_api_url: HttpUrl = AnyHttpUrl("https://api.telegram.org")
    telegram_admins: Annotated[tuple[int, ...], NoDecode, BeforeValidator(values.numbers)] = ()
    telegram_channels: Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.chats)] = ()
    telegram_rate: NonNegativeFloat = 30.0
    telegram_webhook_secret: SecretStr | None = None
    quota_person: NonNegativeInt = 20
    quota_day: NonNegativeInt = 500

    smtp_host: Annotated[str, BeforeValidator(values.host)] | None = None
    smtp_port: Annotated[int, Field(ge=0, le=65535)] = 0
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: Security = Security.STARTTLS
    mail_from: Annotated[Sender, BeforeValidator(values.sender)] | None = None
    mail_reply_to: Annotated[Mailbox, BeforeValidator(values.mailbox)] | None = None
    mail_rate: NonNegativeFloat = 10.0
    mail_connections: Annotated[int, Field(ge=1, le=100)] = 4
    mail_bounces: Annotated[Mailbox, BeforeValidator(values.mailbox)] | None = None
    mail_verp: bool | None = None
    mail_oauth_token_url: HttpUrl | None = None
    mail_oauth_client_id: str | None = None
    mail_oauth_client_secret: SecretStr | None = None
    mail_oauth_refresh_token: SecretStr | None = None
    mail_oauth_scope: str | None = None
    imap_host: Annotated[str, BeforeValidator(values.host)] | None = None
    imap_port: Annotated[int, Field(ge=1, le=65535)] = 993
    imap_username: str | None = None
    imap_password: SecretStr | None = None
    dkim_selector: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,63}$")] | None = None
    dkim_key_file: Path | None = None

    alert_mail: Annotated[Mailbox, BeforeValidator(values.mailbox)] | None = None
    alert_webhook: Annotated[SecretStr, BeforeValidator(values.web_address)] | None = None
    alert_webhook_body: Annotated[dict[str, Any], NoDecode, BeforeValidator(values.json_object)] | None = None

    public_url: HttpUrl | None = None
    archive_url: HttpUrl | None = None
    secret_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    web_host: str = "127.0.0.1"
    web_port: Annotated[int, Field(ge=0, le=65535)] = 8080

    log_format: Literal["text", "json"] = "text"

    @property
    def judge(self) -> str | None:
        """The model that judges translations: JUDGE_MODEL, or READING_MODEL if it is unset; None if it is "none"."""
        name = self.judge_model or self.reading_model
        return None if name.lower() == "none" else name

    @property
    def auditor(self) -> str | None:
        """The model that judges in audits: AUDIT_MODEL, or the judge if it is unset."""
        return self.audit_model or self.judge

    @model_validator(mode="before")
    @classmethod
    def _database_in_data_dir(cls, raw: dict[str, Any]) -> dict[str, Any]:
        folder = raw.get("data_dir", "data")
        raw = {name: value for name, value in raw.items() if name not in values.PROXY_VARIABLES}
        return {"database_url": f"sqlite:///{Path(folder) / 'arxiv-daily.db'}", **raw}

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _fit_for_a_header(cls, secret: SecretStr | None) -> SecretStr | None:
        """Check the characters that Telegram allows (Bot API, setWebhook)."""
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", secret.get_secret_value(), re.ASCII):
            raise ValueError(
                "give 16 to 256 letters, digits, _ and -, for example from `openssl rand -hex 32`"
            )
        return secret

    @field_validator("public_url")
    @classmethod
    def _only_a_place(cls, url: AnyHttpUrl | None) -> AnyHttpUrl | None:
        """Check that page URLs can be made by appending to it."""
        if url and (url.query or url.fragment or url.username):
            raise ValueError("give an address without a login, ? and #, such as https://daily.example.org")
        return url

    @model_validator(mode="after")
    def _tokens_need_each_other(self) -> "Settings":
        needed = {
            "MAIL_OAUTH_TOKEN_URL": self.mail_oauth_token_url,
            "MAIL_OAUTH_CLIENT_ID": self.mail_oauth_client_id,
            "MAIL_OAUTH_REFRESH_TOKEN": self.mail_oauth_refresh_token,
        }
        missing = [name for name, value in needed.items() if not value]
        if 0 < len(missing) < len(needed):
            raise ValueError(f"{', '.join(missing)}: set all of {', '.join(needed)}, or none")
        if not missing and self.smtp_password:
            raise ValueError("SMTP_PASSWORD: leave it out if MAIL_OAUTH_REFRESH_TOKEN is set")
        return self

    @model_validator(mode="after")
    def _mail_needs_a_sender_and_pages(self) -> "Settings":
        if self.smtp_host is None:
            return self
        needed = {
            "MAIL_FROM": (self.mail_from, "the sender of the mail"),
            "PUBLIC_URL": (
                self.public_url,
                "the public address of this program's pages, which each mail links to",
            ),
            "SECRET_KEY": (self.secret_key, "the key that signs those links, at least 32 characters"),
        }
        missing = [f"{name} ({what})" for name, (value, what) in needed.items() if value is None]
        if missing:
            raise ValueError(f"SMTP_HOST: set {', '.join(missing)} too")
        if self.smtp_security is Security.NONE and self.smtp_username:
            raise ValueError("SMTP_USERNAME: a login requires TLS; set SMTP_SECURITY to starttls or tls")
        has_secret = self.smtp_password is not None or self.mail_oauth_refresh_token is not None
        if (self.smtp_username is not None) != has_secret:
            raise ValueError("SMTP_USERNAME and SMTP_PASSWORD: set both, or none")
        if (self.dkim_selector is None) != (self.dkim_key_file is None):
            raise ValueError("DKIM_SELECTOR and DKIM_KEY_FILE: set both, or none")
        return self

    @model_validator(mode="after")
    def _a_mailbox_needs_a_login(self) -> "Settings":
        if self.imap_host and not (
            self.imap_username and (self.imap_password or self.mail_oauth_refresh_token)
        ):
            raise ValueError("IMAP_HOST: set IMAP_USERNAME and IMAP_PASSWORD too")
        return self

    @model_validator(mode="after")
    def _alerts_need_a_way(self) -> "Settings":
        if self.alert_mail and self.smtp_host is None:
            raise ValueError("ALERT_MAIL: set SMTP_HOST too, the server that takes the mail")
        return self

    @model_validator(mode="after")
    def _webhook_needs_an_address(self) -> "Settings":
        if self.telegram_webhook_secret and self.public_url is None:
            raise ValueError(
                "TELEGRAM_WEBHOOK_SECRET: set PUBLIC_URL too, where Telegram reaches this program"
            )
        return self


class _Given(Settings):
    """Settings without the environment and `.env`."""

    @classmethod
    def settings_customise_sources(  # the signature is the library's
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def given(**chosen: object) -> Settings:
    """Return the defaults with `chosen` values in their place, whatever the environment says."""
    return _Given.model_validate(chosen)


def load() -> Settings:
    """Load the settings. Relative paths start at `home_folder`. Raises SettingsError with every error."""
    folder = values.home_folder()
    read_from: dict[str, Any] = {"_env_file": folder / values.ENV_FILE}
    try:
        values.use_proxies(dotenv_values(folder / values.ENV_FILE, encoding="utf-8"))
        faults = [*values.proxy_faults()]
        loaded = _validated(read_from, faults)
    except (OSError, UnicodeError) as error:
        raise SettingsError(f".env cannot be read: {error}") from None
    if loaded is None or faults:
        raise SettingsError("\n".join(faults))
    return _from(folder, loaded)


def _validated(read_from: dict[str, Any], faults: list[str]) -> Settings | None:
    """Return the settings; None if they have errors, which are added to `faults`."""
    try:
        return Settings(**read_from)
    except ValidationError as error:
        faults.extend(map(_sentence, error.errors()))
        return None


def _from(folder: Path, loaded: Settings) -> Settings:
    """Return the settings with paths relative to `folder`."""
    changed: dict[str, object] = {name: folder / value for name, value in loaded if isinstance(value, Path)}
    if found := re.fullmatch(r"(sqlite(?:\+\w+)?:///)([^/].*)", loaded.database_url):
        changed["database_url"] = f"{found[1]}{folder / found[2]}"
    return loaded.model_copy(update=changed)


def _sentence(fault: ErrorDetails) -> str:
    if not fault["loc"]:  # an error about several settings together, which its message names
        return fault["msg"].removeprefix("Value error, ") + "."
    name = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        near = get_close_matches(name, Settings.model_fields, n=1)
        return f"{name.upper()} in .env: there is no such setting." + (
            f" Did you mean {near[0].upper()}?" if near else ""
        )
    return f"{name.upper()}: {fault['msg'].removeprefix('Value error, ')}."
