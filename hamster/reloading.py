"""Another configuration while it runs: read again, compared, carried out; or refused as a whole, said where."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import attrs
import trio

from actors.alerts.messages import AlertCleared, AlertRaised
from actors.services import Reconfigured
from actors.setting_rules import SettingsError, dotted
from actors.system import System
from hamster.config import ConfigError, HamsterConfig, Problem, default_source, load_config
from hamster.config_file import placed
from hamster.settings.run_time import RunTimeSettings

log = logging.getLogger("hamster")

ALERTS, ALERT = "configuration", "file"
"""The source and the key of the alert of a file that cannot be used."""
SHOWN = 5
"""Places of mistakes that fit it; all are in the log and in the answer."""

SECTIONS_APPLIED = frozenset(
    {"services", "alerts", "metrics", "logs", "webhooks", "posco", "source", "warnings", "over", "given"}
)
"""Fields of a configuration that need no restart of ours: they are applied, or are no settings."""


@attrs.frozen
class Reloaded:
    """What a reload came to."""

    source: Path
    services: Reconfigured
    needs_restart: tuple[str, ...]
    """Keys such as `server.port` that differ from what we run by: they count once WatchHamster is restarted."""
    warnings: tuple[Problem, ...] = ()


class NothingToReload(Exception):
    """It runs without a configuration file."""

    def __init__(self) -> None:
        super().__init__("WatchHamster runs without a configuration file; there is nothing to read again")


class Reloader:
    """Reads the configuration again. One reload at a time; none touches anything when the file is wrong."""

    def __init__(self, config: HamsterConfig | None, system: System, run_time: RunTimeSettings) -> None:
        """*config* is what we run by; None: there is no file, nor will there be. *run_time* is set over it."""
        self._config = config
        self._system = system
        self._run_time = run_time
        self._bus = system.bus
        self._one_at_a_time = trio.Lock()

    @property
    def source(self) -> Path | None:
        """The file that is read; None while there is none."""
        return None if self._config is None else self._config.source or default_source()

    @property
    def watched(self) -> Path | None:
        """The file whose change reloads, if that is configured."""
        config = self._config
        return config.source if config is not None and config.server.watch_config else None

    async def reload(self, why: str) -> Reloaded:
        """Read the file again and make the services what it says; only what would be another process is restarted.

        Takes as long as what goes takes to stop.

        Args:
            why: For the log: who wanted it.

        Raises:
            NothingToReload: There is no file.
            ConfigError: It cannot be used, with every mistake in it. Nothing was changed; it is logged and told.
        """
        async with self._one_at_a_time:
            source = self.source
            if self._config is None or source is None:
                log.warning("config.nothing_to_reload why=%r", why)
                raise NothingToReload
            try:
                new = await trio.to_thread.run_sync(load_config, source)
                outcome = await self._apply(new)
            except ConfigError as error:
                self._refused(source, error)
                raise
            return self._applied(self._config, new, source, outcome, why)

    async def reload_quietly(self, why: str) -> None:
        """`reload` for whoever cannot be answered: what is to be said is in the log and on the bus."""
        try:
            await self.reload(why)
        except (ConfigError, NothingToReload):
            return

    async def _apply(self, new: HamsterConfig) -> Reconfigured:
        try:
            outcome = await self._system.services.reconfigure(new.services)
        except SettingsError as error:
            # Right by itself, at odds with what was added at run time.
            assert new.source is not None  # noqa: S101 - it was just read
            raise ConfigError(await trio.to_thread.run_sync(placed, new.source, error.problems)) from None
        base = new.system(self._system.settings.data_dir)
        self._system.configure(self._run_time.rebase(base, new.given, new.source))
        return outcome

    def _applied(
        self, running: HamsterConfig, new: HamsterConfig, source: Path, outcome: Reconfigured, why: str
    ) -> Reloaded:
        needs_restart = different_keys(running, attrs.evolve(new, server=attrs.evolve(new.server, **running.over)))
        for warning in new.warnings:
            log.warning("config.warning %s", warning)
        log.info(
            "config.reloaded source=%s why=%r added=%s removed=%s restarted=%s changed=%s failed=%s needs_restart=%s",
            *(source, why, *(",".join(ids) or "none" for ids in _ids(outcome)), ",".join(needs_restart) or "none"),
        )
        self.settled()
        return Reloaded(source, outcome, needs_restart, new.warnings)

    def settled(self) -> None:
        """Say that the configuration we run by is right: an alert of one that was not is over."""
        self._bus.publish(AlertCleared(source=ALERTS, key=ALERT))

    def _refused(self, source: Path, error: ConfigError) -> None:
        for problem in error.problems:
            log.error("config.refused %s", problem)
        log.error("config.refused source=%s mistakes=%d next=run_on_unchanged", source, len(error.problems))
        self._bus.publish(refusal_alert(source, error.problems))


def refusal_alert(source: Path, problems: Sequence[Problem]) -> AlertRaised:
    """The alert of a file that cannot be used. Says where, not what: values of keys may be secrets."""
    places = ", ".join(_place(problem) for problem in problems[:SHOWN]) + (", ..." if len(problems) > SHOWN else "")
    detail = f"{source} has {len(problems)} mistakes, nothing was changed: {places}"
    values = {"file": str(source), "count": len(problems), "places": places}
    return AlertRaised(
        source=ALERTS, key=ALERT, level="warning", code="configuration_refused", detail=detail, values=values
    )


def _place(problem: Problem) -> str:
    where = problem.file.name if problem.line is None else f"{problem.file.name}:{problem.line}"
    return where if problem.setting is None else f"{where} {dotted(problem.setting.path)}"


def _ids(outcome: Reconfigured) -> tuple[tuple[str, ...], ...]:
    return (outcome.added, outcome.removed, outcome.restarted, outcome.changed, tuple(outcome.failed))


def different_keys(running: HamsterConfig, new: HamsterConfig) -> tuple[str, ...]:
    """The keys beside the services that *new* has otherwise than *running*, as `section.key`, in order."""
    found: list[str] = []
    for section in attrs.fields(HamsterConfig):
        if section.name in SECTIONS_APPLIED:
            continue
        old_part = cast("attrs.AttrsInstance | None", getattr(running, section.name))
        new_part = cast("attrs.AttrsInstance | None", getattr(new, section.name))
        if old_part is None or new_part is None:
            found += [section.name] if old_part is not new_part else []
            continue
        found += [f"{section.name}.{key}" for key in _different(old_part, new_part)]
    return tuple(found)


def _different(old: attrs.AttrsInstance, new: attrs.AttrsInstance) -> list[str]:
    keys = [field.name for field in attrs.fields(type(old))]
    return [key for key in keys if getattr(old, key) != getattr(new, key)]
