import re
from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.models import Detail
from digest.core.models import Claim, Edition
from digest.render import jekyll, page, telegram_html, tex_safety
from tests.bot.mail import parts
from tests.editions import edition, entry

SHOWN = [
    (r"\href{javascript:alert(1)}{x}", "x"),
    (r"a+\href{javascript:alert(1)}{x}+b", "a+x+b"),
    (r"a+\href {javascript:alert(1)} {x+\url{javascript:b}}", "a+{x+{javascript:b}}"),
    (r"\require{html}\style{background:url(//evil.example)}{x}", "x"),
    (r"\class{c}{\cssId{i}{\data{a=b}{x}}}", "x"),
    (r"\htmlClass{c}{x}\htmlId{c}{y}\htmlStyle{c}{z}\htmlData{c=d}{w}", "xyzw"),
    (r"\def\h{\href{javascript:alert(1)}}\h{x}", r"\h{x}"),
    (r"\def\h#1#2{\href{#1}{#2}}\h{javascript:alert(1)}{x}", r"\h{javascript:alert(1)}{x}"),
    (r"\newcommand{\h}[2][j]{\href{#1}{#2}}\h{x}", r"\h{x}"),
    (r"\renewcommand*\alpha{\href{j}{a}}\alpha", r"\alpha"),
    (r"\let\h=\href \h{javascript:alert(1)}{x}", r" \h{javascript:alert(1)}{x}"),
    (r"\DeclareMathOperator*{\h}{\href{j}{x}}\h y", r"\h y"),
    (r"\DeclarePairedDelimiterX{\h}[1]{\href{j}{x}}{|}{#1}\h y", r"\h y"),
    (r"\newenvironment{e}{\href{j}{x}}{z}\begin{e}y\end{e}", r"\begin{e}y\end{e}"),
    (r"\mmlToken{mi}[href='javascript:alert(1)' class='c']{x}", "x"),
    (r"\toggle{x}{y}{z}\endtoggle", "x"),
    (r"\texttip{x}{tip}+\mathtip{y}{t}", "x+y"),
    (r"\bbox[border:1px solid red]{x}", "x"),
    (r"\enclose{circle}[mathcolor='red']{x}", "x"),
    (r"\color{red}x+\textcolor[RGB]{1,2,3}{y}+\colorbox{red}{z}", "x+y+z"),
    (r"x\label{a}\ref{a}\eqref{a}", "x"),
    (r"\unicode{x3b1}+\unicode[f,c]{960}+" + r'\char"3B1+\char945', "α+π+α+α"),
    (r"\unicode{x202E}x\U{200B}", "x"),
    (r"\setOptions[html]{a=b}\mathtoolsset{a=b}\usetagform{b}x", "x"),
    (r"\hr\href{a}{ef}{javascript:alert(1)}{x}", r"\hr{ef}{javascript:alert(1)}{x}"),
    (r"\hr\ref\ef", r"\hr ref\ef"),
    (r"\csname href\endcsname{j}{x}", " href{j}{x}"),
    (r"\href{javascript:alert(1)", "href{javascript:alert(1)"),
    (r"\\href{a}{b} \\\href{j}{x}", r"\\href{a}{b} \\x"),
    (r"\href{u}{\alpha}x^\style{s}{ab}", r"{\alpha}x^{ab}"),
    (r"\hyperref[a]{x}+\hyperlink{a}{y}+\hypertarget{b}{z}", "x+y+z"),
    (r"\nolinkurl{javascript:alert(1)}", "javascript:alert(1)"),
    (r"\NewDocumentCommand{\h}{m}{\href{#1}{x}}\h{j}", r"\h{j}"),
    (r"\newcommandx*\h[2][1=j]{\href{#1}{#2}}\h{x}", r"\h{x}"),
]
SOUND = [
    r"\mathbb{E}_{x\sim p}\left[\frac{a}{b}\right]",
    r"\operatorname{arg\,max}_\theta \text{if } x_1 \le 2",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
    r"\boldsymbol{\alpha}\hrefs \classes \defn \letters \colors \datax",
    r"\ce{H2O} \tag{1} \boxed{x} \underbrace{y}_{z} \cancel{w}",
]
ACTIVE = re.compile(
    r"(?<!\\)(?:\\\\)*\\(?:href|url|nolinkurl|hyper\w+|class|style|cssId|data|html\w*|require|def|let|newcommandx?"
    r"|NewDocumentCommand|mmlToken|toggle|bbox"
    r"|unicode|char|label|ref|csname|color|setOptions)(?![A-Za-z])"
)


