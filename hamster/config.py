"""The configuration of WatchHamster: from hamster.toml, or the defaults where there is none."""

from collections.abc import Mapping
from pathlib import Path

import attrs
import platformdirs

from actors import setting_rules as rules
from actors.setting_rules import RULE
from actors.settings import (
    AlertSettings,
    LogsSettings,
    MetricsSettings,
    PoscoSettings,
    ServiceSettings,
    SystemSettings,
    WebhookSettings,
)
from hamster.config_alerts import read_alerts
from hamster.config_file import ConfigError, ConfigFile, Problem
from hamster.config_services import read_services
from hamster.defaults import contract_services
from hamster.security.settings import SecuritySettings
from hamster.server_settings import ServerSettings, exposed, is_loopback

__all__ = ["ConfigError", "HamsterConfig", "Problem", "TimeSettings", "default_source", "load_config"]

FILE_NAME = "hamster.toml"
SECTIONS = ("server", "security", "metrics", "alerts", "logs", "webhooks", "posco", "time", "services")


@attrs.frozen(kw_only=True)
class TimeSettings:
    """The zone of the timestamps and of the calendar; None is the machine's own."""

    zone: str | None = attrs.field(default=None, metadata={RULE: rules.optional(rules.zone_name)})

    def __attrs_post_init__(self) -> None:
        rules.require(self)


@attrs.frozen(kw_only=True)
class HamsterConfig:
    """Everything that was configured.

    `source` is the file it came from, None for the defaults alone, and `given` are its tables as they are written.
    `warnings` are what is allowed in it but
    worth a look, in the order of their lines. `security` None: there is no such table, so it is off.
    `over` is what the command line says over keys of [server]: it is in
    `server` already, and still counts when the file is read again.
    """

    server: ServerSettings = attrs.field(factory=ServerSettings)
    security: SecuritySettings | None = None
    metrics: MetricsSettings = attrs.field(factory=MetricsSettings)
    alerts: AlertSettings = attrs.field(factory=AlertSettings)
    logs: LogsSettings = attrs.field(factory=LogsSettings)
    webhooks: WebhookSettings = attrs.field(factory=WebhookSettings)
    posco: PoscoSettings = attrs.field(factory=PoscoSettings)
    time: TimeSettings = attrs.field(factory=TimeSettings)
    services: tuple[ServiceSettings, ...] = attrs.field(factory=contract_services)
    source: Path | None = None
    warnings: tuple[Problem, ...] = ()
    over: Mapping[str, object] = attrs.field(factory=dict[str, object])
    given: Mapping[str, object] = attrs.field(factory=dict[str, object])

    def system(self, data_dir: Path) -> SystemSettings:
        """What `open_system` takes."""
        return SystemSettings(
            data_dir=data_dir,
            zone=self.time.zone,
            services=self.services,
            metrics=self.metrics,
            alerts=self.alerts,
            logs=self.logs,
            webhooks=self.webhooks,
            posco=self.posco,
        )


def default_source() -> Path | None:
    """The user's hamster.toml, None when there is none.

    Only the user's configuration directory is looked at: a file that happens to lie in the current directory
    could make us run its commands.
    """
    path = platformdirs.user_config_path("hamster", appauthor=False) / FILE_NAME
    return path if path.is_file() else None


def load_config(path: Path | None) -> HamsterConfig:
    """The configuration in the file at *path*; the defaults for None.

    Raises:
        ConfigError: With every mistake in the file.
    """
    if path is None:
        return HamsterConfig()
    file = ConfigFile(path)
    file.known(file.document, (), SECTIONS, FILE_NAME)
    server = file.section(ServerSettings, "server")
    security = file.section(SecuritySettings, "security") if "security" in file.document else None
    if server is not None and not is_loopback(server.host) and "security" not in file.document:
        file.wrong(exposed(server.host).within("server"))
    metrics = file.section(MetricsSettings, "metrics")
    alerts = read_alerts(file)
    logs = file.section(LogsSettings, "logs")
    webhooks = file.section(WebhookSettings, "webhooks")
    posco = file.section(PoscoSettings, "posco")
    time = file.section(TimeSettings, "time")
    services = read_services(file)
    file.refuse_if_wrong()
    if server is not None and server.frontend is not None:
        server = attrs.evolve(server, frontend=_beside(path, server.frontend))
    # Where one is None something wrong was noted, so these never stand in for what the file says.
    return HamsterConfig(
        server=server or ServerSettings(),
        security=security,
        metrics=metrics or MetricsSettings(),
        alerts=alerts or AlertSettings(),
        logs=logs or LogsSettings(),
        webhooks=webhooks or WebhookSettings(),
        posco=posco or PoscoSettings(),
        time=time or TimeSettings(),
        services=services,
        source=path,
        given=file.document,
        warnings=tuple(sorted(file.warnings, key=lambda warning: warning.line or 0)),
    )


def _beside(config: Path, name: str) -> str:
    """The path *name* as a configuration means it: from where that is."""
    return str(config.absolute().parent / Path(name).expanduser())
