"""What is to be run."""

from __future__ import annotations

import marshal
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import attrs

from . import wire

# What can be limited: the names of setrlimit(2) without their RLIMIT_, in lower case.
LIMITS = frozenset({"nofile", "nproc", "core", "fsize", "as", "cpu", "stack", "memlock", "data"})

# Archives of one log at most: each is renamed with every rotation.
MOST_ARCHIVES = 1000


class InvalidSpec(ValueError):
    """A field of a `ProcessSpec` that no process can have."""

    def __init__(self, field: str, got: object, expected: str) -> None:
        super().__init__(f"ProcessSpec.{field} is {got!r}; expected {expected}; correct the service's configuration")
        self.field = field
        self.got = got
        self.expected = expected


def _check_argv(_spec: object, _field: object, argv: tuple[str, ...]) -> None:
    if not argv or not argv[0]:
        raise InvalidSpec("argv", argv, "a program and its arguments")
    for word in argv:
        if "\0" in word:
            raise InvalidSpec("argv", word, "words without a NUL character")


def _check_env(_spec: object, _field: object, env: Mapping[str, str]) -> None:
    for key, value in env.items():
        if not key or "=" in key or "\0" in key:
            raise InvalidSpec("env", key, "names that are not empty and have no = and no NUL character")
        if "\0" in value:
            raise InvalidSpec("env", key, "a name whose value has no NUL character")


def _check_path(_spec: object, field: attrs.Attribute[str], path: str) -> None:
    if not path or "\0" in path:
        raise InvalidSpec(field.name, path, "a path")


def _check_grace(_spec: object, _field: object, grace: float) -> None:
    if not (math.isfinite(grace) and grace >= 0):
        raise InvalidSpec("grace", grace, "seconds, 0 or more")


def _check_owner(_spec: object, field: attrs.Attribute[str], name: str) -> None:
    if not name or "\0" in name:
        raise InvalidSpec(field.name, name, f"the name or the number of a {field.name}")


def _check_umask(_spec: object, _field: object, umask: int) -> None:
    if not 0 <= umask <= 0o777:
        raise InvalidSpec("umask", umask, "an octal number from 0o000 to 0o777")


def _check_nice(_spec: object, _field: object, nice: int) -> None:
    if not -20 <= nice <= 19:
        raise InvalidSpec("nice", nice, "a number from -20, most urgent, to 19")


def _no_limits() -> Mapping[str, int]:
    return MappingProxyType({})


def _check_limits(_spec: object, _field: object, limits: Mapping[str, int]) -> None:
    for name, value in limits.items():
        if name not in LIMITS:
            raise InvalidSpec("limits", name, f"names out of {', '.join(sorted(LIMITS))}")
        if not -1 <= value < 2**63:
            raise InvalidSpec("limits", f"{name}={value}", "numbers that are 0 or more, or -1 for no limit")


def _check_stdin(_spec: object, _field: object, stdin: str) -> None:
    if stdin not in ("null", "pipe"):
        raise InvalidSpec("stdin", stdin, "null or pipe")


def _check_watchdog(_spec: object, _field: object, seconds: float) -> None:
    if not (math.isfinite(seconds) and seconds > 0):
        raise InvalidSpec("watchdog", seconds, "seconds above 0")


def _check_rotation(_rotation: object, field: attrs.Attribute[Any], number: float) -> None:
    if not (math.isfinite(number) and number > 0):
        raise InvalidSpec(f"rotation.{field.name}", number, "a number above 0")


def _check_keep(_rotation: object, _field: object, keep: int) -> None:
    if not 0 <= keep <= MOST_ARCHIVES:
        raise InvalidSpec("rotation.keep", keep, f"a number of archives from 0 to {MOST_ARCHIVES}")


