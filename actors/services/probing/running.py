"""Commands that only answer: run in a session of their own, and gone, with all of their group, by the deadline."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial

import attrs
import trio
from trio.lowlevel import RunVar

from actors.services.probing.guarding import guard
from actors.services.probing.looks import OURS, LookFailed

log = logging.getLogger("actors.services.probing")

LAUNCHERS = 8
"""Threads that may start commands; one whose program is on a dead network disk holds a thread, and none of Trio's."""

DRAIN_SECONDS = 0.5
"""How long the output of a command that has ended is waited for: somebody may have left its group and hold the pipe."""

REAP_SECONDS = 1.0
"""How long the end of a killed command is waited for."""

_launching: RunVar[trio.CapacityLimiter | None] = RunVar("probing_launching", default=None)


@attrs.frozen
class Ended:
    """How a command ended."""

    exit_code: int | None
    signal: str | None
    """What killed it."""
    output: bytes
    """The end of what it printed, both streams as they came."""


@attrs.define(eq=False)
class _Child:
    """A command that was started, and the descriptors that belong to it; each is closed by whoever sets it to None."""

    process: subprocess.Popen[bytes]
    output: int | None = None
    errors: int | None = None
    """What it says on the side, where that is wanted apart."""
    given: int | None = None
    ended: int | None = None
    """Readable once it has ended, without reaping it."""

    def kill_group(self) -> None:
        """Kill it and its process group. Until it is reaped its number, and its group's, is nobody else's."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close what is still open."""
        for descriptor in (self.output, self.errors, self.given, self.ended):
            if descriptor is not None:
                os.close(descriptor)
        self.output = self.errors = self.given = self.ended = None


@attrs.frozen
class Whereabouts:
    """Where a command runs, and as whom; None: as we do."""

    env: Mapping[str, str] | None = None
    """Its whole environment."""
    cwd: str | None = None
    user: str | None = None
    """A name or a number; only root can have it be somebody else."""
    group: str | None = None
    """In place of the user's own."""


