"""Posts in the Git repository around them: committed alone, pushed, and nothing else touched.

Git itself does the work, as the operator's own configuration has it: credentials, signing, hooks.
"""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

import stamina
import structlog

from digest.errors import ArchiveError

_log = structlog.get_logger()
_SECONDS = 120  # for one command of Git
_ATTEMPTS = 3


class Published(StrEnum):
    """What publishing came to."""

    PUSHED = "pushed"
    UP_TO_DATE = "up to date"
    COMMITTED = "committed"
    """There is no remote branch to push to."""


class _GitError(ArchiveError):
    """A command of Git that failed."""


class _NotPushedError(_GitError):
    """The remote has moved on, or was not to be reached."""


async def publish(folder: Path, posts: Sequence[Path], message: str, *, pause: float = 5) -> Published:
    """Commits `posts`, which lie in `folder`, and pushes the branch.

    Other changes in that repository, staged or not, stay as they are. `pause` is the wait before a second push, in
    seconds. Raises ArchiveError; what was committed then is pushed by the next call.
    """
    await _inside(folder)
    await _refuse_unfinished(folder)
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


async def examine(folder: Path) -> str:
    """The remote branch that posts in `folder` would be pushed to, empty where there is none; nothing is changed.

    The remote is asked whether it would take a push. Raises ArchiveError with what is in the way of `publish`.
    """
    await _inside(folder)
    await _refuse_unfinished(folder)
    branch = await _branch(folder)
    if not (upstream := await _git(folder, "for-each-ref", "--format=%(upstream:short)", branch)):
        return ""
    remote = await _git(folder, "for-each-ref", "--format=%(upstream:remotename)", branch)
    # A new name, which no state of the remote is in the way of: whether we are behind is settled when publishing.
    new = f"HEAD:refs/heads/arxiv-daily-{uuid4().hex}"
    await _git(folder, "push", "--dry-run", "--no-verify", remote, new, fault="the remote takes no push")
    return upstream


async def _inside(folder: Path) -> None:
    await _git(
        folder, "rev-parse", "--is-inside-work-tree", fault=f"the folder {folder} lies in no Git repository"
    )


async def _refuse_unfinished(folder: Path) -> None:
    """A merge or a rebase that somebody has begun is theirs to end."""
    git_dir = Path(await _git(folder, "rev-parse", "--absolute-git-dir"))
    for name in ("MERGE_HEAD", "rebase-merge", "rebase-apply", "CHERRY_PICK_HEAD", "REVERT_HEAD"):
        if (git_dir / name).exists():
            raise ArchiveError(
                f"The repository of {folder} is in the middle of a merge or a rebase: end it first."
            )


async def _commit(folder: Path, posts: Sequence[Path], message: str) -> bool:
    names = [str(post.resolve()) for post in posts]
    await _git(folder, "add", "--", *names, fault="the post could not be added")
    if not await _git(folder, "status", "--porcelain", "--", *names):
        return False
    await _git(
        folder, "commit", "--quiet", "--only", "-m", message, "--", *names, fault="the post was not committed"
    )
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
    except _GitError as error:
        raise _NotPushedError(str(error)) from error
    return Published.PUSHED


async def _exists(folder: Path, revision: str) -> bool:
    """False for the upstream of a branch that is the first to be pushed."""
    try:
        return bool(await _git(folder, "rev-parse", "--quiet", "--verify", revision))
    except _GitError:
        return False


async def _count(folder: Path, revisions: str) -> int:
    return int(await _git(folder, "rev-list", "--count", revisions))


async def _rebase(folder: Path, branch: str) -> None:
    """Puts our commits on top of the remote's, in a work tree of its own.

    The operator's work tree and index follow only when they can carry all uncommitted work along, staged or not.
    Git's autostash would forget what was staged.
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
            f"Uncommitted changes in the repository of {folder} are in the way of what others pushed: commit them."
        ) from None


async def _rebased(folder: Path, aside: Path, upstream: str) -> str:
    try:
        await _git(aside, "rebase", "--quiet", upstream)
    except _GitError:
        if not await _git(aside, "ls-files", "--unmerged"):
            raise
        raise ArchiveError(
            f"What is committed in the repository of {folder} conflicts with what others pushed: settle it by hand."
        ) from None
    return await _git(aside, "rev-parse", "HEAD")


async def _git(folder: Path, *arguments: str, fault: str | None = None) -> str:
    """What Git says. Raises _GitError with `fault` and the last line of Git's own complaint."""
    try:
        process = await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=folder,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise _GitError(f"Git could not be started: {error.strerror}.") from None
    try:
        async with asyncio.timeout(_SECONDS):
            output, complaint = await process.communicate()
    except TimeoutError:
        raise _GitError(f"{_sentence(fault)} git {arguments[0]} took over {_SECONDS} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        _log.info("git_failed", command=arguments[0], status=process.returncode)
        raise _GitError(f"{_sentence(fault)} {_last_line(complaint) or _last_line(output)}")
    return output.decode(errors="replace").strip()


def _sentence(fault: str | None) -> str:
    return f"{fault[0].upper()}{fault[1:]}:" if fault else "Git failed:"


def _last_line(output: bytes) -> str:
    """The last line, without the address of the remote: it can hold a password."""
    lines = [
        line
        for line in output.decode(errors="replace").splitlines()
        if line.strip() and not line.startswith("hint:")
    ]
    words = lines[-1].split() if lines else []
    return " ".join("(the remote)" if "://" in word else word for word in words)[:200]
