"""Alert rules: against a twin that looks at everything that ever happened, each time."""

from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.metrics import Rule, RuleState, Sample, Status, rules_of
from actors.metrics.figures import RestartTally
from actors.metrics.figures import values as values_of
from actors.metrics.rules import (
    MISSED_INTERVALS,
    Change,
    changes,
    evaluate,
    initial,
    system_health,
)
from actors.metrics.rules import (
    Look as Look_,
)
from actors.metrics.rules import (
    step as rules_step,
)
from actors.settings import Figure
from actors.settings.alerts import default_rules

INTERVAL = 2.0
DEFAULT_RULES = rules_of(default_rules())
CPU = Figure("cpu_percent")

RULE = Rule(
    id="cpu_high", figure=CPU, level="warning",
    above=90.0, for_s=6.0, clear=80.0, clear_for_s=4.0,
)  # fmt: skip
CRITICAL = attrs.evolve(RULE, id="cpu_critical", level="critical")

# Figures on both sides of both thresholds and on them; None is a sample without the figure.
values = st.sampled_from([None, 0.0, 79.9, 80.0, 85.0, 90.0, 90.1, 100.0])
# Intervals between looks: on time, jittered, and silent for a while.
waits = st.sampled_from([2.0, 2.0, 2.0, 2.0, 1.9, 2.3, 4.0, 5.9, 9.0, 40.0])
# A value that stays for some looks, or durations would hardly ever be reached by chance.
stretches = st.lists(st.tuples(values, st.lists(waits, min_size=1, max_size=6)), max_size=12)
rules = st.builds(
    Rule,
    id=st.just("any"),
    figure=st.just(CPU),
    level=st.just("warning"),
    above=st.just(90.0),
    clear=st.sampled_from([80.0, 90.0]),
    for_s=st.sampled_from([0.5, 4.0, 6.0]),
    clear_for_s=st.sampled_from([0.0, 4.0, 6.0]),
)

Look = tuple[float, float | None]


def replay(rule: Rule, looks: list[Look]) -> list[RuleState]:
    state = RuleState(rule=rule)
    states: list[RuleState] = []
    for at, value in looks:
        state = evaluate(state, value, at=at, interval=INTERVAL)
        states.append(state)
    return states


def run(rule: Rule, *values: float | None) -> list[str]:
    """The statuses after figures that come on time."""
    states = replay(rule, [(number * INTERVAL, value) for number, value in enumerate(values)])
    return [state.status.value for state in states]


# --- the twin ---


def missing_before(looks: list[Look], index: int) -> int:
    """How many figures are missing right before the look, itself included when it has none."""
    at, value = looks[index]
    earlier = [when for when, found in looks[:index] if found is not None]
    if not earlier:
        return MISSED_INTERVALS
    due = int((at - earlier[-1]) / INTERVAL + 0.5)
    return due if value is None else due - 1


def stayed(looks: list[Look], first: int, last: int, seconds: float, sides: list[bool]) -> bool:
    """Whether some stretch that ends at *last* held its side for so long, watched all the time."""
    for begin in range(first, last + 1):
        stretch = range(begin, last + 1)
        if (
            looks[begin][1] is not None
            and looks[last][1] is not None
            and all(sides[number] for number in stretch if looks[number][1] is not None)
            and all(missing_before(looks, number) < MISSED_INTERVALS for number in stretch if number > begin)
            and looks[last][0] - looks[begin][0] >= seconds
        ):
            return True
    return False


def twin(rule: Rule, looks: list[Look]) -> list[Status]:
    assert rule.above is not None
    assert rule.clear is not None
    above = [value is not None and value > rule.above for _, value in looks]
    below = [value is not None and value < rule.clear for _, value in looks]
    firing, since, statuses = False, 0, list[Status]()
    for index, (_, value) in enumerate(looks):
        if firing and stayed(looks, since, index, rule.clear_for_s, below):
            firing, since = False, index + 1
        elif not firing and stayed(looks, since, index, rule.for_s, above):
            firing, since = True, index + 1
        if value is None and missing_before(looks, index) >= MISSED_INTERVALS:
            statuses.append(Status.NO_DATA)
        elif value is None:
            statuses.append(statuses[-1])
        elif firing:
            statuses.append(Status.FIRING)
        else:
            statuses.append(Status.PENDING if above[index] else Status.OK)
    return statuses


@given(rules, stretches)
def test_a_rule_stands_where_its_whole_past_puts_it(rule: Rule, past: list[tuple[float | None, list[float]]]) -> None:
    now, looks = 0.0, list[Look]()
    for value, pauses in past:
        for pause in pauses:
            now += pause
            looks.append((now, value))
    assert [state.status for state in replay(rule, looks)] == twin(rule, looks)


