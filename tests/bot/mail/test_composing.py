import re
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import html as documents

from bot.core.models import Detail, Part, Preferences, Subject
from bot.links import Links
from bot.mail import composing, templates
from bot.mail.composing import HTML_LIMIT
from digest.core.models import Edition, Gap, Reading
from tests.bot.mail.parts import DAY, HOSTILE, LINKS, edition, entry, html, motley, of_day, part, text
from tests.papers import paper

SHOWN = r"""A<B & "C" x₁ {{y}} {unsubscribe} <!--end--> </style><script>alert(1)</script>"""
WAY_OUT = LINKS.unsubscribe(7)


def page(made: Part) -> documents.HtmlElement:
    return documents.document_fromstring(html(made))


def hrefs(made: Part) -> list[str]:
    return [str(each) for each in page(made).xpath("//a/@href")]


def visible(made: Part) -> str:
    body = page(made).xpath("//div[@class='page']")[0]
    return " ".join(body.text_content().split())


def assert_equal_content(made: Part) -> None:
    """Assert that both bodies have the same words and links."""
    shown = visible(made)
    for line in text(made).splitlines():
        said = re.sub(r"https?://\S+", "", line).strip().removeprefix("- ").rstrip("：: ")
        if said.strip("-"):
            assert said in shown
    urls = {each for each in hrefs(made) if not each.startswith("#")}
    assert urls == set(re.findall(r"https?://\S+", text(made)))
    plain = "".join(text(made).split())
    for element in page(made).xpath("//p|//li/a|//h2|//h3"):
        for line in element.xpath(".//text()[not(starts-with(., 'arXiv:'))]"):  # there it is an address
            assert "".join(str(line).split()).strip(".·") in plain


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("detail", Detail)
def test_both_bodies_say_the_same(language: str, detail: Detail) -> None:
    assert_equal_content(part(motley(language), detail))


def test_a_paper_has_its_titles_its_authors_its_summary_its_abstract_and_its_reading() -> None:
    made = part(edition(entry(1)))
    shown = visible(made)
    wanted = [
        "1. 第 1 间屋子的声学模型 (title)", "EchoNet-1: Hearing the Shape of Room 1", "Ada Lovelace, Jan Černocký",
        "第 1 间屋子的声学模型 (summary)", "第 1 间屋子的声学模型: ϵ₁ ≤ 1/2, a<b & c.", "研究背景与既有方法的问题",
        "第 1 间屋子的声学模型 3: O(n³).", "核心方法如何解决这些问题", "在哪些任务上取得了怎样的效果", "更改设置",
        "退订",
    ]  # fmt: skip
    places = [shown.index(each) for each in wanted]
    assert places == sorted(places)
    assert "https://arxiv.org/abs/2602.00001v1" in hrefs(made)
    assert page(made).xpath("//i[@class='math']/@title")[0] == r"\epsilon_{1} \le \frac{1}{2}"
    assert [len(each) for each in page(made).xpath("//ul/li/ul")] == [1] * 9


def test_a_link_stands_for_the_reading_where_only_abstracts_were_chosen() -> None:
    made = part(edition(entry(1)), Detail.ABSTRACTS)
    assert "要点" not in visible(made)
    assert "研究背景" not in visible(made)
    assert LINKS.paper(DAY, "zh-CN", paper(1).version) in hrefs(made)


def test_titles_alone_need_no_contents() -> None:
    made = part(motley(), Detail.TITLES)
    assert "目录" not in visible(made)
    assert "(summary)" not in visible(made)
    assert LINKS.paper(DAY, "zh-CN", paper(1).version) in hrefs(made)
    assert "https://arxiv.org/abs/2602.00001v1" in hrefs(made)


def test_the_contents_lead_to_each_paper() -> None:
    found = page(part(motley()))
    anchors = [str(each)[1:] for each in found.xpath("//ol/li/a/@href")]
    assert anchors == [str(each) for each in found.xpath("//h2/@id")]
    assert len(anchors) == 5


def test_what_is_missing_has_its_sentence_and_what_is_withdrawn_is_called_so() -> None:
    shown = visible(part(motley()))
    for sentence in (
        "（未翻译：语言模型没有给出可用的译文，以下为英文原文，译文随后补上。）",
        "We present EchoNet-2, which lowers",
        "（全文暂不可用，取得全文后补上解读。）",
        "（本文已撤稿。）",
        "（本文已撤稿，没有解读。）",
        "更新的论文",
        "2602.00500v2 EchoNet-500",
    ):
        assert sentence in shown
    english = visible(part(motley("en")))
    assert "(Not translated: the language model gave no usable translation; it will follow.)" in english
    assert not re.search("[\u4e00-\u9fff]", english)


def test_many_authors_are_a_few_and_their_number() -> None:
    shown = visible(part(motley()))
    assert "Author Number 3 of the Consortium 等 200 人" in shown
    assert "Author Number 4" not in shown


