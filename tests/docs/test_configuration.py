import re
from pathlib import Path
from typing import cast

import attrs
import pytest

from actors.setting_rules import key_of, plain, shown
from actors.setting_tables import NESTED
from actors.settings import (
    MONITORS,
    AlertRule,
    AlertSettings,
    AliveOptions,
    CleanupOptions,
    FilesCheck,
    FileWatchOptions,
    JsonCheck,
    JsonPaths,
    LogAlert,
    LogOptions,
    LogsSettings,
    MaintenanceWindow,
    MetricsSettings,
    OutsideLog,
    PoscoSettings,
    ProcessOptions,
    ReadyOptions,
    RetentionOptions,
    ScheduleOptions,
    ServiceSettings,
    SourceOptions,
)
from actors.settings.alerts import default_rules
from actors.settings.webhooks import WebhookRoute, WebhookSettings
from hamster.config import SECTIONS, TimeSettings, load_config
from hamster.config_services import COMMON, ENABLED
from hamster.security.settings import SecuritySettings, UserSettings
from hamster.server_settings import ServerSettings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
TABLES: dict[str, type[attrs.AttrsInstance]] = {
    "`[server]`": ServerSettings,
    "`[security]`": SecuritySettings,
    "`[security.users.NAME]`": UserSettings,
    "`[metrics]`": MetricsSettings,
    "`[alerts]`": AlertSettings,
    "`[alerts.rules.NAME]`": AlertRule,
    "`[[alerts.maintenance]]`": MaintenanceWindow,
    "`[logs]`": LogsSettings,
    "`[logs.files.NAME]`": OutsideLog,
    "`[logs.alerts.NAME]`": LogAlert,
    "`[logs.retention]`": RetentionOptions,
    "`[webhooks]`": WebhookSettings,
    "`[webhooks.routes.NAME]`": WebhookRoute,
    "`[posco]`": PoscoSettings,
    "`[time]`": TimeSettings,
    "`[services.ID]`": ServiceSettings,
    "`[services.ID.log]`": LogOptions,
    "Kind `process`": ProcessOptions,
    "`[services.ID.ready]`": ReadyOptions,
    "`[services.ID.alive]`": AliveOptions,
    "`[services.ID.schedule]`": ScheduleOptions,
    "`[services.ID.watch]`": FileWatchOptions,
    "`[services.ID.json]`": JsonPaths,
    "`[services.ID.sources.NAME]`": SourceOptions,
    "`[services.ID.checks.NAME]`": FilesCheck,
    "`[services.ID.cleanup]`": CleanupOptions,
    "`[[services.ID.json]]`": JsonCheck,
    **{f"Kind `{kind}`": cls for kind, cls in MONITORS.items() if attrs.fields(cls)},
}
# Fields that are no keys: the table's name is the id, and the rest is what the further keys become, or what we know.
NO_KEYS = {"id", "process", "monitor", "origin", "instance_of", "instance"}
# Defaults that a factory makes.
MADE = {
    "name": "the id", "env": "`{}`", "limits": "`{}`", "headers": "`{}`", "depends_on": "`[]`", "log": "its defaults",
    "sources": "`{}`", "checks": "`{}`",
    "users": "`{}`", "addresses": "`{}`", "routes": "`{}`",
    "files": "`{}`", "alerts": "`{}`", "level_based_retention": "`{}`",
}  # fmt: skip


def documented(heading: str) -> dict[str, list[str]]:
    """The rows of the table under *heading*, by key: meaning, unit, default, when to change it."""
    _, _, below = PAGE.read_text("utf-8").partition(f"# {heading}\n")
    section = re.split(r"^#", below, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in rows}


def default(field: "attrs.Attribute[object]") -> str:
    """A field's default as the page should have it."""
    value = cast("object", field.default)
    if field.name in MADE and hasattr(value, "factory"):
        return MADE[field.name]
    if getattr(value, "factory", None) is default_rules:
        return "the five"
    if NESTED in field.metadata and value is None:
        return "none"
    if value is attrs.NOTHING:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return "`[" + ", ".join(map(shown, cast("tuple[object, ...]", value))) + "]`"
    return f"`{plain(value)}`"


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_documented_with_its_default_and_no_key_that_is_none(heading: str) -> None:
    rows = documented(heading)
    no_keys = NO_KEYS if TABLES[heading] is not JsonPaths else set[str]()  # whose `id` is a key
    fields = {key_of(f.name): f for f in attrs.fields(TABLES[heading]) if f.name not in no_keys}
    if TABLES[heading] is ServiceSettings:
        assert set(rows) == {*COMMON, ENABLED}
        assert rows.pop(ENABLED)[2] == "`true`"
    assert {key: row[2] for key, row in rows.items()} == {name: default(field) for name, field in fields.items()}


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_says_what_it_means_in_which_unit_and_when_to_change_it(heading: str) -> None:
    for key, (meaning, unit, default_, when) in documented(heading).items():
        assert meaning, key
        assert unit, key
        assert when or default_ == "required", key


def test_every_section_is_documented() -> None:
    assert {heading.strip("`[]").partition(".")[0] for heading in TABLES if "[" in heading} == set(SECTIONS)


def test_every_table_within_a_table_is_documented() -> None:
    nested = {
        field.metadata[NESTED].cls for cls in TABLES.values() for field in attrs.fields(cls) if NESTED in field.metadata
    }
    assert nested <= set(TABLES.values())


def test_the_example_of_the_page_is_a_configuration(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert example is not None
    (tmp_path / "site").mkdir()
    (tmp_path / "hamster.toml").write_text(example[1], "utf-8")
    config = load_config(tmp_path / "hamster.toml")
    assert [service.id for service in config.services][-1] == "site"
    assert "posco_news" not in [service.id for service in config.services]


def test_the_mistake_shown_on_the_page_is_what_is_said(tmp_path: Path) -> None:
    path = tmp_path / "hamster.toml"
    path.write_text("\n" * 11 + "[services.newsroom]\ncommand = 'true'\nstop_grace = -5\n")
    with pytest.raises(Exception, match="stop_grace") as error:
        load_config(path)
    assert f"    {str(error.value).removeprefix(f'{tmp_path}/')}\n" in PAGE.read_text("utf-8")
