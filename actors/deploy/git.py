"""Git, asked on its command line: it never asks back, never waits for ever, and its errors show no secrets."""

import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import attrs
import trio

from actors.masking import mask_secrets

LOCAL_SECONDS = 60.0
"""For a command that talks to nobody; a large checkout takes seconds."""
OUTPUT = 8 * 1024 * 1024
"""Bytes of an answer that are kept: the paths of a hundred thousand files."""
SHOWN = 600
"""Characters of an error."""

Said = Callable[[bytes], Awaitable[None]]
"""Takes output as it comes."""

_HINT = re.compile(r"^(?:hint|advice): ?.*$", re.MULTILINE)


@attrs.frozen
class Ran:
    """How a command ended: its exit code, or the signal that killed it, and what it printed."""

    code: int | None
    signal: str | None
    output: bytes
    errors: bytes = b""
    """What it said on the side, where that was wanted apart."""


class CommandFailed(Exception):
    """A command could not be run."""


class RunCommand(Protocol):
    """Runs a command to its end, in a session of its own, so that it has no terminal to ask on.

    Cancelled, it leaves nothing of it behind.

    Raises:
        CommandFailed: It could not be started.
    """

    async def __call__(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        given: bytes | None = None,
        said: Said | None = None,
        apart: bool = False,
        kept: int = OUTPUT,
    ) -> Ran: ...


class GitFailed(Exception):
    """A command of git's did not do what it was to do."""

    def __init__(self, arguments: Sequence[str], code: int | None, said: str) -> None:
        what = next((word for word in arguments if not word.startswith("-")), "")
        super().__init__(f"git {what}: {said or ('killed' if code is None else f'exit code {code}')}")
        self.code = code
        self.said = said


class Git:
    """The repository of one working tree."""

    def __init__(self, worktree: str, run: RunCommand) -> None:
        self.worktree = worktree
        self._run = run

    async def ask(
        self,
        *arguments: str,
        seconds: float = LOCAL_SECONDS,
        given: bytes | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        good: Sequence[int] = (0,),
    ) -> Ran:
        """Run `git ARGUMENTS` in the working tree.

        Args:
            arguments: Of git, those of the caller checked by the caller.
            seconds: After which it is killed.
            given: Its input.
            env: Variables beside ours.
            cwd: Where it runs; in the working tree unless told.
            good: Exit codes that are no failure.

        Raises:
            GitFailed: Another exit code, no git, or no end in time.
        """
        argv = ("git", "--no-pager", *arguments)
        environment = {**git_environment(os.environ), **(env or {})}
        try:
            with trio.fail_after(seconds):
                ran = await self._run(argv, cwd=cwd or self.worktree, env=environment, given=given, apart=True)
        except trio.TooSlowError:
            raise GitFailed(arguments, None, f"no end within {seconds:g} s; it was killed") from None
        except CommandFailed as error:
            raise GitFailed(arguments, None, str(error)) from None
        if ran.code not in good:
            raise GitFailed(arguments, ran.code, error_text(ran.errors) or error_text(ran.output))
        return ran

    async def text(self, *arguments: str, seconds: float = LOCAL_SECONDS) -> str:
        """What it printed, without the last newline."""
        ran = await self.ask(*arguments, seconds=seconds)
        return ran.output.decode("utf-8", "replace").removesuffix("\n")

    async def commit_of(self, name: str) -> str | None:
        """The hash of the commit that *name* stands for; None: it stands for none."""
        ran = await self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", good=(0, 1))
        return ran.output.decode("ascii", "replace").strip() if ran.code == 0 else None

    async def branch(self) -> str | None:
        """The branch that is checked out; None: none is."""
        ran = await self.ask("symbolic-ref", "--quiet", "--short", "HEAD", good=(0, 1))
        return ran.output.decode("utf-8", "replace").strip() if ran.code == 0 else None

    async def directory(self) -> Path:
        """Where git keeps what belongs to this working tree."""
        return Path(await self.text("rev-parse", "--absolute-git-dir"))


def git_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of a git that asks nobody for anything; *ours* is what it is made from.

    Without variables that would send it to another repository: we may have been started by a hook of one.
    """
    away = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
    kept = {name: value for name, value in ours.items() if name not in away}
    return {
        **kept,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",  # the program, which answers nothing
        "SSH_ASKPASS": "true",
        "SSH_ASKPASS_REQUIRE": "never",
        "GCM_INTERACTIVE": "never",
        "GIT_EDITOR": "true",
        "GIT_MERGE_AUTOEDIT": "no",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }


def error_text(output: bytes) -> str:
    """What git said, on one line, without hints and secrets."""
    text = _HINT.sub("", output.decode("utf-8", "replace"))
    line = " ".join(mask_secrets(text).split())
    return line if len(line) <= SHOWN else "..." + line[-SHOWN:]
