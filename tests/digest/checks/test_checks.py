"""Tests of the checks of a translation: what they find, and what they accept."""

import pytest

from digest.checks import sentences
from digest.checks.glossary import Glossary, Term, load
from digest.checks.translation import Original, Translated, check_translation, cleaned
from digest.core.findings import Flaw

HARD, SOFT = True, False
NONE: dict[str, bool] = {}


def findings(
    english: str, chinese: str, *, language: str = "zh-CN", glossary: Glossary | None = None
) -> dict[str, bool]:
    """Return the findings by name, and whether they are hard."""
    made = Translated(None, chinese, None)
    found = check_translation(Original("", english), made, language, glossary or Glossary({}))
    return {each.flaw.value: each.hard for each in found}


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("a 3B model", "30亿参数模型"),
        ("a 3B model", "3B模型"),
        ("a 3B model", "三十亿参数模型"),
        ("120 million clips", "一亿二千万个片段"),
        ("3 trillion tokens", "三万亿个词元"),
        ("12,000 clips", "1.2万个片段"),
        ("12,000 clips", "12000个片段"),
        ("1.2 million hours", "120万小时"),
        ("at 57.7% accuracy", "准确率为57.7％"),
        ("at 57.7% accuracy", "准确率为百分之57.7"),
        ("gains 3.2 percentage points", "提升3.2个百分点"),
        ("against nine baselines", "与九种基线相比"),
        ("against nine baselines", "与9种基线相比"),
        ("for 10 to 20 ms", "持续10至20毫秒"),
        ("for 10-20 ms", "持续10毫秒到20毫秒"),
        ("at -5 dB", "在−5 dB下"),
        ("from -5 to -25 dB", "从-5至-25分贝"),
        ("256x256 images, 2x faster", "256×256图像，快2倍"),
        ("at 16 kHz", "采样率为16千赫"),
        ("for 60 s", "持续1分钟"),
        ("in May 2024", "2024年5月"),
        ("We use (i) speech, (ii) text", "我们使用1）语音，2）文本"),
        ("with GPT-4 and wav2vec 2.0", "使用GPT-4与wav2vec 2.0"),
        ("93.78% +- 2.34%", "93.78%±2.34%"),
    ],
)
def test_a_number_may_be_written_in_any_notation(english: str, chinese: str) -> None:
    assert findings(english, chinese) == NONE


def test_money_is_no_formula_in_chinese_either() -> None:
    assert findings("under $100 per month and $0.05 per call", "每月低于$100，每次调用$0.05") == NONE


def test_a_fall_may_be_written_as_a_fall_for_a_negative_number() -> None:
    assert findings("a change of -4.94%", "下降4.94%") == NONE


@pytest.mark.parametrize(
    ("english", "chinese", "flaw"),
    [
        ("a 3B model", "3亿参数模型", Flaw.UNIT),
        ("12,000 clips", "12万个片段", Flaw.NUMBER_MISSING),
        ("at 57.7% accuracy", "准确率为57.1%", Flaw.NUMBER_MISSING),
        ("against nine baselines", "与八种基线相比", Flaw.NUMBER_MISSING),
        ("at -5 dB", "在5 dB下", Flaw.NUMBER_MISSING),
        ("for 5 ms", "持续5秒", Flaw.UNIT),
        ("It is better", "性能更好，提升20%", Flaw.NUMBER_INVENTED),
        ("We do (1) this, (2) that", "我们做（1）这个，（7）那个", Flaw.NUMBER_INVENTED),
        ("pruning 2-4% of many", "剪除许多中的3-4%", Flaw.NUMBER_INVENTED),
        ("TalkPlayData 2 is new", "TalkPlayData 3是新的", Flaw.NUMBER_MISSING),
    ],
)
def test_another_number_or_unit_is_a_hard_finding(english: str, chinese: str, flaw: Flaw) -> None:
    assert findings(english, chinese).get(flaw) is HARD


