"""Publishes posts through the Git repository that contains them: only posts are committed and pushed.

Git itself does the work, with the operator's own configuration: credentials, signing, hooks. Locks that a killed Git
left behind are removed, because with them every command fails.
"""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import IO
from uuid import uuid4

import stamina
import structlog

from digest.core.errors import ArchiveError

_OLD_SECONDS = 600.0
_PROCESSES = Path("/proc")
_LOCKS = ("index.lock", "HEAD.lock", "packed-refs.lock", "FETCH_HEAD.lock", "ORIG_HEAD.lock")


def free(git_dir: Path, common_dir: Path, root: Path, now: float | None = None) -> list[Path]:
    """Remove the locks that are certainly stale, and return them.

    Git creates `NAME.lock` before it writes NAME, and removes it when it ends, on SIGTERM too. SIGKILL and a power
    failure leave it behind, and from then on every command fails. The file names no owner. It is certainly stale if it
    is older than ten minutes and no Git process works in this repository.

    `now` is in seconds since 1970. Without a list of processes (no /proc), none is removed.
    """
    old = [lock for lock in _locks(git_dir, common_dir) if _age(lock, now) > _OLD_SECONDS]
    if not old or not _PROCESSES.is_dir() or is_git_at_work((git_dir, common_dir, root)):
        return []
    return [lock for lock in old if _removed(lock)]


def is_git_at_work(places: tuple[Path, ...]) -> bool:
    """Return True if a Git process may be working in one of `places`; one that cannot be inspected counts."""
    return any(_is_in(process, places) for process in _PROCESSES.iterdir() if _is_git(process))


def _locks(git_dir: Path, common_dir: Path) -> Iterator[Path]:
    """Yield the existing locks of the index, the head and branches."""
    for folder in dict.fromkeys((git_dir, common_dir)):
        yield from (lock for name in _LOCKS if (lock := folder / name).exists())
    yield from (common_dir / "refs").rglob("*.lock")


def _age(lock: Path, now: float | None) -> float:
    try:
        return (time.time() if now is None else now) - lock.stat().st_mtime
    except OSError:  # it is gone
        return 0


def _is_git(process: Path) -> bool:
    try:
        return process.name.isdigit() and (process / "comm").read_text().startswith("git")
    except OSError:  # it has ended
        return False


def _is_in(process: Path, places: tuple[Path, ...]) -> bool:
    try:
        at = Path(os.readlink(process / "cwd"))  # noqa: PTH115 - the directory may be deleted
        arguments = (process / "cmdline").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return False
    except OSError:  # another user's process may work anywhere
        return process.exists()
    return any(at.is_relative_to(place) or str(place) in arguments for place in places)


def _removed(lock: Path) -> bool:
    try:
        lock.unlink()
    except OSError:
        return False
    return True


_log = structlog.get_logger()
_SECONDS = 120  # for one command of Git
_COMMIT_SECONDS = 600  # for one that runs the operator's hooks
_END_SECONDS = 3.0  # grace period in which a terminated Git removes its locks
_ATTEMPTS = 3
_LONGEST = 1 << 20  # bytes of Git's output


class Published(StrEnum):
    """The result of publishing."""

    PUSHED = "pushed"
    UP_TO_DATE = "up to date"
    COMMITTED = "committed"
    """There is no remote branch to push to."""


class _GitError(ArchiveError):
    """A Git command failed."""


class _NotPushedError(_GitError):
    """The remote has new commits, or could not be reached: worth another attempt."""


class _HungError(_GitError):
    """A Git command timed out; it is not retried at once."""


async def publish(folder: Path, posts: Sequence[Path], message: str, *, pause: float = 5) -> Published:
    """Commit `posts`, which are in `folder`, and push the branch.

    Other changes in the repository, staged or not, are left alone. `pause` is the wait before a second push, in
    seconds. Stale locks of a killed Git are removed. Raises ArchiveError; posts that were committed by then are pushed
    by the next call.
    """
    await _inside(folder)
    await _refuse_unfinished(folder)
    await _free_locks(folder)
    branch = await _branch(folder)
    committed = await _commit(folder, posts, message)
    if not await _git(folder, "for-each-ref", "--format=%(upstream)", branch):
        return Published.COMMITTED if committed else Published.UP_TO_DATE
    async for attempt in stamina.retry_context(
        on=_NotPushedError, attempts=_ATTEMPTS, timeout=None, wait_initial=pause, wait_jitter=pause / 5
    ):
        with attempt:
            return await _push(folder, branch)
    raise AssertionError  # stamina returns or raises


