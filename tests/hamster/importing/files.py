"""Files to import, written into a directory."""

from pathlib import Path

from actors import ServiceSettings
from hamster.importing import Imported, import_file, toml_of


def imported(directory: Path, name: str, text: str) -> Imported:
    """What becomes of a file of that name."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return import_file(path)


def services(found: Imported) -> dict[str, ServiceSettings]:
    """The services of the hamster.toml that is made, read back; without the contract's six."""
    _, config = toml_of(found)
    return {service.id: service for service in config.services if service.origin == "file"}


def notes(found: Imported) -> list[str]:
    """The notes, each after its line where it has one."""
    return [f"{note.line}: {note.text}" if note.line is not None else note.text for note in found.notes]