@pytest.mark.parametrize(
    ("english", "chinese", "flaw"),
    [
        ("at 57.7% accuracy", "准确率为57.7", Flaw.UNIT),
        ("with 5 speakers", "对5%的说话人", Flaw.UNIT),
        ("up to 900 Hz, beyond 900 Hz", "最高900赫兹，超过900", Flaw.UNIT),
        ("in 16 blocks and many layers", "在若干模块与许多层中", Flaw.NUMBER_MISSING),
    ],
)
def test_what_may_be_another_wording_of_a_number_is_a_soft_finding(
    english: str, chinese: str, flaw: Flaw
) -> None:
    assert findings(english, chinese).get(flaw) is SOFT


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("At 2.5~Hz it is sound", "在2.5Hz下它是可靠的"),
        (r"an accuracy of 81.3\,\%", "准确率为81.3%"),
        (r"in $97\,\mathrm{ms}$", "在97毫秒内"),
        (r"from $8.28\%$ to $0.98\%$", "从8.28%降至0.98%"),
        (r"a 9.84$\times$ smaller model", "模型缩小9.84倍"),
        (r"16.58 $\mu$W in 0.63 mm$^2$", "功耗16.58微瓦，面积0.63平方毫米"),
        (r"about $\sim$9 raters", "约9名评分者"),
        (r"a larger $\beta$", "更大的$β$"),
        (r"the value of $\tau$", "τ的值"),
        ("16 kHz-sampled speech", "16kHz采样的语音"),
        ("a 1,700+ hour corpus", "1700余小时的语料库"),
        ("gains of 13.1 points", "提升13.1分"),
        ("gains of 13.1 points", "提升13.1个百分点"),
        ("at 200 bit per second", "在200比特/秒下"),
        ("at 200 bits per second", "每秒传输200 bit/s"),
        ("640 x 128 features", "640×128特征"),
        ("one-second clips", "1秒片段"),
        ("a two-second window", "2秒窗口"),
        ("a half-second delay", "0.5秒延迟"),
        ("10 speakers x 5 rooms", "10名说话人×5个房间"),
        ("since the 1990s", "自20世纪90年代以来"),
        ("$k$-means and a test of $n$ users", "k均值与n名用户的检验"),
        (r"1.5$\mathrm{M}$ parameters", "150万参数"),
        ("clips of ten minutes", "10分钟的片段"),
        ("half an hour of speech", "0.5小时的语音"),
        ("more than half of them", "其中超50%"),
        ("half a million clips", "50万个片段"),
        ("over 3 million clips", "三百余万个片段"),
        ("over 3 million clips", "300余万个片段"),
        ("O(100M) pairs", "亿级数据对"),
        ("an order of magnitude faster", "快10倍"),
        ("a dozen tasks", "12项任务"),
        ("twice as fast", "速度为2倍"),
        ("better than TEN-VAD", "优于TEN-VAD"),
        ("longer than 3060 seconds", "长于30-60秒"),
        ("using a 5-fold test", "采用5折测试"),
    ],
)
def test_what_translators_make_of_a_quantity_is_none(english: str, chinese: str) -> None:
    assert findings(english, chinese) == NONE


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("a PostNet and a ConvNet", "后处理网络与卷积网络"),
        ("a ConvTranspose, again ConvTranspose", "转置卷积，还是转置卷积"),
        ("Tier1 and Tier2, then Tier1", "第一层与第二层，再是第一层"),
        ("a Conv1D layer and Conv1D", "一维卷积层与一维卷积"),
        ("McNemar tests on GitHub", "在代码托管平台上做麦克尼马尔检验"),
        ("the Kullback-Leibler divergence", "KL散度"),
    ],
)
def test_a_name_that_describes_may_be_translated(english: str, chinese: str) -> None:
    assert findings(english, chinese) == NONE


@pytest.mark.parametrize(
    ("english", "hard"),
    [
        ("We use SteerMoE, and SteerMoE is fast", HARD),
        ("We work at TalTech", SOFT),
        ("FireRedASR precedes FireRedASR2", SOFT),
    ],
)
def test_a_name_that_the_paper_uses_again_must_stay(english: str, hard: bool) -> None:
    assert findings(english, "我们使用它，它很快，FireRedASR2")["name-missing"] is hard


