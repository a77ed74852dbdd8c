"""supervisord.conf: its programs with everything that has a meaning here."""

import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path

import attrs

from hamster.importing.drafts import Drafts, Imported, ImportRefused
from hamster.importing.ini import Section, expand, sections
from hamster.importing.reading import read_text
from hamster.importing.supervisord_program import LAST_PRIORITY, program_table

OURS = ("unix_http_server", "inet_http_server", "supervisorctl", "rpcinterface:")
"""Sections about supervisord itself. WatchHamster has its own ways."""
FOR_CHILDREN = ("environment", "umask", "directory", "user", "minfds", "minprocs")
"""Keys of [supervisord] that programs notice."""


def import_supervisord(path: Path, text: str) -> Imported:
    """The programs of a supervisord.conf and of the files that it includes.

    Raises:
        ImportRefused: A file of it cannot be read, or there is no program.
    """
    drafts = Drafts(path)
    found = list(_with_included(drafts, sections(path, text)))
    groups = [section for section in found if section.name.startswith("group:")]
    names = {f"ENV_{name}": value for name, value in os.environ.items()} | {"host_node_name": socket.gethostname()}
    reader = _Reader(drafts, names, {program: _name(group) for group in groups for program in _members(group)})
    programs: list[_Program] = []
    base: dict[str, str] = {}
    for section in found:
        kind, _, name = section.name.partition(":")
        match kind.strip(), name.strip():
            case "program", name if name:
                programs.append(_Program(name, section))
            case "supervisord", "":
                base = reader.of_all(section)
            case "include" | "group", _:
                pass
            case ("eventlistener" | "fcgi-program") as what, name:
                why = (
                    "it speaks supervisord's own protocol" if what == "eventlistener" else "its socket is supervisord's"
                )
                drafts.note(f"{what} {name}: left out, for {why}", section.line, section.file)
            case _ if not section.name.startswith(OURS):
                drafts.note(f"[{section.name}]: left out, it is not known here", section.line, section.file)
            case _:
                pass
    ids = {program.name: reader.add(program, base) for program in programs}
    for group in groups:
        _tag(drafts, group, ids)
    order = sorted(programs, key=lambda program: program.priority)
    return drafts.finish([id_ for program in order for id_ in ids[program.name]])


@attrs.frozen
class _Program:
    name: str
    section: Section

    @property
    def priority(self) -> int:
        text = self.section.get("priority", str(LAST_PRIORITY))
        return int(text) if re.fullmatch(r"-?\d+", text) else LAST_PRIORITY


@attrs.frozen
class _Reader:
    drafts: Drafts
    names: Mapping[str, str]
    groups: Mapping[str, str]
    """The group of each program that is in one."""

    def of_all(self, section: Section) -> dict[str, str]:
        """The keys of [supervisord] that every program has unless it says otherwise."""
        told: dict[str, str] = {}
        for key in FOR_CHILDREN:
            if key not in section.options:
                continue
            if key in ("environment", "umask", "directory"):
                told[key] = self.expanded(section, key, {})
            else:
                self.drafts.note(f"[supervisord] {key}: left out", section.line_of(key), section.file)
        return told

    def add(self, program: _Program, base: Mapping[str, str]) -> list[str]:
        """Add the services of one program; their ids."""
        section, name = program.section, program.name
        count, first = self._number(section, "numprocs", 1), self._number(section, "numprocs_start", 0)
        if not 1 <= count <= 1000:
            self.drafts.note(f"{name}: numprocs is {count}; one is made", section.line_of("numprocs"), section.file)
            count = 1
        numbered = any(
            "%(process_num)" in option.value for key, option in section.options.items() if key != "process_name"
        )
        if count > 1 and numbered:
            where = section.line_of("numprocs"), section.file
            self.drafts.note(f"{name}: becomes {count} services, for each has its number in its settings", *where)
            added = [self._one(program, base, number, f"{name}-{number}") for number in range(first, first + count)]
            ids = [id_ for id_ in added if id_ is not None]
            for id_ in ids:
                self.drafts.tag(id_, name)
            return ids
        one = self._one(program, base, first, name, instances=count)
        return [] if one is None else [one]

    def expanded(self, section: Section, key: str, names: Mapping[str, str]) -> str:
        """The value of a key, with supervisord's expressions replaced; what was taken from here is noted."""
        value = section.get(key)
        here = {"here": str(section.file.absolute().parent)}
        text, unknown = expand(value, {**self.names, **here, **names})
        where = section.line_of(key), section.file
        for name in dict.fromkeys(re.findall(r"%\((ENV_[^)]*)\)", value)):
            variable = name.removeprefix("ENV_")
            if name in unknown:
                self.drafts.note(
                    f"{section.name}: {key} needs {variable}, which is not set here; write it there", *where
                )
            else:
                self.drafts.note(f"{section.name}: {key} has the value that {variable} has here and now", *where)
        for name in unknown:
            if not name.startswith("ENV_"):
                self.drafts.note(f"{section.name}: {key}: %({name}) is not known; write its value", *where)
        return text

    def _one(
        self, program: _Program, base: Mapping[str, str], number: int, name: str, *, instances: int = 1
    ) -> str | None:
        section = program.section
        group = self.groups.get(program.name, program.name)
        names = {"program_name": program.name, "group_name": group, "process_num": str(number)}
        names["numprocs"] = section.get("numprocs", "1")
        values = {**base, **{key: self.expanded(section, key, names) for key in section.options}}
        if "environment" in base and "environment" in section.options:
            values["environment"] = f"{base['environment']},{values['environment']}"
        table = program_table(self.drafts, program.name, section, values)
        if table is None:
            return None
        if instances > 1:
            table["instances"] = instances
        return self.drafts.add(name, table, section.line, section.file)

    def _number(self, section: Section, key: str, default: int) -> int:
        text = section.get(key, str(default)).strip()
        return int(text) if text.isdecimal() else default


def _tag(drafts: Drafts, group: Section, ids: Mapping[str, Sequence[str]]) -> None:
    """Programs of a group are found by its name: `tag:NAME`."""
    for name in _members(group):
        if name not in ids:
            drafts.note(f"[{group.name}]: there is no program {name!r}", group.line_of("programs"), group.file)
        for id_ in ids.get(name, ()):
            drafts.tag(id_, _name(group))


def _name(section: Section) -> str:
    return section.name.partition(":")[2].strip()


def _members(group: Section) -> list[str]:
    return [name.strip() for name in group.get("programs").split(",") if name.strip()]


def _with_included(drafts: Drafts, own: Sequence[Section]) -> Iterator[Section]:
    """The sections of the file, then those of the files that it includes, in the order of their names."""
    yield from own
    for section in own:
        if section.name != "include":
            continue
        here = section.file.absolute().parent
        for pattern in section.get("files").split():
            expanded, _ = expand(pattern, {"here": str(here), "host_node_name": socket.gethostname()})
            found = sorted(glob(str(here / expanded)))  # noqa: PTH207 - Path.glob takes no absolute pattern
            if not found:
                drafts.note(f"[include]: no file matches {pattern!r}", section.line_of("files"), section.file)
            for name in found:
                included = Path(name)
                try:
                    yield from sections(included, read_text(included))
                except ImportRefused:
                    if included.is_dir():
                        continue
                    raise
