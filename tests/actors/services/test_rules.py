"""The table of a service's life, against a twin that has no table; and the judgement of how a run ended."""

import itertools
from typing import Literal, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services.messages import State, Wanted
from actors.services.rules import (
    IGNORED,
    IMPOSSIBLE,
    TABLE,
    Action,
    Event,
    Transition,
    Verdict,
    judge,
    transition,
    wanted_after,
)
from actors.settings import ProcessOptions

COMMANDS = (Event.START, Event.STOP, Event.RESTART)

Step = Literal["start", "stop", "restart", "up", "again", "done", "give_up", "due", "gone", "coming", "missed", "there"]
STEPS: tuple[Step, ...] = get_args(Step)
"""The last three are how far what it depends on has come."""


# --- the table ---


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_pair_of_state_and_event_is_decided_exactly_once(state: State, event: Event) -> None:
    pair = (state, event)
    assert [pair in TABLE, pair in IGNORED, pair in IMPOSSIBLE].count(True) == 1


def test_nothing_in_the_table_changes_nothing() -> None:
    assert [pair for pair, following in TABLE.items() if following == Transition(pair[0])] == []


@pytest.mark.parametrize("state", [state for state in State if state is not State.STOPPED])
def test_a_stop_takes_effect_from_every_state(state: State) -> None:
    assert transition(state, Event.STOP).state is State.STOPPING


@pytest.mark.parametrize("state", list(State))
def test_only_commands_change_what_is_wanted(state: State) -> None:
    for wanted, event in itertools.product(Wanted, Event):
        expected = {Event.START: Wanted.UP, Event.RESTART: Wanted.UP, Event.STOP: Wanted.DOWN}.get(event, wanted)
        assert wanted_after(wanted, event) is expected


def test_a_run_begins_only_on_the_way_to_starting_and_ends_only_on_the_way_to_stopping() -> None:
    for following in TABLE.values():
        assert (following.action is Action.SPAWN) == (following.state is State.STARTING)
        assert (following.action is Action.END) == (following.state is State.STOPPING), (
            "a service that is stopping has been told to"
        )


# --- the table in a world of runs, against a twin ---


@attrs.define
class World:
    """What the table is for: a process, what it leaves behind, a delay, dependencies. It does what the table says.

    Whoever is given up rests for a delay before one more try.
    """

    state: State = State.STOPPED
    wanted: Wanted = Wanted.DOWN
    alive: int = 0
    remains: bool = False
    spawn_waits: bool = False
    delay: bool = False
    told_to_end: bool = False
    most_alive: int = 0
    ahead: Literal["coming", "missed", "there"] = "there"
    missing: bool = False

    def take(self, step: Step) -> None:
        if step in ("coming", "missed", "there"):
            self.ahead = step
        elif step in ("start", "stop", "restart"):
            self.wanted = wanted_after(self.wanted, Event(step))
            self._happen(Event(step))
        else:
            self._see(step)
        # As the actor does after each message: what can begin begins, and with nothing left, a stop is complete.
        if self.missing and self.ahead == "there":
            self._happen(Event.CAME)
        self._spawn_if_it_can()
        if self.state is State.STOPPING and not self.remains:
            self._happen(Event.GONE_WANTED if self.wanted is Wanted.UP else Event.GONE)

    def _see(self, step: Step) -> None:
        if step == "up" and self.alive:
            self._happen(Event.UP)
        elif step in ("again", "done", "give_up") and self.alive:
            self.alive = 0
            self._happen(Event(step))
        elif step == "due" and self.delay:
            self.delay = False
            self._happen(Event.DUE)
        elif step == "gone" and self.remains and not self.alive:
            self.remains = self.told_to_end = False

    def _happen(self, event: Event) -> None:
        following = transition(self.state, event)
        self.state = following.state
        match following.action:
            case Action.SPAWN:
                self.delay = self.missing = False
                self.spawn_waits = True
                self._spawn_if_it_can()
            case Action.END:
                self.delay = self.spawn_waits = self.missing = False
                self.told_to_end = self.remains
            case Action.DELAY | Action.REST:
                self.delay = True
            case Action.NOTHING:
                pass

    def _spawn_if_it_can(self) -> None:
        if self.remains or not self.spawn_waits or self.ahead == "coming":
            return
        self.spawn_waits = False
        if self.ahead == "missed":
            self.missing = True
            self._happen(Event.MISSED)
            return
        self.alive += 1
        self.remains = True
        self.most_alive = max(self.most_alive, self.alive)