class _Launch:
    """The start of a command in a thread that may be left alone with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unwanted = False
        self._child: _Child | None = None

    def run(self, argv: Sequence[str], whereabouts: "Whereabouts", *, given: bool, apart: bool) -> None:
        """In the thread.

        Raises:
            OSError: It could not be started.
            LookFailed: There is no such user or group.
        """
        child = _started(argv, whereabouts, given=given, apart=apart)
        with self._lock:
            self._child = child
            unwanted = self._unwanted
        if unwanted:
            child.kill_group()
            child.close()
            child.process.wait()

    def take(self) -> _Child | None:
        """The child, if there is one already; a later one is ended by the thread."""
        with self._lock:
            self._unwanted = self._child is None
            return self._child


def _started(argv: Sequence[str], where: Whereabouts, *, given: bool, apart: bool) -> _Child:
    """Start the command. All that can fail for want of descriptors fails here, and leaves nothing."""
    who = _identity(where)
    with ExitStack() as theirs, ExitStack() as ours:
        output = _pipe_into(ours, theirs)
        errors = _pipe_into(ours, theirs) if apart else (None, output[1])
        if given:
            stdin_read, stdin_write = os.pipe()
            theirs.callback(os.close, stdin_read)
            ours.callback(os.close, stdin_write)
        else:
            stdin_read, stdin_write = subprocess.DEVNULL, None
        # No PDEATHSIG: it would fire when this thread ends. None of our threads waits for just any child.
        process = subprocess.Popen(  # noqa: S603 - running commands is what this is for
            argv,
            env=where.env,
            cwd=where.cwd,
            stdin=stdin_read,
            stdout=output[1],
            stderr=errors[1],
            start_new_session=True,
            user=None if who is None else who[0],
            group=None if who is None else who[1],
            extra_groups=None if who is None else who[2],
        )
        child = _Child(process)
        try:
            child.ended = os.pidfd_open(process.pid) if sys.platform == "linux" else None
        except OSError:
            child.kill_group()
            process.wait()
            raise
        child.output, child.errors, child.given = output[0], errors[0], stdin_write
        ours.pop_all()
        return child


def _identity(where: Whereabouts) -> tuple[int, int, list[int]] | None:
    """The numbers of whom it runs as; None: as we are, and may be without being root."""
    if where.user is None and where.group is None:
        return None
    from actors.services.keeper.privileges import UnknownName, identity  # not everywhere are there users

    try:
        who = identity(where.user, where.group)
    except UnknownName as error:
        name = where.group if error.step == "no group" else where.user
        raise LookFailed(f"it cannot be run: {error.step} {name!r}") from error
    ours = (os.getuid(), os.getgid())
    return None if who is None or (os.getuid() != 0 and who[:2] == ours) else who


def _pipe_into(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    read, write = os.pipe()
    ours.callback(os.close, read)
    theirs.callback(os.close, write)
    return read, write


async def run(
    argv: Sequence[str],
    *,
    where: Whereabouts | None = None,
    given: bytes | None = None,
    output: bytearray | None = None,
    errors: bytearray | None = None,
    said: Callable[[bytes], Awaitable[None]] | None = None,
    kept: int = 4096,
) -> Ended:
    """Run a command to its end, or until its caller is cancelled. Nothing of its process group is left behind.

    Neither is anything should we be killed meanwhile, if there is a guardian; see `guarding`.

    Args:
        argv: The program, looked for on our PATH, and its arguments.
        where: Where it runs, and as whom; None for as we do.
        given: Its input; None for an empty one.
        output: Where its output is put while it comes, for who will not hear of its end.
        errors: Where what it says on the side is put, apart from its output.
        said: Takes its output as it comes; the command waits while it does.
        kept: Bytes from the end of its output.

    Raises:
        LookFailed: It could not be started.
    """
    child = await _start(argv, where or Whereabouts(), given=given is not None, apart=errors is not None)
    released = None
    try:
        released = await guard(child.process.pid, child.ended)
        streams = _Streams(bytearray() if output is None else output, errors, said, kept)
        return await _follow(child, given, streams)
    finally:
        try:
            await _end(child)
        finally:
            if released is not None:
                released()


async def _start(argv: Sequence[str], where: Whereabouts, *, given: bool, apart: bool) -> _Child:
    limiter = _launching.get()
    if limiter is None:
        limiter = trio.CapacityLimiter(LAUNCHERS)
        _launching.set(limiter)
    launch = _Launch()
    try:
        start = partial(launch.run, argv, where, given=given, apart=apart)
        await trio.to_thread.run_sync(start, abandon_on_cancel=True, limiter=limiter)
    except OSError as error:
        raise _not_started(error, argv[0], where) from error
    except (RuntimeError, ValueError, subprocess.SubprocessError) as error:  # "can't start new thread", odd arguments
        raise LookFailed(f"cannot start {argv[0]!r}: {error}", ours=isinstance(error, RuntimeError)) from error
    except BaseException:
        child = launch.take()
        if child is not None:
            await _end(child)
        raise
    child = launch.take()
    assert child is not None  # noqa: S101 - the thread has returned
    return child


def _not_started(error: OSError, program: str, where: Whereabouts) -> LookFailed:
    if where.cwd is not None and error.filename == where.cwd:
        return LookFailed(f"cannot start {program!r} in {where.cwd!r}: {error.strerror}")
    if isinstance(error, PermissionError) and where.user is not None and error.filename is None:
        return LookFailed(f"cannot start {program!r} as {where.user!r}: {error.strerror}; only root may")
    return LookFailed(f"cannot start {program!r}: {error.strerror}", ours=error.errno in OURS)


@attrs.frozen
class _Streams:
    """Where what a command prints is put."""

    output: bytearray
    errors: bytearray | None
    said: Callable[[bytes], Awaitable[None]] | None
    kept: int


async def _follow(child: _Child, given: bytes | None, streams: _Streams) -> Ended:
    async with trio.open_nursery() as nursery:
        drained = trio.Event()
        nursery.start_soon(_drain, child, streams, drained)
        nursery.start_soon(_give, child, given)
        await _wait(child)
        child.kill_group()
        code = child.process.wait()
        with trio.move_on_after(DRAIN_SECONDS):
            await drained.wait()
        nursery.cancel_scope.cancel()
    if code >= 0:
        return Ended(code, None, bytes(streams.output))
    return Ended(None, _name(-code), bytes(streams.output))


async def _drain(child: _Child, streams: _Streams, drained: trio.Event) -> None:
    output, child.output = child.output, None
    errors, child.errors = child.errors, None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read, output, streams.output, streams.kept, streams.said)
        if streams.errors is not None:
            nursery.start_soon(_read, errors, streams.errors, streams.kept, None)
    drained.set()


async def _read(
    descriptor: int | None, into: bytearray, kept: int, said: Callable[[bytes], Awaitable[None]] | None
) -> None:
    if descriptor is None:
        return
    async with trio.lowlevel.FdStream(descriptor) as pipe:
        async for data in pipe:
            into += data
            del into[:-kept]
            if said is not None:
                await said(bytes(data))


async def _give(child: _Child, given: bytes | None) -> None:
    descriptor, child.given = child.given, None
    if descriptor is not None:
        async with trio.lowlevel.FdStream(descriptor) as pipe:
            with suppress(trio.BrokenResourceError):  # it did not want to read it
                await pipe.send_all(given or b"")


async def _wait(child: _Child) -> None:
    """Wait until it has ended, without reaping it where the system can tell."""
    if child.ended is None:
        await trio.to_thread.run_sync(child.process.wait, abandon_on_cancel=True)
    else:
        await trio.lowlevel.wait_readable(child.ended)


async def _end(child: _Child) -> None:
    """Have nothing left of it."""
    try:
        if child.process.returncode is not None:
            return
        child.kill_group()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + REAP_SECONDS):
            await _wait(child)
            child.process.wait()
            return
        log.error("probing.child_does_not_end pid=%d next=leave_it reason=uninterruptible", child.process.pid)
    finally:
        child.close()


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # real-time signals between the named ones
