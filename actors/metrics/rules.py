"""When the machine and the services are not well: alert rules with a duration, and the health they come to. Pure."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from typing import Literal

import attrs

from actors.settings import AlertRule, Figure, Level

Health = Literal["healthy", "warning", "critical"]
Look = Callable[[Figure], Mapping[str, float | None]]
"""The values of a figure, by service id for a figure of services, else by `""`; None where one does not come."""

# Intervals without a figure after which nothing is known: one sample may be late and one lost, a third is
# silence.
MISSED_INTERVALS = 3


class Status(Enum):
    """Where a rule stands."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    NO_DATA = "no_data"


@attrs.frozen(kw_only=True)
class Rule:
    """Fire when a figure stays beyond a threshold, clear when it stays beyond another.

    Attributes:
        id: Unique among the rules.
        figure: What it watches.
        level: How bad it is.
        above: Fires above this; or `below`, below this. One of them is None.
        for_s: ... for that many seconds; 0 fires with the first.
        clear: Clears when the figure is beyond this, on the good side; in between it stays as it is. None: when it is
            back within the threshold.
        clear_for_s: ... for that many seconds; 0 clears with the first.
        message: What people read instead of our own sentence.
    """

    id: str
    figure: Figure
    level: Level = "warning"
    above: float | None = None
    below: float | None = None
    for_s: float = 60.0
    clear: float | None = None
    clear_for_s: float = 60.0
    message: str | None = None

    def breached(self, value: float) -> bool:
        """Whether *value* is beyond the threshold."""
        if self.above is not None:
            return value > self.above
        return self.below is not None and value < self.below

    def clears(self, value: float) -> bool:
        """Whether *value* is well."""
        if self.clear is None:
            return not self.breached(value)
        return value < self.clear if self.above is not None else value > self.clear


def rules_of(settings: Mapping[str, AlertRule]) -> tuple[Rule, ...]:
    """The rules that are configured and not disabled."""
    found: list[Rule] = []
    for name, rule in settings.items():
        above, below = rule.threshold
        if rule.enabled:
            found.append(
                Rule(
                    id=name,
                    figure=rule.parsed,
                    level=rule.level,
                    above=above,
                    below=below,
                    for_s=rule.for_,
                    clear=rule.clear,
                    clear_for_s=rule.clear_for,
                    message=rule.message,
                )
            )
    return tuple(found)


@attrs.frozen(kw_only=True)
class RuleState:
    """Where a rule stands, and the evidence so far. Instants are seconds of a clock that only moves forward.

    Attributes:
        target: The service it is about; "" for the machine.
        status: `no_data` before the first figure and after `MISSED_INTERVALS` without one.
        firing: Fired and not cleared. It outlasts `no_data`: what was bad is not well for being unseen.
        lost: It had figures, and they stopped coming.
        value: The last figure.
        seen_at: When that was.
        breach_since: Since when it is beyond the threshold without a break, while not firing.
        clear_since: Since when it is well without a break, while firing.
    """

    rule: Rule
    target: str = ""
    status: Status = Status.NO_DATA
    firing: bool = False
    lost: bool = False
    value: float | None = None
    seen_at: float | None = None
    breach_since: float | None = None
    clear_since: float | None = None

    @property
    def key(self) -> str:
        """What its alert is called: unique among all states."""
        return f"{self.rule.id}/{self.target}" if self.target else self.rule.id

    @property
    def lost_key(self) -> str:
        """What the alert is called that its figures do not come."""
        return f"{self.key}/no_data"


@attrs.frozen
class Change:
    """What happened to a rule by one step.

    Attributes:
        what: `fired` and `cleared`; `lost` and `found` when its figure stopped coming and came back.
        state: Where the rule stands after it.
        gone: There is nothing to watch any more; what it said of that is over.
    """

    what: Literal["fired", "cleared", "lost", "found"]
    state: RuleState
    gone: bool = False


def initial(rules: Iterable[Rule], active: Collection[str] = ()) -> tuple[RuleState, ...]:
    """The states before any sample: nothing is known yet but what was told before.

    Args:
        rules: All of them.
        active: Keys of alerts that were raised before our start and not cleared since.
    """
    found: list[RuleState] = []
    for rule in rules:
        targets = [""]
        if rule.figure.target is not None:
            own = [key.removeprefix(f"{rule.id}/") for key in active if key.startswith(f"{rule.id}/")]
            targets = list(dict.fromkeys(target.removesuffix("/no_data") for target in own))
        for target in targets:
            state = RuleState(rule=rule, target=target)
            found.append(attrs.evolve(state, firing=state.key in active, lost=state.lost_key in active))
    return tuple(found)


