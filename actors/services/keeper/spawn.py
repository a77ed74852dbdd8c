"""Turning a forked child into the service.

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

import errno
import os
import resource
import signal

from . import kernel
from .waking import NOTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .wire import SpecLine

# Ignored by us or by every Python. A handler ends with exec, but what is ignored stays ignored.
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ)

# A failure's report: the step, a space, the errno. Far below PIPE_BUF, so it arrives whole or not at all.
REPORT_SIZE = 64

# A holder has about ten descriptors, all close-on-exec; this is the second lock on that door.
_HIGHEST_FD = 1024

# The shell's status for a command that could not be run.
_EXEC_FAILED = 127


def spawn(spec: SpecLine, output_fd: int, open_files: int) -> tuple[int, int]:
    """Fork the service.

    Args:
        spec: What to run.
        output_fd: Becomes stdout and stderr.
        open_files: Soft limit of open files for the service.

    Returns:
        Its pid, and a descriptor that reads as a report (`explain`) when it could not be executed, and ends
        without a byte once it was.

    Raises:
        OSError: No process could be forked, or no pipe made.
    """
    report_read, report_write = os.pipe()
    os.set_blocking(report_read, False)
    holder = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, NOTED)
    try:
        pid = os.fork()
        if pid == 0:
            _become(spec, output_fd, open_files, holder, report_write)
    except OSError:
        os.close(report_read)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, NOTED)
        os.close(report_write)
    return pid, report_read


def _become(spec: SpecLine, output_fd: int, open_files: int, holder: int, report: int) -> NoReturn:
    """In the child: everything up to exec. Never returns, whatever happens."""
    step = "prepare"
    try:
        os.setsid()
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != holder:
            os._exit(_EXEC_FAILED)  # the holder died before the line above; nobody is left to report to
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        os.closerange(3, report)
        os.closerange(report + 1, _HIGHEST_FD)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, hard))
        step = "cwd"
        os.chdir(spec["cwd"])
        step = "exec"
        _default_signals()
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606  running commands is what this is for
    except OSError as error:
        os.write(report, f"{step} {error.errno}".encode())
    except BaseException:  # a copy of the holder must not live on beside it
        os.write(report, f"{step} {errno.EINVAL}".encode())
    finally:
        os._exit(_EXEC_FAILED)


def _default_signals() -> None:
    for number in (*_IGNORED, *NOTED):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, NOTED)


def explain(report: bytes, spec: SpecLine) -> tuple[int, str]:
    """The errno in *report* and a sentence: what was wrong, what was expected, what to do."""
    step, _, number = report.decode("ascii").partition(" ")
    code = int(number)
    reason = os.strerror(code)
    program = spec["argv"][0]
    if step == "cwd":
        return code, (
            f"cannot start {program!r} in {spec['cwd']!r}: {reason}; "
            "expected a directory it may enter; create it or correct the working directory"
        )
    if step == "prepare":
        return (
            code,
            f"cannot start {program!r}: {reason} while preparing its process; look at the machine's limits",
        )
    return (
        code,
        f"cannot start {program!r}: {reason}; {_ADVICE.get(code, 'see execve(2) for what that means')}",
    )


_ADVICE = {
    errno.ENOENT: "expected a program; give its path, put its directory on PATH, or install what #! names",
    errno.ENOTDIR: "a part of the path is no directory; correct the path",
    errno.EACCES: "expected an executable file; chmod +x it, or name the interpreter before it",
    errno.ENOEXEC: "expected a program of this machine or a #! line; name the interpreter before it",
    errno.E2BIG: "the arguments and the environment are larger than the kernel takes; make them shorter",
    errno.ETXTBSY: "the file is open for writing; start it once it is written",
    errno.ENOMEM: "there is not enough memory; stop something first",
}
