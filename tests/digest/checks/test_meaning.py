"""The screens for meaning, by sentences of our own: each kind of doubt, raised and not raised."""

import pytest

from digest.checks.meaning import screened
from digest.checks.translation import Original, Translated
from digest.core.verdicts import Doubt

_TITLE = "A study of voices"


def _doubts(english: str, chinese: str, language: str = "zh-CN") -> set[Doubt]:
    pairs = screened(Original(_TITLE, english), Translated(None, chinese, None), language)
    return {doubt for pair in pairs for doubt in pair.doubts}


_KINDS = [
    (
        Doubt.DIRECTION,
        "The new loss increases the accuracy of the recognizer.",
        "新的损失函数降低了识别器的准确率。",
        "新的损失函数提高了识别器的准确率。",
    ),
    (
        Doubt.DIRECTION,
        "Our recognizer outperforms the baseline.",
        "我们的识别器劣于基线。",
        "我们的识别器优于基线。",
    ),
    (
        Doubt.DIRECTION,
        "Deep encoders give the lowest error on noisy calls.",
        "深层编码器在嘈杂通话上错误最高。",
        "深层编码器在嘈杂通话上错误最低。",
    ),
    (
        Doubt.NEGATION,
        "The tuner does not need labels.",
        "该调谐器需要标签。",
        "该调谐器不需要标签。",
    ),
    (
        Doubt.NEGATION,
        "The tuner can adapt to each room.",
        "该调谐器不能适应每个房间。",
        "该调谐器能够适应每个房间。",
    ),
    (
        Doubt.ORDER,
        "The error falls from 9.4 to 7.1 on telephone calls.",
        "在电话语音上，错误从7.1降至9.4。",
        "在电话语音上，错误从9.4降至7.1。",
    ),
    (
        Doubt.ORDER,
        "Alder scores 12.3 and Birch scores 14.5 in the dark.",
        "在黑暗中，Alder得分14.5，Birch得分12.3。",
        "在黑暗中，Alder得分12.3，Birch得分14.5。",
    ),
    (
        Doubt.PERCENT_POINTS,
        "The recall grows by 3%.",
        "召回率增长3个百分点。",
        "召回率增长3%。",
    ),
    (
        Doubt.PERCENT_POINTS,
        "This is a relative gain of 3%.",
        "绝对增益为3%。",
        "相对增益为3%。",
    ),
    (
        Doubt.SUPERLATIVE,
        "We evaluate the vocoder on two corpora.",
        "我们在两个语料库上评估该声码器，达到最先进水平。",
        "我们在两个语料库上评估该声码器。",
    ),
    (
        Doubt.SUPERLATIVE,
        "We describe a corpus of whispered songs.",
        "我们描述了首个耳语歌曲语料库。",
        "我们描述了一个耳语歌曲语料库。",
    ),
    (
        Doubt.HEDGE,
        "Loud rooms may confuse the listener.",
        "嘈杂的房间必然使听者混淆。",
        "嘈杂的房间可能使听者混淆。",
    ),
    (
        Doubt.HEDGE,
        "The tests suggest a link between pitch and age.",
        "测试确凿证明音高与年龄必然存在联系。",
        "测试表明音高与年龄之间存在联系。",
    ),
    (
        Doubt.BOUND,
        "The corpus has at least 40 hours of birdsong.",
        "该语料库至多有40小时的鸟鸣。",
        "该语料库至少有40小时的鸟鸣。",
    ),
    (
        Doubt.BOUND,
        "The corpus has about 40 hours of birdsong.",
        "该语料库有40小时的鸟鸣。",
        "该语料库有约40小时的鸟鸣。",
    ),
    (
        Doubt.NUMERAL,
        "We compare four kinds of filters.",
        "我们比较了五种滤波器。",
        "我们比较了四种滤波器。",
    ),
    (
        Doubt.SWAP,
        "Alder outperforms Birch on long recordings.",
        "在长录音上，Birch优于Alder。",
        "在长录音上，Alder优于Birch。",
    ),
    (
        Doubt.SWAP,
        "We train on Alder and test on Birch.",
        "我们在Birch上训练，在Alder上测试。",
        "我们在Alder上训练，在Birch上测试。",
    ),
    (
        Doubt.ORDER,
        "The corpus has 118 speakers and lasts 479 hours.",
        "该语料库时长118小时，有479名说话人。",
        "该语料库有118名说话人，时长479小时。",
    ),
    (
        Doubt.NEGATION,
        "The link between pitch and age remains unexplored.",
        "音高与年龄之间的联系已得到探索。",
        "音高与年龄之间的联系尚未得到探索。",
    ),
    (
        Doubt.HEDGE,
        "The answers suggest a bias.",
        "回答证明存在偏见。",
        "回答提示存在偏见。",
    ),
    (
        Doubt.HEDGE,
        "Such rooms often echo, and the echo may confuse the listener.",
        "这类房间常有回声，回声使听者混淆。",
        "这类房间常有回声，回声可能使听者混淆。",
    ),
    (
        Doubt.HEDGE,
        "Models typically work within the latent space.",
        "模型在潜在空间内工作。",
        "模型通常在潜在空间内工作。",
    ),
    (
        Doubt.HEDGE,
        "Models often follow this trend.",
        "模型遵循这一趋势。",
        "模型常遵循这一趋势。",
    ),
    (
        Doubt.HEDGE,
        "Bad microphones can damage the recognition of words.",
        "劣质麦克风损害词语的识别性能。",
        "劣质麦克风会损害词语的识别性能。",
    ),
    (
        Doubt.HEDGE,
        "The experiments demonstrate a link between pitch and age.",
        "实验证明音高与年龄必然存在联系。",
        "实验证明音高与年龄存在联系。",
    ),
    (
        Doubt.CHATTER,
        "We tune pianos by ear.",
        "好的，以下是翻译：我们凭耳朵为钢琴调音。",
        "我们凭耳朵为钢琴调音。",
    ),
    (
        Doubt.CHATTER,
        "We tune pianos by ear.",
        "用户要求我翻译这段摘要。我们凭耳朵为钢琴调音。",
        "我们凭耳朵为钢琴调音。",
    ),
    (
        Doubt.LABEL,
        "We tune pianos by ear.",
        "【中文摘要】我们凭耳朵为钢琴调音。",
        "我们【凭耳朵】为钢琴调音。",
    ),
]


