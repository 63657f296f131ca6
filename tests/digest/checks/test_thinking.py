"""What models say about their task, and labels that they put before a text: cleaned or found for sure."""

import pytest

from digest.checks.glossary import Glossary
from digest.checks.translation import Original, Translated, check_translation, cleaned
from digest.core.findings import Flaw

_ORIGINAL = Original("A tuner", "We tune pianos by ear in loud concert halls and report what listeners say.")
_SOUND = "我们在喧闹的音乐厅里凭耳朵为钢琴调音，并报告听众的说法。"


def _flaws(chinese: str) -> set[Flaw]:
    made = Translated(None, cleaned(chinese, "zh-CN"), None)
    return {
        finding.flaw for finding in check_translation(_ORIGINAL, made, "zh-CN", Glossary({})) if finding.hard
    }


@pytest.mark.parametrize(
    "label", ["【中文摘要】", "【译文】\n", "[摘要] ", "**【论文摘要翻译】**：", "［标题］"]
)
def test_a_label_in_brackets_is_removed(label: str) -> None:
    assert cleaned(f"{label}{_SOUND}", "zh-CN") == _SOUND


@pytest.mark.parametrize("start", ["【Whisper】模型", "[0, 1]区间", "【乐谱】识别"])
def test_brackets_of_the_paper_stay(start: str) -> None:
    assert cleaned(f"{start}用于调音。", "zh-CN").startswith(start[0])


@pytest.mark.parametrize(
    "thought",
    [
        "用户要求我翻译这段摘要，需要保持术语准确。",
        "好的，用户让我把这段摘要翻译成中文。",
        "首先，我需要将这段英文翻译成中文。",
        "让我先理解原文。",
        "Okay, the user wants a translation.\n",
        "We need to translate the abstract.\n",
    ],
)
def test_thinking_about_the_task_is_found(thought: str) -> None:
    assert Flaw.CHAT in _flaws(f"{thought}{_SOUND}")


@pytest.mark.parametrize(
    "said",
    [
        _SOUND,
        f"用户希望在喧闹的音乐厅里听到准确的音高。{_SOUND}",
        f"首先，我们需要在喧闹的音乐厅里调音。{_SOUND}",
        f"我们将语音翻译成文本。{_SOUND}",
    ],
)
def test_a_paper_about_users_or_translation_is_not_taken_for_thinking(said: str) -> None:
    assert Flaw.CHAT not in _flaws(said)
