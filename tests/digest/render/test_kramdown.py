"""Our Markdown as real kramdown renders it, as Jekyll runs it."""

import random
import re
import subprocess

import pytest
from lxml import html

from digest.render import jekyll
from digest.render.stored_text import Link, Math, Span, Strong, parse
from tests.components import missing, program

_RUBY = (
    "require 'kramdown'; require 'kramdown-parser-gfm'; puts Kramdown::Document.new(STDIN.read, input: 'GFM', "
    "hard_wrap: false, math_engine: 'mathjax', entity_output: 'as_char', syntax_highlighter: nil).to_html"
)
_AS_TYPED = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "\xa0": " "})
NASTY = [
    'A<B & "C" $x_1$ {{y}}',
    "1. one",
    "1) one",
    "- x",
    "# h",
    "> q",
    "+ x",
    ": d",
    "===",
    "---",
    "***",
    "___",
    "^",
    "* x",
    "    code",
    "~~~ruby",
    "```x",
    "a | b",
    "**90.4%**的 {% raw %} {{x}} {{{y}}} {%- if -%}",
    r"$P(y|x)$ 与 $\mathbb{{E}}$ 与 $a*b_c*d$ 与 $f'\{x\}$",
    "$$x$$",
    r"\(a|b\) \[c\]",
    "$a$$b$",
    "$$a$ at the start",
    "a `b`\\`c` \\$d$",
    r"\textbf{x} \& \\ C:\dir\ ",
    "x\\",
    "C#",
    "# C # #",
    "a_b_c _x_ __init__ snake_",
    "~~x~~ a~b",
    "a -- b --- c ...",
    "<< >> <script>alert(1)</script> <b>x</b> &lt; &amp; &#60; AT&T &copy;",
    "<!-- c --> <img src=x onerror=y>",
    "[l](http://x) ![i](y) [^1] *[HTML]: y",
    "`a|b` `{{x}}` `ok_*x*` ` a`",
    "https://a.b/c_d_e*f?x={{y}}|z",
    "*a* **b",
    "{: .cls} {::nomarkdown} {#id}",
    "$5 and $10",
    "**“引号”**后 **注：**后 前**（注）**后",
    "**a $x|y$ b** and **`c`**",
    "a\n\nb",
    "12.5 dB",
]
_WORDS = [
    "x_1",
    "$$",
    "{{",
    "{%",
    "%}",
    "**",
    "<b>",
    "</div>",
    "&lt;",
    "--",
    "~~",
    "...",
    "1.",
    "http://a.b/c_d",
    "\\frac{a}{b}",
    "$x$",
    "**粗**",
    "`c`",
]
_PIECES = [*"a1的$\\(){}|*_`<>&#-+:=~[]!\"'.^，。（） \n", *_WORDS]


def random_texts(seed: int, count: int) -> list[str]:
    dice = random.Random(seed)
    texts = ("".join(dice.choices(_PIECES, k=dice.randint(1, 9))).strip() for _ in range(2 * count))
    return [text for text in texts if any(map(str.isalnum, text))][:count]


@pytest.mark.parametrize("texts", [NASTY, random_texts(1, 400)], ids=["nasty", "random"])
def test_the_page_shows_every_text_literally_and_formulas_to_the_letter(texts: list[str]) -> None:
    sources = [jekyll.kramdown(text) for text in texts]
    page = built(
        [f"- {source}" for source in sources] + ["", "SEPARATOR", ""],
        [line for source in sources for line in (source, "")] + ["SEPARATOR", ""],
        [line for source in sources for line in (f"## {source}", "")],
    )
    parts = split(page, "SEPARATOR")
    items = [item for block in parts[0] for item in block]
    for elements in (items, parts[1], parts[2]):
        assert [seen(element) for element in elements] == [expected(text) for text in texts]
    tags = {element.tag for element in page.iter()}
    assert tags <= {"div", "ul", "li", "p", "h2", "strong", "code"}


def test_nothing_in_the_source_is_live_liquid() -> None:
    live = [
        text for text in [*NASTY, *random_texts(2, 2000)] if re.search(r"\{\{|\{%", jekyll.kramdown(text))
    ]
    assert live == []


@pytest.mark.parametrize("text", NASTY)
def test_what_was_written_is_read_back_the_same(text: str) -> None:
    source = jekyll.kramdown(text)
    assert jekyll.kramdown(jekyll.kramdown_text(source)) == source


def built(*parts: list[str]) -> html.HtmlElement:
    source = "\n".join(line for part in parts for line in part)
    command = [program("ruby"), "-e", _RUBY]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if "LoadError" in done.stderr:
        missing("kramdown")
    assert done.returncode == 0, done.stderr
    return html.fromstring(f"<div>{done.stdout}</div>")


def split(page: html.HtmlElement, separator: str) -> list[list[html.HtmlElement]]:
    parts: list[list[html.HtmlElement]] = [[]]
    for element in page:
        if element.text_content().strip() == separator:
            parts.append([])
        else:
            parts[-1].append(element)
    return parts


def seen(element: html.HtmlElement) -> str:
    return " ".join(str(element.text_content()).translate(_AS_TYPED).split())


def expected(text: str) -> str:
    return " ".join(visible(parse(" ".join(text.split()))).translate(_AS_TYPED).split())


def visible(spans: tuple[Span, ...]) -> str:
    return "".join(map(_visible, spans))


def _visible(span: Span) -> str:
    if isinstance(span, Math):
        return rf"\({' '.join(span.tex.split())}\)"
    if isinstance(span, Strong):
        return visible(span.spans)
    return span.url if isinstance(span, Link) else span.value
