"""The services of a configuration file: the contract's six, changed and joined by its own tables."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import attrs

from actors import setting_rules as rules
from actors.setting_rules import Nothing, SettingProblem, did_you_mean, problems, shown, with_advice
from actors.settings import KINDS, ProcessOptions, ServiceSettings
from hamster.config_file import ConfigFile, field_names
from hamster.defaults import contract_services

# Keys of every kind; the rest belongs to the kind. `id` is the table's name.
COMMON = ("name", "description", "kind", "autostart")
ENABLED = "enabled"


def read_services(file: ConfigFile) -> tuple[ServiceSettings, ...]:
    """The contract's services, then the file's own, in its order; mistakes are noted in *file*."""
    services = {service.id: service for service in contract_services()}
    for id_ in file.table("services"):
        at = ("services", id_)
        table = dict(file.table(*at))
        enabled = table.pop(ENABLED, True)
        for problem in rules.flag(enabled):
            file.wrong(with_advice(problem, default=True).within(*at, ENABLED))
        service = _service(file, id_, table, services.get(id_))
        if service is None or not enabled:
            services.pop(id_, None)
        else:
            services[id_] = service
    return tuple(services.values())


def _service(
    file: ConfigFile, id_: str, table: Mapping[str, object], default: ServiceSettings | None
) -> ServiceSettings | None:
    """One table as a service, None when it cannot be one; *default* is the contract's service of this id."""
    at = ("services", id_)
    common: dict[str, object] = {k: v for k, v in table.items() if k in COMMON}
    own = {k: v for k, v in table.items() if k not in COMMON}
    if default is not None:
        common = {"name": default.name, "description": default.description, "kind": default.kind} | common
        if common["kind"] == default.kind:
            common.setdefault("autostart", default.autostart)
    usable = _check_common(file, id_, common)
    kind = common.get("kind", "process")
    if kind not in KINDS:  # noted; whose keys the others are cannot be known
        return None
    if kind == "process":
        process = _process(file, own, at)
        own_part: dict[str, object] = {"process": process}
        usable = usable and process is not None
    else:
        _look_at_options(file, at, own, common, new=default is None)
        own_part = {"options": own}
    return file.settings(ServiceSettings, {"id": id_, **common, **own_part}, at) if usable else None


def _check_common(file: ConfigFile, id_: str, common: Mapping[str, object]) -> bool:
    found = problems(ServiceSettings, {"id": id_, **common})
    for problem in found:
        if problem.path == ("id",):
            problem = SettingProblem((), Nothing.NO_ID, problem.expected, "rename the table")
        file.wrong(problem.within("services", id_))
    return not found


def _process(file: ConfigFile, own: Mapping[str, object], at: tuple[str, ...]) -> ProcessOptions | None:
    keys = field_names(ProcessOptions)
    file.known(own, at, (*COMMON, ENABLED, *keys), 'a service of kind "process"')
    process = file.settings(ProcessOptions, {k: v for k, v in own.items() if k in keys}, at)
    if process is None:
        return None
    if process.cwd is not None:
        process = attrs.evolve(process, cwd=str(file.path.absolute().parent / process.cwd))
        if not Path(process.cwd or "").is_dir():
            expected = "a directory that exists"
            file.warn(SettingProblem((*at, "cwd"), process.cwd, expected, "create it, or the service cannot start"))
    program = process.command[0]
    if not program_exists(process):
        expected = "a program that can be run"
        advice = "install it, or give its full path, or the service cannot start"
        file.warn(SettingProblem((*at, "command"), program, expected, advice))
    return process


def program_exists(process: ProcessOptions) -> bool:
    """Whether the system finds the program now: by its path from the `cwd`, else in the service's PATH."""
    program = process.command[0]
    if os.sep in program or (os.altsep and os.altsep in program):
        program = str(Path(process.cwd or ".") / program)
    return shutil.which(program, path=process.env.get("PATH")) is not None


def _look_at_options(
    file: ConfigFile,
    at: tuple[str, ...],
    own: Mapping[str, object],
    common: Mapping[str, object],
    *,
    new: bool,
) -> None:
    """Options are kept as given, so a mistyped common key would vanish among them without a word."""
    for key in own:
        near = did_you_mean(key, (*COMMON, ENABLED))
        if near:
            expected = f"an option of kind {shown(common['kind'])}"
            file.warn(SettingProblem((*at, key), own[key], expected, near))
    if new or own:
        expected = '"process", the only kind this version runs'
        file.warn(SettingProblem((*at, "kind"), common["kind"], expected, "the service stays stopped until then"))