@attrs.define
class Twin:
    """The same world told by its facts, one `if` after the other."""

    wanted: bool = False
    process: Literal["none", "young", "up"] = "none"
    remains: bool = False
    to_begin: bool = False
    stopping: bool = False
    delayed: bool = False
    over: Literal["", "exited", "fatal"] = ""
    ahead: Literal["coming", "missed", "there"] = "there"
    missing: bool = False

    @property
    def state(self) -> State:
        if self.stopping:
            return State.STOPPING
        if self.process == "up":
            return State.RUNNING
        if self.process == "young" or self.to_begin:
            return State.STARTING
        if self.delayed and not self.over:
            return State.BACKOFF
        return {"": State.STOPPED, "exited": State.EXITED, "fatal": State.FATAL}[self.over]

    def take(self, step: Step) -> None:
        getattr(self, step)()
        if self.stopping and not self.remains:
            self.stopping = False
            self.to_begin = self.wanted
        if self.missing and self.ahead == "there":
            self.missing, self.to_begin, self.over = False, True, ""
        if self.to_begin and not self.remains and self.ahead != "coming":
            self.to_begin = False
            if self.ahead == "there":
                self.process, self.remains = "young", True
            else:
                self.missing, self.over = True, "fatal"

    def start(self) -> None:
        self.wanted = True
        if self.process == "none" and not self.stopping:
            self.to_begin, self.delayed, self.over, self.missing = True, False, "", False

    def stop(self) -> None:
        self.wanted = False
        if self.state is not State.STOPPED:
            self.stopping, self.to_begin, self.delayed, self.over, self.missing = True, False, False, "", False

    def restart(self) -> None:
        if self.process != "none" or self.to_begin:
            self.stop()
        self.start()

    def up(self) -> None:
        if self.process == "young" and not self.stopping:
            self.process = "up"

    def again(self) -> None:
        if self.process != "none":
            self.process = "none"
            self.delayed = not self.stopping

    def done(self) -> None:
        if self.process != "none":
            self.process = "none"
            self.over = "" if self.stopping else "exited"

    def give_up(self) -> None:
        if self.process != "none":
            self.process = "none"
            self.over = "" if self.stopping else "fatal"
            self.delayed = not self.stopping

    def due(self) -> None:
        if self.delayed:
            self.delayed, self.to_begin, self.over = False, True, ""

    def coming(self) -> None:
        self.ahead = "coming"

    def missed(self) -> None:
        self.ahead = "missed"

    def there(self) -> None:
        self.ahead = "there"

    def gone(self) -> None:
        if self.process == "none":
            self.remains = False


@given(st.lists(st.sampled_from(STEPS), max_size=60))
def test_any_life_is_the_one_its_facts_tell_and_never_has_two_runs(steps: list[Step]) -> None:
    world, twin = World(), Twin()
    for step in steps:
        world.take(step)
        twin.take(step)
        assert world.state is twin.state
        assert (world.wanted is Wanted.UP) == twin.wanted
        assert (world.alive == 1, world.remains, world.delay) == (twin.process != "none", twin.remains, twin.delayed)
        assert world.most_alive <= 1
        assert world.state is not State.STOPPED or not world.remains
        assert world.state not in (State.STARTING, State.RUNNING) or world.alive or world.spawn_waits
        assert not world.missing or world.state is State.FATAL
        assert not (world.missing and world.delay), "it waits for what it misses, or for the time, never for both"


@given(st.lists(st.sampled_from(STEPS), max_size=60), st.sampled_from(["again", "done", "give_up"]))
def test_after_a_stop_it_is_stopped_as_soon_as_nothing_is_left(
    steps: list[Step], end: Literal["again", "done", "give_up"]
) -> None:
    world = World()
    for step in steps:
        world.take(step)
    world.take("stop")
    assert not world.remains or world.told_to_end or world.state is State.STOPPED
    for step in (end, "gone"):
        world.take(step)
    assert (world.state, world.remains, world.delay) == (State.STOPPED, False, False)
    for step in ("due", "up", "gone"):
        world.take(step)
    assert world.state is State.STOPPED


@given(st.lists(st.sampled_from(STEPS), max_size=60), st.sampled_from(["start", "restart"]))
def test_after_a_start_it_runs_as_soon_as_what_was_there_is_gone(
    steps: list[Step], command: Literal["start", "restart"]
) -> None:
    world = World()
    for step in steps:
        world.take(step)
    world.take(command)
    if world.state is State.STOPPING:
        world.take("again")
    if not world.alive:
        world.take("gone")
    world.take("there")
    world.take("up")
    assert (world.state, world.alive) == (State.RUNNING, 1)


# --- the judgement ---

POLICIES = ("always", "on-failure", "never")


@pytest.mark.parametrize(
    ("restart", "exit_code", "started", "verdict"),
    [
        ("always", 0, True, Verdict(again=True, failure=False)),
        ("always", 0, False, Verdict(again=True, failure=True)),
        ("always", 7, True, Verdict(again=True, failure=False)),
        ("always", 1, True, Verdict(again=True, failure=True)),
        ("always", 1, False, Verdict(again=True, failure=True)),
        ("always", None, True, Verdict(again=True, failure=True)),
        ("on-failure", 0, True, Verdict(again=False, failure=False)),
        ("on-failure", 0, False, Verdict(again=False, failure=False)),
        ("on-failure", 7, False, Verdict(again=False, failure=False)),
        ("on-failure", 1, True, Verdict(again=True, failure=True)),
        ("on-failure", None, False, Verdict(again=True, failure=True)),
        ("never", 0, True, Verdict(again=False, failure=False)),
        ("never", 7, False, Verdict(again=False, failure=False)),
        ("never", 1, True, Verdict(again=False, failure=True)),
        ("never", None, True, Verdict(again=False, failure=True)),
    ],
)
def test_how_a_run_ended_is_judged_by_the_policy(
    restart: Literal["always", "on-failure", "never"], exit_code: int | None, started: bool, verdict: Verdict
) -> None:
    options = ProcessOptions(command=("true",), restart=restart, expected_exit_codes=(0, 7))
    assert judge(options, exit_code=exit_code, started=started) == verdict


@given(
    st.sampled_from(POLICIES),
    st.lists(st.integers(0, 255), max_size=3),
    st.none() | st.integers(0, 255),
    st.booleans(),
)
def test_an_unexpected_end_is_a_failure_and_only_never_leaves_it_at_that(
    restart: Literal["always", "on-failure", "never"], expected: list[int], exit_code: int | None, started: bool
) -> None:
    options = ProcessOptions(command=("true",), restart=restart, expected_exit_codes=tuple(expected))
    verdict = judge(options, exit_code=exit_code, started=started)
    if exit_code is None or exit_code not in expected:
        assert verdict.failure
        assert verdict.again == (restart != "never")
    elif restart != "always":
        assert not verdict.failure
        assert not verdict.again
