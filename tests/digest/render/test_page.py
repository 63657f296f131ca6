import pytest

from digest.render import page


@pytest.mark.parametrize(
    ("stored", "html", "phrase", "plain"),
    [
        ('A<B & "C"', "A&lt;B &amp; &#34;C&#34;", "A&lt;B &amp; &#34;C&#34;", 'A<B & "C"'),
        (
            r"$x_1 \le 2$",
            r'<i class="math" title="x_1 \le 2">x₁ ≤ 2</i>',
            r'<i class="math" title="x_1 \le 2">x₁ ≤ 2</i>',
            "x₁ ≤ 2",
        ),
        ("**a `b`**", "<strong>a <code>b</code></strong>", "<strong>a <code>b</code></strong>", "a b"),
        (
            "at https://a.example/?b&c.",
            'at <a href="https://a.example/?b&amp;c">https://a.example/?b&amp;c</a>.',
            "at https://a.example/?b&amp;c.",
            "at https://a.example/?b&c.",
        ),
        (
            r"\href{https://a.example}{here}",
            'here (<a href="https://a.example">https://a.example</a>)',
            "here (https://a.example)",
            "here (https://a.example)",
        ),
        (r"\emph{so} \'e", "<strong>so</strong> é", "<strong>so</strong> é", "so é"),
        ("a\u202eb\x00c", "abc", "abc", "abc"),
    ],
)
def test_stored_text_is_shown_in_each_form(stored: str, html: str, phrase: str, plain: str) -> None:
    assert (page.html(stored), page.phrase(stored), page.plain(stored)) == (html, phrase, plain)


def test_a_link_in_strong_words_is_text_where_no_link_may_stand() -> None:
    assert page.phrase("**see https://a.example**") == "<strong>see https://a.example</strong>"
