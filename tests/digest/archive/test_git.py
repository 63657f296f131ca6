"""Posts in real repositories: the program's, its bare remote, and another clone of the remote."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from digest.archive import git
from digest.archive.git import Published
from digest.core.errors import ArchiveError

SECRET = "hunter2"
POST = "_posts/2026-02-10-arxiv.md"
OTHER_WORK = """\
M  changed-and-staged.md
 M changed.md
MM changed-twice.md
A  new-and-staged.md
D  removed-and-staged.md
?? new.md
"""


@dataclass(frozen=True)
class Clone:
    """A work tree of the site."""

    root: Path

    @property
    def posts(self) -> Path:
        return self.root / "_posts"

    @property
    def post(self) -> Path:
        return self.root / POST

    def git(self, *arguments: str) -> str:
        return run_git(self.root, *arguments)

    def status(self) -> str:
        return self.git("status", "--porcelain")

    def uncommitted(self) -> tuple[str, str, str]:
        """Return all that is not committed: the files, their staged contents, and their other changes."""
        return self.status(), self.git("diff", "--cached"), self.git("diff")

    def commit(self, name: str, text: str) -> None:
        """Commit and push as another person."""
        (self.root / name).write_text(text)
        self.git("add", name)
        self.git("commit", "--quiet", "-m", f"Edit {name}", "--", name)

    def subjects(self, revision: str = "HEAD") -> list[str]:
        return self.git("log", "--format=%s", revision).splitlines()

    async def publish(self, text: str | None = None) -> Published:
        if text is not None:
            self.post.write_text(text)
        return await git.publish(self.posts, [self.post], "arXiv Daily 2026-02-10", pause=0.01)


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\nname = Ada\nemail = ada@example.org\n[init]\ndefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """The bare repository behind the site, with a first commit in it."""
    run_git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    first = cloned(tmp_path / "remote.git", tmp_path / "first")
    first.posts.mkdir()
    (first.posts / ".gitkeep").touch()
    for name in ("changed", "changed-and-staged", "changed-twice", "removed-and-staged"):
        (first.root / f"{name}.md").write_text("as it was\n")
    (first.root / ".gitignore").write_text("private.md\n")
    first.git("add", ".")
    first.git("commit", "--quiet", "-m", "Begin")
    first.git("push", "--quiet", "origin", "main")
    return tmp_path / "remote.git"


@pytest.fixture
def site(remote: Path, tmp_path: Path) -> Clone:
    """The repository that the posts are written to."""
    return cloned(remote, tmp_path / "site")


@pytest.fixture
def other(remote: Path, tmp_path: Path) -> Clone:
    """Another person's clone."""
    return cloned(remote, tmp_path / "other")


def cloned(remote: Path, root: Path) -> Clone:
    run_git(remote.parent, "clone", "--quiet", str(remote), str(root))
    return Clone(root)


def run_git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pushed(remote: Path, name: str = POST) -> str:
    return run_git(remote, "show", f"main:{name}")


def begin_other_work(site: Clone) -> tuple[str, str, str]:
    """Leave uncommitted work of every kind."""
    (site.root / "changed-and-staged.md").write_text("changed and staged\n")
    (site.root / "changed-twice.md").write_text("changed and staged\n")
    (site.root / "new-and-staged.md").write_text("new\n")
    (site.root / "removed-and-staged.md").unlink()
    site.git("add", ".")
    (site.root / "changed-twice.md").write_text("changed and staged, then changed\n")
    (site.root / "changed.md").write_text("changed\n")
    (site.root / "new.md").write_text("new\n")
    (site.root / "private.md").write_text("ignored\n")
    begun = site.uncommitted()
    assert sorted(begun[0].splitlines()) == sorted(OTHER_WORK.splitlines())
    return begun


def hook(repository: Path, name: str, script: str) -> None:
    path = repository / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def one_sentence(raised: pytest.ExceptionInfo[ArchiveError]) -> str:
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert sentence[0].isupper()
    return sentence