# --- in single sentences ---


def test_it_fires_after_the_duration_and_not_before() -> None:
    assert run(RULE, 91, 91, 91, 91) == ["pending", "pending", "pending", "firing"]


def test_one_sample_is_no_alert_however_high() -> None:
    assert run(attrs.evolve(RULE, for_s=0.001), 100) == ["pending"]


def test_one_sample_on_the_threshold_starts_the_duration_anew() -> None:
    assert run(RULE, 91, 91, 91, 90, 91, 91, 91, 91)[-2:] == ["pending", "firing"]


def test_between_the_thresholds_it_stays_as_it_is() -> None:
    assert run(RULE, 91, 91, 91, 91, 85, 85, 85, 85, 79, 85, 79, 79, 79)[3:] == ["firing"] * 9 + ["ok"]
    assert run(RULE, 85, 85, 85, 85) == ["ok"] * 4


def test_one_sample_on_the_clear_threshold_starts_the_clearing_anew() -> None:
    assert run(RULE, 91, 91, 91, 91, 79, 79, 80, 79, 79, 79)[3:] == ["firing"] * 6 + ["ok"]


def test_clearing_that_nobody_watched_starts_anew() -> None:
    fired = [(0.0, 91.0), (2.0, 91.0), (4.0, 91.0), (6.0, 91.0)]
    states = replay(RULE, [*fired, (8.0, 79.0), (60.0, 79.0), (64.0, 79.0)])
    assert [state.status for state in states[3:]] == [Status.FIRING] * 3 + [Status.OK]


def test_three_missing_figures_are_no_data_and_two_are_not() -> None:
    assert run(RULE, 50, None, None, None, 50) == ["ok", "ok", "ok", "no_data", "ok"]


def test_looks_a_little_early_or_late_count_as_the_intervals_they_are_near() -> None:
    early = replay(RULE, [(0.0, 50.0), (1.9, None), (3.9, None), (5.9, None)])
    assert [state.status.value for state in early] == ["ok", "ok", "ok", "no_data"]
    late = replay(RULE, [(0.0, 50.0), (2.1, None), (4.9, None)])
    assert [state.status.value for state in late] == ["ok", "ok", "ok"]


def test_before_the_first_figure_there_is_no_data() -> None:
    assert run(RULE, None, 50) == ["no_data", "ok"]


def test_a_duration_nobody_watched_is_no_evidence() -> None:
    states = replay(RULE, [(0.0, 91.0), (60.0, 91.0), (66.0, 91.0)])
    assert [state.status for state in states] == [Status.PENDING, Status.PENDING, Status.FIRING]


def test_a_firing_rule_without_data_still_fires_when_the_data_is_back() -> None:
    assert run(RULE, 91, 91, 91, 91, None, None, None, 85)[3:] == [
        "firing",
        "firing",
        "firing",
        "no_data",
        "firing",
    ]


def test_a_rule_for_what_is_too_little_fires_below_and_clears_above() -> None:
    rule = Rule(id="free", figure=CPU, below=10.0, for_s=4.0, clear=20.0, clear_for_s=2.0)
    assert run(rule, 9, 9, 9, 15, 21, 21) == ["pending", "pending", "firing", "firing", "firing", "ok"]
    assert run(rule, 10, 10, 10, 10) == ["ok"] * 4


def test_without_a_clear_threshold_it_clears_within_its_own() -> None:
    rule = Rule(id="down", figure=CPU, above=0.0, for_s=0.0, clear_for_s=0.0)
    assert run(rule, 1, 0, 1, 0) == ["firing", "ok", "firing", "ok"]


@given(stretches)
def test_a_rule_below_is_the_mirror_of_one_above(past: list[tuple[float | None, list[float]]]) -> None:
    above = attrs.evolve(RULE, id="any")
    below = attrs.evolve(above, above=None, below=-90.0, clear=-80.0)
    now, looks = 0.0, list[Look]()
    for value, pauses in past:
        for pause in pauses:
            now += pause
            looks.append((now, value))
    mirrored = [(at, None if value is None else -value) for at, value in looks]
    assert [s.status for s in replay(above, looks)] == [s.status for s in replay(below, mirrored)]


# --- health ---


def firing(rule: Rule) -> RuleState:
    return RuleState(rule=rule, status=Status.FIRING, firing=True, value=95.0, seen_at=0.0)


def calm(status: Status) -> RuleState:
    return RuleState(rule=RULE, status=status, value=50.0, seen_at=0.0)


