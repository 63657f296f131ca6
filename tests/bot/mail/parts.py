"""Editions that mail must render: formulas, hostile titles, long lists of authors, gaps, readings of any length."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from bot.core.mailboxes import Mailbox, Sender
from bot.core.models import Campaign, Detail, Part, Preferences, Subject
from bot.links import Links
from bot.mail import composing, message
from bot.mail.message import Letterhead
from digest.core.models import Claim, Edition, Entry, Gap, Origin, Reading, Translation, Window
from tests.papers import paper

NOW = datetime(2026, 2, 12, 1, 0, tzinfo=UTC)
DAY = date(2026, 2, 12)
LINKS = Links("https://daily.example", "a-secret-of-thirty-two-characters-and-more", lambda: NOW)
HEAD = Letterhead(Sender("arXiv 每日论文", Mailbox("daily", "daily.example")), LINKS)
READER = Mailbox("ada", "reader.example")
HOSTILE = 'A<B & "C" $x_1$ {{y}} {unsubscribe} <!--end--> </style><script>alert(1)</script>'
_ORIGIN = Origin("m", "p")


def entry(number: int, language: str = "zh-CN", length: int = 1, title: str | None = None) -> Entry:
    """Return a paper with every field that an edition can hold; `length` multiplies abstract and reading."""
    found = paper(number, title=title)
    said = f"第 {number} 间屋子的声学模型" if language == "zh-CN" else f"What we know of room {number}"
    abstract = rf"{said}: $\epsilon_{{{number}}} \le \frac{{1}}{{2}}$, a<b & c. " * length
    claims = tuple(
        Claim(f"**{said}** {at}: $O(n^{at})$. " * length, (Claim(f"`x_{at}`"),)) for at in range(1, 4)
    )
    return Entry(
        found,
        Translation(
            found.version, language, title or f"{said} (title)", abstract, f"{said} (summary)", _ORIGIN
        ),
        Reading(found.version, language, claims, claims, claims, _ORIGIN),
    )


def edition(*entries: Entry, language: str = "zh-CN", replaced: int = 0) -> Edition:
    return Edition(
        date=DAY,
        window=Window(NOW - timedelta(days=1), NOW),
        language=language,
        categories=("cs.SD", "eess.AS"),
        fetched=len(entries),
        entries=entries,
        replacements=tuple(paper(500 + at, version=2) for at in range(replaced)),
    )


def motley(language: str = "zh-CN") -> Edition:
    """Return one entry of each kind: complete, untranslated, unread, withdrawn, hostile, with many authors."""
    whole, hostile, crowded = entry(1, language), entry(4, language, title=HOSTILE), entry(5, language)
    untranslated = replace(entry(2, language), translation=Gap.MODEL, reading=Gap.NO_TEXT_YET)
    withdrawn = replace(entry(3, language), reading=Gap.WITHDRAWN)
    withdrawn = replace(
        withdrawn, paper=replace(withdrawn.paper, comment="This paper has been withdrawn by the authors")
    )
    authors = tuple(f"Author Number {at} of the Consortium" for at in range(1, 201))
    crowded = replace(crowded, paper=replace(crowded.paper, authors=authors))
    return edition(whole, untranslated, withdrawn, hostile, crowded, language=language, replaced=2)


def part(shown: Edition, detail: Detail = Detail.READINGS, links: Links = LINKS) -> Part:
    (made,) = composing.compose(of_day(), shown, Preferences(shown.language, detail), links)
    return made


def of_day(subject: Subject = Subject.EDITION, text: str | None = None) -> Campaign:
    return Campaign(3, subject, None if subject is Subject.BROADCAST else DAY, text, NOW)


def sent(made: Part, head: Letterhead = HEAD, to: Mailbox = READER) -> bytes:
    return message.build(made, head, to=to, subscriber=7, delivery=9, at=NOW).content


def received(raw: bytes) -> EmailMessage:
    """Return the mail as a client parses it; it has no defects."""
    read = message_from_bytes(raw, policy=default)
    assert isinstance(read, EmailMessage)
    assert not [each.defects for each in read.walk() if each.defects]
    return read


def body(read: EmailMessage, kind: str) -> str:
    """Return the HTML or the text of a mail."""
    found = read.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def html(made: Part) -> str:
    return body(received(sent(made)), "html")


def text(made: Part) -> str:
    return body(received(sent(made)), "plain")
