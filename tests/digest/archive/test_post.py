import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.archive import lint, post
from digest.core.models import RULE, Basis, Claim, Entry, Gap, Reading, Translation
from digest.render import jekyll, page, telegram_html, terminal
from tests.editions import edition, entry
from tests.papers import paper
from tests.shared import shared_data

SHANGHAI = ZoneInfo("Asia/Shanghai")
SOUND = ["2025-12-25", "2026-01-28"]


def outside_readings(text: str) -> str:
    return re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("day", SOUND)
def test_a_published_post_comes_out_again_byte_for_byte_outside_its_readings(day: str) -> None:
    published = shared_data("posts", f"{day}-arxiv.md").read_text("utf-8")
    again = jekyll.render(post.parse(published, SHANGHAI), SHANGHAI)
    assert outside_readings(again).replace(r" \| ", " | ") == outside_readings(published)


@pytest.mark.parametrize("day", SOUND)
def test_a_published_reading_keeps_every_word_in_its_place(day: str) -> None:
    published = shared_data("posts", f"{day}-arxiv.md").read_text("utf-8")
    again = jekyll.render(post.parse(published, SHANGHAI), SHANGHAI)
    for old, new in zip(words(published), words(again), strict=True):
        assert old == new or "解读失败" in old


def words(text: str) -> list[str]:
    """Return the words of each reading without its headings, bullets, escapes and white space."""
    bodies = re.findall(r'<div markdown="1">(.*?)</div>', text, re.DOTALL)
    headings = "研究背景与既有方法的问题|论文核心方法如何解决上述问题|在哪些任务上取得了怎样的效果"
    marks = rf"^###.*$|^[123]\)|^\s*-\s|\*\*(?:{headings})\*\*|\s|\\"
    return [re.sub(marks, "", re.sub(marks, "", body, flags=re.MULTILINE)) for body in bodies]


OLD_FORMS = {
    "numbers alone": "1)  \n- 甲\n  - 子\n- 乙\n\n2)  \n- 丙\n\n3)  \n- 丁\n",
    "headings behind the numbers": (
        "1) **研究背景与既有方法的问题**  \n・甲  \n  - 子  \n・乙  \n"
        "2) **论文核心方法如何解决上述问题**  \n・丙\n3) **在哪些任务上取得了怎样的效果**\n・丁"
    ),
    "headings below the numbers": (
        "1)  \n**研究背景与既有方法的问题**  \n・甲\n\u3000- 子\n・乙\n\n2)\n・丙\n\n3)\n・丁"
    ),
    "full stops and deep indents": (
        "1. **研究背景与既有方法的问题**\n   - 甲\n       - 子\n   - 乙\n\n"
        "2. **核心方法如何解决这些问题**\n   - 丙\n\n3.\n- 丁"
    ),
}


@pytest.mark.parametrize("form", OLD_FORMS)
def test_every_older_form_of_a_reading_is_the_same_structure(form: str) -> None:
    expected = ((Claim("甲", (Claim("子"),)), Claim("乙")), (Claim("丙"),), (Claim("丁"),))
    assert post.parse_reading(OLD_FORMS[form]) == expected


def test_a_paragraph_that_leads_a_list_has_its_items_under_it() -> None:
    parts = post.parse_reading("1)\n方法如下：\n- 甲\n  续行\n- 乙\n\n由此解决问题。\n\n2)\n- 丙\n\n3)\n- 丁")
    assert parts is not None
    assert parts[0] == (Claim("方法如下：", (Claim("甲 续行"), Claim("乙"))), Claim("由此解决问题。"))


@pytest.mark.parametrize("body", ["", "随便一段话。", "1)\n- 甲\n\n2)\n- 乙", "1)\n\n2)\n- 乙\n\n3)\n- 丙"])
def test_a_reading_without_its_three_parts_is_none(body: str) -> None:
    assert post.parse_reading(body) is None


def test_a_leaked_error_is_a_reading_that_is_due() -> None:
    leaked = jekyll.render(edition(entry(reading=Gap.DUE)), SHANGHAI).replace(
        "（解读随后补上。）", "HTTPError: 503 Server Error: Backend is unhealthy"
    )
    assert post.parse(leaked, SHANGHAI).entries[0].reading is Gap.DUE


@pytest.mark.parametrize("gap", [each for each in Gap if each is not Gap.UNFAITHFUL])
def test_every_gap_is_read_back(gap: Gap) -> None:
    shown = edition(entry(reading=gap), entry(2, translation=Gap.NO_KEY, reading=gap))
    parsed = post.parse(jekyll.render(shown, SHANGHAI), SHANGHAI)
    assert [each.reading for each in parsed.entries] == [gap, gap]
    assert isinstance(parsed.entries[0].translation, Translation)
    assert parsed.entries[1].translation is Gap.NO_KEY
    assert parsed.entries[1].paper.abstract == shown.entries[1].paper.abstract


def test_the_mark_of_what_did_not_pass_the_checks_is_read_back() -> None:
    shown = edition(entry(translation=Gap.UNFAITHFUL))
    [parsed] = post.parse(jekyll.render(shown, SHANGHAI), SHANGHAI).entries
    assert parsed.translation is Gap.UNFAITHFUL
    assert parsed.paper.abstract == shown.entries[0].paper.abstract