def step(
    rules: Iterable[Rule], states: Iterable[RuleState], look: Look | None, *, at: float, interval: float
) -> tuple[RuleState, ...]:
    """The states after one sample, or after an interval that brought none.

    What has no value any more, not even None, is watched no more: its state is gone.

    Args:
        rules: All of them.
        states: Before.
        look: None when the sample is missing.
        at: Seconds, a clock that only moves forward.
        interval: Seconds between samples.
    """
    before = {(state.rule.id, state.target): state for state in states}
    if look is None:
        return tuple(evaluate(state, None, at=at, interval=interval) for state in before.values())
    return tuple(
        evaluate(before.get((rule.id, target)) or RuleState(rule=rule, target=target), value, at=at, interval=interval)
        for rule in rules
        for target, value in look(rule.figure).items()
    )


def evaluate(state: RuleState, value: float | None, *, at: float, interval: float) -> RuleState:
    """Where a rule stands after one figure, or one that is missing.

    One or two missing figures change nothing. From `MISSED_INTERVALS` on, what led to firing or clearing is
    forgotten, for a duration that nobody watched is no evidence.

    Args:
        state: Before.
        value: None when it did not come.
        at: Seconds, a clock that only moves forward.
        interval: Seconds between samples.
    """
    silent = _missed(state, at, interval, arrived=value is not None) >= MISSED_INTERVALS
    if silent:
        state = attrs.evolve(state, breach_since=None, clear_since=None)
    if value is None:
        lost = state.lost or state.seen_at is not None
        return attrs.evolve(state, status=Status.NO_DATA, lost=lost) if silent else state
    seen = attrs.evolve(state, value=value, seen_at=at, lost=False)
    return _while_firing(seen, value, at) if seen.firing else _while_quiet(seen, value, at)


def changes(before: Iterable[RuleState], after: Iterable[RuleState]) -> list[Change]:
    """What one step changed, rule by rule. The very first figure of a rule is no news."""
    old_states = {state.key: state for state in before}
    found: list[Change] = []
    for new in after:
        old = old_states.pop(new.key, None) or RuleState(rule=new.rule, target=new.target)
        if old.lost is not new.lost:
            found.append(Change("lost" if new.lost else "found", new))
        if old.firing is not new.firing:
            found.append(Change("fired" if new.firing else "cleared", new))
    for old in old_states.values():
        if old.lost:
            found.append(Change("found", old, gone=True))
        if old.firing:
            found.append(Change("cleared", old, gone=True))
    return found


def system_health(states: Iterable[RuleState], *, any_fatal: bool) -> Health:
    """The health of the whole.

    `critical`: a critical rule fires, or a service is given up. `warning`: a rule that warns fires, or one has
    no data. A pending rule is no matter yet. Without rules only services count.

    Args:
        states: All rules'.
        any_fatal: Whether a service is FATAL: wanted, and no longer tried.
    """
    states = list(states)
    if any_fatal or any(state.firing and state.rule.level == "critical" for state in states):
        return "critical"
    if any((state.firing and state.rule.level != "info") or state.status is Status.NO_DATA for state in states):
        return "warning"
    return "healthy"


def _missed(state: RuleState, at: float, interval: float, *, arrived: bool) -> int:
    if state.seen_at is None:
        return MISSED_INTERVALS
    # To the nearest interval: a sample half an interval late is late, not missing.
    due = math.floor((at - state.seen_at) / interval + 0.5)
    return due - arrived


def _while_quiet(state: RuleState, value: float, at: float) -> RuleState:
    if not state.rule.breached(value):
        return attrs.evolve(state, status=Status.OK, breach_since=None)
    since = at if state.breach_since is None else state.breach_since
    if at - since < state.rule.for_s:
        return attrs.evolve(state, status=Status.PENDING, breach_since=since)
    return attrs.evolve(state, status=Status.FIRING, firing=True, breach_since=None)


def _while_firing(state: RuleState, value: float, at: float) -> RuleState:
    if not state.rule.clears(value):
        return attrs.evolve(state, status=Status.FIRING, clear_since=None)
    since = at if state.clear_since is None else state.clear_since
    if at - since < state.rule.clear_for_s:
        return attrs.evolve(state, status=Status.FIRING, clear_since=since)
    return attrs.evolve(state, status=Status.OK, firing=False, clear_since=None)
