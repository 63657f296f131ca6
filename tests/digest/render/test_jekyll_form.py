from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from bot.core.models import Detail, Preferences
from bot.telegram import messages
from digest.archive import lint
from digest.core.models import Claim, Gap, Reading
from digest.render import jekyll, page, terminal
from tests.editions import edition, entry

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_a_post_has_the_published_form() -> None:
    assert jekyll.render(edition(entry()), SHANGHAI) == (
        "---\nlayout: post\n"
        'title: "arXiv Daily – 2026-02-10"\n'
        "tags: [arxiv, cs.SD, eess.AS]\n---\n\n"
        "以下为 2026-02-10（CST，北京时间）窗口内更新的论文中文译文：\n"
        "- 时间窗口（锚点 08:50 CST）：2026-02-09 08:50 — 2026-02-10 08:50\n"
        "- 抓取总数：1 篇 \\| 本页显示：1 篇（去重/过滤后）\n\n"
        "## EchoNet-1: Hearing the Shape of Room 1\n"
        "- **Authors**: Ada Lovelace, Jan Černocký\n"
        "- **Categories**: cs.SD, eess.AS\n"
        "- **arXiv**: [https://arxiv.org/abs/2602.00001v1](https://arxiv.org/abs/2602.00001v1)\n"
        "- **PDF**: [https://arxiv.org/pdf/2602.00001v1](https://arxiv.org/pdf/2602.00001v1)\n\n"
        "一段摘要。\n\n"
        '<details>\n<summary>详细解读</summary>\n\n<div markdown="1">\n\n'
        "### 研究背景与既有方法的问题\n\n- 一点。\n\n"
        "### 核心方法如何解决这些问题\n\n- 一点。\n\n"
        "### 在哪些任务上取得了怎样的效果\n\n- 一点。\n"
        "</div>\n\n</details>\n\n---\n"
    )


def test_an_original_in_place_of_a_translation_has_no_tex_in_its_prose() -> None:
    typed = r"On \emph{rooms} at 45{\deg}, see \href{https://u.v/a}{here}: \(x_1\) of ``it''."
    whole = entry()
    paper = replace(whole.paper, title=r"A \textbf{B}", abstract=typed)
    shown = jekyll.render(edition(replace(whole, paper=paper, translation=Gap.MODEL)), SHANGHAI)
    assert "\nOn **rooms** at 45°, see here (https://u.v/a): $$x_1$$ of “it”.\n" in shown
    assert "## A **B**\n" in shown


def test_another_zone_is_named_by_its_abbreviation() -> None:
    rendered = jekyll.render(edition(entry()), ZoneInfo("Europe/Berlin"))
    assert "（CET）" in rendered
    assert "锚点 01:50 CET" in rendered


@pytest.mark.parametrize("language", ["zh-CN", "en", "fr"])
@pytest.mark.parametrize("gap", list(Gap))
def test_every_gap_has_its_sentence_in_every_output(gap: Gap, language: str) -> None:
    untranslated = gap if gap not in (Gap.NO_TEXT, Gap.NO_TEXT_YET, Gap.WITHDRAWN) else Gap.MODEL
    unread = Gap.MODEL if gap is Gap.UNFAITHFUL else gap
    shown = edition(entry(translation=untranslated, reading=unread), language=language)
    paper = shown.entries[0].paper
    form = Preferences(language, Detail.READINGS)
    for output in (
        jekyll.render(shown, SHANGHAI),
        page.render(shown, SHANGHAI),
        terminal.paper(paper, untranslated, unread, language),
        messages.card(paper, untranslated, form).html,
        messages.card(paper, untranslated, replace(form, rich=True)).rich or "",
        "".join(message.html for message in messages.digest(shown, form)),
    ):
        assert "lowers the error of room 1 by up to 12.5%" in output
        assert ("未翻译" in output) == (language == "zh-CN")
        assert ("ranslat" in output) == (language != "zh-CN")


@pytest.mark.parametrize(("language", "said"), [("zh-CN", "论文未说明"), ("en", "The paper does not say")])
def test_a_part_that_the_paper_does_not_tell_says_so_in_every_output(language: str, said: str) -> None:
    shown = edition(entry(), language=language)
    (whole,) = shown.entries
    assert isinstance(whole.reading, Reading)
    reading = replace(whole.reading, method=(), language=language)
    shown = replace(shown, entries=(replace(whole, reading=reading),))
    form = Preferences(language, Detail.READINGS)
    outputs = [
        jekyll.render(shown, SHANGHAI),
        page.render(shown, SHANGHAI),
        terminal.paper(whole.paper, Gap.DUE, reading, language),
        messages.reading(whole.paper, reading, 1, form).html,
        messages.reading(whole.paper, reading, 1, replace(form, rich=True)).rich or "",
        *(message.html for message in messages.digest(shown, form)),
    ]
    assert [output.count(said) for output in outputs] == [1] * 6
    assert said not in messages.draft(whole.paper, reading)
    assert lint.check(outputs[0]) == ()


def test_the_passages_of_a_reading_are_not_shown() -> None:
    shown = edition(entry(claims=(Claim("一点。", (Claim("两点。", quotes=("secret",)),), ("secret",)),)))
    (whole,) = shown.entries
    assert isinstance(whole.reading, Reading)
    outputs = (
        jekyll.render(shown, SHANGHAI),
        page.render(shown, SHANGHAI),
        messages.draft(whole.paper, whole.reading),
    )
    assert not any("secret" in output for output in outputs)


def test_a_page_shows_content_literally_and_fetches_nothing() -> None:
    hostile = '<script>alert(1)</script> "><img src=x> {{ x }} https://a.org/"onclick=x'
    shown = page.render(edition(entry(title=hostile, abstract=hostile)), SHANGHAI)
    assert "<script" not in shown
    assert "<img" not in shown
    assert '"onclick' not in shown.replace("&#34;", "'")
    assert "src=" not in shown.replace("src=x&gt;", "")
