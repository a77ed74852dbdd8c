"""What was set at run time, over what the configuration says. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

import attrs

from actors.setting_rules import Nothing, SettingProblem, key_of
from actors.setting_tables import read_table, unknown_keys
from actors.settings import AlertSettings, MetricsSettings, RetentionOptions, SystemSettings
from actors.settings.alerts import with_default
from actors.settings.webhooks import addresses as address_rule

SECTIONS = ("metrics", "alerts", "logs", "webhooks")
"""What can be set at run time: all of the first, rules and receivers of alerts, retention, and addresses."""
ALERT_KEYS = ("webhook", "webhook_type", "template", "rules")
"""Of the alerts; maintenance windows have calls of their own."""
THRESHOLDS = frozenset({"above", "below", "figure"})

Table: TypeAlias = Mapping[str, object]
Path: TypeAlias = tuple[str, ...]


def table_in(table: Table, *path: str) -> Table:
    """The table at *path*; empty where there is none."""
    for key in path:
        value = table.get(key)
        if not isinstance(value, Mapping):
            return {}
        table = cast("Table", value)
    return table


def merged(base: Table, change: Table) -> dict[str, object]:
    """*base* with *change* over it, table by table; None removes a key, and tables that become empty go."""
    found = dict(base)
    for key, value in change.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping):
            before = found.get(key)
            inner = merged(cast("Table", before) if isinstance(before, Mapping) else {}, cast("Table", value))
            if inner or not value:
                found[key] = inner
            else:
                found.pop(key, None)
        else:
            found[key] = value
    return found


def leaves(table: Table, *at: str) -> Iterator[tuple[Path, object]]:
    """Every value that is no table, with its path."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from leaves(cast("Table", value), *at, key)
        else:
            yield (*at, key), value


def dotted(path: Iterable[str]) -> str:
    """A path as people write it."""
    return ".".join(path)


@attrs.frozen
class Change:
    """One value that is another one."""

    key: str
    old: object
    new: object


def changes(old: Table, new: Table) -> list[Change]:
    """What differs, by key; None stands for what is not there."""
    before, after = dict(leaves(old)), dict(leaves(new))
    keys = dict.fromkeys((*before, *after))
    return [
        Change(dotted(path), before.get(path), after.get(path)) for path in keys if before.get(path) != after.get(path)
    ]


def without(table: Table, path: Path) -> dict[str, object]:
    """*table* without the value at *path*."""
    change: object = None
    for key in reversed(path):
        change = {key: change}
    return merged(table, cast("Table", change))


# -- what the configuration owns


def owned(overlay: Table, given: Table) -> list[Path]:
    """The values of *overlay* that the configuration file has, too, and otherwise.

    Args:
        overlay: Set at run time.
        given: The tables of the file as they are written.
    """
    theirs = dict(leaves(given))
    retention = table_in(given, "logs", "retention")
    found: list[Path] = []
    for path, value in leaves(overlay):
        if path[0] == "webhooks":
            continue  # of addresses, that of the API comes first, as its own call has it
        if (path in theirs and theirs[path] != value) or (path[:2] == ("logs", "retention") and retention):
            found.append(path)
    return found


# -- what it comes to


@attrs.frozen
class Applied:
    """What holds with an overlay."""

    settings: SystemSettings
    retention: RetentionOptions | None
    """Set at run time; None: it is not."""
    addresses: Mapping[str, str]
    """Those that were set at run time."""