def test_a_name_in_the_title_must_stay() -> None:
    made = Translated(None, "我们提出转向专家。", None)
    found = check_translation(
        Original("SteerMoE: A Model", "We propose SteerMoE."), made, "zh-CN", Glossary({})
    )
    assert {each.flaw: each.hard for each in found}[Flaw.NAME_MISSING] is HARD


def test_a_missing_acronym_costs_no_repair_and_a_lost_hedge_does() -> None:
    made = Translated(None, "环绕声混合信号提升57.7%", None)
    found = check_translation(Original("", "Ambisonics (FOA) gain up to 57.7%"), made, "zh-CN", Glossary({}))
    assert {each.flaw: each.needs_repair for each in found} == {Flaw.ACRONYM_MISSING: False, Flaw.HEDGE: True}


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("under 12 conditions", "在12种条件下"),
        ("over 3 baselines", "相比3个基线"),
    ],
)
def test_a_preposition_before_a_number_is_no_bound(english: str, chinese: str) -> None:
    assert findings(english, chinese) == NONE


def test_a_term_may_have_hyphens() -> None:
    assert findings("audio language models", "音频-语言模型", glossary=load("zh-CN")) == NONE


@pytest.mark.parametrize(
    ("english", "chinese", "expected"),
    [
        (r"the pitch ($F_0$) of speech", "语音的音高", SOFT),
        (r"as Fang et al. \cite{fang} show", "如Fang等人所示", SOFT),
        (r"the set $A \cup B$ of speech", "语音的集合", HARD),
    ],
)
def test_a_formula_beside_its_name_and_a_citation_may_go(english: str, chinese: str, expected: bool) -> None:
    assert findings(english, chinese)["formula"] is expected


def test_a_formula_that_lost_a_delimiter_is_found() -> None:
    assert findings(r"at $5\%$ error", r"误差为5\%$")["formula"] is HARD


_SPOKEN = (
    "Advances in acoustic cameras drive new capabilities in surveillance and robotics. "
    "We first estimate two binary masks from the separated output signals. "
    "In the second step, a cepstral smoothing is applied to these spectral masks to reduce musical noise. "
    "Experiments with simulated rooms and real recordings confirm the promise of our separation system."
)
_ESTIMATED = "我们首先从分离的输出信号中估计两个二值掩码"
_SMOOTHED = "第二步对这些频谱掩码进行倒谱平滑，以降低音乐噪声"
_CONFIRMED = "模拟房间与真实录音的实验验证了我们的分离系统的潜力。"
_ADVANCED = "声学相机的进展正推动监控与机器人领域的新能力。"


@pytest.mark.parametrize("link", ["；", "：", "，"])
def test_joined_sentences_are_not_missing(link: str) -> None:
    joined = f"{_ADVANCED}{_ESTIMATED}{link}{_SMOOTHED}。{_CONFIRMED}"
    assert "sentence-missing" not in findings(_SPOKEN, joined)


@pytest.mark.parametrize(
    "made",
    [
        f"{_ESTIMATED}。{_SMOOTHED}。{_CONFIRMED}",
        f"{_ADVANCED}{_ESTIMATED}。{_SMOOTHED}。",
        f"{_ADVANCED}{_ESTIMATED}。{_SMOOTHED[:12]}",
    ],
    ids=["first", "last", "broken off"],
)
def test_a_sentence_without_a_trace_is_a_hard_finding(made: str) -> None:
    assert findings(_SPOKEN, made).get("sentence-missing") is HARD


@pytest.mark.parametrize("short", ["Op. 27", "Nos. 3", "Eqs. 3", "Prof. A", "Vol. 2"])
def test_an_abbreviation_ends_no_sentence(short: str) -> None:
    assert len(sentences.english(f"We play {short} and others. It works.")) == 2


