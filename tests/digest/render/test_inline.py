import pytest

from digest.render.stored_text import Code, Link, Math, Span, Strong, Text, parse


@pytest.mark.parametrize("text", ["$x_1$", "$$x_1$$", r"\(x_1\)", r"\[x_1\]"])
def test_a_formula_is_found_in_every_form_that_is_written(text: str) -> None:
    assert parse(f"a {text} b") == (Text("a "), Math("x_1"), Text(" b"))


@pytest.mark.parametrize(
    "text",
    [
        "under $100 per month and $0.05 per call",
        "between $5-$10",
        "每月低于$100，每次调用$0.05",
        "每次$100、$200",
        "$语音$",
        "$2.2x higher, unbalanced",
        "a $ b $ c",
        "$three plain words here$",
        r"$\frac{a}{b$",
        "**",
        "a ** b ** c",
        "`",
        "https://",
    ],
)
def test_what_only_looks_like_markup_is_text(text: str) -> None:
    assert parse(text) == (Text(text),)


def test_a_formula_may_hold_chinese_in_braces_and_full_width_commas() -> None:
    assert parse("$x_{语音}$与$x，y$") == (Math("x_{语音}"), Text("与"), Math("x，y"))


def test_numbers_set_as_formulas_are_formulas() -> None:
    spans = parse(r"59.30$\rightarrow$10.71%; $0.64$ ($95\%$ CI $0.48$-$0.86$)")
    assert [span.tex for span in spans if isinstance(span, Math)] == [
        r"\rightarrow",
        "0.64",
        r"95\%",
        "0.48",
        "0.86",
    ]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("Code: https://a.org/b_c.", "https://a.org/b_c"),
        ("见https://a.org/b。完", "https://a.org/b"),
        ("(https://a.org/b(c))", "https://a.org/b(c)"),
        ("https://a.org/?x=1&y=2, then", "https://a.org/?x=1&y=2"),
    ],
)
def test_a_link_ends_where_its_sentence_goes_on(text: str, url: str) -> None:
    assert [span.url for span in parse(text) if isinstance(span, Link)] == [url]


def test_strong_words_hold_formulas_and_code() -> None:
    inner: tuple[Span, ...] = (Text("a "), Math("x"), Text(" "), Code("c"))
    assert parse("**a $x$ `c`**的") == (Strong(inner), Text("的"))