@attrs.frozen
class Rotation:
    """When the log becomes an archive, and what becomes of archives. Without *max_bytes* and *max_age*: never."""

    max_bytes: int | None = attrs.field(default=None, validator=attrs.validators.optional(_check_rotation))
    """Of the log. A line is never split: one that would lead beyond begins the next file."""
    max_age: float | None = attrs.field(default=None, validator=attrs.validators.optional(_check_rotation))
    """Seconds from the first line of the log to its rotation."""
    keep: int = attrs.field(default=5, validator=_check_keep)
    """Archives that are kept: `<log>.1` is the latest; the older ones may be compressed."""
    compress: bool = True
    """Compress archives but the latest: `<log>.2.gz`."""
    budget: int | None = attrs.field(default=None, validator=attrs.validators.optional(_check_rotation))
    """Bytes of the log and its archives together; the oldest archives go first, also when the disk is full."""

    def record(self) -> wire.RotationRecord:
        """As a holder reads it."""
        return {
            "max_bytes": self.max_bytes,
            "max_age": self.max_age,
            "keep": self.keep,
            "compress": self.compress,
            "budget": self.budget,
        }


@attrs.frozen
class ProcessSpec:
    """One command with everything it needs; data only.

    Raises:
        InvalidSpec: Something in it that no process can have, named.
    """

    argv: tuple[str, ...] = attrs.field(validator=_check_argv)
    """The program and its arguments. Without a slash it is looked up on the PATH of *env*."""
    env: Mapping[str, str] = attrs.field(validator=_check_env, repr=False)
    """The whole environment: nothing is added to it."""
    cwd: str | None = attrs.field(validator=attrs.validators.optional(_check_path))
    """The working directory; None for ours. The others are relative to ours too."""
    log_path: str = attrs.field(validator=_check_path)
    """Where stdout and stderr are appended, byte for byte. Made with its directory if missing."""
    grace: float = attrs.field(validator=_check_grace)
    """Seconds that what the main process leaves behind may take to end, at most 1."""
    user: str | None = attrs.field(default=None, validator=attrs.validators.optional(_check_owner))
    """Name or number of the user it runs as, with all groups of that user. Another than ours needs root."""
    group: str | None = attrs.field(default=None, validator=attrs.validators.optional(_check_owner))
    """Name or number of its group in place of the user's own."""
    umask: int | None = attrs.field(default=None, validator=attrs.validators.optional(_check_umask))
    """None for ours."""
    nice: int | None = attrs.field(default=None, validator=attrs.validators.optional(_check_nice))
    """None for ours. Below ours needs root."""
    limits: Mapping[str, int] = attrs.field(factory=_no_limits, validator=_check_limits)
    """Soft and hard limits, by the names of `LIMITS`; -1 for none. Above our hard one needs root."""
    stdin: Literal["null", "pipe"] = attrs.field(default="null", validator=_check_stdin)
    """"pipe": `Run.send_input` writes to it, and it ends with `Run.close_input`."""
    notify: bool = False
    """Give it a NOTIFY_SOCKET, and believe what its own processes say there."""
    watchdog: float | None = attrs.field(default=None, validator=attrs.validators.optional(_check_watchdog))
    """Seconds within which it is to say WATCHDOG=1 again: told to it in WATCHDOG_USEC, with *notify* alone."""
    rotation: Rotation = Rotation()
    """Of the log."""

    def packed(self) -> bytes:
        """As a holder reads it.

        Raises:
            InvalidSpec: Too large to be a command at all, or not text that the machine's encoding has.
        """
        try:
            record: wire.SpecRecord = {
                "argv": [os.fsencode(word) for word in self.argv],
                "env": {os.fsencode(key): os.fsencode(value) for key, value in self.env.items()},
                "cwd": os.fsencode(Path(self.cwd or ".").absolute()),
                "log_path": os.fsencode(Path(self.log_path).absolute()),
                "grace": self.grace,
                "user": self.user,
                "group": self.group,
                "umask": self.umask,
                "nice": self.nice,
                "limits": dict(self.limits),
                "stdin": self.stdin,
                "notify": self.notify,
                "watchdog": self.watchdog,
                "rotation": self.rotation.record(),
            }
        except UnicodeEncodeError as error:
            expected = f"text that {sys.getfilesystemencoding()} can encode, in arguments, environment and paths"
            raise InvalidSpec("argv", error.object[error.start : error.end], expected) from error
        packed = marshal.dumps(dict(record))  # a record's type is unknown to marshal's
        if len(packed) > wire.FRAME_LIMIT:
            raise InvalidSpec("argv", f"{len(packed)} bytes with its environment", f"at most {wire.FRAME_LIMIT}")
        return packed
