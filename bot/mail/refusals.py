"""The meaning of a refusal's words, status and code together, in SMTP replies and reports. Pure."""

import re
from dataclasses import dataclass

from bot.mail.refusal_rules import BANS, CODES, HINTS, RULES, STATUSES, RefusalCause, Rule, Verdict

_RULES, _HINTS = (tuple((re.compile(rule.pattern), rule) for rule in rules) for rules in (RULES, HINTS))
_LENGTH = 1000  # characters of a reply that are read
_ADDRESS = re.compile(r"[^\s/?]*@\S*")  # of a link only its query
_STATUS = re.compile(r"(?:\b[245]\d\d[ -])?#?\b[245]\.\d{1,3}\.\d{1,3}\b:?", re.ASCII)
_CODE = re.compile(r"(?:^|(?<=\s))[245]\d\d[ -]", re.ASCII)
_PARTICULAR = re.compile(r"\S*(?:\d|://|\w\.\w|_)\S*")  # numbers, ids, hosts, links
_SIGNS = re.compile(r"[^\w ]+|_")
_SENDERS = ("1.7", "1.8")  # RFC 3463 §3.2: statuses of the sender's address
_LIKENESS = 120  # characters
_SHORT = 3  # words: "Rejected" or "Delivery failed" name no subject, so the status decides
_SOMEBODY = re.compile(
    r"user|mailbox|recipient|rcpt|addressee|receiver|address|account|alias|person|customer|unknown|found|exist|invalid"
    r"|no such|no one|no longer|nobody|moved|null mx|用户|收件人|邮箱|地址|不存在|未开通"
)

ADVICE = {
    RefusalCause.SENDER: "MAIL_VERP=false sends from the login's address",
    RefusalCause.LOGIN: "check SMTP_USERNAME, the password and SMTP_SECURITY",
    RefusalCause.AUTHENTICATION: "check SPF, DKIM and DMARC: arxiv-daily doctor",
    RefusalCause.NAME: "check the server's name and reverse DNS: arxiv-daily doctor",
    RefusalCause.LIMIT: "the server limits how much we send: lower MAIL_RATE",
    RefusalCause.REPUTATION: "the recipient distrusts our server or our mail",
    RefusalCause.SERVER: "check the SMTP server",
}
"""Advice to the operator for each cause."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The subject of a refusal, and its cause if it concerns us."""

    verdict: Verdict
    cause: RefusalCause | None = None


def judge(code: int | None, status: str | None, text: str) -> Judgement:
    """Judge a refusal by its code, its enhanced `status` ("5.1.1") and the server's `text`.

    Words count before the status, and the status before the code. An address is not gone if it is unknown only for the
    moment (4xx), or called unknown under a status of the mailbox or of policies, because filters say that too. Nor is
    it gone by its status if the words concern something else. Under a status of the sender's address, it is the sender
    who is unknown.
    """
    plain = words(text)
    found = _by_words(plain, _RULES) or _by_status(status) or _by_words(plain, _HINTS) or _by_code(code)
    if found.verdict is Verdict.GONE and _speaks_of_something_else(plain):
        return Judgement(Verdict.ADDRESS)
    if found.verdict is not Verdict.GONE:
        return found
    if status is not None and status.partition(".")[2] in _SENDERS:
        return Judgement(Verdict.CHANNEL, RefusalCause.SENDER)
    return Judgement(Verdict.ADDRESS) if _is_doubtful(code, status) else found


def blames_us(text: str) -> bool:
    """Return whether the words of a reply say that the cause is ours."""
    found = _by_words(words(text), _RULES)
    return found is not None and found.verdict is Verdict.CHANNEL


def words(text: str) -> str:
    """Return the words of a reply: lower case, on one line, without addresses and codes."""
    plain = _ADDRESS.sub(" ", text[:_LENGTH])
    plain = _CODE.sub(" ", _STATUS.sub(" ", plain))
    return " ".join(plain.lower().replace("’", "'").split())


def readable(text: str) -> str:
    """Decode text whose non-ASCII bytes may be surrogates: as UTF-8, or as GB 18030, which servers also write."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def likeness(code: int | None, text: str, address: str = "") -> str:
    """Return a fingerprint of refusals that say the same, whatever the recipient and time.

    Addresses, numbers, hosts, links and the parts of `address` are left out.
    """
    own = {part for part in re.split(r"[@.+_-]", address.lower()) if len(part) > 1}
    plain = _SIGNS.sub(" ", _PARTICULAR.sub(" ", words(text)))
    kept = " ".join(word for word in plain.split() if word not in own)
    return f"{code or ''} {kept}".strip()[:_LIKENESS]


def _by_words(plain: str, rules: tuple[tuple[re.Pattern[str], Rule], ...]) -> Judgement | None:
    return next(
        (Judgement(rule.verdict, rule.cause) for pattern, rule in rules if pattern.search(plain)), None
    )


def _by_status(status: str | None) -> Judgement | None:
    if status is None:
        return None
    _, subject, detail = status.split(".")
    if found := STATUSES.get(f"{subject}.{detail}"):
        return Judgement(*found)
    if subject == "7" and int(detail) in BANS:
        return Judgement(Verdict.CHANNEL, RefusalCause.REPUTATION)
    return None


def _by_code(code: int | None) -> Judgement:
    return Judgement(*CODES.get(code or 0, (Verdict.UNCLEAR, None)))


def _speaks_of_something_else(plain: str) -> bool:
    """Return whether a reply has enough words, and none of them concerns the existence of a recipient."""
    return len(plain.split()) > _SHORT and not _SOMEBODY.search(plain)


def _is_doubtful(code: int | None, status: str | None) -> bool:
    passing = (code or 500) // 100 == 4 or (status or "5").startswith("4")
    return passing or (status is not None and status.split(".")[1] in ("2", "7"))
