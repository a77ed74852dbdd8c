"""The services of a configuration file: the contract's six, changed and joined by its own tables."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast

import attrs

from actors import setting_rules as rules
from actors.setting_rules import Nothing, SettingProblem, with_advice
from actors.setting_tables import field_names, read_table
from actors.settings import KINDS, MONITORS, ProcessOptions, ServiceSettings, dependency_problems
from hamster.config_file import ConfigFile
from hamster.defaults import contract_services

# Keys of every kind; the rest belongs to the kind. `id` is the table's name.
COMMON = ("name", "description", "kind", "autostart", "tags", "depends_on", "log")
ENABLED = "enabled"
PATHS = frozenset({"ca_file", "cwd", "env_files", "paths", "root"})
"""Keys of the kinds whose values are paths, relative to the file's own directory."""

Options = TypeVar("Options", bound=attrs.AttrsInstance)


def read_services(file: ConfigFile) -> tuple[ServiceSettings, ...]:
    """The contract's services, then the file's own, in its order; mistakes are noted in *file*."""
    services = {service.id: service for service in contract_services()}
    complete = True
    for id_ in file.table("services"):
        at = ("services", id_)
        table = dict(file.table(*at))
        enabled = table.pop(ENABLED, True)
        for problem in rules.flag(enabled):
            file.wrong(with_advice(problem, default=True).within(*at, ENABLED))
        service, problems = read_service(id_, table, services.get(id_))
        for problem in problems:
            file.wrong(problem.within("services"))
        complete = complete and not problems
        if service is None or not enabled:
            services.pop(id_, None)
        else:
            services[id_] = _placed(file, service)
    if complete:  # who waits for a service that could not be read says nothing
        for problem in dependency_problems(tuple(services.values())):
            file.wrong(problem.within("services"))
    return tuple(services.values())


def read_service(
    id_: str, table: Mapping[str, object], default: ServiceSettings | None = None
) -> tuple[ServiceSettings | None, list[SettingProblem]]:
    """One table as a service, the keys of every kind beside those of its own.

    Args:
        id_: The table's name.
        table: The keys, without `enabled`.
        default: A service of this id that the table changes key by key.

    Returns:
        None and everything that is wrong, with paths that begin with the id; or the service and nothing.
    """
    common = {key: value for key, value in table.items() if key in COMMON}
    own = {key: value for key, value in table.items() if key not in COMMON}
    if default is not None:
        common = {"name": default.name, "description": default.description, "kind": default.kind} | common
        if common["kind"] == default.kind:
            common.setdefault("autostart", default.autostart)
    kind = common.get("kind", "process")
    if kind not in KINDS:  # whose keys the others are cannot be known
        _, found = read_table(ServiceSettings, common, "a service", also={"id": id_})
        return None, [problem.within(id_) for problem in found]
    cls = ProcessOptions if kind == "process" else MONITORS[cast("str", kind)]
    part, found = read_table(cls, own, f"a service of kind {rules.shown(kind)}")
    found = [_offer_common(problem, cls) for problem in found]
    owner = "process" if kind == "process" else "monitor"
    stand_in = {owner: part} if part is not None else {}
    service, wrong = read_table(ServiceSettings, common, "a service", also={"id": id_, **stand_in})
    found += [p for p in wrong if p.path != ("process",) or part is not None]
    placed = [attrs.evolve(p, path=(), got=Nothing.NO_ID) if p.path == ("id",) else p for p in found]
    placed = [
        attrs.evolve(p, advice="rename the table") if p.got is Nothing.NO_ID and not p.path else p for p in placed
    ]
    return (None if placed else service), [problem.within(id_) for problem in placed]


def _offer_common(problem: SettingProblem, cls: type[attrs.AttrsInstance]) -> SettingProblem:
    """A mistyped key of every kind is looked for among those, too."""
    if problem.got is not Nothing.UNKNOWN or len(problem.path) != 1:
        return problem
    near = rules.did_you_mean(problem.path[0], (*COMMON, ENABLED, *field_names(cls)))
    return attrs.evolve(problem, advice=near or "remove it")


def _placed(file: ConfigFile, service: ServiceSettings) -> ServiceSettings:
    """*service* with its relative paths made relative to the file; what looks wrong is warned of."""
    if service.process is None:
        monitor = _from_file(service.monitor, file) if service.monitor is not None else None
        return attrs.evolve(service, monitor=monitor)
    process = _from_file(service.process, file)
    at = ("services", service.id)
    if process.cwd is not None and not Path(process.cwd).is_dir():
        expected = "a directory that exists"
        file.warn(SettingProblem((*at, "cwd"), process.cwd, expected, "create it, or the service cannot start"))
    if not program_exists(process):
        expected = "a program that can be run"
        advice = "install it, or give its full path, or the service cannot start"
        file.warn(SettingProblem((*at, "command"), process.command[0], expected, advice))
    return attrs.evolve(service, process=process)


def _from_file(options: Options, file: ConfigFile) -> Options:
    """*options* with every relative path in them, as `PATHS` names them, made relative to the file's directory."""
    base = file.path.absolute().parent
    changes: dict[str, object] = {}
    for name in field_names(type(options)):
        value = cast("object", getattr(options, name))
        if name in PATHS and isinstance(value, str):
            changes[name] = str(base / value)
        elif name in PATHS and isinstance(value, tuple):
            changes[name] = tuple(str(base / path) for path in cast("tuple[str, ...]", value))
        elif name == "watch" and attrs.has(type(value)):
            changes[name] = _from_file(cast("attrs.AttrsInstance", value), file)
    return attrs.evolve(options, **changes) if changes else options


def program_exists(process: ProcessOptions) -> bool:
    """Whether the system finds the program now: by its path from the `cwd`, else in the service's PATH."""
    program = process.command[0]
    if os.sep in program or (os.altsep and os.altsep in program):
        program = str(Path(process.cwd or ".") / program)
    return shutil.which(program, path=process.env.get("PATH")) is not None