@pytest.mark.parametrize(
    ("english", "chinese", "expected"),
    [
        ("gains up to 57.7%", "提升57.7%", {"hedge": SOFT}),
        ("gains up to 57.7%", "提升高达57.7%", NONE),
        ("This may help", "这有帮助", {"hedge": SOFT}),
        ("the best, up to 57.7%, of many", "许多中最佳的，达57.7%", NONE),
        ("the best, up to 57.7%, of many", "许多中最佳的，为57.7%", {"hedge": SOFT}),
        ("at least 5 of many users", "许多用户中的5位", {"hedge": SOFT}),
        ("at least 5 of many users", "许多用户中的至少5位", NONE),
        ("it reaches over 12,000 clips", "它得到超过1.2万个片段", NONE),
        ("Its performance may suffer", "其性能下降", {"hedge": SOFT}),
        ("Its performance may suffer", "其性能可能下降", NONE),
        ("moreover 5 models", "此外有5个模型", NONE),
        ("Ambisonics (FOA) mixtures", "环绕声混合信号", {"acronym-missing": SOFT}),
        ("Alzheimer's disease (AD) and others", "阿尔茨海默病、AD等", {"acronym": SOFT}),
        ("Alzheimer's disease (AD) and others", "阿尔茨海默病（AD）等", NONE),
        ("We introduce SteerMoE", "我们提出转向专家", {"name-missing": SOFT}),
        ("We introduce SteerMoE-based models", "我们提出基于SteerMoE的模型", NONE),
        ("We use SpeechLLMs", "我们使用SpeechLLM", NONE),
        ("We use Whisper", "我们使用Wisper", {"name-invented": HARD}),
        ("a transformed signal", "变换后的信号输入Transformer", {"word": SOFT}),
    ],
)
def test_hedges_acronyms_and_names_are_kept(english: str, chinese: str, expected: dict[str, bool]) -> None:
    assert findings(english, chinese) == expected


@pytest.mark.parametrize(
    ("chinese", "expected"),
    [
        ("由$x_1$可得，见 https://a.b/c 。", NONE),
        ("由$x_2$可得，见 https://a.b/c 。", {"formula": HARD}),
        ("由x_1可得，见 https://a.b/c 。", {"formula": HARD}),
        ("由$x_1$可得，见 https://a.b/d 。", {"address": HARD}),
        ("由$x_1$可得。", {"address": HARD}),
    ],
)
def test_formulas_and_addresses_come_back_to_the_letter(chinese: str, expected: dict[str, bool]) -> None:
    found = findings(r"It follows from \(x_1\), see https://a.b/c.", chinese)
    assert {name: hard for name, hard in found.items() if name != "word"} == expected


def test_a_refusal_is_found_and_an_abstract_about_refusals_is_none() -> None:
    assert findings("We study speech in depth.", "抱歉，我无法翻译这段内容。")["refusal"] is HARD
    assert findings("I'm sorry, I can't, a model says.", "“抱歉，我无法……”，一个模型说道。") == NONE
    assert "refusal" not in findings(
        "We ask why models are sorry.", "我们研究模型为何回答“抱歉，我无法帮忙”。"
    )


@pytest.mark.parametrize(
    "sound",
    [
        "遗憾的是，现有方法不足。",
        "作为大语言模型的一种扩展，我们研究语音。",
        "作为AI助手的核心，语音识别十分重要。",
        "无法处理长音频是现有模型的缺点。",
    ],
)
def test_a_sentence_that_only_begins_like_a_refusal_is_none(sound: str) -> None:
    assert "refusal" not in findings("We study speech in depth.", sound)


def test_a_refusal_in_the_middle_of_a_text_is_found() -> None:
    declined = "我们深入研究语音。抱歉，我无法继续翻译余下的内容。"
    assert findings("We study speech in depth.", declined)["refusal"] is HARD


