"""What the whole system is made from."""

from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs

from actors import setting_rules as rules
from actors.setting_rules import RULE, SettingProblem
from actors.settings.alerts import AlertSettings
from actors.settings.instances import instance_problems
from actors.settings.kinds import LOGS
from actors.settings.logs import LogsSettings
from actors.settings.metrics import MetricsSettings
from actors.settings.posco import PoscoSettings
from actors.settings.service import ServiceSettings, dependency_problems
from actors.settings.webhooks import WebhookSettings

DATABASE = "hamster.db"  # in the data directory; everything that must outlive us but the logs


def service_problems(services: Sequence[ServiceSettings]) -> list[SettingProblem]:
    """What is wrong with *services* together, each being right on its own; paths begin with `services`."""
    seen: set[str] = set()
    twice: list[SettingProblem] = []
    for service in services:
        if service.id in seen:
            twice.append(SettingProblem(("services",), service.id, "each id once", "rename one of the two"))
        seen.add(service.id)
    return twice or [p.within("services") for p in (*dependency_problems(services), *instance_problems(services))]


@attrs.frozen(kw_only=True)
class SystemSettings:
    """What the whole system is made from: where data lives, the calendar's zone, the services, the metrics, the logs.

    `zone` of `None` is the machine's own.
    """

    data_dir: Path = attrs.field(converter=Path)
    zone: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.zone_name)})
    services: tuple[ServiceSettings, ...] = attrs.field(default=(), converter=tuple[ServiceSettings, ...])
    metrics: MetricsSettings = attrs.field(factory=MetricsSettings)
    alerts: AlertSettings = attrs.field(factory=AlertSettings)
    logs: LogsSettings = attrs.field(factory=LogsSettings)
    webhooks: WebhookSettings = attrs.field(factory=WebhookSettings)
    posco: PoscoSettings = attrs.field(factory=PoscoSettings)

    @property
    def logs_dir(self) -> Path:
        """The folder of `<id>.log` and of our own log."""
        return self.data_dir / LOGS

    @property
    def database(self) -> Path:
        """The file of the store."""
        return self.data_dir / DATABASE

    @property
    def tzinfo(self) -> tzinfo | None:
        """The zone of the calendar; None is the machine's own."""
        return None if self.zone is None else ZoneInfo(self.zone)

    def __attrs_post_init__(self) -> None:
        rules.require(self, self._conflicts)

    def _conflicts(self) -> list[SettingProblem]:
        taken = {f"{service.id}.log": service.id for service in self.services}
        return service_problems(self.services) + [
            SettingProblem(
                ("logs", "files", name), name, f"a name that is not of the log of {taken[name]}", "choose another"
            )
            for name in self.logs.files
            if name in taken
        ]
