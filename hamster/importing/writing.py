"""What was imported as a hamster.toml that is known to be right."""

import os
import tempfile
from pathlib import Path

import tomli_w

from hamster.config import HamsterConfig, load_config
from hamster.importing.drafts import Imported, ImportRefused


def toml_of(imported: Imported) -> tuple[str, HamsterConfig]:
    """The text of a hamster.toml with what was imported, and what it is read back as.

    What could not be carried over stands in it as comments.

    Raises:
        ConfigError: It could not be read back: a mistake of ours.
    """
    lines = [f"# Services of {imported.source.name}, written by `hamster import`."]
    if imported.notes:
        lines += ["#", "# What is not as it was there:"]
        lines += [f"#   {_place(imported, note.file, note.line)}{note.text}" for note in imported.notes]
    text = "\n".join(_one_line(line) for line in lines) + "\n\n"
    text += tomli_w.dumps({"services": imported.services})
    with tempfile.TemporaryDirectory(prefix="hamster-import-") as directory:
        path = Path(directory) / "hamster.toml"
        path.write_text(text, "utf-8")
        return text, load_config(path)


def write_new(path: Path, text: str, *, force: bool = False) -> None:
    """Write *text* to *path*, for our eyes only: there may be secrets in it. What is there is never written over.

    Args:
        path: Where to.
        text: The configuration.
        force: Put it in place of a file that is there.

    Raises:
        ImportRefused: There is something, or it cannot be written.
    """
    try:
        if force:
            _replace(path, text)
            return
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ImportRefused(path, "is there already; give another name, or --force to put this in its place") from None
    except OSError as error:
        raise ImportRefused(path, f"cannot be written: {error.strerror}; check its path and permissions") from None


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _place(imported: Imported, file: Path, line: int | None) -> str:
    name = "" if file == imported.source else file.name
    if line is None:
        return f"{name}: " if name else ""
    return f"{name}:{line}: " if name else f"line {line}: "


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
