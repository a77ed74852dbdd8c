"""The settings that can be changed while it runs: what holds, every change of it, and the way back."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import attrs
import trio

from actors.alerts.messages import AlertRaised
from actors.setting_rules import SettingProblem
from actors.settings import SystemSettings
from actors.system import System
from hamster.settings import files
from hamster.settings.files import Backup, BrokenSettings, Saved
from hamster.settings.overlay import (
    SECTIONS,
    Applied,
    Change,
    Table,
    alerts_table,
    applied,
    changes,
    dotted,
    merged,
    metrics_table,
    owned,
    table_in,
    without,
)
from hamster.settings.secrets import kept_secrets

log = logging.getLogger("hamster.settings")

FILE, BACKUPS = "settings.json", "backups"
"""In the data directory."""
MOST_BACKUPS = 200
"""That are kept by themselves; the oldest goes."""
ALERT = "settings"
"""Source and key of the alert of a file that could not be used."""

Kind = Literal["change", "reset", "restore", "import"]


class SettingOwned(Exception):
    """A key that the configuration file sets cannot be set over the API."""

    def __init__(self, key: str, file: Path | None) -> None:
        super().__init__(f"{key} is set in {file}; change it there")
        self.key = key
        self.file = file or "-"


class SettingsNotKept(Exception):
    """The disk did not take it; nothing was changed."""


@attrs.frozen
class Changed:
    """What a change came to, or would come to."""

    changes: tuple[Change, ...] = ()
    problems: tuple[SettingProblem, ...] = ()
    warnings: tuple[str, ...] = ()
    """English: keys whose mask was left as the secret that it stands for."""
    backup: str | None = None
    """The backup that was made before."""


@attrs.frozen
class SettingsChanged:
    """Settings were changed at run time; told on the bus."""

    version: int
    keys: tuple[str, ...]
    reason: str


class RunTimeSettings:
    """What is set at run time, over a configuration. Made by `load`, and `attach`ed to the system that goes by it."""

    def __init__(
        self, base: SystemSettings, given: Table, source: Path | None, saved: Saved, broken: str | None
    ) -> None:
        self._base = base
        self._given = given
        self._source = source
        self._saved = saved
        self._broken = broken
        self._system: System | None = None
        self._one_at_a_time = trio.Lock()
        self._effective = base
        self._settle()

    @classmethod
    async def load(cls, base: SystemSettings, given: Table, source: Path | None) -> "RunTimeSettings":
        """What was set at run time in the data directory of *base*. A broken file is put aside and stops nothing.

        Args:
            base: The configuration.
            given: Its tables as the file has them: what stands there is the file's.
            source: The file.
        """
        return await trio.to_thread.run_sync(_load, cls, base, given, source)

    # -- what holds

    @property
    def effective(self) -> SystemSettings:
        """What the system is to go by."""
        return self._effective

    @property
    def version(self) -> int:
        """How often anything was changed."""
        return self._saved.version

    @property
    def updated_at(self) -> datetime | None:
        """When it was changed last."""
        return self._saved.updated_at

    @property
    def path(self) -> Path:
        """The file."""
        return self._base.data_dir / FILE

    @property
    def backups_dir(self) -> Path:
        """Where the backups are."""
        return self._base.data_dir / BACKUPS

    @property
    def is_valid(self) -> bool:
        """Whether the file could be used, as it was found."""
        return self._broken is None

    async def document(self) -> dict[str, object]:
        """All that can be set, as it holds; with secrets.

        Raises:
            StoreError: The addresses cannot be read.
        """
        return await self._document(self._effective)

    async def overlay(self) -> dict[str, object]:
        """What was set at run time, alone; with secrets.

        Raises:
            StoreError: Some of it cannot be read.
        """
        found = dict(self._saved.settings)
        own = self._running.retention.own
        if own is not None:
            found["logs"] = {"retention": attrs.asdict(own)}
        addresses = await self._running.webhooks.own_addresses()
        if addresses:
            found["webhooks"] = {"addresses": dict(addresses)}
        return found

    async def validate(self) -> Changed:
        """Whether what was set at run time still holds."""
        _, problems = applied(self._base, await self.overlay())
        return Changed(problems=tuple(problems))

    # -- changes

    async def change(
        self, wanted: Table, *, reason: str = "", validate_only: bool = False, kind: Kind = "change"
    ) -> Changed:
        """Set what *wanted* names, key by key; None takes a key back to what the configuration says.

        Everything is checked before anything is changed, a backup is made, and it holds at once.

        Args:
            wanted: Tables by section; a masked address stands for the one that is there.
            reason: For the log and the backup.
            validate_only: Change nothing.
            kind: What the backup says that it was made before.

        Raises:
            SettingOwned: A key is the file's.
            SettingsNotKept: The disk does not take it. Nothing was changed.
            StoreError: The same of the database.
        """
        async with self._one_at_a_time:
            wanted, masked = kept_secrets(wanted, await self.document())
            before = await self.overlay()
            if "retention" in table_in(wanted, "logs"):  # its keys are kept together
                now = {"retention": attrs.asdict(self._running.retention.policy)}
                before["logs"] = now if isinstance(wanted["logs"], Mapping) else {}
            new = merged(before, wanted)
            outcome = await self._become(new, reason, kind, validate_only=validate_only)
            warnings = tuple(f"{key} is masked; the address that is there was kept" for key in masked)
            return attrs.evolve(outcome, warnings=warnings)

    async def reset(self, sections: Sequence[str]) -> Changed:
        """Take *sections* back to what the configuration says. Raises as `change`."""
        async with self._one_at_a_time:
            left = {key: table for key, table in (await self.overlay()).items() if key not in sections}
            return await self._become(left, f"reset of {', '.join(sections)}", "reset")

    async def restore(self, name: str) -> Changed:
        """Have everything that was set at run time as a backup has it. Raises as `change`, and `UnknownBackup`."""
        saved = await self.backup(name)
        async with self._one_at_a_time:
            return await self._become(saved.settings, f"restore of {name}", "restore")

    async def _become(self, new: Table, reason: str, kind: Kind, *, validate_only: bool = False) -> Changed:
        theirs = owned(new, self._given)
        if theirs:
            raise SettingOwned(dotted(theirs[0]), self._source)
        result, problems = applied(self._base, new)
        if result is None:
            return Changed(problems=tuple(problems))
        old = await self.document()
        overlay = await self.overlay()
        document = await self._document(result.settings, result)
        changed = tuple(changes(old, document))
        if validate_only or (not changed and overlay == dict(new)):
            return Changed(changed)
        backup = await self._keep(new, overlay, result, reason, kind)
        log.info("settings.changed version=%d keys=%s reason=%r", self.version, _keys(changed), reason)
        keys = tuple(change.key for change in changed)
        self._running.bus.publish(SettingsChanged(self.version, keys, reason))
        return Changed(changed, backup=backup)

    async def _keep(self, new: Table, old: Table, result: Applied, reason: str, kind: Kind) -> str:
        """Keep it everywhere, then have it hold."""
        now = datetime.now(UTC)
        name = files.backup_name(self.version, now)
        backup = Saved(old, self.version, self.updated_at or now, reason, kind)
        own = {key: table for key, table in new.items() if key in ("metrics", "alerts")}
        saved = Saved(own, self.version + 1, now, reason, kind)
        running = self._running
        with trio.CancelScope(shield=True):  # bounded by the disk and the store: half of it must not hold
            try:
                await trio.to_thread.run_sync(files.write, self.backups_dir / name, backup)
                if result.retention != running.retention.own:
                    await running.retention.put(result.retention)
                await running.webhooks.put_addresses(result.addresses)
                await trio.to_thread.run_sync(files.write, self.path, saved)
            except OSError as error:
                raise SettingsNotKept(f"the settings cannot be kept: {error.strerror or error}") from None
            await trio.to_thread.run_sync(_trim, self.backups_dir)
        self._saved, self._broken = saved, None
        self._effective = result.settings
        running.configure(self._effective)
        return name

    # -- backups

    async def backups(self) -> Sequence[Backup]:
        """All of them, newest first."""
        return await trio.to_thread.run_sync(files.backups, self.backups_dir)

    async def backup(self, name: str) -> Saved:
        """What a backup holds; with secrets.

        Raises:
            UnknownBackup: There is none, or it cannot be used.
        """
        path = await trio.to_thread.run_sync(files.backup_path, self.backups_dir, name)
        try:
            saved = await trio.to_thread.run_sync(files.read, path)
        except BrokenSettings as error:
            log.warning("settings.backup_broken name=%s error=%s", name, error)
            saved = None
        if saved is None:
            raise files.UnknownBackup(name)
        return saved

    async def clean_backups(self, *, most: int, days: float) -> int:
        """Remove all but the *most* newest, and those older than *days*; how many."""
        oldest = datetime.now(UTC) - timedelta(days=days)
        return await trio.to_thread.run_sync(lambda: files.clean(self.backups_dir, most=most, oldest=oldest))

    # -- with the system

    def attach(self, system: System) -> None:
        """Go by it with *system*, which was opened with `effective`."""
        self._system = system
        if self._broken is not None:
            detail = f"{self.path} could not be used and was put aside: {self._broken}"
            values = {"file": str(self.path), "error": self._broken}
            system.bus.publish(
                AlertRaised(
                    source=ALERT, key=ALERT, level="warning", code="settings_broken", detail=detail, values=values
                )
            )

    def rebase(self, base: SystemSettings, given: Table, source: Path | None) -> SystemSettings:
        """Go by another configuration from now on; what holds with it. What it now sets itself is the file's."""
        self._base, self._given, self._source = base, given, source
        self._settle()
        return self._effective

    def _settle(self) -> None:
        """Work out what holds; what the configuration has by now, or what does not fit it, counts no more."""
        overlay = dict(self._saved.settings)
        for path in owned(overlay, self._given):
            log.warning("settings.now_in_the_file key=%s next=the_file_holds", dotted(path))
            overlay = without(overlay, path)
        result, problems = applied(self._base, overlay)
        for section in SECTIONS:
            if result is not None:
                break
            log.error("settings.do_not_fit section=%s problem=%s next=leave_it_out", section, problems[0])
            overlay.pop(section, None)
            result, problems = applied(self._base, overlay)
        self._effective = self._base if result is None else result.settings

    async def _document(self, settings: SystemSettings, result: Applied | None = None) -> dict[str, object]:
        running = self._running
        retention = running.retention.policy
        addresses = await running.webhooks.addresses()
        if result is not None:
            retention = running.retention.would_be(result.retention)
            addresses = {**running.webhooks.configured_addresses, **result.addresses}
        return {
            "metrics": dict(metrics_table(settings, {})),
            "alerts": alerts_table(settings.alerts),
            "logs": {"retention": attrs.asdict(retention)},
            "webhooks": {"addresses": dict(addresses)},
        }

    @property
    def _running(self) -> System:
        assert self._system is not None  # noqa: S101 - attached before anybody asks
        return self._system


def _load(cls: type[RunTimeSettings], base: SystemSettings, given: Table, source: Path | None) -> RunTimeSettings:
    path = base.data_dir / FILE
    try:
        saved = files.read(path)
        if saved is not None:
            _, problems = applied(base, saved.settings)
            if problems and not _fits_alone(base, saved.settings):
                raise BrokenSettings(str(problems[0]))
    except BrokenSettings as error:
        aside = files.set_aside(path)
        log.error("settings.broken path=%s error=%s moved_to=%s next=go_on_without", path, error, aside)
        return cls(base, given, source, Saved(), str(error))
    return cls(base, given, source, saved or Saved(), None)


def _fits_alone(base: SystemSettings, overlay: Table) -> bool:
    """Whether it is right by itself, and only at odds with what the configuration has become."""
    return applied(SystemSettings(data_dir=base.data_dir), overlay)[0] is not None


def _trim(directory: Path) -> None:
    files.clean(directory, most=MOST_BACKUPS, oldest=datetime.fromtimestamp(0, UTC))


def _keys(changed: Sequence[Change]) -> str:
    return ",".join(change.key for change in changed[:20]) or "none"
