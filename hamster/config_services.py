"""The services of a configuration file: the contract's six, changed and joined by its own tables."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast

import attrs

from actors import setting_rules as rules
from actors.setting_rules import SettingProblem, SettingsError, with_advice
from actors.setting_tables import field_names
from actors.settings import (
    COMMON,
    ENABLED,
    ProcessOptions,
    ServiceSettings,
    dependency_problems,
    instance_problems,
    read_service,
)
from hamster.config_file import ConfigFile
from hamster.defaults import contract_services

__all__ = ["COMMON", "ENABLED", "PATHS", "program_exists", "read_service", "read_services"]

PATHS = frozenset({"ca_file", "cwd", "env_files", "file", "paths", "root"})
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
            try:
                services[id_] = _placed(file, service)
            except SettingsError as error:  # right as it was written, but not at this place
                for problem in error.problems:
                    file.wrong(problem.within(*at))
    if complete:  # who waits for a service that could not be read says nothing
        found = tuple(services.values())
        for problem in (*dependency_problems(found), *instance_problems(found)):
            file.wrong(problem.within("services"))
    return tuple(services.values())


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
        elif name == "sources":
            sources = cast("Mapping[str, attrs.AttrsInstance]", value)
            changes[name] = {source: _from_file(inner, file) for source, inner in sources.items()}
    return attrs.evolve(options, **changes) if changes else options


def program_exists(process: ProcessOptions) -> bool:
    """Whether the system finds the program now: by its path from the `cwd`, else in the service's PATH."""
    program = process.command[0]
    if os.sep in program or (os.altsep and os.altsep in program):
        program = str(Path(process.cwd or ".") / program)
    return shutil.which(program, path=process.env.get("PATH")) is not None
