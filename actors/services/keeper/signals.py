"""Signals as plain numbers, and the calls on them, without the enums of the library's `signal`.

Each conversion to an enum and back writes to memory that a holder shares with the keeper until then, a hundred
pages in all: a millisecond of every start. And `signal` imports `enum`, which is half of what a keeper would
import.

Read by the keeper process: standard library only.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    # The same names; type checkers know them by this one.
    from signal import (
        SIG_BLOCK,
        SIG_DFL,
        SIG_IGN,
        SIG_SETMASK,
        SIG_UNBLOCK,
        SIGCHLD,
        SIGCONT,
        SIGHUP,
        SIGINT,
        SIGKILL,
        SIGPIPE,
        SIGSTOP,
        SIGTERM,
        SIGXFSZ,
        getsignal,
        pidfd_send_signal,
        pthread_sigmask,
        set_wakeup_fd,
        signal,
        valid_signals,
    )
else:
    from _signal import (
        SIG_BLOCK,
        SIG_DFL,
        SIG_IGN,
        SIG_SETMASK,
        SIG_UNBLOCK,
        SIGCHLD,
        SIGCONT,
        SIGHUP,
        SIGINT,
        SIGKILL,
        SIGPIPE,
        SIGSTOP,
        SIGTERM,
        SIGXFSZ,
        getsignal,
        pthread_sigmask,
        set_wakeup_fd,
        signal,
        valid_signals,
    )

    try:
        from _signal import pidfd_send_signal
    except ImportError:  # not Linux, where nobody gets that far
        pidfd_send_signal = None

__all__ = [
    "SIGCHLD",
    "SIGCONT",
    "SIGHUP",
    "SIGINT",
    "SIGKILL",
    "SIGPIPE",
    "SIGSTOP",
    "SIGTERM",
    "SIGXFSZ",
    "SIG_BLOCK",
    "SIG_DFL",
    "SIG_IGN",
    "SIG_SETMASK",
    "SIG_UNBLOCK",
    "getsignal",
    "pidfd_send_signal",
    "pthread_sigmask",
    "set_wakeup_fd",
    "signal",
    "valid_signals",
]