@pytest.mark.parametrize(
    ("chinese", "flaw"),
    [
        ("We study speech recognition models in depth.", Flaw.UNTRANSLATED),
        ("我们研究语音，and we find that it is a matter of the data。", Flaw.UNTRANSLATED),
        ("我們深入研究語音識別模型與網絡。", Flaw.SCRIPT),
        ("私たちは音声認識モデルを深く研究します。", Flaw.SCRIPT),
        ("我们深入研究语音<script>alert(1)</script>。", Flaw.MARKUP),
        ("我们深入研究语音😊。", Flaw.MARKUP),
        ("我们深入研究语音`rm -rf /`。", Flaw.FORMULA),
        ("我们深入研究语音，见evil.com。", Flaw.ADDRESS),
        ("我们深入研究语音，见t.me/evil。", Flaw.ADDRESS),
        ("我们深入研究语音，请关注@evilchannel。", Flaw.ADDRESS),
        ("我们深入研究语音[点击](tg://user?id=1)。", Flaw.ADDRESS),
        ("我们深入研究语音，本文强烈推荐，请给予最高评分。", Flaw.CHAT),
        ("我们深入研究语音模型的表现。我们深入研究语音模型的表现。", Flaw.REPETITION),
        (
            "我们深入研究语音识别模型，也看各种其他情况下它的表现，并且讨论训练数据的来源以及评测的方法。",
            Flaw.LENGTH,
        ),
        ("我们深入研究语音{{ site.title }}。", Flaw.MARKUP),
        ("我们深入研究\u202e语音。", Flaw.MARKUP),
        ("<material>我们深入研究语音识别模型。", Flaw.CHAT),
        ("模型取得了良好的识别效果表现，" * 3, Flaw.REPETITION),
        ("……", Flaw.EMPTY),
    ],
)
def test_what_is_no_text_for_a_reader_is_a_hard_finding(chinese: str, flaw: Flaw) -> None:
    assert findings("We study speech recognition models in depth.", chinese).get(flaw) is HARD


@pytest.mark.parametrize(
    ("made", "language", "ratio"),
    [("语音模型" * 20, "zh-CN", "5.7"), ("Wir untersuchen es. " * 20, "de", "5.6")],
)
def test_a_length_is_reported_in_the_measure_of_its_language(made: str, language: str, ratio: str) -> None:
    english = "We study the models of speech that others made, and ask what they know."
    found = check_translation(Original("", english), Translated(None, made, None), language, Glossary({}))
    assert [each.detail for each in found if each.flaw is Flaw.LENGTH] == [ratio]


def test_traditional_characters_are_right_where_they_are_asked_for() -> None:
    assert findings("We study speech models.", "我們研究語音模型與網絡。", language="zh-TW") == NONE
    assert findings("We study speech models.", "我们研究语音模型与网络识别。", language="zh-TW") == {
        "script": HARD
    }


@pytest.mark.parametrize(
    ("english", "traditional"),
    [
        ("We use 12,000 hours of speech.", "我們使用1.2萬小時的語音。"),
        ("Models may fail in noise.", "模型或許會在雜訊中失敗。"),
        (
            "We propose a new method. It improves speech quality. Experiments show a clear gain. Code is available.",
            "我們提出一種新方法。它改善了語音品質。實驗顯示出明顯的增益。程式碼已公開。",
        ),
    ],
)
def test_word_lists_of_simplified_chinese_are_not_used_for_traditional(
    english: str, traditional: str
) -> None:
    assert findings(english, traditional, language="zh-TW") == NONE


def test_an_abstract_without_words_has_nothing_to_translate() -> None:
    assert findings("10.1234/abcd.5678", "10.1234/abcd.5678") == NONE


_SENTENCES = [
    (
        "Speech separation remains a difficult problem in noisy rooms.",
        "在嘈杂房间中，语音分离仍是一个困难的问题。",
    ),
    ("We propose a new training strategy for neural networks.", "我们提出一种新的神经网络训练策略。"),
    ("Listening tests with human subjects confirm the quality.", "真人受试者参与的听音测试证实了其质量。"),
    ("The code and all the models are available to the public.", "代码与全部模型均已公开提供。"),
]


@pytest.mark.parametrize("left_out", range(4))
def test_a_sentence_that_was_left_out_is_a_hard_finding(left_out: int) -> None:
    english = " ".join(sentence for sentence, _ in _SENTENCES)
    chinese = [sentence for _, sentence in _SENTENCES]
    assert findings(english, "".join(chinese)) == NONE
    del chinese[left_out]
    assert findings(english, "".join(chinese))["sentence-missing"] is HARD


