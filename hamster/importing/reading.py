"""The text of a file that is to be imported."""

from pathlib import Path

from hamster.importing.drafts import ImportRefused

LARGEST = 1024 * 1024
"""Bytes of one file: a log given by mistake is not read to its end."""


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        ImportRefused: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ImportRefused(path, f"cannot be read: {reason}; check its path and permissions") from None
    if len(content) > LARGEST:
        raise ImportRefused(path, f"is over {LARGEST:,} bytes; check the path")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ImportRefused(path, "is not UTF-8; save it as that", line) from None
