"""Markdown as the element tree of Python-Markdown: parsed syntax, plain text, and the amount of work."""

import sys
from collections.abc import Iterator
from types import FrameType
from xml.etree.ElementTree import Element, tostring

import pytest

from digest.core.markdown import tree


def html(source: str) -> str:
    return tostring(tree(source), encoding="unicode").removeprefix("<div>").removesuffix("</div>")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("甲\n\n乙", "<p>甲</p><p>乙</p>"),
        ("# 甲\n乙\n---\n丙", "<h1>甲</h1><p>乙</p><hr /><p>丙</p>"),
        ("如下：\n- 甲\n  - 乙\n\n- 丙", "<p>如下：</p><ul><li>甲<ul><li>乙</li></ul></li><li>丙</li></ul>"),
        ("2) 甲\n（3）乙", '<ol><li mark="2)">甲</li><li mark="（3）">乙</li></ol>'),
        ("> 甲\n> - 乙\n丙", "<blockquote><p>甲</p><ul><li>乙</li></ul></blockquote><p>丙</p>"),
        ("这是**重点**，*强调*。", "<p>这是<strong>重点</strong>，<em>强调</em>。</p>"),
        ("`$a` and $b`$", "<p><code>$a</code> and <math>$b`$</math></p>"),
        ("[*a*](https://b.org/c_d_e)", '<p><a href="https://b.org/c_d_e"><em>a</em></a></p>'),
        ("[a](mailto:b@c.org)", '<p><a href="mailto:b@c.org">a</a></p>'),
        (
            "[see https://b.org, **c**](https://d.org)",
            '<p><a href="https://d.org">see https://b.org, <strong>c</strong></a></p>',
        ),
        ("[<https://b.org>](https://d.org)", '<p><a href="https://d.org">&lt;https://b.org&gt;</a></p>'),
        ("[arXiv [cs.SD]](https://d.org)", '<p><a href="https://d.org">arXiv [cs.SD]</a></p>'),
        ("[![b](https://c.org/d.png)](https://d.org)", '<p><a href="https://d.org">b</a></p>'),
        (r"\*a\* 1\. \[b\]", "<p>*a* 1. [b]</p>"),
    ],
)
def test_markdown_becomes_elements(source: str, expected: str) -> None:
    assert html(source) == expected


@pytest.mark.parametrize(
    "text",
    [
        "<b>a</b> <script>alert(1)</script>",
        "<!-- a -->",
        "&lt;b&gt;",
        "[a](javascript:alert(1))",
        "![a](data:text/html,b)",
        "[a](/b)",
        "[a]: /b",
        "2*3*4 snake_case E[X](t)",
        "#1 3.5 -3",
    ],
)
def test_html_and_links_that_lead_nowhere_are_text(text: str) -> None:
    [paragraph] = tree(text)
    assert paragraph.text == text
    assert len(paragraph) == 0


PIECES = [
    "[", "[[a]", "[a", "[a](https://b(", "![](", "<https://a", "<", "`", "`a ", "*a ", "*a**", "*_", "__a",
    "**a** ", "$a ", "$a$ ", "# ", "# a\n", "> ", "> a\n\n", "1. ", "- 1. ", "- a\n", "- a\n\n", "甲\n- ", "```\n",
    "\n", "\\*",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_twice_the_text_is_twice_the_work(piece: str) -> None:
    half, whole = (work(piece * (length // len(piece))) for length in (1_000, 2_000))
    assert whole <= 2.2 * half


def work(text: str) -> int:
    """Return the number of function calls."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    tree("a")  # the parser is loaded
    sys.setprofile(count)
    try:
        tree(text)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("piece", ["[", "(", "*", "`", "> ", "- "])
def test_a_hundred_thousand_marks_are_one_paragraph_of_text(piece: str) -> None:
    [paragraph] = tree(piece * 100_000)
    assert paragraph.text == piece * 100_000


@pytest.mark.parametrize(
    "source",
    [
        "".join(f"{' ' * depth}- a\n" for depth in range(150)),
        "> " * 5_000 + "a",
        "- 1. " * 2_000 + "a",
        "*a _b **c " * 1_000 + "** _ *" * 1_000,
    ],
)
def test_nothing_nests_deep(source: str) -> None:
    assert max(depths(tree(source))) <= 20


def depths(element: Element, depth: int = 0) -> Iterator[int]:
    yield depth
    for child in element:
        yield from depths(child, depth + 1)
