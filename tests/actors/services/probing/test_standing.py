"""What many looks amount to: down, up, unknown, flapping."""

import itertools
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services import Health
from actors.services.probing import Judge, Standing, Told, notice

Looks: TypeAlias = Sequence[tuple[float, bool | None]]

JUDGE = Judge(failures=3, successes=2, interval=60.0, retry_interval=10.0, flap_changes=4, flap_window=100.0)


def after(judge: Judge, looks: Looks) -> list[Standing]:
    """The standing after each look."""
    standings = [Standing()]
    for at, verdict in looks:
        standings.append(judge.after(standings[-1], verdict, at))
    return standings[1:]


def told(judge: Judge, looks: Looks) -> list[Told]:
    standings = [Standing(), *after(judge, looks)]
    notices = [notice(one, two) for one, two in itertools.pairwise(standings)]
    return [found for found in notices if found is not None]


def steady(text: str, every: float = 1.0) -> Looks:
    """Looks written as `+` (well), `-` (not well) and `?` (could not be made)."""
    return [(number * every, {"+": True, "-": False, "?": None}[sign]) for number, sign in enumerate(text)]


# --- the rules, one by one ---


def test_nothing_is_known_before_enough_looks_agree() -> None:
    assert [s.health for s in after(JUDGE, steady("+-+"))] == [Health.UNKNOWN] * 3


def test_it_takes_so_many_failures_in_a_row_to_be_down_and_so_many_successes_to_be_up() -> None:
    healths = [s.health.value for s in after(JUDGE, steady("++--+---+-++"))]
    assert healths == ["unknown", *["healthy"] * 6, *["unhealthy"] * 4, "healthy"]


def test_being_up_for_the_first_time_is_no_news_and_everything_later_is() -> None:
    assert told(JUDGE, steady("++")) == []
    assert told(JUDGE, steady("---")) == [Told.DOWN]
    assert told(JUDGE, steady("++---++")) == [Told.DOWN, Told.UP]


def test_an_outage_begins_with_its_first_bad_look() -> None:
    standings = after(JUDGE, steady("++---+"))
    assert [s.down_since for s in standings] == [None, None, None, None, 2.0, 2.0]
    assert after(JUDGE, steady("++---++"))[-1].down_since is None


def test_looks_that_could_not_be_made_count_neither_way_and_many_of_them_are_ignorance() -> None:
    assert after(JUDGE, steady("++??-?-?-"))[-1].health is Health.HEALTHY
    assert after(JUDGE, steady("++???"))[-1].health is Health.UNKNOWN
    assert told(JUDGE, steady("++---???++")) == [Told.DOWN, Told.UP]
    assert told(JUDGE, steady("++???---")) == [Told.DOWN]


def test_what_changes_too_often_is_told_once_and_then_not_until_it_has_settled() -> None:
    flapping = "++" + "---++" * 6
    assert told(JUDGE, steady(flapping)) == [Told.DOWN, Told.UP, Told.DOWN, Told.FLAPPING]
    settled = steady(flapping + "+" * 100)
    assert told(JUDGE, settled) == [Told.DOWN, Told.UP, Told.DOWN, Told.FLAPPING, Told.UP]
    down = steady(flapping + "-" * 110)
    assert told(JUDGE, down)[-1] is Told.DOWN


def test_health_follows_the_looks_while_it_is_flapping() -> None:
    healths = {s.health for s in after(JUDGE, steady("++" + "---++" * 6)) if s.flapping}
    assert healths == {Health.HEALTHY, Health.UNHEALTHY}


def test_nobody_is_flapping_who_is_not_to() -> None:
    never = attrs.evolve(JUDGE, flap_changes=0)
    assert Told.FLAPPING not in told(never, steady("++" + "---++" * 50))