def assert_at_rest(site: Clone) -> None:
    """Assert that no rebase is under way, and no work tree but the operator's is left."""
    git_dir = site.root / ".git"
    assert not [name for name in ("rebase-merge", "rebase-apply", "MERGE_HEAD") if (git_dir / name).exists()]
    assert site.git("worktree", "list", "--porcelain").count("worktree ") == 1
    assert site.git("stash", "list") == ""
    assert site.git("symbolic-ref", "HEAD").strip() == "refs/heads/main"


async def test_a_post_is_committed_alone_and_pushed(site: Clone, remote: Path) -> None:
    begun = begin_other_work(site)
    assert await site.publish("the post\n") is Published.PUSHED
    assert pushed(remote) == "the post\n"
    assert site.git("show", "--format=", "--name-only", "HEAD").split() == [POST]
    assert site.subjects("origin/main") == ["arXiv Daily 2026-02-10", "Begin"]
    assert site.uncommitted() == begun


async def test_a_post_that_did_not_change_is_not_committed_again(site: Clone) -> None:
    await site.publish("the post\n")
    head = site.git("rev-parse", "HEAD")
    assert await site.publish("the post\n") is Published.UP_TO_DATE
    assert site.git("rev-parse", "HEAD") == head


async def test_a_post_that_changed_is_committed_again(site: Clone, remote: Path) -> None:
    await site.publish("the post\n")
    assert await site.publish("the post, complete\n") is Published.PUSHED
    assert pushed(remote) == "the post, complete\n"


async def test_what_an_earlier_run_could_not_push_is_pushed_though_nothing_is_new(
    site: Clone, remote: Path
) -> None:
    site.commit(POST, "the post\n")
    assert await site.publish("the post\n") is Published.PUSHED
    assert pushed(remote) == "the post\n"


async def test_a_post_goes_on_top_of_what_others_pushed_meanwhile(
    site: Clone, other: Clone, remote: Path
) -> None:
    other.commit("about.md", "about us\n")
    other.git("push", "--quiet")
    assert await site.publish("the post\n") is Published.PUSHED
    assert pushed(remote) == "the post\n"
    assert site.subjects("origin/main") == ["arXiv Daily 2026-02-10", "Edit about.md", "Begin"]
    assert (site.root / "about.md").read_text() == "about us\n"
    assert site.status() == ""
    assert_at_rest(site)


async def test_other_work_stays_as_it_was_when_the_remote_has_moved_on(
    site: Clone, other: Clone, remote: Path
) -> None:
    other.commit("about.md", "about us\n")
    other.git("push", "--quiet")
    begun = begin_other_work(site)
    assert await site.publish("the post\n") is Published.PUSHED
    assert site.uncommitted() == begun
    assert (site.root / "private.md").read_text() == "ignored\n"
    assert pushed(remote) == "the post\n"
    assert_at_rest(site)


@pytest.mark.parametrize("name", ["changed.md", "changed-and-staged.md", "new.md", "private.md"])
async def test_other_work_in_the_way_of_what_others_pushed_is_never_overwritten(
    site: Clone, other: Clone, name: str
) -> None:
    (other.root / name).write_text("theirs\n")
    other.git("add", "--force", name)
    other.git("commit", "--quiet", "-m", "Theirs")
    other.git("push", "--quiet")
    begun = begin_other_work(site)
    before = (site.root / name).read_text()
    with pytest.raises(ArchiveError, match="conflict with what others pushed") as raised:
        await site.publish("the post\n")
    one_sentence(raised)
    assert site.uncommitted() == begun
    assert (site.root / name).read_text() == before
    assert site.subjects() == ["arXiv Daily 2026-02-10", "Begin"]
    assert_at_rest(site)


