"""What is to be run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import attrs

from . import wire

# Bytes of one spec on its way to a holder. The kernel takes about 6 MiB of arguments and environment at the
# very most.
SPEC_LIMIT = 16 * 1024 * 1024


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

    def line(self) -> bytes:
        """As a holder reads it.

        Raises:
            InvalidSpec: Too large to be a command at all.
        """
        text = wire.line(
            {
                "argv": list(self.argv),
                "env": dict(self.env),
                "cwd": str(Path(self.cwd or ".").absolute()),
                "log_path": str(Path(self.log_path).absolute()),
                "grace": self.grace,
            }
        )
        if len(text) > SPEC_LIMIT:
            raise InvalidSpec("argv", f"{len(text)} bytes with its environment", f"at most {SPEC_LIMIT}")
        return text
