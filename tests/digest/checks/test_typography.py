"""Tests of Chinese typography."""

import pytest
from hypothesis import given, strategies

from digest.checks.typography import typeset

_SIGNS = strategies.text(alphabet='中文字ab1.,;:!?()（）"“”，。 %$`-', max_size=40)


@pytest.mark.parametrize(
    ("text", "tight", "spaced"),
    [
        (
            "使用GPT-4模型,准确率为95％(WER为3.2%).",
            "使用GPT-4模型，准确率为95%（WER为3.2%）。",
            "使用 GPT-4 模型，准确率为 95%（WER 为 3.2%）。",
        ),
        ("提出 SteerMoE (MoE) ,它", "提出SteerMoE（MoE），它", "提出 SteerMoE（MoE），它"),
        ('他说"好":对!', "他说“好”：对！", "他说“好”：对！"),
        ('把"ab"与"cd"混为"一谈"', "把“ab”与“cd”混为“一谈”", "把“ab”与“cd”混为“一谈”"),
        ("使用BERT. 我们,见et al. 的文", "使用BERT。我们，见et al. 的文", "使用 BERT。我们，见 et al. 的文"),
        (
            "分为：1. 编码；2. 解码. 共12. 完",
            "分为：1. 编码；2. 解码。共12。完",
            "分为：1. 编码；2. 解码。共 12。完",
        ),
        ("见github.com/a/b.", "见 github.com/a/b。", "见 github.com/a/b。"),
        ("准确率(ACC):95%", "准确率（ACC）：95%", "准确率（ACC）：95%"),
        ("见https://a.b/c(含模型)", "见 https://a.b/c（含模型）", "见 https://a.b/c（含模型）"),
        ("代码在https://a.b/c上发布", "代码在 https://a.b/c 上发布", "代码在 https://a.b/c 上发布"),
        ("见 https://a.b/c。", "见 https://a.b/c。", "见 https://a.b/c。"),
        ("由 $f(a, b)$ 得`g(x, y)`值", "由$f(a, b)$得`g(x, y)`值", "由 $f(a, b)$ 得 `g(x, y)` 值"),
        ("用５个ＡＢ", "用5个AB", "用 5 个 AB"),
        ("12,000 小时和3.5 dB", "12,000小时和3.5 dB", "12,000 小时和 3.5 dB"),
        ("一段.\n\n又 一段.", "一段。\n\n又一段。", "一段。\n\n又一段。"),
    ],
)
def test_chinese_is_set_with_or_without_blanks_between_scripts(text: str, tight: str, spaced: str) -> None:
    assert typeset(text, "zh-CN") == tight
    assert typeset(text, "zh-CN", spaced=True) == spaced


def test_other_languages_stay_as_they_are() -> None:
    assert typeset("Sagt er (so) , gut .", "de") == "Sagt er (so) , gut ."
    assert typeset("Only (English) words, no more.", "zh-CN") == "Only (English) words, no more."


@given(_SIGNS)
def test_formulas_code_and_letters_are_never_lost(text: str) -> None:
    def kept(some: str) -> list[str]:
        return [sign for sign in some if sign.isalnum()]

    framed = f"{text}中 $a, b$ 与 `c, d` 文"
    assert kept(typeset(framed, "zh-CN")) == kept(framed)