@pytest.mark.parametrize(
    ("looks", "wait"), [("", 10.0), ("++", 60.0), ("++-", 10.0), ("++---", 10.0), ("++---++", 60.0), ("++?", 10.0)]
)
def test_looks_are_closer_together_while_it_is_not_known_to_be_well(looks: str, wait: float) -> None:
    standing = ([Standing(), *after(JUDGE, steady(looks))])[-1]
    assert JUDGE.wait(standing) == wait
    assert JUDGE.next_at(standing, began=100.0, now=103.0) == 100.0 + wait
    assert JUDGE.next_at(standing, began=100.0, now=200.0) == 200.0, "late, but not twice"


def test_a_retry_is_never_later_than_the_next_look() -> None:
    assert attrs.evolve(JUDGE, interval=5.0).wait(Standing()) == 5.0


# --- against a twin that reads the whole history each time ---


def twin_health(judge: Judge, looks: Looks) -> list[Health]:
    """The health after each look, from everything before it."""
    found: list[Health] = []
    for end in range(1, len(looks) + 1):
        verdicts = [verdict for _, verdict in looks[:end]]
        run = 0
        while run < end and verdicts[-1 - run] is verdicts[-1]:
            run += 1
        before = found[-1] if found else Health.UNKNOWN
        last = verdicts[-1]
        if last is None:
            found.append(Health.UNKNOWN if run >= judge.failures else before)
        elif last:
            found.append(Health.HEALTHY if run >= judge.successes else before)
        else:
            found.append(Health.UNHEALTHY if run >= judge.failures else before)
    return found


def twin_changes(healths: Sequence[Health], looks: Looks) -> list[float]:
    """When it went from well to not well or back, whatever was not known between."""
    known = [(at, health) for (at, _), health in zip(looks, healths, strict=True) if health is not Health.UNKNOWN]
    return [at for (_, before), (at, health) in itertools.pairwise(known) if health is not before]


def twin_told(judge: Judge, looks: Looks) -> list[Told | None]:
    healths = twin_health(judge, looks)
    changes = twin_changes(healths, looks)
    found: list[Told | None] = []
    for (now, _), health in zip(looks, healths, strict=True):
        before = found[-1] if found else None
        recent = sum(1 for at in changes if now - judge.flap_window < at <= now)
        begins = recent >= judge.flap_changes
        goes_on = before is Told.FLAPPING and recent * 2 >= judge.flap_changes
        if judge.flap_changes and (begins or goes_on):
            found.append(Told.FLAPPING)
        elif health is Health.UNHEALTHY:
            found.append(Told.DOWN)
        elif health is Health.HEALTHY and before is not None:
            found.append(Told.UP)
        else:
            found.append(before)
    return found


judges = st.builds(
    Judge,
    failures=st.integers(1, 3),
    successes=st.integers(1, 3),
    interval=st.just(60.0),
    retry_interval=st.just(10.0),
    flap_changes=st.sampled_from([0, 3, 4, 5]),
    flap_window=st.sampled_from([5.0, 20.0, 50.0]),
)
histories = st.lists(
    st.tuples(st.sampled_from([1.0, 2.0, 7.0]), st.sampled_from([True, True, False, False, None])), max_size=60
)


def placed(steps: Sequence[tuple[float, bool | None]]) -> Looks:
    now, looks = 0.0, list[tuple[float, bool | None]]()
    for step, verdict in steps:
        now += step
        looks.append((now, verdict))
    return looks


@given(judges, histories)
def test_the_standing_is_what_the_whole_history_says(judge: Judge, steps: Sequence[tuple[float, bool | None]]) -> None:
    looks = placed(steps)
    standings = after(judge, looks)
    assert [s.health for s in standings] == twin_health(judge, looks)
    assert [s.told for s in standings] == twin_told(judge, looks)


@given(judges, histories)
def test_an_outage_has_a_beginning_exactly_while_people_believe_in_it(
    judge: Judge, steps: Sequence[tuple[float, bool | None]]
) -> None:
    for standing in after(judge, placed(steps)):
        assert (standing.down_since is not None) == (standing.told in (Told.DOWN, Told.FLAPPING))
        assert len(standing.changes) <= max(1, judge.flap_changes)
