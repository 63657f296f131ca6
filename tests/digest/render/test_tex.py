"""Tests of formulas and of TeX that is left in prose, as readable Unicode."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.render import stored_text, tex

READABLE = {
    r"\alpha_{t}^{2}": "αₜ²",
    r"\alpha^2_t": "αₜ²",
    r"10^{-5}": "10⁻⁵",
    r"10^-5": "10⁻⁵",
    r"1.633\times10^{-8}": "1.633×10⁻⁸",
    r"p=1.408\cdot 10^{-14}": "p = 1.408·10⁻¹⁴",
    r"\mathbb{R}^{n\times d}": "ℝ^(n×d)",
    r"\mathbb R^2": "ℝ²",
    r"\frac{a}{b}": "a/b",
    r"\frac{a+b}{2\pi}": "(a+b)/(2π)",
    r"\frac{1}{2}x + 1": "1/2 x + 1",
    r"\frac12": "1/2",
    r"e^{-\frac{t}{\tau}}": "e^(−t/τ)",
    r"\sqrt{x}": "√x",
    r"\sqrt{x+1}": "√(x+1)",
    r"\sqrt[3]{x}": "∛x",
    r"\hat{x}_t": "x̂ₜ",
    r"\dot x": "ẋ",
    r"\bar{\mathbf{x}}": "x̄",
    r"\overline{AB}": "A̅B̅",
    r"\mathcal{L}_{\mathrm{CTC}} = -\log p(y|x)": "ℒ_(CTC) = −log p(y|x)",
    r"\sum_{i=1}^{N} x_i": "∑ᵢ₌₁ᴺ xᵢ",
    r"\sum\limits_{i} x_i": "∑ᵢ xᵢ",
    r"\int_0^\infty f(x)\,dx": "∫₀^∞ f(x) dx",
    r"\mathcal{O}(n \log n)": "𝒪(n log n)",
    r"\left( a+b \right)^2": "(a+b)²",
    r"\left. x \right|_0": "x |₀",
    r"{x+1}^2": "(x+1)²",
    r"f\colon X \to Y": "f: X → Y",
    r"x^*": "x^∗",
    r"\{0, 1\}^n": "{0, 1}ⁿ",
    r"\|x\|_2": "‖x‖₂",
    r"\mathbb{E}_{x \sim p(x)}[f(x)]": "𝔼_(x∼p(x))[f(x)]",
    r"x''_t": "xₜ″",
    r"f'(x)": "f′(x)",
    r"\theta^{(k)}": "θ⁽ᵏ⁾",
    r"\operatorname*{arg\,max}_\theta \log p_\theta(x)": "arg max_θ log p_θ(x)",
    r"\text{argmax}_\theta": "argmax_θ",
    r"a \not= b": "a ≠ b",
    r"a \neq b": "a ≠ b",
    r"0 \le x < 1": "0 ≤ x < 1",
    r"x_{1},\ldots,x_{n}": "x₁, …, xₙ",
    r"(x,y)": "(x, y)",
    r"1{,}000": "1,000",
    r"10,000": "10,000",
    r"\pm 1": "±1",
    r"3.22 \pm 0.18": "3.22 ± 0.18",
    r"512 \times 512": "512 × 512",
    r"\sim20\%": "∼20%",
    r"60~\mathrm{dB}": "60 dB",
    r"90^\circ": "90°",
    r"P(x \mid y)": "P(x | y)",
    r"|\Phi^+ \rangle": "|Φ⁺⟩",
    r"D_{\text{KL}}(p \| q)": "D_(KL)(p ‖ q)",
    r"\nabla S(x) \approx F_θ(x, S(x))": "∇S(x) ≈ F_θ(x, S(x))",
    r"\partial \in \infty": "∂ ∈ ∞",
    r"\text{if } x > 0": "if x > 0",
    r"\textit{co-occurring}": "co-occurring",
    r"\mathrm{SI-SNR} \geq 5": "SI-SNR ≥ 5",
    r"\mathrm{MAE_{Phase}}": "MAE_(Phase)",
    r"n\bmod m": "n mod m",
    r"a \pmod{m}": "a (mod m)",
    r"x_{i_j}": "x_(iⱼ)",
    r"\mathbf{x}\in\mathbb{R}^{d}": "x ∈ ℝᵈ",
    r"p{<}0.05": "p < 0.05",
    r"^{\circ}": "°",
    r"{}^3": "³",
    "N=19": "N = 19",
    "语音": "语音",
}
UNREADABLE = [
    r"\begin{matrix}a & b\end{matrix}",
    r"\frac{\frac{a}{b}}{c}",
    r"\unknown{x}",
    r"\xrightarrow{\texttt{mapping}}",
    r"\sum_{i \in \{1, \ldots, N\}, i \neq j, j \neq k, k > 0} x_i",
    r"\widehat{xy}",
    r"a \\ b",
    "a & b",
    r"x_a_b",
    r"\frac{a}",
    r"\textbf{x",
    "x}",
    "x^",
    "\\",
    "",
    "x" * 10_000,
    "{" * 100 + "}" * 100,
    r"\hat" * 100 + "x",
]


@pytest.mark.parametrize(("source", "shown"), READABLE.items())
def test_a_formula_reads_as_it_would_be_typed(source: str, shown: str) -> None:
    expected = unicodedata.normalize("NFC", shown)
    assert unicodedata.normalize("NFC", tex.unicode(source) or "") == expected


@pytest.mark.parametrize("source", UNREADABLE)
def test_what_has_no_readable_line_is_refused(source: str) -> None:
    assert tex.unicode(source) is None


def test_invisible_characters_do_not_come_through() -> None:
    assert tex.unicode("a\u202e\u200b\ue000\x07b") == "ab"


SNIPPETS = [
    *READABLE,
    *UNREADABLE[:8],
    "{",
    "}",
    "_",
    "^",
    "\\",
    "\\left",
    "'",
    "\u202e",
    "\ud800",
    " ",
    "[",
    "]",
    "$",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(SNIPPETS)).map("".join)))
def test_whatever_it_is_given_it_answers_with_characters_that_can_be_seen(source: str) -> None:
    shown = tex.unicode(source)
    if shown is None:
        return
    assert shown == " ".join(shown.split())
    assert "\\" not in shown
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"}]
    if not re.search(r"\\[{}]|\\[lr]brace", source):
        assert not set("{}") & set(shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"G\"odel, Schr\"{o}dinger, na\"{\i}ve", "Gödel, Schrödinger, naïve"),
        (r"Erd\H{o}s, Fran\c{c}ois, \v{C}ech, caf\'e, {\'E}cole", "Erdős, François, Čech, café, École"),
        (r"\L{}ukasz, \O rsted, Stra\ss e", "Łukasz, Ørsted, Straße"),
        (r"\textbf{bold \emph{both}} and \texttt{code}", "bold both and code"),
        (r"5\% of R\&D, a\_b", "5% of R&D, a_b"),
        (r"and so on \ldots and on", "and so on … and on"),
        (r"it\'s, don\'t, \"a word\"", r"it\'s, don\'t, \"a word\""),
        (r"C:\users\alpha \unknown{x} \emph{open", r"C:\users\alpha \unknown{x} \emph{open"),
        (r"at 45{\deg}, 3{\mu}m, \ensuremath{\le}4%, {\unknown}", r"at 45°, 3μm, ≤4%, {\unknown}"),
        (r"{\bf S}imul and \enquote{so}", "Simul and “so”"),
        ("{braces} ~ -- ``quotes''", "{braces} ~ -- ``quotes''"),
    ],
)
def test_prose_keeps_its_words_and_loses_its_macros(text: str, shown: str) -> None:
    assert stored_text.prose(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"see \href{https://a.org/b_c\%20}{our page}.", "see our page (https://a.org/b_c%20)."),
        (r"$\href{https://a.org}{here}$", "here (https://a.org)"),
        (
            r"\url{https://a.org/b} and \href{https://a.org}{https://a.org}",
            "https://a.org/b and https://a.org",
        ),
        (r"`\url{https://a.org}` \href{javascript:x}{y}", r"`\url{https://a.org}` \href{javascript:x}{y}"),
    ],
)
def test_links_in_tex_show_their_address(text: str, shown: str) -> None:
    assert stored_text.links(text) == shown


@given(st.text(alphabet=st.characters(exclude_characters="\\")))
def test_text_without_a_backslash_is_not_touched(text: str) -> None:
    assert stored_text.prose(text) == stored_text.links(text) == text
