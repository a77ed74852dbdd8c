"""`[alerts]`: who is told, by which rules, and when nobody is."""

from collections.abc import Mapping
from typing import cast

from actors.setting_tables import read_table
from actors.settings import AlertSettings
from actors.settings.alerts import DEFAULT_RULES, with_default
from hamster.config_file import ConfigFile


def read_alerts(file: ConfigFile) -> AlertSettings | None:
    """The table `[alerts]`; a rule with the name of a default one changes that, key by key. None if it is wrong."""
    table = dict(file.table("alerts"))
    given = table.get("rules", {})
    if isinstance(given, Mapping):  # else its rule says so
        named = cast("Mapping[str, object]", given)
        table["rules"] = {name: _merged(name, named.get(name, {})) for name in {**DEFAULT_RULES, **named}}
    settings, found = read_table(AlertSettings, table, "[alerts]")
    for problem in found:
        file.wrong(problem.within("alerts"))
    return settings


def _merged(name: str, given: object) -> object:
    return with_default(name, cast("Mapping[str, object]", given)) if isinstance(given, Mapping) else given
