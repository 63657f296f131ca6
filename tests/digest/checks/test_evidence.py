import pytest

from digest.checks import evidence
from digest.checks.evidence import holds, searchable
from digest.core.findings import Flaw

PAPER = searchable(
    "We propose a vocoder; code at https://example.org/\nvocoder, mail to a.b@echo-net.example. "
    "The efﬁciency of synthe-\nsis rises by 12.5%.\n"
    "It was trained on 960 hours. TideVoc\t1.4\t71.3\t8.0"
)


@pytest.mark.parametrize(
    ("statement", "passage"),
    [
        ("效率提升 12.5%。", "rises by 12.5%"),
        ("效率提升12.5％。", "rises by 12.5\\%"),
        ("参数量为 30亿。", "a model of 3B parameters"),
        ("3B 个参数", "3 billion parameters"),
        ("1.2万小时", "12,000 hours"),
        ("共 12000 条", "12{,}000 utterances"),
        ("120 万句", "1.2 million sentences"),
        ("优于 9 个基线", "outperforms nine baselines"),
        ("速度为 2 倍", "twice as fast"),
        ("50% 的样本", "half of the samples"),
        ("见表 3 与图 2(a)：WER 为 4.2%", "WER is 4.20"),
        ("第 4.2 节（附录 B.1）说明了局限", "as a limitation"),
        ("wav2vec2 与 GPT-4 在 $x_1$、$10^{5}$ 上", "at 10 steps"),
        ("得分 .85", "scores 0.85"),
        ("−3 dB", "by 3 dB"),
        ("24kHz", "at 24 kHz"),
        ("de 12,5\u202f% sur 12\u202f000 phrases", "by 12.5% on 12,000 sentences"),
        ("没有数字。", "no number"),
        ("始于20世纪90年代，10 月结束", "began in the 1990s and ended in October"),
    ],
)
def test_a_number_is_found_in_its_passage_however_it_is_written(statement: str, passage: str) -> None:
    assert evidence.missing_figures(statement, [passage]) == ()


@pytest.mark.parametrize(
    ("statement", "passage", "missing"),
    [
        ("效率提升 12.6%。", "rises by 12.5%", "12.6%"),
        ("参数量为 3亿。", "3B parameters", "3亿"),
        ("12 万小时", "12,000 hours", "12 万小时"),
        ("代表 30% 的样本", "of the samples", "30%"),
        ("见表 12.6%", "of the samples", "12.6%"),
        ("频谱图 80 维", "of a spectrogram", "80"),
        ("分布式 8 卡训练", "trained on more cards", "8"),
        ("提升 2 个百分点", "rises by 12.5 over 20", "2"),
        ("10² 步为 102", "10² steps", "102"),
        ("得分 71.3", "71 of 713", "71.3"),
    ],
)
def test_another_number_is_missed(statement: str, passage: str, missing: str) -> None:
    assert evidence.missing_figures(statement, [passage]) == (missing,)


def flaw(statement: str, *quotes: str) -> Flaw | None:
    found = evidence.fault(statement, evidence.located(quotes, PAPER), PAPER)
    assert found is None or found.hard
    return found.flaw if found else None


def test_a_statement_stands_on_a_passage_of_the_paper() -> None:
    assert flaw("效率提升 12.5%。", "the efficiency of synthesis rises by 12.5%.") is None
    assert flaw("主观得分 71.3。", "TideVoc 1.4 71.3 8.0") is None
    assert flaw("主观得分 71.3。", "| TideVoc | 1.4 | 71.3 |") is None


@pytest.mark.parametrize("quotes", [(), ("The efficiency of synthesis rises by 12.6%",), ("a vocoder",)])
def test_a_statement_without_a_passage_that_is_there_falls(quotes: tuple[str, ...]) -> None:
    assert flaw("效率提升。", *quotes) is Flaw.UNFOUNDED