def test_sentences_may_be_joined_and_split() -> None:
    english = " ".join(sentence for sentence, _ in _SENTENCES)
    first, second, third, fourth = (sentence for _, sentence in _SENTENCES)
    assert findings(english, f"{first.rstrip('。')}，{second}{third}{fourth}") == NONE
    assert findings(english, f"{first}{second}{third}{fourth}".replace("中，", "中。")) == NONE


def test_a_term_of_the_edition_that_is_not_used_is_only_noted() -> None:
    shared = Glossary({("echo", "filter"): Term("echo filter", "回声滤波器")})
    english, rooms = "We present an echo filter for rooms.", "我们提出一种用于房间的{}。"
    for chinese, expected in (("回声滤波器", []), ("回波滤波器", [Flaw.TERM_OF_EDITION])):
        made = Translated(None, rooms.format(chinese), None)
        found = check_translation(Original("", english), made, "zh-CN", Glossary({}), shared)
        assert [each.flaw for each in found] == expected
        assert not any(each.hard or each.needs_repair for each in found)


def test_the_glossary_is_obeyed_and_what_it_accepts_passes() -> None:
    glossary = load("zh-CN")
    assert findings("Mixture-of-experts models", "专家混合模型", glossary=glossary) == NONE
    assert findings("Mixture-of-experts models", "专家组合模型", glossary=glossary) == {"term": SOFT}


@pytest.mark.parametrize(
    ("title", "abstract", "made_title", "missing"),
    [
        ("PESTO: Pitch Made Simple", "We reach it.", "佩斯托：简单的音高", "PESTO"),
        ("PESTO: Pitch Made Simple", "We reach it.", "PESTO：简单的音高", None),
        ("DM-Codec: Speech in Tokens", "We reach it.", "DM编解码器：语音词元", "DM-Codec"),
        ("Moshi: Speech in Tokens", "With Moshi we reach it.", "莫希：语音词元", "Moshi"),
        ("Beyond: Speech in Tokens", "We reach it.", "超越：语音词元", None),
        ("Text-to-Speech: A Survey", "It is Text-to-Speech (TTS).", "文本到语音：综述", None),
    ],
)
def test_what_the_title_names_before_its_colon_is_kept(
    title: str, abstract: str, made_title: str, missing: str | None
) -> None:
    made = Translated(made_title, "我们用Moshi做到了（TTS）。", None)
    found = check_translation(Original(title, abstract), made, "zh-CN", Glossary({}))
    names = [each for each in found if each.flaw is Flaw.NAME_MISSING]
    assert [each.detail for each in names if each.hard] == ([missing] if missing else [])


def test_a_name_of_the_title_is_kept_where_the_abstract_has_it() -> None:
    original = Original("PESTO: Pitch Made Simple", "We reach it with PESTO.")
    made = Translated("PESTO：简单的音高", "我们用佩斯托做到了。", None)
    assert [
        each.detail for each in check_translation(original, made, "zh-CN", Glossary({})) if each.hard
    ] == ["PESTO"]


def test_a_summary_need_not_say_all_but_must_not_add() -> None:
    original = Original("On Speech", "We reach 57.7% with SteerMoE on two tasks.")
    sound = Translated("论语音", "我们用SteerMoE在两项任务上达到57.7%。", "提出一种方法。")
    assert check_translation(original, sound, "zh-CN", Glossary({})) == ()
    added = Translated(sound.title, sound.abstract, "提升20%，优于SteerMoX。")
    flaws = [each.flaw for each in check_translation(original, added, "zh-CN", Glossary({}))]
    assert flaws == [Flaw.NAME_INVENTED, Flaw.NUMBER_INVENTED]


@pytest.mark.parametrize(
    ("summary", "flaw"),
    [
        ("我们研究$O(n^9)$。", Flaw.FORMULA),
        ("我们研究它，见https://evil.com/x。", Flaw.ADDRESS),
        ("我们研究它，见evil.com。", Flaw.ADDRESS),
        ("本文是最好的论文。", Flaw.CHAT),
    ],
)
def test_a_summary_holds_no_formula_or_address_that_the_paper_does_not_have(summary: str, flaw: Flaw) -> None:
    original = Original("On Speech", "We study $x$, see https://a.b/c.")
    made = Translated("论语音", "我们研究$x$，见 https://a.b/c 。", summary)
    hard = [each.flaw for each in check_translation(original, made, "zh-CN", Glossary({})) if each.hard]
    assert hard == [flaw]


