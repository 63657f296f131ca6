"""Titles and abstracts as their authors typed them, and TeX that is left in older texts, on every channel."""

import re
from dataclasses import replace
from functools import cache
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from bot.core.models import Detail, Preferences
from bot.telegram import messages as chat
from bot.telegram import templates
from digest.core.models import Answer, Claim, Entry, Gap, Statement
from digest.render import jekyll, page, stored_text, terminal
from tests.bot.mail import parts
from tests.editions import ORIGIN, edition, entry

TEX = r"\textbf{Bold} \emph{words} at \href{https://a.org/b}{our page}, R\&D by Erd\H{o}s, \url{https://c.org}, $x_1$"

OUTPUTS = ("post", "page", "mail", "telegram", "answer", "rich answer", "terminal", "answer on the terminal")


@cache
def outputs() -> dict[str, str]:
    """Return the post, the page, the mail, Telegram and the terminal, with TeX in all parts that they show."""
    first = entry(1, title=TEX, abstract=TEX, claims=(Claim(TEX),))
    second = replace(entry(2, title=TEX).paper, abstract=TEX)
    made = edition(first, Entry(second, Gap.NO_KEY, Gap.NO_KEY))
    zone, letter = ZoneInfo("Asia/Shanghai"), parts.part(made)
    answer = Answer(second.version, "zh-CN", "?", (Statement("甲", (TEX,)),), True, ORIGIN)
    asked = {"paper": second, "answer": answer}
    return {
        "post": jekyll.render(made, zone),
        "page": str(page.papers(made, zone)),
        "mail": f"{parts.html(letter)}{parts.text(letter)}",
        "telegram": "".join(each.html for each in chat.digest(made, Preferences("zh-CN", Detail.READINGS))),
        "answer": templates.render("answer", "zh-CN", **asked),
        "rich answer": templates.render("answer_rich", "zh-CN", **asked),
        "terminal": terminal.paper(second, Gap.NO_KEY, first.reading, "zh-CN"),
        "answer on the terminal": terminal.render("answer", **asked),
    }


@pytest.mark.parametrize("name", OUTPUTS)
def test_tex_in_prose_becomes_what_it_means_everywhere(name: str) -> None:
    shown = outputs()[name]
    assert not any(f"\\{macro}" in shown for macro in ("textbf", "emph", "href", "url", "&amp;", "&", "H"))
    said = unescape(re.sub(r"<[^<>]*>", "", shown)).replace("**", "")
    assert "Bold words at our page (https://a.org/b), R&D by Erdős, https://c.org" in " ".join(said.split())
    if "terminal" not in name:
        assert re.search(r"<(?:b|strong)>Bold</|\*\*Bold\*\*", shown)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"\emph{a \textbf{b} c} and \textit{\texttt{d}}", "**a b c** and `d`"),
        (r"about {\bf 1\%} and {\color{red} red} and \textcolor{blue}{blue}", "about 1% and red and blue"),
        (
            r"Code \footnote{\url{https://a.org/b_c}.} and m\textsuperscript{2}",
            "Code (https://a.org/b_c) and m$^{2}$",
        ),
        (
            r"\href{https://a.org}{\texttt{a.org}} and \verb|x_y| and \{a, b\}",
            "`a.org` (https://a.org) and `x_y` and {a, b}",
        ),
        (r"3--7\,s \\ We use \LaTeX{} \textless 5\textmu s", "3--7 s We use LaTeX < 5μs"),
        (r"\cite{a} and \MethodName stay", r"\cite{a} and \MethodName stay"),
    ],
)
def test_text_commands_become_what_they_mean(written: str, meant: str) -> None:
    assert stored_text.stored(written) == meant
    assert stored_text.stored(meant) == meant


@pytest.mark.parametrize(
    "piece", [r"\emph{", "**", r"\footnote{", " ", r"\verb|", r"\textbf{a ", "{\\bf ", r"\\ "]
)
def test_tex_of_any_length_is_read_to_an_end(piece: str) -> None:
    assert isinstance(stored_text.stored(r"\emph{" + piece * 20_000), str)
