import pytest

from digest.checks.opposites import contradiction


@pytest.mark.parametrize(
    ("statement", "passage"),
    [
        ("误差上升 12.5%。", "In them, errors fall by up to 12.5%."),
        ("误差上升了12.5%。", "a 12.5% relative reduction in errors"),
        ("延迟降到 8 ms。", "The delay rises to 8 ms."),
        ("延迟增加到 8 ms。", "The delay drops to 8 ms."),
        ("准确率下降 3.2。", "accuracy increases by 3.2 on LibriSpeech"),
        ("Errors rise by 12.5%.", "Errors fall by 12.5%."),
        ("提升 2.3 个百分点。", "improves the accuracy by 2.3%"),
        ("提升 2.3%。", "improves the accuracy by 2.3 percentage points"),
        ("EchoNet 优于 WaveNet。", "WaveNet outperforms EchoNet."),
        ("EchoNet 不如 WaveNet。", "EchoNet is better than WaveNet in all rooms."),
        ("EchoNet在MOS上超过wav2vec2。", "wav2vec2 surpasses EchoNet in MOS"),
    ],
)
def test_the_opposite_of_a_passage_is_found(statement: str, passage: str) -> None:
    assert contradiction(statement, [passage])
    assert not contradiction(statement, [statement])


@pytest.mark.parametrize(
    ("statement", "passage"),
    [
        ("误差下降 12.5%。", "In them, errors fall by up to 12.5%."),
        ("码率升至 3.9 kbps。", "the rate rises to 3.9 kbps"),
        ("码率提升至 3.9 kbps。", "the rate falls to 3.9 kbps"),
        ("延迟降至 8 ms。", "the delay falls to 8 ms"),
        ("性能提升 12.5%。", "reduces the error by 12.5%"),
        ("词错率降低 12.5%。", "improves the word error rate by 12.5%"),
        ("误差并未上升 12.5%。", "errors fall by 12.5%"),
        ("误差上升 12.5%。", "errors rise by 12.5% without, and fall by 12.5% with it"),
        ("信噪比降至 5 dB 时准确率为 70%。", "With growing noise, accuracy is 70% at 5 dB."),
        ("步数增加到 8 时误差下降。", "reducing the error by raising the steps to 8"),
        ("下降 2.3 个百分点。", "drops by 2.3% absolute"),
        ("绝对提升 2.3%。", "improves by 2.3 points"),
        ("下降 2.3 个百分点。", "drops by 2.3 points, or 5%"),
        ("EchoNet 优于 WaveNet。", "EchoNet outperforms WaveNet."),
        ("EchoNet 优于 WaveNet。", "WaveNet is outperformed by EchoNet."),
        ("EchoNet 优于 WaveNet。", "WaveNet does not outperform EchoNet."),
        ("EchoNet 优于 WaveNet。", "WaveNet outperforms HiFiNet, EchoNet outperforms WaveNet"),
        ("训练超过 960 小时。", "trained on over 960 hours of LibriSpeech"),
    ],
)
def test_what_may_mean_the_same_is_left_to_a_judge(statement: str, passage: str) -> None:
    assert contradiction(statement, [passage]) == ""