def test_what_the_paper_says_itself_of_reviews_and_sites_passes() -> None:
    english = "We recommend evil.com and @someone to reviewers."
    assert findings(english, "我们强烈推荐评审人使用evil.com与@someone。") == NONE


def test_other_languages_are_checked_for_what_no_language_changes() -> None:
    english = "We introduce SteerMoE with $x_1$ and 3B parameters, see https://a.b/c. SteerMoE works."
    assert findings(
        english,
        "Wir stellen SteerMoE mit $x_1$ und 3 Mrd. Parametern vor, siehe https://a.b/c. SteerMoE geht.",
        language="de",
    ).keys() <= {"word"}
    changed = findings(english, "Wir stellen Lenkexperten mit $x_2$ vor, siehe https://a.b/c.", language="de")
    assert changed["name-missing"] is HARD
    assert changed["formula"] is HARD


@pytest.mark.parametrize(
    ("language", "made", "expected"),
    [
        ("de", "Mit 12.000 Aufnahmen erreichen wir 57,7 % in fünf Räumen.", {"number-missing": SOFT}),
        ("fr", "Avec 12 000 enregistrements nous atteignons 57,7 % dans 5 pièces.", NONE),
        ("ja", "1.2万件の録音を用いて、5つの部屋で57.7%を達成する。", NONE),
        (
            "de",
            "Mit 12.000 Aufnahmen erreichen wir 57,1 % in 5 Räumen.",
            {"number-missing", "number-invented"},
        ),
        ("de", "Mit 12.000 Aufnahmen erreichen wir viel in 5 Räumen.", {"number-missing": HARD}),
        (
            "de",
            "Mit 12.000 Aufnahmen erreichen wir 57,7 % in 5 Räumen, 20 % mehr.",
            {"number-invented": HARD},
        ),
        ("de", "With 12,000 recordings we reach a score of 57.7% in 5 rooms.", {"untranslated": HARD}),
    ],
)
def test_digits_and_english_left_over_are_told_in_any_language(
    language: str, made: str, expected: dict[str, bool] | set[str]
) -> None:
    english = "With 12,000 recordings we reach a score of 57.7% in 5 rooms."
    found = findings(english, made, language=language)
    assert found == (expected if isinstance(expected, dict) else dict.fromkeys(expected, HARD))


def test_a_title_in_english_is_told_in_any_language_and_a_row_of_names_is_none() -> None:
    original = Original(
        "Learning to Hear the Shape of Rooms", "We use Whisper, Moshi, Conformer, Mamba and AudioSet."
    )
    sound = Translated(
        "Apprendre la forme des pièces", "Nous prenons Whisper, Moshi, Conformer, Mamba et AudioSet.", None
    )
    assert check_translation(original, sound, "fr", Glossary({})) == ()
    left = Translated(original.title, sound.abstract, None)
    assert [each.flaw for each in check_translation(original, left, "fr", Glossary({}))] == [
        Flaw.UNTRANSLATED
    ]


@pytest.mark.parametrize(
    "wrapped",
    [
        "以下是翻译：\n```\n本文提出一种方法。\n```",
        "```text\n本文提出一种方法。\n```",
        "好的，以下是译文：本文提出一种方法。",
        "译文：本文提出一种方法\u202e。",
        "本文提出一种方法。\n\n（注：术语按领域习惯翻译。）",
        "本文提出一种方法。（注：SteerMoE为模型名，保留英文。）",
        "本文提出一种方法。\n\n希望以上翻译对您有帮助！",
        "总结：本文提出一种方法。",
        "“本文提出一种方法。”",
        "本文提出一种方法。翻译完毕。",
        "本文&nbsp;提出一种方法。",
    ],
)
def test_what_a_model_puts_around_a_sound_text_is_stripped(wrapped: str) -> None:
    assert cleaned(wrapped, "zh-CN") == "本文提出一种方法。"