def test_a_hostile_title_is_shown_to_the_letter_and_does_nothing() -> None:
    made = part(motley())
    found = page(made)
    assert found.xpath("//script|//iframe|//img|//form") == []
    assert found.xpath("//h2[@id='p4']")[0].text_content() == f"4. {SHOWN}"
    assert f"4. {SHOWN}" in text(made)
    assert text(made).count(WAY_OUT) == html(made).count(WAY_OUT) == 1
    assert html(made).count("<style>") == html(made).count("</style>") == 1


def test_a_hostile_translation_and_reading_do_nothing() -> None:
    whole = entry(1)
    assert not isinstance(whole.translation, Gap)
    assert not isinstance(whole.reading, Gap)
    bad = (
        "<img src=x onerror=alert(1)> [a](javascript:alert(1)) "
        'https://evil.example/"onclick=1 $\\href{javascript:1}{x}$'
    )
    claims = tuple(replace(each, text=bad) for each in whole.reading.method)
    poisoned = replace(
        whole,
        paper=replace(whole.paper, authors=(bad,)),
        translation=replace(whole.translation, title=bad, abstract=bad, summary=bad),
        reading=replace(whole.reading, method=claims),
    )
    found = page(part(edition(poisoned)))
    assert found.xpath("//img|//*[@onclick or @onerror]") == []
    assert all(each.startswith(("https://", "#p")) for each in found.xpath("//a/@href"))
    assert found.xpath("//a//a") == []


def test_a_part_that_the_paper_does_not_tell_says_so() -> None:
    whole = entry(1)
    assert isinstance(whole.reading, Reading)
    made = part(edition(replace(whole, reading=replace(whole.reading, method=()))))
    assert visible(made).count("论文未说明") == text(made).count("论文未说明") == 1


def test_characters_that_turn_or_hide_text_are_left_out() -> None:
    made = part(edition(entry(1, title="A\u202eB\u0000C\u200bD")))
    assert "1. ABCD" in visible(made)
    assert "1. ABCD" in text(made)


def test_a_mail_has_what_clients_look_for() -> None:
    made = part(motley())
    raw = html(made)
    found = page(made)
    assert found.get("lang") == "zh-CN"
    assert found.xpath("//meta[@name='color-scheme']/@content") == ["light dark"]
    assert "@media (prefers-color-scheme: dark)" in found.xpath("//style")[0].text_content()
    assert "max-width: 592px" in found.xpath("//div[@class='page']/@style")[0]  # and 24 at each side
    assert "PingFang SC" in found.xpath("//div[@class='page']/@style")[0]
    assert "src=" not in raw
    hidden = found.xpath("//div[@class='preheader']")[0]
    assert "display: none" in hidden.get("style")
    assert hidden.text_content().startswith("第 1 间屋子的声学模型 (title) · EchoNet-2")
    assert len(hidden.text_content()) <= 150


@pytest.mark.parametrize(
    ("archive", "leads_to"),
    [
        (None, "https://daily.example/editions/2026-02-12?language=zh-CN"),
        ("https://site.example", "https://site.example/2026/02/12/arxiv.html"),
    ],
)
def test_the_web_page_is_the_post_where_there_is_one(archive: str | None, leads_to: str) -> None:
    made = part(motley(), links=Links(LINKS.base, LINKS.secret, LINKS.clock, archive))
    assert leads_to in hrefs(made)


@pytest.mark.parametrize(
    ("papers", "length", "shows", "hides"),
    [
        (30, 6, ["在哪些任务上取得了怎样的效果", "30. ", "30 间屋子的声学模型 (summary)", "详细解读 →"], []),
        (60, 6, ["60. ", "60 间屋子的声学模型 (summary)"], ["研究背景"]),
        (150, 3, ["150. "], ["研究背景"]),
        (600, 1, ["另有"], ["600. "]),
    ],
)
def test_a_large_edition_is_shortened_to_links_and_the_way_out_is_still_there(
    papers: int, length: int, shows: list[str], hides: list[str]
) -> None:
    made = part(edition(*(entry(number, length=length) for number in range(1, papers + 1)), replaced=2))
    shown = visible(made)
    assert 60_000 < len(html(made).encode()) < HTML_LIMIT
    assert "为避免邮件过长而被截断" in shown
    assert LINKS.edition(DAY, "zh-CN") in hrefs(made)
    assert hrefs(made)[-1] == WAY_OUT
    assert WAY_OUT in text(made)
    assert [each for each in shows if each not in shown] == []
    assert [each for each in hides if each in shown] == []
    assert_equal_content(made)


def test_readings_become_links_before_abstracts_are_cut_and_the_first_papers_keep_theirs() -> None:
    made = part(edition(*(entry(number, length=8) for number in range(1, 31))))
    assert "第 1 间屋子的声学模型 3: O(n³)." in visible(made)
    assert "第 30 间屋子的声学模型 3: O(n³)." not in visible(made)
    assert "ϵ₃₀ ≤ 1/2" in visible(made)


