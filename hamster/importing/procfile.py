"""Procfiles, as foreman, honcho and Heroku run them."""

import re
from pathlib import Path

from actors.services.environment import EnvFileError, read_env_files
from hamster.importing.drafts import Drafts, Imported, Table

ENTRY = re.compile(r"([A-Za-z0-9_-]+):\s*(.+)")
PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+(?:\s+[A-Za-z0-9_@%+=:,./-]+)*")
"""A command that means the same without a shell."""
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")

FIRST_PORT = 5000
PORTS_EACH = 100
"""foreman's convention: the first process type gets PORT 5000, the next 5100."""


def import_procfile(path: Path, text: str) -> Imported:
    """The process types of a Procfile as services.

    Raises:
        ImportRefused: There is none.
    """
    drafts = Drafts(path)
    directory = path.absolute().parent
    env_file = directory / ".env"
    port = _first_port(drafts, env_file)
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = ENTRY.fullmatch(line.strip())
        if entry is None:
            drafts.note(f'left out: {line.strip()!r} is not "name: command"', number)
            continue
        name, command = entry[1], entry[2].strip()
        if name in seen:
            drafts.note(f"{name}: left out, for there is one of that name above", number)
            continue
        seen.add(name)
        table: Table = {"command": _words(command), "cwd": str(directory)}
        if name == "release":
            table |= {"restart": "never", "autostart": False}
            drafts.note("release: is run by Heroku with each deployment; start it yourself: hamster start", number)
        else:
            table["env"] = {"PORT": str(port)}
        port += PORTS_EACH
        if env_file.is_file():
            table["env_files"] = [str(env_file)]
        drafts.add(name, table, number)
    if seen:
        drafts.note("each is started again when it ends; foreman would end all the others instead")
    return drafts.finish()


def _words(command: str) -> list[str]:
    words = command.split()
    if PLAIN.fullmatch(command) and not ASSIGNMENT.match(command) and words[0] not in ("cd", "exec", "source", "."):
        return words
    return ["sh", "-c", command]


def _first_port(drafts: Drafts, env_file: Path) -> int:
    """What `PORT` of the .env file says, else foreman's."""
    if not env_file.is_file():
        return FIRST_PORT
    try:
        said = read_env_files([str(env_file)]).get("PORT", "")
    except EnvFileError as error:
        drafts.note(str(error))
        return FIRST_PORT
    return int(said) if said.isdecimal() and int(said) < 65_536 else FIRST_PORT
