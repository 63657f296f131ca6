"""`arxiv-daily archive …` on a folder of posts, some of them damaged."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from bot.cli import main
from bot.settings import Settings
from digest.render import jekyll
from tests.bot.posts import edition, rendered

POST = "2026-02-10-arxiv.md"


@dataclass(frozen=True)
class Told:
    """The exit status and the output of a command."""

    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The last line, which contains the error message."""
        assert self.err.count("arxiv-daily: ") == 1
        return self.err.splitlines()[-1].removeprefix("arxiv-daily: ")


Archive = Callable[..., Told]


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Archive:
    """Run the command in this process."""

    def call(*arguments: str) -> Told:
        monkeypatch.setattr(sys, "argv", ["arxiv-daily", "archive", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return Told(ended.value.code, *capsys.readouterr())

    return call


def line_of(path: Path, text: str) -> int:
    """Return the number of the first line that contains `text`."""
    return next(at for at, line in enumerate(path.read_text("utf-8").splitlines(), 1) if text in line)


@pytest.fixture
def posts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the posts of two days, and a page of the site."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    folder = tmp_path / "posts"
    folder.mkdir()
    for made in (edition(), edition(date(2026, 2, 11), first=3)):
        (folder / jekyll.post_name(made.date)).write_text(rendered(made), "utf-8")
    (folder / "2026-02-09-about.md").write_text("<<<<<<< HEAD\n")
    return folder


def in_conflict(text: str) -> str:
    """Return `text` with a merge conflict over the first reading; the second side is longer."""
    line = next(line for line in text.splitlines(keepends=True) if "第 1 间屋子的方法" in line)
    return text.replace(line, f"<<<<<<< HEAD\n=======\n{line}>>>>>>> theirs\n")


def with_leaked_error(text: str) -> str:
    return re.sub(
        r"(<div markdown=\"1\">\n).*?(</div>)",
        r"\1\n解读失败: 429 Client Error\n\n\2",
        text,
        count=1,
        flags=re.DOTALL,
    )


def cut_short(text: str) -> str:
    return text.replace("\n- **PDF**", "\n<<<<<<< HEAD\n- **PDF**", 1)


def test_sound_posts_are_sound_and_need_no_mending(posts: Path, archive: Archive) -> None:
    told = archive("check", "posts")
    assert (told.status, told.out, told.err) == (0, "All posts are valid.\n", "")
    before = (posts / POST).stat()
    told = archive("repair", "posts")
    assert (told.status, told.err) == (0, "")
    assert told.out == f"posts/{POST}: valid\nposts/2026-02-11-arxiv.md: valid\n"
    assert ((posts / POST).stat().st_mtime_ns, (posts / POST).stat().st_ino) == (
        before.st_mtime_ns,
        before.st_ino,
    )


def test_damaged_posts_are_named_with_their_lines_and_then_mended(posts: Path, archive: Archive) -> None:
    first, second = posts / POST, posts / "2026-02-11-arxiv.md"
    sound = first.read_text("utf-8")
    first.write_text(in_conflict(sound), "utf-8")
    second.write_text(with_leaked_error(second.read_text("utf-8")), "utf-8")
    told = archive("check", "posts")
    assert told.status == 1
    assert f"{first.relative_to(posts.parent)}:{line_of(first, '<<<<<<<')}: merge conflict: " in told.out
    assert f"{second.relative_to(posts.parent)}:{line_of(second, '解读失败')}: leaked error: " in told.out
    assert (
        told.sentence
        == f"{len(told.out.splitlines())} faults found; `arxiv-daily archive repair` fixes most of them."
    )
    told = archive("repair", "posts")
    assert (told.status, told.out) == (0, f"posts/{POST}: repaired\nposts/{second.name}: repaired\n")
    assert first.read_text("utf-8") == sound
    assert "解读失败" not in second.read_text("utf-8")
    assert (archive("check", "posts")).status == 0


def test_a_post_that_cannot_be_mended_stays_as_it_is_and_the_others_are_mended(
    posts: Path, archive: Archive
) -> None:
    (posts / POST).write_text(cut_short(rendered(edition())), "utf-8")
    other = posts / "2026-02-11-arxiv.md"
    other.write_text(with_leaked_error(other.read_text("utf-8")), "utf-8")
    told = archive("repair", "posts")
    assert told.status == 1
    assert told.out == "posts/2026-02-11-arxiv.md: repaired\n"
    assert re.search(rf"^posts/{POST}: line \d+: a merge conflict", told.err, re.MULTILINE)
    assert "could not be repaired" in told.sentence
    assert (posts / POST).read_text("utf-8") == cut_short(rendered(edition()))


def test_a_post_that_is_no_text_is_one_sentence(posts: Path, archive: Archive) -> None:
    (posts / POST).write_bytes(b"\xff\xfe")
    told = archive("check", "posts")
    assert told.status == 1
    assert told.sentence == f"posts/{POST} cannot be read: it is not UTF-8."


def test_posts_are_taken_over_once(posts: Path, archive: Archive) -> None:
    told = archive("import", "posts")
    assert told.status == 0
    assert told.out == f"posts/{POST}: 2 papers imported\nposts/2026-02-11-arxiv.md: 2 papers imported\n"
    told = archive("import", "posts")
    assert told.status == 0
    assert told.out.count("its day is already in the database") == 2


def test_a_path_that_is_not_there_is_a_wrong_call(posts: Path, archive: Archive) -> None:
    told = archive("check", "nowhere.md")
    assert (told.status, told.out) == (2, "")
    assert "'nowhere.md' does not exist" in told.err


def test_a_damaged_post_is_not_taken_over(posts: Path, archive: Archive) -> None:
    (posts / POST).write_text(with_leaked_error(rendered(edition())), "utf-8")
    told = archive("import", "posts")
    assert told.status == 1
    assert told.sentence.startswith(f"posts/{POST}:{line_of(posts / POST, '解读失败')}: ")
    assert told.sentence.endswith("Run `arxiv-daily archive repair` first.")


def test_a_paper_of_two_days_is_one_sentence(posts: Path, archive: Archive) -> None:
    again = replace(edition(), date=date(2026, 2, 12))
    (posts / "2026-02-12-arxiv.md").write_text(rendered(again), "utf-8")
    told = archive("import", "posts")
    assert told.status == 1
    assert "2602.00001" in told.sentence
    assert told.out.count("papers imported") == 2
