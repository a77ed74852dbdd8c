"""When the machine is not well: alert rules with a duration, and the health they come to. Pure."""

import math
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Literal, assert_never

import attrs

from actors.metrics.records import Sample

Figure = Literal["cpu_percent", "memory_percent", "disk_percent"]
Level = Literal["warning", "critical"]
Health = Literal["healthy", "warning", "critical"]

# Intervals without a figure after which nothing is known: one sample may be late and one lost, a third is
# silence.
MISSED_INTERVALS = 3


class Status(Enum):
    """Where a rule stands."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    NO_DATA = "no_data"


class RuleRefused(ValueError):  # a house name: the fact, as `ServiceNotFound`
    """A rule that could not work."""

    def __init__(self, rule: str, setting: str, got: float, expected: str) -> None:
        super().__init__(f"alert rule {rule}: {setting} is {got}; expected {expected}")
        self.rule = rule
        self.setting = setting
        self.got = got
        self.expected = expected


@attrs.frozen(kw_only=True)
class Rule:
    """Fire when a figure stays above a threshold, clear when it stays below another.

    Attributes:
        id: Unique among the rules.
        figure: What it watches, in percent.
        level: How bad it is.
        above: Fires above this, percent.
        for_s: ... for that many seconds: at least two samples apart by as much, never one.
        clear_below: Clears below this, percent; in between it stays as it is.
        clear_for_s: ... for that many seconds; 0 clears with the first.
    """

    id: str
    figure: Figure
    level: Level
    above: float
    for_s: float
    clear_below: float
    clear_for_s: float

    def __attrs_post_init__(self) -> None:
        if not 0.0 <= self.above < 100.0:
            raise RuleRefused(self.id, "above", self.above, "a percentage from 0 to under 100")
        if not 0.0 < self.clear_below <= self.above:
            raise RuleRefused(self.id, "clear_below", self.clear_below, f"above 0, up to {self.above}")
        if not self.for_s > 0.0:
            raise RuleRefused(self.id, "for_s", self.for_s, "seconds above 0; one sample is no alert")
        if not self.clear_for_s >= 0.0:
            raise RuleRefused(self.id, "clear_for_s", self.clear_for_s, "seconds, 0 or more")


DEFAULT_RULES: tuple[Rule, ...] = (
    Rule(
        id="cpu_high", figure="cpu_percent", level="warning",
        above=90.0, for_s=60.0, clear_below=80.0, clear_for_s=60.0,
    ),
    Rule(
        id="memory_high", figure="memory_percent", level="warning",
        above=90.0, for_s=60.0, clear_below=85.0, clear_for_s=60.0,
    ),
    Rule(
        id="memory_critical", figure="memory_percent", level="critical",
        above=97.0, for_s=60.0, clear_below=95.0, clear_for_s=60.0,
    ),
    Rule(
        id="disk_high", figure="disk_percent", level="warning",
        above=90.0, for_s=60.0, clear_below=88.0, clear_for_s=60.0,
    ),
    Rule(
        id="disk_critical", figure="disk_percent", level="critical",
        above=97.0, for_s=60.0, clear_below=95.0, clear_for_s=60.0,
    ),
)  # fmt: skip


@attrs.frozen(kw_only=True)
class RuleState:
    """Where a rule stands, and the evidence so far. Instants are seconds of a clock that only moves forward.

    Attributes:
        status: `no_data` before the first figure and after `MISSED_INTERVALS` without one.
        firing: Fired and not cleared. It outlasts `no_data`: what was bad is not well for being unseen.
        value: The last figure, percent.
        seen_at: When that was.
        breach_since: Since when it is above the threshold without a break, while not firing.
        clear_since: Since when it is below the clear threshold without a break, while firing.
    """

    rule: Rule
    status: Status = Status.NO_DATA
    firing: bool = False
    value: float | None = None
    seen_at: float | None = None
    breach_since: float | None = None
    clear_since: float | None = None


@attrs.frozen
class Change:
    """What happened to a rule by one step.

    Attributes:
        what: `fired` and `cleared`; `lost` and `found` when its figure stopped coming and came back.
        state: Where the rule stands after it.
    """

    what: Literal["fired", "cleared", "lost", "found"]
    state: RuleState


def initial(rules: Iterable[Rule]) -> tuple[RuleState, ...]:
    """The states before any sample: nothing is known yet."""
    return tuple(RuleState(rule=rule) for rule in rules)


def figure_of(sample: Sample, figure: Figure) -> float | None:
    """The figure a rule watches."""
    match figure:
        case "cpu_percent":
            return sample.cpu_percent
        case "memory_percent":
            return sample.memory_percent
        case "disk_percent":
            return sample.disk_percent
    assert_never(figure)


def step(states: Iterable[RuleState], sample: Sample | None, *, at: float, interval: float) -> tuple[RuleState, ...]:
    """The states after one sample, or after an interval that brought none.

    Args:
        states: Before.
        sample: None when it is missing.
        at: Seconds, a clock that only moves forward.
        interval: Seconds between samples.
    """
    return tuple(
        evaluate(state, None if sample is None else figure_of(sample, state.rule.figure), at=at, interval=interval)
        for state in states
    )


def evaluate(state: RuleState, value: float | None, *, at: float, interval: float) -> RuleState:
    """Where a rule stands after one figure, or one that is missing.

    One or two missing figures change nothing. From `MISSED_INTERVALS` on, what led to firing or clearing is
    forgotten, for a duration that nobody watched is no evidence.

    Args:
        state: Before.
        value: Percent, or None.
        at: Seconds, a clock that only moves forward.
        interval: Seconds between samples.
    """
    silent = _missed(state, at, interval, arrived=value is not None) >= MISSED_INTERVALS
    if silent:
        state = attrs.evolve(state, breach_since=None, clear_since=None)
    if value is None:
        return attrs.evolve(state, status=Status.NO_DATA) if silent else state
    seen = attrs.evolve(state, value=value, seen_at=at)
    return _while_firing(seen, value, at) if seen.firing else _while_quiet(seen, value, at)


def changes(before: Sequence[RuleState], after: Sequence[RuleState]) -> list[Change]:
    """What one step changed, rule by rule. The very first figure of a rule is no news."""
    found: list[Change] = []
    for old, new in zip(before, after, strict=True):
        if old.status is not Status.NO_DATA and new.status is Status.NO_DATA:
            found.append(Change("lost", new))
        if old.status is Status.NO_DATA and new.status is not Status.NO_DATA and old.seen_at is not None:
            found.append(Change("found", new))
        if old.firing is not new.firing:
            found.append(Change("fired" if new.firing else "cleared", new))
    return found


def system_health(states: Iterable[RuleState], *, any_fatal: bool) -> Health:
    """The health of the whole.

    `critical`: a critical rule fires, or a service is given up. `warning`: any other rule fires, or one has
    no data. A pending rule is no matter yet. Without rules only services count.

    Args:
        states: All rules'.
        any_fatal: Whether a service is FATAL: wanted, and no longer tried.
    """
    states = list(states)
    if any_fatal or any(state.firing and state.rule.level == "critical" for state in states):
        return "critical"
    if any(state.firing or state.status is Status.NO_DATA for state in states):
        return "warning"
    return "healthy"


def _missed(state: RuleState, at: float, interval: float, *, arrived: bool) -> int:
    if state.seen_at is None:
        return MISSED_INTERVALS
    # To the nearest interval: a sample half an interval late is late, not missing.
    due = math.floor((at - state.seen_at) / interval + 0.5)
    return due - arrived


def _while_quiet(state: RuleState, value: float, at: float) -> RuleState:
    if value <= state.rule.above:
        return attrs.evolve(state, status=Status.OK, breach_since=None)
    since = at if state.breach_since is None else state.breach_since
    if at - since < state.rule.for_s:
        return attrs.evolve(state, status=Status.PENDING, breach_since=since)
    return attrs.evolve(state, status=Status.FIRING, firing=True, breach_since=None)


def _while_firing(state: RuleState, value: float, at: float) -> RuleState:
    if value >= state.rule.clear_below:
        return attrs.evolve(state, status=Status.FIRING, clear_since=None)
    since = at if state.clear_since is None else state.clear_since
    if at - since < state.rule.clear_for_s:
        return attrs.evolve(state, status=Status.FIRING, clear_since=since)
    return attrs.evolve(state, status=Status.OK, firing=False, clear_since=None)
