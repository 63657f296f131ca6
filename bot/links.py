"""Signed links that allow an action without a login.

A link contains the id of a row, never an address. Signatures of one purpose are invalid for another.
"""

import hmac
from base64 import b32encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from hashlib import sha256

from itsdangerous import BadSignature, Signer, TimestampSigner

from bot.core.models import CONFIRMING
from bot.settings import Settings
from digest.core.models import VersionId

PREFERRING = timedelta(days=90)
"""Validity of a link to the preferences. Unsubscribe links never expire (RFC 8058)."""

_PERMALINK = "/{year}/{month}/{day}/arxiv.html"  # https://jekyllrb.com/docs/permalinks/, the style "date"


class ExpiredLinkError(Exception):
    """The link is one of ours, but has expired."""


@dataclass(frozen=True)
class Links:
    """The links under `base`, a URL without a trailing slash, signed with `secret`.

    `archive` is the URL of the Jekyll site, or of a post with `{year}`, `{month}` and `{day}` in it.
    """

    base: str
    secret: str
    clock: Callable[[], datetime]
    archive: str | None = None

    @property
    def home(self) -> str:
        """The home page, with the sign-up form."""
        return f"{self.base}/"

    def edition(self, day: date, language: str) -> str:
        """Return the page of an edition."""
        return f"{self.base}/editions/{day}?language={language}"

    def post(self, day: date) -> str | None:
        """Return the post of an edition by Jekyll's permalink rule; None if no site is known."""
        if self.archive is None:
            return None
        pattern = self.archive if "{" in self.archive else f"{self.archive.rstrip('/')}{_PERMALINK}"
        parts = {"{year}": f"{day:%Y}", "{month}": f"{day:%m}", "{day}": f"{day:%d}"}
        for name, value in parts.items():
            pattern = pattern.replace(name, value)
        return pattern

    def paper(self, day: date, language: str, version: VersionId) -> str:
        """Return the place of a paper on the page of an edition."""
        return f"{self.edition(day, language)}#{version.paper}"

    def unsubscribe(self, number: int) -> str:
        """Return the page that ends the subscription `number`, also by a POST (RFC 8058)."""
        return f"{self.base}/unsubscribe/{self._leaving.sign(str(number)).decode()}"

    def preferences(self, number: int) -> str:
        """Return the preferences page of the subscriber `number`, valid for `PREFERRING` from now on."""
        return f"{self.base}/preferences/{self._preferring.sign(str(number)).decode()}"

    def confirm(self, number: int) -> str:
        """Return the page that confirms the sign-up `number`, valid for `CONFIRMING` from now on."""
        return f"{self.base}/confirm/{self._confirming.sign(str(number)).decode()}"

    def read_unsubscribe(self, token: str) -> int | None:
        """Return the subscriber of an unsubscribe link; None if it is not one of ours."""
        try:
            return int(self._leaving.unsign(token))
        except (BadSignature, ValueError):
            return None

    def preferring(self, token: str) -> int | None:
        """Return the subscriber of a preferences link; None if it is not one of ours. Raises ExpiredLinkError."""
        return self._read(self._preferring, token, PREFERRING)

    def confirming(self, token: str) -> int | None:
        """Return the sign-up of a confirmation link; None if it is not one of ours. Raises ExpiredLinkError."""
        return self._read(self._confirming, token, CONFIRMING)

    def tag(self, purpose: str, number: int) -> str:
        """Return a short signature in lower-case letters and digits, for addresses and Message-IDs."""
        signature = hmac.digest(self.secret.encode(), f"{purpose}:{number}".encode(), sha256)
        return b32encode(signature[:10]).decode().lower()

    def is_tag(self, tag: str, purpose: str, number: int) -> bool:
        """Return whether `tag` is valid for `purpose` and `number`. Takes constant time."""
        return hmac.compare_digest(tag.lower().encode(), self.tag(purpose, number).encode())

    def hashed(self, text: str) -> str:
        """Return a keyed hash of `text`, such as a network address, that can be compared but not read."""
        return hmac.new(self.secret.encode(), f"hash:{text}".encode(), sha256).hexdigest()[:32]

    @cached_property
    def _leaving(self) -> Signer:
        return Signer(_key(self.secret, "unsubscribe"), key_derivation="none", digest_method=sha256)

    @cached_property
    def _preferring(self) -> TimestampSigner:
        return _TimedSigner(self.secret, "preferences", self.clock)

    @cached_property
    def _confirming(self) -> TimestampSigner:
        return _TimedSigner(self.secret, "confirm", self.clock)

    def _read(self, signer: TimestampSigner, token: str, age: timedelta) -> int | None:
        """Read a link. A link from the future is valid, because clocks may be set back."""
        try:
            number, made_at = signer.unsign(token, return_timestamp=True)
            found = int(number)
        except (BadSignature, ValueError):
            return None
        if self.clock() > made_at + age:
            raise ExpiredLinkError
        return found


def _key(secret: str, purpose: str) -> bytes:
    """Derive the key of `purpose`, as itsdangerous does for each signature with the derivation "hmac"."""
    return hmac.digest(secret.encode(), purpose.encode(), sha256)


class _TimedSigner(TimestampSigner):
    """A signer for `purpose` whose time is that of `clock`."""

    def __init__(self, secret: str, purpose: str, clock: Callable[[], datetime]) -> None:
        super().__init__(_key(secret, purpose), key_derivation="none", digest_method=sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        """Return the time of a new signature, in seconds since 1970."""
        return int(self._clock().timestamp())


def open_links(settings: Settings, clock: Callable[[], datetime]) -> Links | None:
    """Return the links of the settings; None if PUBLIC_URL or SECRET_KEY is not set."""
    if settings.public_url is None or settings.secret_key is None:
        return None
    archive = str(settings.archive_url) if settings.archive_url else None
    base = str(settings.public_url).rstrip("/")
    return Links(base, settings.secret_key.get_secret_value(), clock, archive)
