import pytest

from bot.telegram.handlers.papers import is_only_papers, is_question


@pytest.mark.parametrize(
    "text",
    [
        "误差下降了吗？",
        "误差下降了吗",
        "用了哪些数据集呢",
        "这篇和 VALL-E 有什么区别?",
        "为什么不用扩散模型",
        "请解释一下第三节",
        "有没有开源代码",
        "它的训练数据是多少？😀",
        "（那消融实验呢？）",
        "How large is the model",
        "which datasets were used",
        "Did the error go down?",
        "Summarize the method",
        "When was the data collected",
        "怎么训练的",
        "几个数据集",
        "多少参数",
        "总结一下方法",
    ],
)
def test_what_reads_as_a_question_is_one(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    "text",
    [
        "哈哈",
        "哈哈哈哈！",
        "好多论文",
        "这篇不错",
        "收藏了 👍",
        "?",
        "？？？",
        "+1",
        "Nice work",
        "Can confirm, it works",
        "Is great",
        "What a nice paper",
        "How cool!",
        "how cool",
        "who knows",
        "When I read this, I laughed",
        "怎么可能",
        "怎么又是这个",
        "什么鬼",
        "谁懂啊",
        "哪里哪里",
        "几天前看过",
        "多少有点离谱",
        "解释得不错",
        "总结得好",
        "我们组也做过这个。",
        "",
    ],
)
def test_talk_is_none(text: str) -> None:
    assert not is_question(text)


def test_papers_alone_are_asked_for_and_those_in_talk_are_not() -> None:
    assert is_only_papers("2602.00001")
    assert is_only_papers(" https://arxiv.org/abs/2602.00001，2602.00002v1 ")
    assert not is_only_papers("和 2602.00001 很像")
    assert not is_only_papers("")