async def test_a_post_that_others_wrote_differently_is_left_to_be_settled_by_hand(
    site: Clone, other: Clone, remote: Path
) -> None:
    other.posts.mkdir(exist_ok=True)
    other.commit(POST, "their post\n")
    other.git("push", "--quiet")
    begun = begin_other_work(site)
    with pytest.raises(ArchiveError, match="resolve it by hand") as raised:
        await site.publish("our post\n")
    one_sentence(raised)
    assert pushed(remote) == "their post\n"
    assert site.subjects() == ["arXiv Daily 2026-02-10", "Begin"]
    assert site.post.read_text() == site.git("show", f"HEAD:{POST}") == "our post\n"
    assert site.uncommitted() == begun
    assert_at_rest(site)


async def test_a_conflict_that_was_settled_by_hand_is_pushed_by_the_next_call(
    site: Clone, other: Clone, remote: Path
) -> None:
    other.commit(POST, "their post\n")
    other.git("push", "--quiet")
    with pytest.raises(ArchiveError):
        await site.publish("our post\n")
    site.git("reset", "--quiet", "--hard", "@{upstream}")
    assert await site.publish("our post\n") is Published.PUSHED
    assert pushed(remote) == "our post\n"


async def test_a_hook_that_refuses_the_commit_is_quoted_and_the_post_stays(site: Clone) -> None:
    hook(site.root / ".git", "pre-commit", "echo one >&2; echo 'no posts on Tuesdays' >&2; exit 1")
    with pytest.raises(ArchiveError, match="no posts on Tuesdays") as raised:
        await site.publish("the post\n")
    one_sentence(raised)
    assert site.subjects() == ["Begin"]
    assert site.post.read_text() == "the post\n"


async def test_a_remote_that_refuses_is_reported_and_the_next_call_pushes(site: Clone, remote: Path) -> None:
    hook(remote, "pre-receive", "echo 'closed for today' >&2; exit 1")
    with pytest.raises(ArchiveError, match="The push failed") as raised:
        await site.publish("the post\n")
    one_sentence(raised)
    assert site.subjects() == ["arXiv Daily 2026-02-10", "Begin"]
    (remote / "hooks" / "pre-receive").unlink()
    assert await site.publish() is Published.PUSHED


async def test_a_remote_that_is_away_is_reported_and_the_next_call_pushes(
    site: Clone, remote: Path, tmp_path: Path
) -> None:
    away = shutil.move(remote, tmp_path / "away.git")
    with pytest.raises(ArchiveError, match="The remote could not be reached") as raised:
        await site.publish("the post\n")
    one_sentence(raised)
    assert site.subjects() == ["arXiv Daily 2026-02-10", "Begin"]
    shutil.move(away, remote)
    assert await site.publish() is Published.PUSHED
    assert pushed(remote) == "the post\n"


async def test_a_push_that_fails_once_is_tried_again(site: Clone, remote: Path) -> None:
    hook(remote, "pre-receive", "test -e refused || { touch refused; exit 1; }")
    assert await site.publish("the post\n") is Published.PUSHED
    assert pushed(remote) == "the post\n"