# Without backticks: code that would break the page becomes text, and a formula-like part of it is one then.
PIECES = [*"a1的\\(){}|*_<>&#-+:=~[]!\"'.^，。 ", "{{", "{%", "**", "<b>", "</div>", "---", "$x_1$ "]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map(
    lambda pieces: f"字{''.join(pieces)}字"
)
CLAIMS = st.lists(
    st.builds(Claim, TEXTS, st.lists(st.builds(Claim, TEXTS), max_size=2).map(tuple)), min_size=1, max_size=2
)


@given(TEXTS, TEXTS, CLAIMS)
def test_a_rendered_post_is_sound_and_is_read_back_as_it_was(
    title: str, abstract: str, claims: list[Claim]
) -> None:
    rendered = jekyll.render(edition(entry(title=title, abstract=abstract, claims=tuple(claims))), SHANGHAI)
    assert lint.check(rendered) == ()
    parsed = post.parse(rendered, SHANGHAI)
    assert isinstance(parsed.entries[0].reading, Reading)
    assert jekyll.render(parsed, SHANGHAI) == rendered


def test_a_post_without_papers_is_read_too() -> None:
    empty = jekyll.render(edition(), SHANGHAI)
    assert post.parse(empty, SHANGHAI).entries == ()
    assert lint.check(empty) == ()


OLD_READING = r"""### 研究背景与既有方法的问题

1. 甲 \(x_1 \le 2\)，\(注\)
2. 乙 \[E = mc^2\]

---

- *丙*，见[代码](https://a.org/b_c)

### 核心方法如何解决这些问题

- \textbf{丁} \href{https://a.org/x_y}{https://a.org/x_y} R\&D

### 在哪些任务上取得了怎样的效果

- 戊
"""


def test_an_old_reading_keeps_its_formulas_numbers_and_rules() -> None:
    parts = post.parse_reading(OLD_READING)
    assert parts is not None
    assert parts[0] == (
        Claim(r"1. 甲 $x_1 \le 2$，(注)"),
        Claim("2. 乙 $E = mc^2$"),
        RULE,
        Claim("丙，见代码 (https://a.org/b_c)"),
    )


@pytest.mark.parametrize("mark", ["{})", "{}）", "### {}."])
def test_a_numbered_list_in_a_part_begins_no_other(mark: str) -> None:
    first, second, third = map(mark.format, (1, 2, 3))
    parts = post.parse_reading(
        f"{first} 一\n1. 甲\n2. 乙\n   1. 丙\n\n{second} 二\n3. 丁\n\n{third} 三\n1. 戊"
    )
    assert parts
    assert [[claim.text for claim in part if claim.text not in "一二三"] for part in parts] == [
        ["1. 甲", "2. 乙"],
        ["3. 丁"],
        ["1. 戊"],
    ]


def test_a_heading_within_a_numbered_part_leads_what_follows() -> None:
    parts = post.parse_reading("1)\n### 背景 ##\n- 甲\n\n2)\n#### **方法**\n- 乙\n\n3)\n- 丙")
    assert parts
    assert parts[:2] == ((Claim("**背景**", (Claim("甲"),)),), (Claim("**方法**", (Claim("乙"),)),))


def test_an_old_reading_is_mended_once_and_stays() -> None:
    parts = post.parse_reading(OLD_READING)
    assert parts is not None
    made = Entry(paper(1), Gap.NO_KEY, Reading(paper(1).version, "zh-CN", *parts, post.IMPORTED))
    rendered = jekyll.render(edition(made), SHANGHAI)
    assert lint.check(rendered) == ()
    assert "- 1\\. 甲 $$x_1 \\le 2$$，(注)\n- 2\\. 乙 $$E = mc^2$$\n\n---\n\n- 丙" in rendered
    assert "- **丁** https://a.org/x_y R&amp;D" in rendered
    assert jekyll.render(post.parse(rendered, SHANGHAI), SHANGHAI) == rendered
    for shown in (str(page.papers(edition(made), SHANGHAI)), cards_of(made)):
        assert "textbf" not in shown
        assert "href{" not in shown
        assert "x₁ ≤ 2" in shown
    assert "<hr>" in str(page.papers(edition(made), SHANGHAI))


@pytest.mark.parametrize("basis", Basis)
def test_what_a_reading_was_made_of_is_read_back(basis: Basis) -> None:
    made = entry(1)
    assert isinstance(made.reading, Reading)
    shown = edition(replace(made, reading=replace(made.reading, basis=basis)))
    rendered = jekyll.render(shown, SHANGHAI)
    assert lint.check(rendered) == ()
    parsed = post.parse(rendered, SHANGHAI)
    assert isinstance(parsed.entries[0].reading, Reading)
    assert parsed.entries[0].reading.basis is basis
    assert jekyll.render(parsed, SHANGHAI) == rendered


def cards_of(made: Entry) -> str:
    """Return its claims as the terminal and Telegram show them."""
    assert isinstance(made.reading, Reading)
    claims = [claim.text for part in made.reading.parts for claim in part]
    return "".join(str(telegram_html.html(claim)) + terminal.plain(claim) for claim in claims)