async def unpublished(folder: Path, posts: Sequence[Path]) -> list[Path]:
    """Return those of `posts`, which are in `folder`, that have changes not committed or not pushed; changes nothing.

    Without a remote branch, committed is enough. Raises ArchiveError.
    """
    await _inside(folder)
    there = [post for post in posts if post.exists()]
    if not there:
        return []
    names = [str(post.resolve()) for post in there]
    await _refuse_ignored(folder, names[0])
    found = await _git(folder, "status", "--porcelain", "-z", "--untracked-files=all", "--", *names)
    if await _git(folder, "for-each-ref", "--format=%(upstream)", await _branch(folder)):
        if not await _exists(folder, "@{upstream}"):  # nothing was pushed yet
            return there
        found += "\0" + await _git(folder, "diff", "--name-only", "-z", "@{upstream}...HEAD", "--", *names)
    ends = found.split("\0")  # paths from the top level, some after two letters and a space
    return [post for post in there if any(end.endswith(post.name) for end in ends)]


async def examine(folder: Path) -> str:
    """Return the remote branch that posts in `folder` would be pushed to, empty if there is none; changes nothing.

    It asks the remote whether it would accept a push. Raises ArchiveError if `publish` would fail.
    """
    await _inside(folder)
    await _refuse_unfinished(folder)
    branch = await _branch(folder)
    if not (upstream := await _git(folder, "for-each-ref", "--format=%(upstream:short)", branch)):
        return ""
    remote = await _git(folder, "for-each-ref", "--format=%(upstream:remotename)", branch)
    # A new branch name cannot conflict with the remote; `publish` itself handles new commits on the remote.
    new = f"HEAD:refs/heads/arxiv-daily-{uuid4().hex}"
    await _git(
        folder, "push", "--dry-run", "--no-verify", remote, new, fault="the remote does not accept a push"
    )
    return upstream


async def check(folder: Path) -> None:
    """Raise ArchiveError if posts in `folder` could not even be committed. Does not contact the remote."""
    await _inside(folder)
    await _refuse_ignored(folder, "2000-01-01-arxiv.md")


async def _free_locks(folder: Path) -> None:
    """Remove and log the locks of Git that are certainly stale."""
    names = ("--absolute-git-dir", "--git-common-dir", "--show-toplevel")
    found = [await _git(folder, "rev-parse", "--path-format=absolute", name) for name in names]
    git_dir, common_dir, root = (Path(each) for each in found)
    for lock in await asyncio.to_thread(free, git_dir, common_dir, root):
        _log.warning("stale_git_lock_removed", lock=lock.name)


async def _refuse_ignored(folder: Path, name: str) -> None:
    try:
        await _git(folder, "check-ignore", "--quiet", "--", name)
    except _GitError:  # it is not ignored
        return
    raise ArchiveError(
        f"Git ignores the posts in {folder}, so they cannot be committed: remove the folder from .gitignore, or set "
        "ARCHIVE_GIT=false."
    )


async def _inside(folder: Path) -> None:
    await _git(
        folder, "rev-parse", "--is-inside-work-tree", fault=f"the folder {folder} is not in a Git repository"
    )


async def _refuse_unfinished(folder: Path) -> None:
    """Raise ArchiveError during a merge or a rebase, which only the person who began it can finish."""
    git_dir = Path(await _git(folder, "rev-parse", "--absolute-git-dir"))
    for name in ("MERGE_HEAD", "rebase-merge", "rebase-apply", "CHERRY_PICK_HEAD", "REVERT_HEAD"):
        if (git_dir / name).exists():
            raise ArchiveError(
                f"The repository of {folder} is in the middle of a merge or a rebase: finish it first."
            )


async def _commit(folder: Path, posts: Sequence[Path], message: str) -> bool:
    names = [str(post.resolve()) for post in posts if post.exists()]
    if not names:
        return False
    await _refuse_ignored(folder, names[0])
    await _git(folder, "add", "--", *names, fault="the post could not be added")
    if not await _git(folder, "status", "--porcelain", "--", *names):
        return False
    commit = ("commit", "--quiet", "--only", "-m", message, "--", *names)
    await _git(folder, *commit, fault="the post was not committed", seconds=_COMMIT_SECONDS)
    return True


async def _branch(folder: Path) -> str:
    return await _git(folder, "symbolic-ref", "HEAD", fault=f"no branch is checked out in {folder}")