def test_one_paper_of_any_size_fits() -> None:
    made = part(edition(entry(1, length=300)))
    assert len(html(made).encode()) < HTML_LIMIT
    assert "1. 第 1 间屋子" in visible(made)
    assert WAY_OUT in hrefs(made)


def test_a_list_of_replacements_without_an_end_is_cut_with_a_link() -> None:
    made = part(edition(replaced=1_000))
    assert len(html(made).encode()) < HTML_LIMIT
    assert re.search(r"另有 \d+ 篇，请见网页", visible(made))
    assert made["subject"] == "arXiv 每日论文 · 2026-02-12 · 更新 1000 篇"


def test_an_edition_that_fits_says_nothing_of_being_shortened() -> None:
    assert "为避免" not in visible(part(motley()))


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_quiet_day_is_a_short_letter_with_the_way_out(language: str) -> None:
    (made,) = composing.compose(of_day(Subject.QUIET), None, Preferences(language), LINKS)
    said = templates.words(language)
    assert said.quiet(DAY) in visible(made)
    assert made["subject"] == said.quiet_subject(DAY)
    assert WAY_OUT in hrefs(made)
    assert len(html(made)) < 5_000
    assert_equal_content(made)


def test_a_broadcast_is_markdown() -> None:
    words_ = "# Down\n*Friday*, [more](https://a.org/b):\n- one\n- **two**\n\n1. $x_1$\n2. `c`\n\n---\n> so"
    (made,) = composing.compose(of_day(Subject.BROADCAST, words_), None, Preferences("en"), LINKS)
    for tag, shown in {
        "h2": "Down",
        "em": "Friday",
        "strong": "two",
        "i": "x₁",
        "code": "c",
        "blockquote": "so",
    }.items():
        [found] = page(made).xpath(f"//{tag}")
        assert found.text_content() == shown
    assert [each.text_content() for each in page(made).xpath("//li")] == ["one", "two", "x₁", "c"]
    assert "https://a.org/b" in hrefs(made)
    assert "Down\n\nFriday, more (https://a.org/b):\n\n• one\n• two\n\n1. x₁\n2. c\n\n———\n\nso" in text(made)


def test_what_is_no_markdown_in_a_broadcast_stands_there_to_the_letter() -> None:
    words_ = "Down on Friday from 3 < 4 & $5, 2*3*4.\r\nSorry!\n\n" + HOSTILE
    (made,) = composing.compose(of_day(Subject.BROADCAST, words_), None, Preferences("en"), LINKS)
    found = page(made)
    assert [each.text_content() for each in found.xpath("//p")][:2] == [
        "Down on Friday from 3 < 4 & $5, 2*3*4.Sorry!",
        SHOWN,
    ]
    assert len(found.xpath("//p[1]/br")) == 1
    assert SHOWN in text(made)
    assert WAY_OUT in hrefs(made)
    assert made["subject"] == "arXiv Daily · Announcement"


def test_a_language_without_words_of_its_own_has_those_of_english() -> None:
    made = part(replace(motley("en"), language="de"))
    assert made["subject"] == "arXiv Daily · 2026-02-12 · 5 papers"


def test_the_same_dispatch_is_the_same_mail() -> None:
    first, later = (
        part(motley()),
        part(motley(), links=replace(LINKS, clock=lambda: LINKS.clock() + timedelta(1))),
    )
    assert first == later


def accepted_and_unread() -> Edition:
    made = entry(1)
    return edition(
        replace(
            made, paper=replace(made.paper, comment="Accepted to ICASSP 2026 <b>"), reading=Gap.NO_TEXT_YET
        )
    )


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_reading_that_follows_is_a_link_to_where_it_will_be(language: str) -> None:
    made = part(replace(accepted_and_unread(), language=language))
    page_of_it = LINKS.paper(DAY, language, paper(1).version)
    [said] = page(made).xpath("//p/a[contains(., '解读') or contains(., 'reading will follow')]")
    assert said.get("href") == page_of_it
    assert page_of_it in text(made)
    gone = entry(1)
    assert LINKS.paper(DAY, language, paper(1).version) not in html(
        part(edition(replace(gone, reading=Gap.GIVEN_UP)))
    )


def test_where_a_paper_was_accepted_is_told() -> None:
    made = part(accepted_and_unread())
    assert "Accepted to ICASSP 2026 <b>" in visible(made)
    assert "Accepted to ICASSP 2026 <b>" in text(made)
    assert_equal_content(made)


def test_text_has_its_colour_where_its_ground_has() -> None:
    for language in ("zh-CN", "en"):
        for element in page(part(motley(language))).xpath("//*[contains(@style, 'background')]"):
            assert re.search(r"(?:^|;)\s*color\s*:", element.get("style"))
    dark = html(part(motley())).partition("prefers-color-scheme: dark")[2].partition("</style>")[0]
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", dark.replace("{", "{", 1))
    assert rules
    for _, rule in rules:
        assert ("background-color" in rule) <= bool(re.search(r"(?<!-)color:", rule))