def applied(base: SystemSettings, overlay: Table) -> tuple[Applied | None, list[SettingProblem]]:
    """What holds with *overlay* over *base*; None and what is wrong with it, if something is."""
    found = unknown_keys(overlay, SECTIONS, "the settings")
    for section in SECTIONS:
        if section in overlay and not isinstance(overlay[section], Mapping):
            found.append(SettingProblem((section,), overlay[section], "a table of keys"))
    if found:
        return None, found
    metrics, wrong = read_table(MetricsSettings, metrics_table(base, overlay), "metrics")
    found += [problem.within("metrics") for problem in wrong]
    alerts, wrong = _alerts(base, table_in(overlay, "alerts"))
    found += [problem.within("alerts") for problem in wrong]
    retention, wrong = _retention(table_in(overlay, "logs"))
    found += [problem.within("logs") for problem in wrong]
    addresses, wrong = _addresses(table_in(overlay, "webhooks"))
    found += [problem.within("webhooks") for problem in wrong]
    if found or metrics is None or alerts is None:
        return None, found
    return Applied(attrs.evolve(base, metrics=metrics, alerts=alerts), retention, addresses), []


def metrics_table(base: SystemSettings, overlay: Table) -> Table:
    """The keys of the metrics as they hold."""
    return {**attrs.asdict(base.metrics), **table_in(overlay, "metrics")}


def alerts_table(settings: AlertSettings) -> dict[str, object]:
    """The keys of the alerts, without those that are not set."""
    rules = {name: _keys(rule) for name, rule in settings.rules.items()}
    top = {key: getattr(settings, key) for key in ALERT_KEYS if key != "rules"}
    return {**{key: value for key, value in top.items() if value is not None}, "rules": rules}


def _keys(settings: attrs.AttrsInstance) -> dict[str, object]:
    values = attrs.asdict(settings)
    return {key_of(name): value for name, value in values.items() if value is not None}


def _alerts(base: SystemSettings, overlay: Table) -> tuple[AlertSettings | None, Sequence[SettingProblem]]:
    found = unknown_keys(overlay, ALERT_KEYS, "alerts")
    if found:
        return None, found
    rules = overlay.get("rules", {})
    if not isinstance(rules, Mapping):
        return None, [SettingProblem(("rules",), rules, "tables, each below its name")]
    table = alerts_table(base.alerts)
    named = dict(cast("Mapping[str, object]", table["rules"]))
    for name, change in cast("Mapping[str, object]", rules).items():
        named[name] = _rule(name, named.get(name), change)
    settings, found = read_table(AlertSettings, {**table, **overlay, "rules": named}, "alerts")
    if settings is not None:
        settings = attrs.evolve(settings, maintenance=base.alerts.maintenance)
    return settings, found


def _rule(name: str, known: object, change: object) -> object:
    """A rule with a change of it; with a threshold or figure of its own, those before mean nothing any more."""
    if not isinstance(change, Mapping):
        return change
    given = cast("Table", change)
    if not isinstance(known, Mapping):
        return with_default(name, given)
    before = cast("Table", known)
    if given.keys() & THRESHOLDS:
        gone = {"above", "below"} if {"above", "below"} & given.keys() else set[str]()
        gone |= {"clear"} if gone or "figure" in given else set()
        before = {key: value for key, value in before.items() if key not in gone}
    return {**before, **given}


def _retention(overlay: Table) -> tuple[RetentionOptions | None, list[SettingProblem]]:
    found = unknown_keys(overlay, ("retention",), "logs that is set at run time")
    if found or "retention" not in overlay:
        return None, found
    table = overlay["retention"]
    if not isinstance(table, Mapping):
        return None, [SettingProblem(("retention",), table, "a table of keys")]
    options, wrong = read_table(RetentionOptions, cast("Table", table), "logs.retention")
    return options, [problem.within("retention") for problem in wrong]


def _addresses(overlay: Table) -> tuple[Mapping[str, str], list[SettingProblem]]:
    found = unknown_keys(overlay, ("addresses",), "webhooks that is set at run time")
    table = overlay.get("addresses", {})
    found += [problem.within("addresses") for problem in address_rule(table)]
    return (cast("Mapping[str, str]", table) if not found else {}), found


def missing(path: Path) -> SettingProblem:
    """A section that there is not."""
    return SettingProblem(path, Nothing.UNKNOWN, "one of " + ", ".join(SECTIONS))