@pytest.mark.parametrize(
    ("states", "any_fatal", "health"),
    [
        ([], False, "healthy"),
        ([calm(Status.OK)], False, "healthy"),
        ([calm(Status.PENDING)], False, "healthy"),
        ([calm(Status.OK), calm(Status.NO_DATA)], False, "warning"),
        ([calm(Status.OK), firing(RULE)], False, "warning"),
        ([firing(RULE), firing(CRITICAL)], False, "critical"),
        ([attrs.evolve(firing(CRITICAL), status=Status.NO_DATA)], False, "critical"),
        ([calm(Status.OK)], True, "critical"),
    ],
)
def test_the_health_is_the_worst_there_is(states: list[RuleState], any_fatal: bool, health: str) -> None:
    assert system_health(states, any_fatal=any_fatal) == health


def test_before_any_sample_the_system_is_not_called_healthy() -> None:
    assert system_health(initial(DEFAULT_RULES), any_fatal=False) == "warning"


# --- many rules at once ---


def sample(cpu: float | None, memory: float | None, disk: float | None) -> Sample:
    return Sample(taken_at=datetime(2024, 1, 1, tzinfo=UTC), cpu_percent=cpu, memory_percent=memory, disk_percent=disk)


def look_at(sample: Sample) -> Look_:
    return lambda figure: values_of(figure, sample, {}, {}, RestartTally())


def step(
    states: tuple[RuleState, ...], found: Sample | None, *, at: float, interval: float, rules: tuple[Rule, ...] = ()
) -> tuple[RuleState, ...]:
    own = rules or tuple(dict.fromkeys(state.rule for state in states))
    return rules_step(own, states, None if found is None else look_at(found), at=at, interval=interval)


def test_each_rule_sees_its_own_figure() -> None:
    states = step(initial(DEFAULT_RULES), sample(1.0, 98.0, 95.0), at=0.0, interval=INTERVAL)
    assert {state.rule.id: (state.value, state.status.value) for state in states} == {
        "cpu_high": (1.0, "ok"),
        "memory_high": (98.0, "pending"),
        "memory_critical": (98.0, "pending"),
        "disk_high": (95.0, "pending"),
        "disk_critical": (95.0, "ok"),
    }


def test_a_full_minute_above_97_percent_of_memory_is_critical() -> None:
    states = initial(DEFAULT_RULES)
    healths: list[str] = []
    for second in range(0, 62, 2):
        states = step(states, sample(50.0, 98.0, 50.0), at=float(second), interval=INTERVAL)
        healths.append(system_health(states, any_fatal=False))
    assert healths == ["healthy"] * 30 + ["critical"]


def test_samples_that_stop_coming_are_a_warning_on_the_third() -> None:
    states = step(initial(DEFAULT_RULES), sample(50.0, 50.0, 50.0), at=0.0, interval=INTERVAL)
    healths: list[str] = []
    for second in (2.0, 4.0, 6.0):
        states = step(states, None, at=second, interval=INTERVAL)
        healths.append(system_health(states, any_fatal=False))
    assert healths == ["healthy", "healthy", "warning"]


def test_changes_are_told_once_and_the_first_figure_is_none() -> None:
    figures = [50, 91, 91, 91, 91, 91, None, None, None, 50, 50, 50, 50]
    states = initial([RULE])
    told: list[list[str]] = []
    for number, figure in enumerate(figures):
        after = step(states, sample(figure, 1.0, 1.0), at=number * INTERVAL, interval=INTERVAL)
        told.append([change.what for change in changes(states, after)])
        states = after
    assert told == [[], [], [], [], ["fired"], [], [], [], ["lost"], ["found"], [], ["cleared"], []]


def test_what_was_told_before_our_start_is_not_told_again_and_is_told_to_be_over() -> None:
    states = initial([RULE], {"cpu_high"})
    assert [state.firing for state in states] == [True]
    told: list[list[str]] = []
    for number, figure in enumerate([85, 91, 91, 91, 91, 50, 50, 50]):
        after = step(states, sample(figure, 1.0, 1.0), at=number * INTERVAL, interval=INTERVAL)
        told.append([change.what for change in changes(states, after)])
        states = after
    assert told == [[], [], [], [], [], [], [], ["cleared"]]
    lost = initial([RULE], {"cpu_high/no_data"})
    found = step(lost, sample(1.0, 1.0, 1.0), at=0.0, interval=INTERVAL)
    assert [change.what for change in changes(lost, found)] == ["found"]


def test_a_change_carries_where_the_rule_stands() -> None:
    before = (RuleState(rule=RULE, status=Status.PENDING, value=91.0, seen_at=0.0, breach_since=0.0),)
    after = step(before, sample(99.0, None, None), at=6.0, interval=6.0)
    assert changes(before, after) == [Change("fired", after[0])]
    assert (after[0].rule.id, after[0].value) == ("cpu_high", 99.0)
