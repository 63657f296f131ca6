import re
import subprocess
from base64 import b64encode
from pathlib import Path

import dkim
import pytest

from bot.mail.message import SigningKeyError, load_signer
from tests.bot.mail.parts import motley, part, sent


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def private_key() -> bytes:
    """An RSA key, which takes seconds to generate."""
    return openssl("genrsa", "2048")


@pytest.mark.parametrize("form", [(), ("-traditional",)])
async def test_a_signed_mail_is_verified_by_the_public_key_and_one_that_was_changed_is_not(
    tmp_path: Path, private_key: bytes, form: tuple[str, ...]
) -> None:
    key = tmp_path / "dkim.pem"
    key.write_bytes(private_key)
    key.write_bytes(openssl("rsa", *form, "-in", str(key)).replace(b"\n", b"\r\n"))
    public = b64encode(openssl("rsa", "-in", str(key), "-pubout", "-outform", "DER"))
    asked: list[bytes] = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return b"v=DKIM1; k=rsa; p=" + public

    mail = sent(part(motley()))
    signed = await load_signer(key, "s1", "daily.example").signed(mail)
    assert signed.endswith(mail)
    assert dkim.verify(signed, dnsfunc=dns)
    assert asked == [b"s1._domainkey.daily.example."]
    signature = signed.removesuffix(mail)
    for header in (
        b"from : from",
        b"list-unsubscribe :",
        b"list-unsubscribe-post",
        b"feedback-id",
        b"message-id",
    ):
        assert header in b" ".join(signature.split())
    for before, after in (
        (b"One-Click", b"Two-Click"),
        (b"Subject: ", b"Subject: Re: "),
        (b"unsubscribe/7", b"x/7"),
    ):
        assert before in mail
        assert not dkim.verify(signed.replace(before, after), dnsfunc=dns)
    for name in (b"From", b"To", b"Subject", b"Date", b"Reply-To", b"Content-Type", b"List-Unsubscribe",
                 b"List-Unsubscribe-Post", b"Content-Transfer-Encoding", b"Message-ID"):  # fmt: skip
        added = name + b": https://evil.example\r\n"
        assert not dkim.verify(added + signed, dnsfunc=dns)
        assert not dkim.verify(signed.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n", 1), dnsfunc=dns)
    assert dkim.verify(b"Received: from relay.example\r\nX-Spam: no\r\n" + signed, dnsfunc=dns)
    assert all(len(line) <= 78 for line in signature.split(b"\r\n"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ssh-rsa AAAA",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN RSA PRIVATE KEY-----\n!!!!\n-----END RSA PRIVATE KEY-----\n",
    ],
)
def test_a_file_that_holds_no_key_is_refused_at_the_start(tmp_path: Path, content: bytes) -> None:
    key = tmp_path / "dkim.pem"
    key.write_bytes(content)
    with pytest.raises(SigningKeyError, match=re.escape(f"{key} holds no RSA private key")):
        load_signer(key, "s1", "daily.example")


def test_keys_of_another_kind_and_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    key = tmp_path / "dkim.pem"
    for kind in ("ED25519", "EC"):
        options = ("-pkeyopt", "ec_paramgen_curve:P-256") if kind == "EC" else ()
        key.write_bytes(openssl("genpkey", "-algorithm", kind, *options))
        with pytest.raises(SigningKeyError, match="holds no RSA private key"):
            load_signer(key, "s1", "daily.example")
    with pytest.raises(SigningKeyError, match="cannot be read: No such file"):
        load_signer(tmp_path / "nowhere.pem", "s1", "daily.example")


def test_the_key_is_in_no_text_of_the_signer(tmp_path: Path) -> None:
    key = tmp_path / "dkim.pem"
    key.write_bytes(openssl("genrsa", "2048"))
    assert "PRIVATE" not in repr(load_signer(key, "s1", "daily.example"))
