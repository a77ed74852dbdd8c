"""Services as tables of keys, as hamster.toml and the API write them; both ways."""

from collections.abc import Callable, Mapping
from typing import cast

import attrs

from actors import setting_rules as rules
from actors.setting_rules import Nothing, SettingProblem
from actors.setting_tables import field_names, read_table
from actors.settings.kinds import KINDS
from actors.settings.monitors import MONITORS
from actors.settings.process import ProcessOptions
from actors.settings.service import Origin, ServiceSettings

COMMON = ("name", "description", "kind", "autostart", "tags", "depends_on", "log")
"""Keys of every kind; the rest belongs to the kind. `id` is the table's name."""
ENABLED = "enabled"
"""A key of the file alone, which decides whether a table is a service at all."""


def read_service(
    id_: str,
    table: Mapping[str, object],
    default: ServiceSettings | None = None,
    *,
    origin: Origin = "file",
) -> tuple[ServiceSettings | None, list[SettingProblem]]:
    """One table as a service, the keys of every kind beside those of its own.

    Args:
        id_: The table's name.
        table: The keys, without `enabled`.
        default: A service of this id that the table changes key by key.
        origin: Who owns the table.

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
    service, wrong = read_table(ServiceSettings, common, "a service", also={"id": id_, "origin": origin, **stand_in})
    found += [p for p in wrong if p.path != ("process",) or part is not None]
    placed = [attrs.evolve(p, path=(), got=Nothing.NO_ID) if p.path == ("id",) else p for p in found]
    placed = [
        attrs.evolve(p, advice="rename the table") if p.got is Nothing.NO_ID and not p.path else p for p in placed
    ]
    return (None if placed else service), [problem.within(id_) for problem in placed]


def service_table(service: ServiceSettings) -> dict[str, object]:
    """The keys that make *service*, as `read_service` reads them; those that have their defaults are left out.

    Only texts, numbers, booleans, lists, tables, and None where that is not the default: JSON can hold all of it.
    """
    common = _table(service, COMMON)
    if service.name == service.id:
        common.pop("name", None)
    part = service.process if service.process is not None else service.monitor
    return common if part is None else {**common, **_table(part, field_names(type(part)))}


def _table(settings: attrs.AttrsInstance, keys: tuple[str, ...]) -> dict[str, object]:
    table: dict[str, object] = {}
    for field in attrs.fields(type(settings)):
        value = cast("object", getattr(settings, field.name))
        if field.name in keys and value != _default(field):
            table[field.name] = _plain(value)
    return table


def _default(field: "attrs.Attribute[object]") -> object:
    default = cast("object", field.default)
    factory = cast("Callable[[], object] | None", getattr(default, "factory", None))
    if factory is None:
        return default
    return attrs.NOTHING if getattr(default, "takes_self", False) else factory()


def _plain(value: object) -> object:
    """*value* as TOML and JSON have it."""
    if attrs.has(type(value)):
        part = cast("attrs.AttrsInstance", value)
        return _table(part, field_names(type(part)))
    if isinstance(value, tuple | list):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in cast("Mapping[str, object]", value).items()}
    return value


def _offer_common(problem: SettingProblem, cls: type[attrs.AttrsInstance]) -> SettingProblem:
    """A mistyped key of every kind is looked for among those, too."""
    if problem.got is not Nothing.UNKNOWN or len(problem.path) != 1:
        return problem
    near = rules.did_you_mean(problem.path[0], (*COMMON, ENABLED, *field_names(cls)))
    return attrs.evolve(problem, advice=near or "remove it")