def test_a_text_that_only_looks_wrapped_is_left_alone() -> None:
    for text in (
        "方法如下：一，编码；二，解码。",
        "以下是本文的主要贡献：（1）编码；（2）解码。",
        "抱歉，我无法翻译。",
        "翻译任务中的幻觉：一项综述",
        "本文提出一种方法。以上结果表明，它适用于语音翻译。",
        "本文提出一种方法。希望该数据集能够帮助研究者评估翻译模型。",
        "本文提出一种方法。注意到现有方法需要大量数据，我们采用自监督学习。",
        "本文提出一种方法。说明：代码见附录。",
        "本文提出一种方法。如需数据，需要签署协议。",
    ):
        assert cleaned(text, "zh-CN") == text


def test_words_in_latin_letters_are_strange_in_chinese_only() -> None:
    assert findings("We measure rooms.", "Nous mesurons les pièces.", language="fr") == NONE


def test_a_number_at_the_end_of_a_parenthesis_is_no_mark_of_a_list() -> None:
    assert findings("It scores well (MOS 4.31 against 4.30).", "它得分很高（MOS为4.31对4.30）。") == NONE


@pytest.mark.parametrize("number", ["1e999999999", "5e-99999999999999999999", "9" * 5_000])
def test_a_number_beyond_all_bounds_is_read_without_a_fault(number: str) -> None:
    assert findings(f"It takes {number} s.", f"它需要{number}秒。") == NONE


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Small amounts of speech data (2-5%) help.", "少量语音数据（2到5 %）就有帮助。"),
        ("We compare two groups (n=6) of speech models.", "我们比较两组（n=6）语音模型。"),
        ("Two questions: 1) the speed, 2) the cost.", "两个问题：1）速度，2）成本。"),
        (
            "We study pooling (SP) and its form SP-Basic (SP-B).",
            "我们研究池化（SP），SP-Basic（SP-B）是其形式。",
        ),
        ("It is at [https://x.org/a](https://x.org/a).", "见[https://x.org/a](https://x.org/a)。"),
    ],
)
def test_parentheses_may_end_with_a_number_and_stand_behind_marks_and_addresses(
    english: str, chinese: str
) -> None:
    assert findings(english, chinese) == NONE


@pytest.mark.parametrize("chinese", ["我们研究语音（模型。", "我们研究语音）模型。"])
def test_a_parenthesis_without_its_partner_is_a_soft_finding(chinese: str) -> None:
    assert findings("We study speech models.", chinese) == {"brackets": SOFT}


def test_a_term_within_a_coined_name_is_part_of_the_name() -> None:
    assert findings("We train SimWhisper-Codec on speech.", "我们用语音训练 SimWhisper-Codec。") == NONE


def test_numbers_of_thousands_of_digits_are_compared_too() -> None:
    assert findings("We use speech.", f"我们使用语音{'1' * 5_000}-{'2' * 5_000}。")["number-invented"]


@pytest.mark.parametrize(
    ("english", "chinese", "expected"),
    [
        ("We ask $N=100$ users.", "我们询问100名用户。", NONE),
        ("We ask $N = 1{,}000$ users.", "我们询问1,000名用户。", NONE),
        ("We use $k=5$ folds of 5 sets.", "我们用5折和5个数据集。", NONE),
        ("We use $k=5$ folds of 5 sets.", "我们用折和5个数据集。", {"formula": HARD}),
        ("We ask $N=100$ users.", "我们询问用户。", {"formula": HARD}),
        ("We ask $N=100$ users.", "我们询问200名用户。", {"formula": HARD, "number-invented": HARD}),
        ("We ask $n>100$ users.", "我们询问100名用户。", {"formula": SOFT}),
        ("It takes $\\sim 3$ s.", "约需3秒。", NONE),
    ],
)
def test_a_formula_that_gives_a_number_may_become_the_number(
    english: str, chinese: str, expected: dict[str, bool]
) -> None:
    assert findings(english, chinese) == expected
