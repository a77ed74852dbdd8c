"""All alerts that matter now, and who is to be told of what. No I/O; time is a parameter."""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from fnmatch import fnmatchcase

import attrs

from actors.alerts.maintenance import FindService, concerns, ends, is_open
from actors.alerts.messages import (
    Alert,
    AlertChanged,
    AlertCleared,
    AlertNotFound,
    AlertRaised,
    Muted,
    Silence,
    Standing,
    WindowNotFound,
)
from actors.settings import LEVELS, Level, MaintenanceWindow

MAX_ACTIVE = 5_000
"""Alerts that last at the same time: far more than anybody reads. Further ones are refused, and counted."""

NO_SERVICES: FindService = lambda _: None  # noqa: E731 - a default, said once


@attrs.define(eq=False)
class Book:
    """The alerts.

    Each method returns the changes it made, in order; a change that is `told` is told to people, once.

    Attributes:
        cooldown: Seconds after telling of an alert within which the same is not told again.
        configured: Maintenance windows of the configuration.
        zone: Of times without one.
        find: The settings of a service.
        active: By source and key; what lasts.
        ending: By number; what is over, with its end still to be told.
        told_at: When the raising of an alert was last told, for the cooldown.
    """

    cooldown: Callable[[Alert], float] = lambda _: 0.0
    configured: tuple[MaintenanceWindow, ...] = ()
    zone: tzinfo | None = None
    find: FindService = NO_SERVICES
    next_number: int = 1
    active: dict[tuple[str, str], Alert] = attrs.field(factory=dict[tuple[str, str], Alert])
    ending: dict[int, Alert] = attrs.field(factory=dict[int, Alert])
    silences: dict[str, Silence] = attrs.field(factory=dict[str, Silence])
    windows: dict[int, Standing] = attrs.field(factory=dict[int, Standing])
    told_at: dict[tuple[str, str], datetime] = attrs.field(factory=dict[tuple[str, str], datetime])
    refused: int = 0
    _clocks: dict[int, float] = attrs.field(factory=dict[int, float], init=False)
    """When alerts were raised, on a clock that nobody sets; those of before our start are not in it."""

    def raised(self, event: AlertRaised, now: datetime, clock: float) -> list[AlertChanged]:
        """Something is wrong.

        Args:
            event: What.
            now: Aware; so in the other methods.
            clock: Seconds of a clock that only moves forward.
        """
        name = event.source, event.key
        old = self.active.get(name)
        if old is None:
            if len(self.active) >= MAX_ACTIVE:
                self.refused += 1
                return []
            alert = Alert(
                number=self.next_number,
                source=event.source,
                key=event.key,
                level=event.level,
                code=event.code,
                detail=event.detail,
                values=dict(event.values),
                service_id=event.service_id,
                raised_at=event.at,
                changed_at=now,
            )
            self.next_number += 1
            self._clocks[alert.number] = clock
            return self._settled_active(alert, now, new=True)
        if (old.level, old.code, old.detail) == (event.level, event.code, event.detail):
            return []
        changed = attrs.evolve(
            old, level=event.level, code=event.code, detail=event.detail, values=dict(event.values), changed_at=now
        )
        return self._settled_active(changed, now, new=False)

    def cleared(self, event: AlertCleared, now: datetime, clock: float) -> list[AlertChanged]:
        """It is right again."""
        old = self.active.pop((event.source, event.key), None)
        if old is None:
            return []
        begun = self._clocks.pop(old.number, None)
        lasted = (event.at - old.raised_at).total_seconds() if begun is None else clock - begun
        over = attrs.evolve(
            old,
            cleared_at=event.at,
            changed_at=now,
            duration=timedelta(seconds=max(0.0, lasted)),
            cleared_detail=event.detail,
            values={**old.values, **event.values},
            muted=None,
        )
        if over.told_level is None:
            return [AlertChanged(what="cleared", alert=over, told=False, at=now)]
        return self._settled_end(over, now, new=True)

    def tick(self, now: datetime) -> list[AlertChanged]:
        """Time has passed: tell what was muted and is not any more; forget silences and windows that are over."""
        for pattern in [pattern for pattern, silence in self.silences.items() if silence.until <= now]:
            del self.silences[pattern]
        for standing in list(self.windows.values()):
            over = ends(standing.window, self.zone)
            if over is not None and over <= now:
                del self.windows[standing.number]
        found: list[AlertChanged] = []
        for alert in [alert for alert in self.active.values() if alert.muted or _untold(alert)]:
            found += self._settled_active(alert, now, new=False)
        for alert in list(self.ending.values()):
            found += self._settled_end(alert, now, new=False)
        return found

    @property
    def waits(self) -> bool:
        """Whether the next tick may tell something."""
        return bool(self.ending) or any(alert.muted or _untold(alert) for alert in self.active.values())

    # -- commands

    def acknowledge(self, number: int, *, by: str | None, comment: str | None, now: datetime) -> list[AlertChanged]:
        """Somebody has seen it.

        Raises:
            AlertNotFound: It is over, or never was.
        """
        old = self._of(number)
        changed = attrs.evolve(old, acknowledged_at=now, acknowledged_by=by, comment=comment, changed_at=now)
        return self._put(changed, now)

    def silence(self, number: int, until: datetime | None, now: datetime) -> list[AlertChanged]:
        """Tell nobody of this alert before *until*; None ends that.

        Raises:
            AlertNotFound: It is over, or never was.
        """
        changed = attrs.evolve(self._of(number), silenced_until=until, changed_at=now)
        return self._put(changed, now) + self.tick(now)

    def silence_rule(self, silence: Silence, now: datetime) -> list[AlertChanged]:
        """Tell nobody of any alert of these rules; one that is over ends the silence of the same pattern."""
        self.silences[silence.pattern] = silence
        return self._after_muting(now)

    def open_window(self, standing: Standing, now: datetime) -> list[AlertChanged]:
        """Add a maintenance window."""
        self.windows[standing.number] = standing
        return self._after_muting(now)

    def close_window(self, number: int, now: datetime) -> list[AlertChanged]:
        """Remove a maintenance window that was added.

        Raises:
            WindowNotFound: There is none of this number.
        """
        if self.windows.pop(number, None) is None:
            raise WindowNotFound(number)
        return self._after_muting(now)

    # -- within

    def _after_muting(self, now: datetime) -> list[AlertChanged]:
        return self.tick(now) + [
            change
            for alert in list(self.active.values())
            if alert.muted != self._muted(alert, now)
            for change in self._settled_active(alert, now, new=False)
        ]

    def _of(self, number: int) -> Alert:
        for alert in (*self.active.values(), *self.ending.values()):
            if alert.number == number:
                return alert
        raise AlertNotFound(f"alert_{number}")

    def _put(self, alert: Alert, now: datetime) -> list[AlertChanged]:
        if alert.active:
            alert = attrs.evolve(alert, muted=self._muted(alert, now))
            self.active[alert.source, alert.key] = alert
        else:
            self.ending[alert.number] = alert
        return [AlertChanged(what="changed", alert=alert, told=False, at=now)]

    def _settled_active(self, alert: Alert, now: datetime, *, new: bool) -> list[AlertChanged]:
        """Tell of *alert* if that is due and nothing mutes it."""
        muted = self._muted(alert, now)
        due = _untold(alert)
        if due and muted is None:
            alert = attrs.evolve(alert, told_level=alert.level, muted=None)
            self.told_at[alert.source, alert.key] = now
            self.active[alert.source, alert.key] = alert
            return [AlertChanged(what="fired", alert=alert, told=True, at=now)]
        before = self.active.get((alert.source, alert.key))
        alert = attrs.evolve(alert, muted=muted)
        self.active[alert.source, alert.key] = alert
        if new:
            return [AlertChanged(what="fired", alert=alert, told=False, at=now)]
        return [] if alert == before else [AlertChanged(what="changed", alert=alert, told=False, at=now)]

    def _settled_end(self, alert: Alert, now: datetime, *, new: bool) -> list[AlertChanged]:
        muted = self._muted(alert, now)
        if muted is None:
            self.ending.pop(alert.number, None)
            alert = attrs.evolve(alert, told_end=True, muted=None)
            return [AlertChanged(what="cleared", alert=alert, told=True, at=now)]
        alert = attrs.evolve(alert, muted=muted)
        before = self.ending.get(alert.number)
        self.ending[alert.number] = alert
        if new:
            return [AlertChanged(what="cleared", alert=alert, told=False, at=now)]
        return [] if alert == before else [AlertChanged(what="changed", alert=alert, told=False, at=now)]

    def _muted(self, alert: Alert, now: datetime) -> Muted | None:
        windows = (*self.configured, *(standing.window for standing in self.windows.values()))
        if any(concerns(window, alert, self.find) and is_open(window, now, self.zone) for window in windows):
            return "maintenance"
        if alert.silenced_until is not None and now < alert.silenced_until:
            return "silence"
        if any(now < silence.until and fnmatchcase(alert.rule, silence.pattern) for silence in self.silences.values()):
            return "silence"
        if alert.active and alert.told_level is None:
            last = self.told_at.get((alert.source, alert.key))
            # A clock that was set back would mute for as long: what was told in the future has no cooldown.
            if last is not None and timedelta(0) <= now - last < timedelta(seconds=self.cooldown(alert)):
                return "cooldown"
        return None


def _untold(alert: Alert) -> bool:
    """Whether people do not know how bad it is."""
    return alert.told_level is None or _rank(alert.level) > _rank(alert.told_level)


def _rank(level: Level) -> int:
    return LEVELS.index(level)
