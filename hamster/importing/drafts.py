"""Services in the making: their keys as hamster.toml has them, and what could not be carried over."""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

import attrs

from actors import setting_rules as rules
from actors.setting_rules import WEEK
from actors.settings import OWN_LOG, ProcessOptions
from hamster.config_services import read_service
from hamster.defaults import contract_services

LONGEST_ID = 56
"""Characters: an id may have 64, and instances and namesakes put a number behind it."""

Table = dict[str, object]


class ImportRefused(Exception):
    """The file is not what it was taken for, or holds nothing to import. It says where, and what to do."""

    def __init__(self, path: Path, text: str, line: int | None = None) -> None:
        place = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{place}: {text}")
        self.path = path
        self.line = line


@attrs.frozen
class Note:
    """One thing that is not in the result, or is another one there."""

    text: str
    file: Path
    line: int | None = None

    def __str__(self) -> str:
        place = str(self.file) if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.text}"


@attrs.frozen
class Imported:
    """What became of a file: the tables of its services by id, in order, and what could not be carried over."""

    source: Path
    services: Mapping[str, Mapping[str, object]]
    notes: tuple[Note, ...]


class Drafts:
    """Collects the services of one file and its notes."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self._tables: dict[str, Table] = {}
        self._notes: list[Note] = []
        self._taken = {service.id for service in contract_services()} | {OWN_LOG}

    def note(self, text: str, line: int | None = None, file: Path | None = None) -> None:
        """Say what could not be carried over, or not as it was; the same is said once."""
        note = Note(text, file or self.source, line)
        if note not in self._notes:
            self._notes.append(note)

    def add(self, name: str, table: Table, line: int | None = None, file: Path | None = None) -> str | None:
        """Add a service; keys that its settings do not take are left out, and said.

        Args:
            name: As the other supervisor calls it.
            table: Its keys.
            line: Where it stands.
            file: In which file, if not in the source itself.

        Returns:
            Its id, which is another one where *name* cannot be one or is taken; None when it cannot be a service.
        """
        count = table.get("instances", 1)
        id_ = self._free(name, count if isinstance(count, int) else 1)
        if id_ != name:
            self.note(f"{name}: is called {id_} here", line, file)
            table.setdefault("name", name)
        if not self._mend(name, id_, table, line, file):
            self.note(f"{name}: left out, for nothing could be made of its command", line, file)
            return None
        self._taken |= {id_, *_instances(id_, count)}
        self._tables[id_] = table
        return id_

    def tag(self, id_: str, tag: str) -> None:
        """Give a service that was added a tag."""
        word = re.sub(r"[^a-zA-Z0-9_.-]", "-", tag).lstrip("_.-")[:64]
        tags = cast("list[str]", self._tables[id_].setdefault("tags", []))
        if word and word not in tags:
            tags.append(word)

    def finish(self, order: Iterable[str] | None = None) -> Imported:
        """The result, its services in *order* or as they were added.

        Raises:
            ImportRefused: There is none.
        """
        if not self._tables:
            said = "; ".join(note.text for note in self._notes)
            raise ImportRefused(self.source, f"holds no service that could be imported{f' ({said})' if said else ''}")
        ids = self._tables if order is None else order
        return Imported(self.source, {id_: self._tables[id_] for id_ in ids}, tuple(self._notes))

    def _mend(self, name: str, id_: str, table: Table, line: int | None, file: Path | None) -> bool:
        """Leave out of *table* whatever is refused; False when it cannot do without."""
        while True:
            _, problems = read_service(id_, table)
            if not problems:
                return True
            for problem in problems:
                key = problem.path[1] if len(problem.path) > 1 else "command"
                if key == "command" or key not in table:
                    return False
                del table[key]
                said = attrs.evolve(problem, path=problem.path[1:], advice="left out")
                self.note(f"{name}: {said}", line, file)
                break

    def _free(self, name: str, instances: int) -> str:
        base = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:LONGEST_ID].rstrip("-_") or "service"
        for number in range(1, len(self._taken) + 2):
            id_ = base if number == 1 else f"{base}-{number}"
            if not self._taken & {id_, *_instances(id_, instances)}:
                return id_
        raise AssertionError("one more name than are taken; expected one of them to be free")


def _instances(id_: str, count: object) -> set[str]:
    return {f"{id_}-{n}" for n in range(1, count + 1)} if isinstance(count, int) and 1 < count <= 1000 else set()


def failures_allowed(retries: int, start_seconds: float, table: Mapping[str, object]) -> Table:
    """The keys by which a service is given up after *retries* failed starts in a row.

    The window is as long as so many failures can take with the longest waits between them.
    """
    defaults = {field.name: field.default for field in attrs.fields(ProcessOptions)}
    initial = _number(table.get("backoff_initial", defaults["backoff_initial"]))
    longest = _number(table.get("backoff_max", defaults["backoff_max"]))
    failures = max(1, min(retries, 10_000))
    waits, wait = 0.0, initial
    for _ in range(failures - 1):
        waits += min(wait, longest)
        wait = min(2 * wait, longest)
    window = min(max(60.0, math.ceil(waits + failures * (start_seconds + 1))), WEEK)
    return {"fatal_failures": failures, "fatal_window": int(window)}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def plain_seconds(seconds: float) -> int | float:
    """*seconds* as a person writes them."""
    return int(seconds) if float(seconds).is_integer() else seconds


def quoted(value: object) -> str:
    """*value* for a note."""
    return rules.shown(value)
