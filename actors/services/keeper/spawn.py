"""Turning a forked child into the service.

Read by the keeper process as well: standard library only.
"""

from __future__ import annotations

import errno
import os

from . import kernel, privileges, signals
from .waking import NOTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .wire import SpecRecord

# A failure's report: the step, a comma, the errno. Far below PIPE_BUF, so it arrives whole or not at all.
REPORT_SIZE = 64

# A holder has about ten descriptors, all close-on-exec; this is the second lock on that door.
_HIGHEST_FD = 1024

# The shell's status for a command that could not be run.
_EXEC_FAILED = 127


def spawn(
    spec: SpecRecord, env: dict[bytes, bytes], input_fd: int | None, output_fd: int, open_files: int
) -> tuple[int, int]:
    """Fork the service.

    Args:
        spec: What to run.
        env: Added to the environment of *spec*.
        input_fd: Becomes stdin; None for an empty one.
        output_fd: Becomes stdout and stderr.
        open_files: Soft limit of open files for a service that says nothing of it.

    Returns:
        Its pid, and a descriptor that reads as a report (`explain`) when it could not be executed, and ends
        without a byte once it was.

    Raises:
        OSError: No process could be forked, or no pipe made.
    """
    report_read, report_write = os.pipe()
    os.set_blocking(report_read, False)
    holder = os.getpid()
    signals.pthread_sigmask(signals.SIG_BLOCK, NOTED)
    try:
        pid = os.fork()
        if pid == 0:
            spec["env"].update(env)
            _become(spec, input_fd, output_fd, open_files, holder, report_write)
    except OSError:
        os.close(report_read)
        raise
    finally:
        signals.pthread_sigmask(signals.SIG_UNBLOCK, NOTED)
        os.close(report_write)
    return pid, report_read


def _become(
    spec: SpecRecord, input_fd: int | None, output_fd: int, open_files: int, holder: int, report: int
) -> NoReturn:
    """In the child: everything up to exec. Never returns, whatever happens."""
    step, code = "prepare", errno.EINVAL
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY) if input_fd is None else input_fd, 0)
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        os.closerange(3, report)
        os.closerange(report + 1, _HIGHEST_FD)
        step = "nice"
        if spec["nice"] is not None:
            os.setpriority(os.PRIO_PROCESS, 0, spec["nice"])
        step = "user"
        who = privileges.identity(spec["user"], spec["group"])
        step = "limits"
        privileges.limit(spec, open_files)
        step = "user"
        if who is not None:
            privileges.assume(who)
        step = "prepare"
        kernel.die_with_parent(signals.SIGKILL)  # a change of user would clear it
        if os.getppid() != holder:
            os._exit(_EXEC_FAILED)  # the holder died before the line above; nobody is left to report to
        if spec["umask"] is not None:
            os.umask(spec["umask"])
        step = "cwd"
        os.chdir(spec["cwd"])
        step = "exec"
        if spec["watchdog"] is not None:
            spec["env"][b"WATCHDOG_PID"] = b"%d" % os.getpid()
        _default_signals()
        _execute(spec["argv"], spec["env"])
    except OSError as error:
        code = error.errno or errno.EINVAL
    except privileges.UnknownName as error:
        step, code = error.step, errno.ENOENT
    except ValueError:  # what Python makes of EPERM of setrlimit(2), and of most else that cannot be
        code = errno.EPERM if step == "limits" else errno.EINVAL
    except MemoryError:
        code = errno.ENOMEM
    finally:  # whatever happened: a copy of the holder must not live on beside it
        os.write(report, b"%s,%d" % (step.encode(), code))
        os._exit(_EXEC_FAILED)


def _default_signals() -> None:
    """What has a handler loses it in the exec. But a signal that waits for being unblocked must not be lost in it."""
    for number in NOTED:
        signals.signal(number, signals.SIG_DFL)
    signals.pthread_sigmask(signals.SIG_UNBLOCK, NOTED)


def _execute(argv: list[bytes], env: dict[bytes, bytes]) -> None:
    """As execvpe(3), which Python wraps in more than is needed here.

    Raises:
        OSError: As the kernel says; of several directories, what is wrong with a file that is there.
    """
    program = argv[0]
    if b"/" in program:
        os.execve(program, argv, env)  # noqa: S606  running commands is what this is for
    found = FileNotFoundError(errno.ENOENT, "")
    for directory in env.get(b"PATH", os.fsencode(os.defpath)).split(b":"):
        try:
            os.execve(directory + b"/" + program if directory else program, argv, env)  # noqa: S606  see above
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:  # perhaps another directory has one that may be executed
            found = error
    raise found


def explain(report: bytes, spec: SpecRecord) -> tuple[int, str]:
    """The errno in *report* and a sentence: what was wrong, what was expected, what to do."""
    step, _, number = report.decode("ascii").partition(",")
    code = int(number)
    reason = os.strerror(code)
    program = repr(os.fsdecode(spec["argv"][0]))
    match step:
        case "cwd":
            return code, (
                f"cannot start {program} in {os.fsdecode(spec['cwd'])!r}: {reason}; "
                "expected a directory it may enter; create it or correct the working directory"
            )
        case "no user":
            return code, (
                f"cannot start {program} as user {spec['user']!r}: there is none; "
                "expected a name, or a number together with a group; correct the user"
            )
        case "no group":
            return code, (
                f"cannot start {program} in group {spec['group']!r}: there is none; "
                "expected a name or a number; correct the group"
            )
        case "user":
            return code, (
                f"cannot start {program} as user {spec['user']!r}, group {spec['group']!r}: {reason}; "
                "only root may change them; run as root or remove them"
            )
        case "nice":
            return code, (
                f"cannot start {program} with nice {spec['nice']}: {reason}; "
                "only root may be more urgent; run as root or use a larger number"
            )
        case "limits":
            limits = ", ".join(f"{name}={value}" for name, value in spec["limits"].items())
            return code, (
                f"cannot start {program} with limits {limits}: {reason}; "
                "only root may go beyond the hard ones; see ulimit -aH and use smaller numbers"
            )
        case "prepare":
            return code, f"cannot start {program}: {reason} while preparing its process; look at the machine's limits"
        case _:
            advice = _ADVICE.get(code, "see execve(2) for what that means")
            return code, f"cannot start {program}: {reason}; {advice}"


_ADVICE = {
    errno.ENOENT: "expected a program; give its path, put its directory on PATH, or install what #! names",
    errno.ENOTDIR: "a part of the path is no directory; correct the path",
    errno.EACCES: "expected an executable file; chmod +x it, or name the interpreter before it",
    errno.ENOEXEC: "expected a program of this machine or a #! line; name the interpreter before it",
    errno.E2BIG: "the arguments and the environment are larger than the kernel takes; make them shorter",
    errno.ETXTBSY: "the file is open for writing; start it once it is written",
    errno.ENOMEM: "there is not enough memory; stop something first",
    errno.EAGAIN: "its user has as many processes as it may; stop some or raise the limit nproc",
}
