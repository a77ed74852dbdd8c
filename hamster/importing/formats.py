"""Which supervisor a file is of."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from hamster.importing.drafts import Imported, ImportRefused
from hamster.importing.pm2 import import_pm2
from hamster.importing.procfile import ENTRY, import_procfile
from hamster.importing.reading import read_text
from hamster.importing.supervisord import import_supervisord

READERS: Mapping[str, Callable[[Path, str], Imported]] = {
    "supervisord": import_supervisord,
    "pm2": import_pm2,
    "procfile": import_procfile,
}
FORMATS = tuple(READERS)

SCRIPTS = frozenset({".js", ".cjs", ".mjs", ".ts"})
"""Programs that make a PM2 ecosystem. We run no program to read a file."""


def import_file(path: Path, format_: str | None = None) -> Imported:
    """The services of another supervisor's file.

    Args:
        path: The file.
        format_: One of `FORMATS`; found out from its name and content unless given.

    Raises:
        ImportRefused: It cannot be read, or is no such file.
    """
    _refuse_programs(path)
    text = read_text(path)
    return READERS[format_ or format_of(path, text)](path, text)


def format_of(path: Path, text: str) -> str:
    """Which of `FORMATS` a file has.

    Raises:
        ImportRefused: It cannot be told.
    """
    name = path.name.lower()
    if name.startswith("procfile") or path.suffix == ".procfile":
        return "procfile"
    if path.suffix.lower() == ".json" or text.lstrip()[:1] == "{":
        return "pm2"
    if re.search(r"^\[[a-z-]*program:|^\[supervisord\]|^\[include\]", text, re.MULTILINE):
        return "supervisord"
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if lines and all(ENTRY.fullmatch(line) for line in lines):
        return "procfile"
    raise ImportRefused(path, f"no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file by its looks; say which: --format")


def _refuse_programs(path: Path) -> None:
    if path.suffix.lower() in SCRIPTS:
        make = f"node -p 'JSON.stringify(require({str(path.absolute())!r}))' > ecosystem.json".replace("'/", '"/')
        make = make.replace("'))'", "\"))'")
        raise ImportRefused(
            path, f"is a program, which is not run here; have it say what it exports, and import that:\n  {make}"
        )
    if path.suffix.lower() in (".yml", ".yaml"):
        raise ImportRefused(path, "is YAML, which is not read here; write the same as JSON, and import that")
