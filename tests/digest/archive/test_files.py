import errno
import os
from pathlib import Path

import pytest

from digest.archive import files
from digest.core.errors import ArchiveError


def test_a_post_is_written_once_and_left_alone_when_nothing_changed(tmp_path: Path) -> None:
    post = tmp_path / "post.md"
    assert files.write(post, "一")
    before = post.stat()
    assert not files.write(post, "一")
    after = post.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert post.read_text("utf-8") == "一"


def test_a_new_post_can_be_read_by_all_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    post = tmp_path / "post.md"
    files.write(post, "a")
    assert post.stat().st_mode & 0o777 == 0o644
    post.chmod(0o600)
    files.write(post, "b")
    assert post.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_leaves_the_old_post_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = tmp_path / "post.md"
    files.write(post, "old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveError, match=r"post\.md cannot be written: No space left on device\."):
        files.write(post, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["post.md"]
    assert post.read_text("utf-8") == "old"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="nowhere, does not exist"):
        files.require(tmp_path / "nowhere")
    with pytest.raises(ArchiveError, match="No such file"):
        files.write(tmp_path / "nowhere" / "post.md", "a")


def test_a_post_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "post.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ArchiveError, match="not UTF-8"):
        files.read(tmp_path / "post.md")