async def _push(folder: Path, branch: str) -> Published:
    try:
        if await _exists(folder, "@{upstream}") and not await _count(folder, "@{upstream}..HEAD"):
            return Published.UP_TO_DATE
        await _git(folder, "fetch", "--quiet", fault="the remote could not be reached")
        if await _exists(folder, "@{upstream}") and await _count(folder, "HEAD..@{upstream}"):
            await _rebase(folder, branch)
        await _git(folder, "push", "--quiet", fault="the push failed")
    except _HungError:
        raise
    except _GitError as error:
        raise _NotPushedError(str(error)) from error
    return Published.PUSHED


async def _exists(folder: Path, revision: str) -> bool:
    """Return True if the revision exists; the upstream of a branch that was never pushed does not."""
    try:
        return bool(await _git(folder, "rev-parse", "--quiet", "--verify", revision))
    except _GitError:
        return False


async def _count(folder: Path, revisions: str) -> int:
    return int(await _git(folder, "rev-list", "--count", revisions))


async def _rebase(folder: Path, branch: str) -> None:
    """Rebase our commits onto the remote's, in a separate work tree.

    The operator's work tree and index are updated only if all uncommitted changes can be kept, staged or not. Git's
    autostash would lose the information what was staged. Raises ArchiveError on a conflict.
    """
    upstream = await _git(folder, "rev-parse", "@{upstream}")
    with tempfile.TemporaryDirectory(prefix="arxiv-daily-") as parent:
        aside = Path(parent, "rebase")
        await _git(folder, "worktree", "add", "--quiet", "--detach", str(aside))
        try:
            rebased = await _rebased(folder, aside, upstream)
        finally:
            await _git(folder, "worktree", "remove", "--force", str(aside))
    try:
        await _git(
            folder,
            "checkout",
            "--quiet",
            "--no-overwrite-ignore",
            "-B",
            branch.removeprefix("refs/heads/"),
            rebased,
        )
    except _GitError:
        raise ArchiveError(
            f"Uncommitted changes in the repository of {folder} conflict with what others pushed: commit them."
        ) from None


async def _rebased(folder: Path, aside: Path, upstream: str) -> str:
    try:
        await _git(aside, "rebase", "--quiet", upstream)
    except _GitError:
        if not await _git(aside, "ls-files", "--unmerged"):
            raise
        raise ArchiveError(
            f"A commit in the repository of {folder} conflicts with what others pushed: resolve it by hand."
        ) from None
    return await _git(aside, "rev-parse", "HEAD")


async def _git(folder: Path, *arguments: str, fault: str | None = None, seconds: float | None = None) -> str:
    """Run Git and return its output. Raises _GitError with `fault` and the last line of Git's error output.

    Both outputs go to files, because a hook may leave a process behind that keeps a pipe open forever.
    """
    seconds = _SECONDS if seconds is None else seconds
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaint:
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *arguments,
                cwd=folder,
                env={
                    **os.environ,
                    "GIT_TERMINAL_PROMPT": "0",
                    "GIT_EDITOR": "true",
                    "LC_ALL": "C",
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=complaint,
                start_new_session=True,  # so that its hooks can be terminated with it
            )
        except OSError as error:
            raise _GitError(f"Git could not be started: {error.strerror}.") from None
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            raise _HungError(f"{_sentence(fault)} git {arguments[0]} took over {seconds:g} s.") from None
        finally:
            await _end(process)
        said, complained = _read(output), _read(complaint)
    if process.returncode:
        _log.info("git_failed", command=arguments[0], status=process.returncode)
        raise _GitError(f"{_sentence(fault)} {_last_line(complained) or _last_line(said)}")
    return said.decode(errors="replace").strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Terminate a running Git and its hooks: by SIGTERM, on which it removes its locks, then by SIGKILL."""
    if process.returncode is not None:
        return
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()
                while _has_members(process.pid):  # noqa: ASYNC110 - a hook may ignore SIGTERM, and nothing reports its end
                    await asyncio.sleep(0.02)
            return


def _has_members(group: int) -> bool:
    """Return True if any process of that `group` is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(_LONGEST)


def _sentence(fault: str | None) -> str:
    return f"{fault[0].upper()}{fault[1:]}:" if fault else "Git failed:"


def _last_line(output: bytes) -> str:
    """Return the last line without the address of the remote, which can contain a password."""
    lines = [
        line
        for line in output.decode(errors="replace").splitlines()
        if line.strip() and not line.startswith("hint:")
    ]
    words = lines[-1].split() if lines else []
    return " ".join("(the remote)" if "://" in word else word for word in words)[:200]