@pytest.mark.parametrize(("doubt", "english", "faulty", "_sound"), _KINDS)
def test_a_change_of_meaning_is_doubted(doubt: Doubt, english: str, faulty: str, _sound: str) -> None:
    assert doubt in _doubts(english, faulty)


@pytest.mark.parametrize(("doubt", "english", "_faulty", "sound"), _KINDS)
def test_a_sound_translation_is_not_doubted(doubt: Doubt, english: str, _faulty: str, sound: str) -> None:
    assert _doubts(english, sound) <= {Doubt.RESULT}


_BOUNDS = [
    ("at least 40", "至少40", "至多40"),
    ("no fewer than 40", "不少于40", "约40"),
    ("more than 40", "40多", "近40"),
    ("40+", "40余", "约40"),
    ("over 40", "超过40", "不到40"),
    ("$\\geq$ 40", "40及以上", "不超过40"),
    ("at most 40", "不超过40", "至少40"),
    ("fewer than 40", "不到40", "超过40"),
    ("up to 40", "多达40", "至少40"),
    ("about 40", "40左右", "超过40"),
    ("$\\sim$40", "约40", "超过40"),
    ("nearly 40", "近40", "40余"),
]


@pytest.mark.parametrize(("english", "sound", "turned"), _BOUNDS)
def test_each_number_keeps_its_bound(english: str, sound: str, turned: str) -> None:
    original = f"The corpus grows from {english} to over 900 voices, which take about 3.5 hours."
    made = "该语料库从{}个声音增至超过900个声音，时长约3.5小时。"
    assert Doubt.BOUND not in _doubts(original, made.format(sound))
    assert Doubt.BOUND in _doubts(original, made.format(turned))
    assert Doubt.BOUND in _doubts(original, made.format("40"))


def test_a_bound_of_a_number_in_characters_is_not_missed() -> None:
    assert Doubt.BOUND not in _doubts("The corpus has over 5 million voices.", "该语料库有五百余万个声音。")


@pytest.mark.parametrize(
    "chinese",
    [
        "该模型超越基线，在40个声音上降低了错误。",
        "该模型可绕过验证（40个声音）。",
        "该模型有40个声音、16层多码本。",
        "该模型有40个声音，接近饱和。",
        "该模型平均余弦距离为40。",
    ],
)
def test_a_character_with_other_meanings_is_no_bound(chinese: str) -> None:
    assert Doubt.BOUND not in _doubts("The model has 40 voices and 16 layers.", chinese)


_COMPARED_IN_ENGLISH = [
    "Alder outperforms Birch on long calls.",
    "Alder is more accurate than Birch.",
    "Compared with Birch, Alder is more accurate.",
    "Alder improves accuracy over Birch.",
    "Unlike Birch, Alder is accurate.",
    "Alder is superior to Birch.",
    "Relative to Birch, Alder gains 3 points.",
    "On Cedar, Alder surpasses Birch.",
    "Alder surpasses Birch on Cedar.",
    "Alder is used instead of Birch.",
    "We use Alder rather than Birch.",
    "Alder replaces Birch.",
    "We replace Birch with Alder.",
]
_COMPARED_IN_CHINESE = [
    "Alder在长通话上优于Birch。",
    "Alder比Birch更准确。",
    "与Birch相比，Alder更准确。",
    "相较于Birch，Alder提高了准确率。",
    "Alder相比Birch提高了准确率。",
    "与Birch不同，Alder是准确的。",
    "不同于Birch，Alder是准确的。",
    "在Cedar上，Alder超越Birch。",
    "Alder在Cedar上超越了Birch。",
    "使用Alder而非Birch。",
    "我们使用Alder取代Birch。",
    "Alder较Birch提升3个百分点。",
    "我们将Birch替换为Alder。",
]


