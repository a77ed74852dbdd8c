"""What a service finds in its environment: ours, its own id, its dotenv files, and its settings. Never logged."""

import io
import os
import stat
from collections.abc import Mapping, Sequence

import trio
from dotenv import dotenv_values
from dotenv.parser import parse_stream

from actors.settings import ProcessOptions, ServiceSettings

READ_SECONDS = 5.0
"""How long the files of one service may take to be read: a network file system that is gone answers never."""

LARGEST = 1024 * 1024
"""Bytes of one file. The kernel takes no environment much larger, and a log given by mistake is not read to its end."""


class EnvFileError(OSError):
    """A file of variables that a service cannot be started with; it says which, and never what is in it."""

    def __init__(self, path: str, why: str, advice: str) -> None:
        super().__init__(f"env_files: {path}: {why}; {advice}")
        self.path = path
        self.why = why


class EnvFiles:
    """Reads the `env_files` of one service.

    In a thread of its own kind, at most one at a time: a file that never answers holds up its own service's next start,
    for `READ_SECONDS`, and nobody else's.
    """

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(1)

    async def read(self, paths: Sequence[str]) -> Mapping[str, str]:
        """The variables of the files, as they are now; without files it does not wait.

        Raises:
            EnvFileError: One is missing, cannot be read in time, or is no dotenv file.
        """
        if not paths:
            return {}
        with trio.move_on_after(READ_SECONDS):
            return await trio.to_thread.run_sync(
                read_env_files, tuple(paths), abandon_on_cancel=True, limiter=self._limiter
            )
        raise EnvFileError(", ".join(paths), f"not read within {READ_SECONDS:g} s", "see whether its disk answers")


def read_env_files(paths: Sequence[str]) -> dict[str, str]:
    """The variables of dotenv files, later ones over earlier ones; blocks.

    `${NAME}` and `${NAME:-default}` are replaced by what stands before it, in the same file or an earlier one, else by
    our own environment. A name without `=` has no value, and is left out.

    Raises:
        EnvFileError: One is missing, cannot be read, or is no dotenv file.
    """
    texts = [_text(path) for path in paths]
    for path, text in zip(paths, texts, strict=True):
        for binding in parse_stream(io.StringIO(text)):
            # dotenv leaves such a line out with a warning: a service without its password fails in stranger ways.
            if binding.error:
                line = binding.original.line + _blank_lines(binding.original.string)
                raise EnvFileError(path, f"line {line} is not NAME=value", "correct it")
    values = dotenv_values(stream=io.StringIO("\n".join(texts)), interpolate=True)
    return {name: value for name, value in values.items() if value is not None}


def whole_environment(
    ours: Mapping[str, str],
    settings: ServiceSettings,
    options: ProcessOptions,
    from_files: Mapping[str, str],
) -> dict[str, str]:
    """The whole environment of a service: ours, who it is, what its files say, and over all what its settings say."""
    made = {**ours, "HAMSTER_SERVICE": settings.id}
    # We may be a service ourselves: what we are an instance of is no business of our children.
    for name in ("HAMSTER_INSTANCE", "HAMSTER_INSTANCES"):
        made.pop(name, None)
    if settings.instance is not None:
        made |= {"HAMSTER_INSTANCE": str(settings.instance), "HAMSTER_INSTANCES": str(options.instances)}
    return {**made, **from_files, **options.env}


def _text(path: str) -> str:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise EnvFileError(path, "is no file", "give a file of NAME=value lines")
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise EnvFileError(path, "there is no such file", "create it or remove it from env_files") from None
    except EnvFileError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise EnvFileError(path, f"cannot be read: {reason}", "check its path and permissions") from None
    if len(content) > LARGEST:
        raise EnvFileError(path, f"is over {LARGEST:,} bytes", "give a file of NAME=value lines")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise EnvFileError(path, f"line {line} is not UTF-8", "save it as that") from None


def _without_waiting(path: str, flags: int) -> int:
    """Opens what is no file, too: a pipe that nobody writes to would else never open."""
    return os.open(path, flags | os.O_NONBLOCK)


def _blank_lines(text: str) -> int:
    """How many empty lines stand before the first that is not: dotenv counts a statement from where they begin."""
    return text[: len(text) - len(text.lstrip())].count("\n")