@pytest.mark.parametrize(("tex", "shown"), SHOWN)
def test_a_formula_keeps_what_readers_see_and_no_more(tex: str, shown: str) -> None:
    made = tex_safety.formula(tex)
    assert made == shown
    assert not ACTIVE.search(made)


@pytest.mark.parametrize("tex", SOUND)
def test_mathematics_stays_to_the_letter(tex: str) -> None:
    assert tex_safety.formula(tex) == tex_safety.text(tex) == tex


def test_in_text_nothing_gets_braces() -> None:
    assert tex_safety.text(r"See \href{javascript:alert(1)}{the page}.") == "See the page."
    assert tex_safety.text(r"the \emph{so} of \href{j}{\alpha}x") == r"the \emph{so} of \alpha x"
    assert (
        tex_safety.text(r"Macros such as \def and \href are known.")
        == "Macros such as def and href are known."
    )


PIECES = st.sampled_from(
    [r"\href", r"\def", r"\hr", "ef", r"\toggle", r"\endtoggle", r"\unicode", r"\g", "{", "}", "[", "]", "\\", "x",
     "#1", r"\x", "=", " ", r"\style", r"\label", "{a}", r"\char", '"41', r"\newcommand", "*", r"\c", "lass", "$"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_order_of_macros_leaves_one_that_does_harm(tex: str) -> None:
    for made in (tex_safety.formula(tex), tex_safety.text(tex)):
        assert not ACTIVE.search(made)
        assert len(made) <= 2 * len(tex)


@pytest.mark.parametrize("tex", [r"\href{a}{" * 20_000, r"\href{" * 9_000 + "}" * 9_000, r"\bbox[" * 20_000])
def test_nesting_costs_neither_the_stack_nor_much_time(tex: str) -> None:
    assert not ACTIVE.search(tex_safety.formula(tex))


HOSTILE = " ".join(
    [
        *(
            f"${tex}$ {tex}" for tex, _ in SHOWN if "\\\\" not in tex
        ),  # which cannot be distinguished from an escape in the post
        r"$$ \href{javascript:alert(1)}{https://a.example} $$",
        r"\begin{align}\href{javascript:alert(1)}{x}\end{align}",
        r"$$\hr`ef{javascript:alert(1)}{x|}`$$",
        r"\[\href{https://a.example}{\textbf{x}}\] and **\href{javascript:b}{x}**",
    ]
)


def hostile() -> Edition:
    made = entry(1, title=HOSTILE, abstract=HOSTILE, claims=(Claim(HOSTILE, (Claim(HOSTILE),)),))
    paper = replace(made.paper, authors=(HOSTILE, "A. Author"), comment=f"Accepted to {HOSTILE}")
    return edition(replace(made, paper=paper))


def unescaped(post: str) -> str:
    return re.sub(r"\\([\\.*_+`<>()\[\]{}#!:|\"'$=~-])", r"\1", post)


OUTPUTS: dict[str, Callable[[], str]] = {
    "post": lambda: unescaped(jekyll.render(hostile(), ZoneInfo("UTC"))),
    "page": lambda: page.render(hostile(), ZoneInfo("UTC")),
    "mail": lambda: parts.html(parts.part(hostile(), Detail.READINGS)),
    "plain mail": lambda: parts.text(parts.part(hostile(), Detail.READINGS)),
    "message": lambda: str(telegram_html.html(HOSTILE)),
    "rich message": lambda: str(telegram_html.rich(HOSTILE)),
}


@pytest.mark.parametrize("output", OUTPUTS)
def test_no_output_has_tex_that_does_harm(output: str) -> None:
    found = [made[0] for made in ACTIVE.finditer(OUTPUTS[output]()) if not made[0].startswith("\\\\")]
    assert not found


def test_neighbours_that_stand_on_the_page_as_text_make_no_macro_together() -> None:
    shown = unescaped(jekyll.kramdown(r"$$\hr`ef{javascript:alert(1)}{x|}`$$"))
    assert not ACTIVE.search(shown)
    assert r"\href" not in shown