@pytest.mark.parametrize("english", _COMPARED_IN_ENGLISH)
@pytest.mark.parametrize("chinese", _COMPARED_IN_CHINESE)
def test_the_sides_of_a_comparison_are_told_in_any_order(english: str, chinese: str) -> None:
    turned = chinese.replace("Alder", "@").replace("Birch", "Alder").replace("@", "Birch")
    assert Doubt.SWAP not in _doubts(english, chinese)
    assert Doubt.SWAP in _doubts(english, turned)


@pytest.mark.parametrize(
    ("english", "sound", "faulty"),
    [
        (
            "Alder outperforms Birch, Cedar and Dogwood on Elm and Fir.",
            "在Elm和Fir数据集上，Alder优于Birch、Cedar和Dogwood。",
            "在Elm和Birch数据集上，Alder优于Fir、Cedar和Dogwood。",
        ),
        (
            "We evaluate Alder on Birch.",
            "我们在Birch上评估Alder。",
            "我们在Alder上评估Birch。",
        ),
        (
            "Compared with standard Alder and Birch, Cedar and Dogwood cut errors by 2% and 3%.",
            "与标准Alder和Birch相比，Cedar和Dogwood将错误降低了2%和3%。",
            "与标准Alder和Birch相比，Dogwood和Cedar将错误降低了2%和3%。",
        ),
        (
            "Alder is transferred from Birch to Cedar.",
            "Alder从Birch迁移到Cedar。",
            "Alder从Cedar迁移到Birch。",
        ),
    ],
)
def test_names_are_compared_with_those_in_the_same_role(english: str, sound: str, faulty: str) -> None:
    assert Doubt.SWAP not in _doubts(english, sound)
    assert Doubt.SWAP in _doubts(english, faulty)


def test_a_text_in_another_language_is_doubted() -> None:
    english = "We propose a method that improves the quality of speech in noisy rooms, and we show that it is stable."
    french = "Nous proposons une méthode qui améliore la qualité de la parole dans des salles bruyantes et stables."
    german = "Wir schlagen ein Verfahren vor, das die Qualität der Sprache in lauten Räumen verbessert und stabil ist."
    assert Doubt.LANGUAGE in _doubts(english, french, "de")
    assert Doubt.LANGUAGE not in _doubts(english, german, "de")


def test_a_comparison_without_a_doubt_is_judged_as_a_result() -> None:
    assert _doubts("Our filter outperforms the old one.", "我们的滤波器优于旧滤波器。") == {Doubt.RESULT}


def test_a_sentence_without_a_result_is_not_judged() -> None:
    assert (
        screened(
            Original(_TITLE, "We tune pianos by ear."),
            Translated(None, "我们凭耳朵为钢琴调音。", None),
            "zh-CN",
        )
        == ()
    )


def test_each_pair_has_its_own_id_and_the_sentences_that_belong_together() -> None:
    pairs = screened(
        Original(
            _TITLE,
            "We tune pianos by ear. The loss increases the accuracy. It does not need any labels at all.",
        ),
        Translated(None, "我们凭耳朵为钢琴调音。该损失函数降低了准确率。它需要任何标签。", None),
        "zh-CN",
    )
    assert [(pair.id, pair.made) for pair in pairs] == [
        (1, "该损失函数降低了准确率。"),
        (2, "它需要任何标签。"),
    ]
    assert pairs[0].original.strip() == "The loss increases the accuracy."


def test_a_title_and_a_summary_are_pairs_too() -> None:
    original = Original(
        "Better tuning of pianos", "Our tuner outperforms human ears. It works in loud halls."
    )
    made = Translated("更差的钢琴调音", "我们的调音器优于人耳。它在嘈杂的大厅中工作。", "该调音器劣于人耳。")
    doubted = [pair.made for pair in screened(original, made, "zh-CN") if pair.is_doubted]
    assert doubted == ["更差的钢琴调音", "该调音器劣于人耳。"]


def test_a_summary_may_leave_out_what_the_abstract_says() -> None:
    original = Original(
        _TITLE, "Our tuner may outperform ears by 12.3 and 14.5 points. It does not need at least 40 labels."
    )
    made = Translated(
        None, "我们的调音器可能比人耳高12.3和14.5个百分点。它不需要至少40个标签。", "我们介绍了一种调音器。"
    )
    assert not [
        pair
        for pair in screened(original, made, "zh-CN")
        if pair.made == "我们介绍了一种调音器。" and pair.is_doubted
    ]


def test_a_language_without_data_still_has_its_numbers_compared() -> None:
    english = "The error falls from 9.4 to 7.1 on telephone calls."
    assert _doubts(english, "Het foutcijfer daalt van 7.1 naar 9.4 bij telefoongesprekken.", "nl") == {
        Doubt.ORDER
    }