async def test_the_first_post_of_a_new_site_begins_its_branch(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet", "--bare", "new.git")
    site = cloned(tmp_path / "new.git", tmp_path / "new")
    site.posts.mkdir()
    assert await site.publish("the post\n") is Published.PUSHED
    assert pushed(tmp_path / "new.git") == "the post\n"
    assert await site.publish() is Published.UP_TO_DATE


async def test_without_a_remote_the_post_is_only_committed(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "--quiet", "alone")
    site = Clone(tmp_path / "alone")
    site.posts.mkdir()
    assert await site.publish("the post\n") is Published.COMMITTED
    assert site.subjects() == ["arXiv Daily 2026-02-10"]
    assert await site.publish() is Published.UP_TO_DATE


async def test_a_folder_outside_of_any_repository_is_named(tmp_path: Path) -> None:
    site = Clone(tmp_path / "plain")
    site.posts.mkdir(parents=True)
    with pytest.raises(ArchiveError, match=r"plain/_posts is not in a Git repository") as raised:
        await site.publish("the post\n")
    one_sentence(raised)
    assert site.post.read_text() == "the post\n"


async def test_without_a_branch_nothing_is_committed(site: Clone) -> None:
    site.git("checkout", "--quiet", "--detach")
    with pytest.raises(ArchiveError, match="No branch is checked out") as raised:
        await site.publish("the post\n")
    one_sentence(raised)
    assert site.subjects() == ["Begin"]
    assert site.status() == f"?? {POST}\n"


async def test_a_merge_that_somebody_has_begun_is_theirs_to_end(site: Clone, other: Clone) -> None:
    other.commit("changed.md", "theirs\n")
    other.git("push", "--quiet")
    site.commit("changed.md", "ours\n")
    site.git("fetch", "--quiet")
    with pytest.raises(AssertionError):
        site.git("merge", "--quiet", "@{upstream}")
    with pytest.raises(ArchiveError, match="in the middle of a merge") as raised:
        await site.publish("the post\n")
    one_sentence(raised)
    assert site.status() == f"UU changed.md\n?? {POST}\n"
    assert (site.root / ".git" / "MERGE_HEAD").exists()


@pytest.mark.parametrize("address", ["http://ada:{}@127.0.0.1:9/site.git", "ftp://{}@127.0.0.1:9/site.git"])
async def test_a_password_in_the_address_of_the_remote_is_never_shown(
    site: Clone, address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    site.git("remote", "set-url", "origin", address.format(SECRET))
    with pytest.raises(ArchiveError, match="The remote could not be reached") as raised:
        await site.publish("the post\n")
    assert SECRET not in one_sentence(raised)
    assert SECRET not in "".join(capfd.readouterr())


async def test_a_machine_without_git_is_told_so(
    site: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ArchiveError, match="Git could not be started") as raised:
        await site.publish("the post\n")
    one_sentence(raised)


async def test_an_examination_asks_the_remote_and_changes_nothing(site: Clone, remote: Path) -> None:
    before = run_git(remote, "for-each-ref"), site.git("for-each-ref"), site.status()
    hook(site.root / ".git", "pre-push", "exit 1")
    assert await git.examine(site.posts) == "origin/main"
    assert (run_git(remote, "for-each-ref"), site.git("for-each-ref"), site.status()) == before


async def test_a_remote_that_has_moved_on_is_no_fault(site: Clone, other: Clone) -> None:
    other.commit("changed.md", "by others\n")
    other.git("push", "--quiet")
    assert await git.examine(site.posts) == "origin/main"


async def test_an_examination_finds_what_is_in_the_way_of_publishing(site: Clone, tmp_path: Path) -> None:
    site.git("remote", "set-url", "origin", str(tmp_path / "gone.git"))
    with pytest.raises(ArchiveError, match="The remote does not accept a push"):
        await git.examine(site.posts)
    site.git("branch", "--unset-upstream")
    assert await git.examine(site.posts) == ""
    (site.root / ".git" / "MERGE_HEAD").touch()
    with pytest.raises(ArchiveError, match="in the middle of a merge"):
        await git.examine(site.posts)
    plain = tmp_path / "plain"
    plain.mkdir()
    with pytest.raises(ArchiveError, match="is not in a Git repository"):
        await git.examine(plain)


def runs(process: int) -> bool:
    """Return whether the process runs; one that has ended may still be a zombie."""
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


async def _under_way(marker: Path) -> None:
    async with asyncio.timeout(300):
        while not os.path.exists(marker):  # noqa: ASYNC110, ASYNC240, PTH110 - a hook sends no notification
            await asyncio.sleep(0.01)


def _age(lock: Path, seconds: float = 3600) -> Path:
    lock.touch()
    then = time.time() - seconds
    os.utime(lock, (then, then))
    return lock


async def test_a_git_that_is_cut_off_in_a_slow_hook_leaves_no_lock_and_the_next_call_publishes(
    site: Clone, remote: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "hook-runs"
    hook(site.root / ".git", "pre-commit", f"touch {marker}; exec sleep 600")
    publishing = asyncio.create_task(site.publish("the post\n"))
    await _under_way(marker)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    assert list((site.root / ".git").glob("*.lock")) == []
    (site.root / ".git" / "hooks" / "pre-commit").unlink()
    assert await site.publish() is Published.PUSHED
    assert pushed(remote) == "the post\n"


async def test_a_git_that_takes_too_long_is_ended_with_its_hook(
    site: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "_COMMIT_SECONDS", 2)
    hook(site.root / ".git", "pre-commit", f"echo $$ > {tmp_path}/pid; exec sleep 600")
    with pytest.raises(ArchiveError, match="took over") as raised:
        await site.publish("the post\n")
    one_sentence(raised)
    assert list((site.root / ".git").glob("*.lock")) == []
    assert not runs(int((tmp_path / "pid").read_text()))


async def test_a_hook_that_ignores_the_end_is_killed(
    site: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "_COMMIT_SECONDS", 2)
    monkeypatch.setattr(git, "_END_SECONDS", 0.2)
    marker = tmp_path / "pid"
    hook(site.root / ".git", "pre-commit", f"trap '' TERM; echo $$ > {marker}; while :; do sleep 0.05; done")
    with pytest.raises(ArchiveError, match="took over"):
        await site.publish("the post\n")
    assert not runs(int(marker.read_text()))


async def test_what_a_hook_leaves_running_holds_nothing_up(site: Clone) -> None:
    hook(site.root / ".git", "post-commit", "sleep 600 &")
    async with asyncio.timeout(300):
        assert await site.publish("the post\n") is Published.PUSHED


@pytest.mark.parametrize("name", ["index.lock", "HEAD.lock", "refs/heads/main.lock"])
async def test_a_lock_that_is_old_and_nobodys_is_removed(site: Clone, remote: Path, name: str) -> None:
    lock = _age(site.root / ".git" / name)
    assert await site.publish("the post\n") is Published.PUSHED
    assert not lock.exists()
    assert pushed(remote) == "the post\n"


async def test_a_young_lock_is_respected(site: Clone) -> None:
    lock = _age(site.root / ".git" / "index.lock", seconds=5)
    with pytest.raises(ArchiveError) as raised:
        await site.publish("the post\n")
    one_sentence(raised)
    assert lock.exists()


async def test_the_lock_of_a_git_that_lives_is_respected_however_old_it_is(
    site: Clone, tmp_path: Path
) -> None:
    marker = tmp_path / "hook-runs"
    hook(site.root / ".git", "pre-commit", f"touch {marker}; exec sleep 600")
    (site.root / "changed.md").write_text("somebody's work\n")
    somebody = await asyncio.create_subprocess_exec(
        "git", "commit", "--quiet", "-am", "Work", cwd=site.root, start_new_session=True
    )
    try:
        await _under_way(marker)
        lock = _age(site.root / ".git" / "index.lock")
        with pytest.raises(ArchiveError):
            await site.publish("the post\n")
        assert lock.exists()
    finally:
        os.killpg(somebody.pid, signal.SIGTERM)
        await somebody.wait()


async def test_a_remote_that_hangs_is_given_up_in_time_and_not_asked_thrice(
    site: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "_SECONDS", 2)
    asked = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        site.git("remote", "set-url", "origin", f"http://127.0.0.1:{port}/site.git")
        with pytest.raises(ArchiveError, match="took over"):
            await site.publish("the post\n")
    assert asked == 1
    assert site.subjects() == ["arXiv Daily 2026-02-10", "Begin"]


async def test_posts_that_git_ignores_are_named_as_such(site: Clone) -> None:
    (site.root / ".gitignore").write_text("_posts/\n")
    site.git("rm", "--quiet", "--cached", "_posts/.gitkeep")
    for refused in (site.publish("the post\n"), git.check(site.posts)):
        with pytest.raises(ArchiveError, match="Git ignores the posts") as raised:
            await refused
        one_sentence(raised)
