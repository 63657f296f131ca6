import pytest

from bot.core import mailboxes
from bot.core.mailboxes import InvalidMailboxError


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("Ana.B+daily@Example.ORG", "ana.b+daily@example.org"),
        (" ana@example.org\n", "ana@example.org"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("ana@例子.测试", "ana@xn--fsqu00a.xn--0zwm56d"),
        (f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 57}.org", None),
    ],
)
def test_equal_addresses_are_written_alike(given: str, address: str | None) -> None:
    assert str(mailboxes.parse(given)) == (address or given)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ana",
        "ana@",
        "@example.org",
        "ana@example",
        "ana@example.org, bo@example.org",
        "ana@example.org\r\nBcc: bo@example.org",
        "Ana <ana@example.org>",
        '"ana b"@example.org',
        "用户@example.org",
        "ana@[127.0.0.1]",
        "ana@exa mple.org",
        "ana\x00@example.org",
        f"{'a' * 65}@example.org",
        f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 58}.org",
        "a" * 100_000,
    ],
)
def test_what_cannot_be_written_to_is_refused_in_one_sentence(given: str) -> None:
    with pytest.raises(InvalidMailboxError, match=r"^[^\n]{10,80}\.$"):
        mailboxes.parse(given)


def test_a_sender_may_have_a_name() -> None:
    named = mailboxes.sender("arXiv 每日 <daily@example.org>")
    assert (named.name, str(named.mailbox)) == ("arXiv 每日", "daily@example.org")
    assert mailboxes.sender("daily@example.org").name == ""
    with pytest.raises(InvalidMailboxError):
        mailboxes.sender("daily <daily@example.org>\r\nBcc: bo@example.org")
