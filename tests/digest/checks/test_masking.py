"""Tests of masking a text for a model, and unmasking its answer."""

import pytest
from hypothesis import given, strategies

from digest.checks.masking import mask, mask_all
from digest.core.findings import Flaw
from digest.render.stored_text import stored

_PIECES = strategies.sampled_from(
    ["[[M1]]", "⟦M1⟧", "⟨⟨M1⟩⟩", "[[MM2]]", "[", "[[", "]]", "\\", "$x_1$", "$", "\\(a\\)", "\\(", "https://a.b/c", ".",
     ")", "`", "`code`", "\\cite{a}", "me@x.org", "\\begin{a}b\\end{a}", "[1, 2]", " ", "M1", "word", "上"]
)  # fmt: skip


@given(strategies.text() | strategies.lists(_PIECES).map("".join))
def test_a_text_that_is_masked_and_restored_is_the_same_text(text: str) -> None:
    masked = mask(text)
    assert masked.restored(masked.text) == (text, ())


@given(strategies.lists(_PIECES).map("".join))
def test_the_stored_form_of_a_text_in_the_stored_form_survives_masking_too(text: str) -> None:
    masked = mask(stored(text))
    assert masked.restored(masked.text) == (stored(text), ())


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        (r"59.30$\rightarrow$10.71%", [r"$\rightarrow$"]),
        (r"$0.64$ ($95\%$ CI $0.48$-$0.86$)", ["$0.64$", r"$95\%$", "$0.48$", "$0.86$"]),
        ("under $100 per month and $0.05 per call", []),
        ("$2.2x higher, unbalanced", []),
        (r"as \cite{a,b} say, write to me@x.org", [r"\cite{a,b}", "me@x.org"]),
        ("see https://a.b/c_(d).", ["https://a.b/c_(d)"]),
    ],
)
def test_what_a_model_must_not_touch_is_masked_and_numbers_are_not(text: str, spans: list[str]) -> None:
    masked = mask(text)
    assert list(masked.spans.values()) == spans
    for number in ("59.30", "10.71%", "100", "0.05", "2.2"):
        assert (number in masked.text) == (number in text)


@pytest.mark.parametrize(
    "text", ["The form [[M1]] with $x$", "［［ m1 ］］ and $x$", "[[M1]] ⟦M2⟧ ⟨⟨M3⟩⟩ $x$"]
)
def test_a_text_that_holds_placeholders_itself_gets_others(text: str) -> None:
    masked = mask(text)
    assert masked.restored(masked.text) == (text, ())
    assert masked.restored(f"见{masked.form.placeholder(1)}") == ("见$x$", ())


@pytest.mark.parametrize("written", ["［［ Ｍ１ ］］", "[[m1]]", "[ [M 1] ]", r"\[\[M1\]\]", "【【M1】】"])
def test_a_placeholder_is_understood_however_the_model_writes_it(written: str) -> None:
    assert mask("Let $x$ be").restored(f"设{written}为") == ("设$x$为", ())


def test_placeholders_may_come_in_another_order() -> None:
    assert mask("From $a$ to $b$").restored("到[[M2]]，从[[M1]]") == ("到$b$，从$a$", ())


@pytest.mark.parametrize(
    ("answer", "flaw"),
    [
        ("只有[[M1]]", Flaw.MASK_MISSING),
        ("[[M1]]、[[M2]]、[[M1]]", Flaw.MASK_TWICE),
        ("[[M1]]、[[M2]]、[[M3]]", Flaw.MASK_INVENTED),
    ],
)
def test_a_placeholder_missing_twice_or_invented_is_a_hard_finding(answer: str, flaw: Flaw) -> None:
    _, findings = mask("From $a$ to $b$").restored(answer)
    assert [each.flaw for each in findings] == [flaw]
    assert all(each.hard for each in findings)


def test_texts_of_one_prompt_are_numbered_through_and_a_summary_may_use_any_of_them() -> None:
    title, abstract = mask_all(("On $a$", "We bound $b$"))
    assert (title.text, abstract.text) == ("On [[M1]]", "We bound [[M2]]")
    assert abstract.restored("界定[[M2]]与[[M1]]")[1][0].flaw is Flaw.MASK_INVENTED
    assert abstract.restored("关于[[M1]]", whole=False) == ("关于$a$", ())


def test_an_address_is_kept_apart_from_what_would_lengthen_it() -> None:
    masked = mask("Code is at https://a.b/c.")
    assert masked.text == "Code is at [[M1]]."
    assert masked.restored("见[[M1]],code") == ("见https://a.b/c ,code", ())
    assert masked.restored("在[[M1]]上发布") == ("在https://a.b/c上发布", ())


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (r"\href{https://u.v/a}{https://u.v/a}.", "https://u.v/a."),
        (r"our \href{https://u.v/a}{code}", "our code (https://u.v/a)"),
        (r"\textbf{Bold} and \emph{so}", "**Bold** and **so**"),
        (r"\texttt{run.py} by Poincar\'e", "`run.py` by Poincaré"),
        (r"a \(x_1\) and $$y$$", "a $x_1$ and $y$"),
        (r"\textbf{gain of $x$ dB}", "**gain of $x$ dB**"),
        (r"\textbf{\emph{so}} by 5\%", "**so** by 5%"),
        (r"\textbf{by 5\%}", "**by 5%**"),
        (r"$\textbf{x}$ stays", r"$\textbf{x}$ stays"),
        (r"86\% of it", "86% of it"),
        ("at [https://u.v/a](https://u.v/a).", "at https://u.v/a."),
        ("see [our code](https://u.v/a_b)", "see our code (https://u.v/a_b)"),
        ("an ``expert'' of a ``tone\" map", "an “expert” of a “tone” map"),
        ("Track~1 in Fig.~3, 5~6", "Track 1 in Fig. 3, 5~6"),
        (r"30{\deg}", "30°"),
        ("R&D, $a &lt; b$ and AT&amp;T", "R&D, $a < b$ and AT&T"),
    ],
)
def test_an_original_is_brought_to_the_stored_form(text: str, form: str) -> None:
    assert stored(text) == form
    assert stored(form) == form


def test_what_a_model_leaves_of_a_placeholder_is_found_in_a_summary_too() -> None:
    masked = mask("From $a$ to M2 [M3]")
    for left in ("[M1]", "[[M1]", "【M1】", "M1]]"):
        assert [each.flaw for each in masked.restored(f"从{left}起", whole=False)[1]] == [Flaw.MASK_INVENTED]
    assert masked.restored("到M2 [M3]", whole=False)[1] == ()


def test_a_number_of_no_end_in_a_placeholder_is_an_invented_one() -> None:
    text, findings = mask("From $a$").restored(f"从[[M1]][[M{'9' * 5_000}]]")
    assert text == "从$a$"
    assert [each.flaw for each in findings] == [Flaw.MASK_INVENTED]
