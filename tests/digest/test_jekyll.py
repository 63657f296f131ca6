"""Posts as a real Jekyll builds them."""

import re
import shutil
import subprocess
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from lxml import html

from digest.archive import lint
from digest.core.models import Claim, Edition, Gap
from digest.pipeline.reading_checks import ReadingAnswer
from digest.render import jekyll
from tests.components import program
from tests.editions import edition, entry
from tests.shared import shared_data

SHANGHAI = ZoneInfo("Asia/Shanghai")
SITE = Path(__file__).parents[1] / "jekyll_site"
PUBLISHED = {"2025-10-16": 7, "2025-12-25": 5, "2026-01-28": 16}
TEX = [r"\mathbb{{E}}_{x}[P(y|x)]", r"\alpha_{t}^{2} * \beta < 1", r"\{a, b\} \\ c", r"f'\left|x\right|"]
HOSTILE = (
    "{{ site.title }} {% include secret.html %} <script>alert(1)</script> <img src=x onerror=alert(1)> | a | b | "
    r"\begin{a}\href{javascript:alert(1)}{x}\end{a} $$\require{html}\style{a}{x}$$ \ref{x} "
    "[link](javascript:alert(1)) ![i](u) `{{ page.url }}` </details></div> <!-- --> &lt;b&gt; {: onclick='x'}"
)

UNTIDY = [
    {"text": "・1) 第一 | 点", "claims": [{"text": "- **99%**的{{x}}"}, "2. <script>x</script>"]},
    "### 标题",
    {"text": "3）$$P(y|x)$$ 与 \\(z\\)"},
]


def hostile_edition() -> Edition:
    formulas = " 与 ".join(f"${tex}$" for tex in TEX)
    claims = (Claim(HOSTILE, (Claim(formulas), Claim("1. 一 | 二"))), Claim(f"**90.4%**的 {formulas}"))
    return edition(
        entry(1, title=f"A<B & C: {HOSTILE}", abstract=f"{HOSTILE} {formulas}", claims=claims),
        entry(2, translation=Gap.NO_KEY, reading=Gap.NO_TEXT_YET),
        entry(
            3,
            claims=ReadingAnswer.model_validate({"background": UNTIDY, "method": [], "results": []}).parts[0],
        ),
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site: a post of ours, full of TeX, Liquid and HTML, and the published ones, repaired."""
    source = tmp_path_factory.mktemp("site") / "source"
    shutil.copytree(SITE, source)
    posts = source / "_posts"
    posts.mkdir()
    (posts / jekyll.post_name(hostile_edition().date)).write_text(
        jekyll.render(hostile_edition(), SHANGHAI), "utf-8"
    )
    for day in PUBLISHED:
        name = f"{day}-arxiv.md"
        text = shared_data("posts", name).read_text("utf-8")
        (posts / name).write_text(lint.repair(text, SHANGHAI), "utf-8")
    target = source.parent / "built"
    command = [program("jekyll"), "build", "--source", str(source), "--destination", str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def page(site: Path, day: str) -> html.HtmlElement:
    return only(html.parse(site / f"{day}.html").getroot(), ".//main")


def only(element: html.HtmlElement, path: str) -> html.HtmlElement:
    found = element.find(path)
    assert found is not None
    return found


def test_the_page_shows_every_paper(site: Path) -> None:
    headings = page(site, "2026-02-10").findall("h2")
    assert len(headings) == 3
    assert "A<B & C: {{ site.title }} {% include secret.html %}" in headings[0].text_content()


def test_formulas_reach_the_page_to_the_letter(site: Path) -> None:
    text = page(site, "2026-02-10").text_content()
    for tex in TEX:
        assert text.count(rf"\({tex}\)") == 7  # in the abstract, and twice in each part of the reading


def test_nothing_in_the_content_is_live(site: Path) -> None:
    main = page(site, "2026-02-10")
    furniture = ["main", "p", "ul", "li", "strong", "a", "h2", "h3", "details", "summary", "div", "hr"]
    assert {element.tag for element in main.iter()} == set(furniture)
    assert {link.get("href") for link in main.iter("a")} == {
        f"https://arxiv.org/{kind}/2602.0000{number}v1" for kind in ("abs", "pdf") for number in (1, 2, 3)
    }
    assert not main.xpath("//@onclick | //@onerror | //main//@class | //main//@style")
    assert "A sample site" not in main.text_content()
    assert not re.search(r"\\(?:href|require|style|ref)\b", main.text_content())
    assert r"\begin{a}x\end{a}" in main.text_content()


def test_the_layout_that_we_recommend_loads_mathjax_with_its_safe_extension(site: Path) -> None:
    head = only(html.parse(site / "2026-02-10.html").getroot(), "head")
    configured, loaded = head.findall("script")
    assert '"ui/safe"' in configured.text_content()
    assert "mathjax" in str(loaded.get("src"))
    layout = (SITE / "_layouts" / "post.html").read_text("utf-8")
    script = layout[layout.index("<script>") : layout.rindex("</script>")]
    assert " ".join(script.split()) in " ".join((SITE.parents[1] / "README.md").read_text("utf-8").split())


def test_claims_are_nested_lists_in_the_fold(site: Path) -> None:
    fold = only(page(site, "2026-02-10"), "details")
    assert fold.findtext("summary") == "详细解读"
    assert len(fold.findall("div/h3")) == 3
    assert [len(items.findall("li")) for items in fold.findall("div/ul")] == [2, 2, 2]
    assert [len(items.findall("li")) for items in fold.findall("div/ul/li/ul")] == [2, 2, 2]


def test_whatever_form_a_model_gives_a_reading_it_has_the_one_form(site: Path) -> None:
    fold = page(site, "2026-02-10").findall("details")[2]
    (part, *_) = fold.findall("div/ul")
    assert [" ".join(item.text_content().split()) for item in part.findall("li")] == [
        "第一 | 点 99%的{{x}} <script>x</script>",
        r"\(P(y|x)\) 与 \(z\)",
    ]
    assert [item.text_content() for item in part.findall("li/ul/li")] == ["99%的{{x}}", "<script>x</script>"]
    assert part.find("li/ul/li/strong") is not None
    assert fold.find(".//table") is None


@pytest.mark.parametrize(("day", "papers"), PUBLISHED.items())
def test_the_repaired_posts_show_every_paper_and_no_table(site: Path, day: str, papers: int) -> None:
    main = page(site, day)
    assert len(main.findall("h2")) == len(main.findall("details")) == papers
    assert not list(main.iter("table"))
    assert "<<<<" not in main.text_content()
    counted = main.findall("ul")[0].findall("li")[1].text_content()
    assert f"抓取总数：{papers} 篇 | 本页显示：{papers} 篇" in counted
