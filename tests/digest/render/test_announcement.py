"""Tests of an operator's broadcast, in Markdown, in each output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as documents

from digest.render import announcement, telegram_split
from tests.fakes.telegram_html import parsed

WRITTEN = """# 维护
今晚 22:00 停机，*约* **一小时**：
- 邮件
  - 退信
- [网页](https://a.org/b_c_d)

3. $x_1$
4. `a*b`

> 谢谢 <b>各位</b>
"""
PIECES = [
    "\n```\n",
    "\n~~~\n  ",
    "a",
    "甲",
    "\n",
    "\n\n",
    "- ",
    "  - ",
    "1. ",
    "> ",
    "# ",
    "*",
    "**",
    "_",
    "`",
    "$x$",
    "[b](https://c.org)",
]


def test_telegram_gets_it_with_its_own_tags() -> None:
    expected = (
        "<b>维护</b>\n\n今晚 22:00 停机，<i>约</i> <b>一小时</b>：\n\n"
        '• 邮件\n\u2003• 退信\n• <a href="https://a.org/b_c_d">网页</a>\n\n3. x₁\n4. <code>a*b</code>\n\n'
        "<blockquote>谢谢 &lt;b&gt;各位&lt;/b&gt;</blockquote>"
    )
    assert telegram_split.split(announcement.message(WRITTEN)) == [expected]


def test_pages_and_mails_get_html() -> None:
    shown = str(announcement.html(WRITTEN))
    assert "<h2>维护</h2>" in shown
    assert "<ul><li>邮件<ul><li>退信</li></ul></li><li><a href=" in shown
    assert (
        '<ol><li value="3"><i class="math" title="x_1">x₁</i></li><li value="4"><code>a*b</code></li></ol>'
        in shown
    )
    assert "谢谢 &lt;b&gt;各位&lt;/b&gt;" in shown


FENCED = "Run:\n```bash\ngit pull\n\n  make *all* <b> $x$\n```\n- then\n  ~~~\n  a\n    b\n  ~~~\n"


def test_what_stands_in_a_fence_is_a_block_to_the_letter() -> None:
    code = "<pre>git pull\n\n  make *all* &lt;b&gt; $x$</pre>"
    html = f"<p>Run:</p>\n{code}\n<ul><li>then</li></ul>\n<pre>a\n  b</pre>"
    assert announcement.html(FENCED) == html
    chat = f"Run:\n\n{code}\n\n• then\n\n<pre>a\n  b</pre>"
    assert telegram_split.split(announcement.message(FENCED)) == [chat]


def test_a_block_of_code_that_is_longer_than_a_message_goes_on_as_one_in_the_next() -> None:
    lines = [f"line {number}" for number in range(900)]
    messages = telegram_split.split(announcement.message("\n".join(["```", *lines, "```"])))
    assert len(messages) > 1
    assert [line for each in messages for line in parsed(each)[0].split("\n")] == lines
    assert all(each.startswith("<pre>") and each.endswith("</pre>") for each in messages)


@pytest.mark.parametrize(
    "text", ["[a](javascript:alert(1))", "<script>a</script>", '<https://a.org/"onclick=b>']
)
def test_nothing_raw_gets_through(text: str) -> None:
    for element in documents.fragment_fromstring(f"<div>{announcement.html(text)}</div>").iter():
        assert element.tag in {"div", "p", "a"}
        assert {*element.attrib} <= {"href"}
        assert element.get("href", "https:").startswith("https:")


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_telegram_takes_whatever_an_operator_writes(text: str) -> None:
    for message in telegram_split.split(announcement.message(text)):
        parsed(message)
    assert isinstance(announcement.plain(text), str)