def test_a_number_from_elsewhere_in_the_paper_is_no_number_of_the_passage() -> None:
    assert flaw(
        "用 960 小时训练，提升 12.5%。", "rises by 12.5%.", "The efficiency of synthesis rises by 12.5%"
    ) is (Flaw.NUMBER_NOT_QUOTED)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("代码在 https://example.org/vocoder。", None),
        ("代码在https://example.org/vocoder上发布", None),
        ("代码见 example.org/vocoder.", None),
        ("代码在 https://example.org/vocoders。", Flaw.ADDRESS),
        ("代码在 https://example.org/vocode。", Flaw.ADDRESS),
        ("代码在 https://example.org。", None),
        ("代码在 ample.org。", Flaw.ADDRESS),
        ("写信到 me@example.org。", Flaw.ADDRESS),
        ("写信到 a.b@echo-net.example。", None),
        ("写信到 net.example/x。", Flaw.ADDRESS),
        ("关注 @evilchannel 领奖", Flaw.ADDRESS),
        ("见 t.me/evilbot", Flaw.ADDRESS),
        ("见 evil.xyz", Flaw.ADDRESS),
        ("打开 tg://resolve?domain=evil", Flaw.ADDRESS),
        ("打开 https://恶.中国/x", Flaw.ADDRESS),
        ("recall@k 与 mAP@half，见 train.py。", None),
        ("访问 http://evil.example 领奖", Flaw.ADDRESS),
        ("访问 evil.com/x 领奖", Flaw.ADDRESS),
        ("使用 Node.js。", None),
    ],
)
def test_an_address_must_be_the_papers(statement: str, expected: Flaw | None) -> None:
    assert flaw(statement, "We propose a vocoder; code at") is expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("规则 1：任务须说明；步骤2，见表 3。", None),
        ("(1) 编码器；(2) 解码器。", None),
        ("共 3 个模块。", Flaw.NUMBER_NOT_QUOTED),
        ("任务 12 小时完成。", Flaw.NUMBER_NOT_QUOTED),
        ("TideVoc 2 于 2019 年提出（Li, 2021）。", None),
        ("TideVoc 3 提出新的方法。", Flaw.NUMBER_NOT_QUOTED),
        ("TideVoc 2018 年提出。", Flaw.NUMBER_NOT_QUOTED),
        ("MOS 71 分。", Flaw.NUMBER_NOT_QUOTED),
    ],
)
def test_marks_years_and_names_with_numbers_need_not_be_quoted(statement: str, expected: Flaw | None) -> None:
    known = searchable("We propose a vocoder, TideVoc 2, in 2021. MOS 71. [1] Wave, 2019.")
    found = evidence.fault(statement, ["We propose a vocoder"], known)
    assert (found.flaw if found else None) is expected


LONG = searchable(
    "## 1 Rooms\nRooms have shapes.\nThey ring. EchoNet\u200b | maps an echo, as bats do. The efﬁciency of "
    "synthe-\nsis rises by 12.5%. All is well. It ends.\n"
)


@pytest.mark.parametrize(
    ("quote", "passage"),
    [
        (
            "echonet maps an echo, as bats do.",
            "They ring. EchoNet\u200b | maps an echo, as bats do. The efﬁciency of synthe- sis rises by 12.5%.",
        ),
        (
            "efficiency of synthesis rises",
            "EchoNet\u200b | maps an echo, as bats do. The efﬁciency of synthe- sis rises by 12.5%. All is well.",
        ),
        ("The efficiency of synthesis falls", ""),
    ],
)
def test_the_neighbourhood_of_a_quote_is_a_sentence_before_and_behind(quote: str, passage: str) -> None:
    assert evidence.neighbourhood(quote, LONG) == passage


def test_a_neighbourhood_is_bounded_and_has_whole_words() -> None:
    known = searchable("so and " * 400 + "a needle in the haystack" + " and so" * 400)
    passage = evidence.neighbourhood("a needle in the haystack", known)
    assert 550 < len(passage) <= evidence.NEIGHBOURHOOD
    assert {*passage.split()} == {"so", "and", "a", "needle", "in", "the", "haystack"}


def test_an_address_may_be_glued_to_chinese_and_goes_on_behind_an_underscore() -> None:
    known = searchable("代码在example.org/vocoder发布，数据在 https://data.example/set_two。")
    assert [holds(each, known) for each in ("example.org/vocoder", "https://data.example/set")] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("LPIPS 提升 0.02。", [Flaw.DIRECTION]),
        ("将 LPIPS 指标提高了 3%", [Flaw.DIRECTION]),
        ("词错率提升 2%", [Flaw.DIRECTION]),
        ("延迟下降199%", [Flaw.OVER_HUNDRED]),
        ("reduces the error by 120%", [Flaw.OVER_HUNDRED]),
        ("LPIPS 下降 0.02，PSNR 提升 1 dB。", []),
        ("WER 下降 12.5%", []),
        ("速度提升 199%", []),
        ("在 WER 上升时仍稳定", []),
        ("降低了错误率，识别准确率提升 3%", []),
    ],
)
def test_what_cannot_well_be_true_is_flagged(statement: str, expected: list[Flaw]) -> None:
    found = evidence.doubts(statement)
    assert [each.flaw for each in found] == expected
    assert not any(each.hard for each in found)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("错误率下降 57.1%。", ["57.7% / 57.1%"]),
        ("错误率下降 57.7%，另一处 57.1%。", []),
        ("错误率下降 20.5%。", []),
        ("得分 57.1。", []),
    ],
)
def test_a_number_close_to_the_abstracts_is_flagged(said: str, expected: list[str]) -> None:
    found = evidence.disagreements("It lowers the error by up to 57.7% with 3 stages.", [said])
    assert [each.detail for each in found] == expected
