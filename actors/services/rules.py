"""The life of a service as data: one table, and the judgement of how a run ended. No I/O."""

import enum

import attrs

from actors.services.messages import State, Wanted
from actors.settings import ProcessOptions


class Event(enum.Enum):
    """What can happen to a service."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    UP = "up"
    """Its process has been alive for `start_seconds`, and is ready where it is asked."""
    AGAIN = "again"
    """Its run ended and is to be repeated after a delay."""
    DONE = "done"
    """Its run ended as expected and is not to be repeated."""
    GIVE_UP = "give_up"
    """Its run failed, once too often or where once is too often."""
    DUE = "due"
    """The delay is over."""
    MISSED = "missed"
    """A service that it depends on will not come."""
    CAME = "came"
    """All that it depends on has come after all."""
    GONE = "gone"
    """Nothing of its run is left, and it is not wanted."""
    GONE_WANTED = "gone_wanted"
    """Nothing of its run is left, and it is wanted."""


class Action(enum.Enum):
    """What is to be done on the way to the next state."""

    NOTHING = "nothing"
    SPAWN = "spawn"
    """Start a run, once nothing of the one before is left and all that it depends on is there."""
    END = "end"
    """Stop the run and all that belongs to it; a delay that is running ends."""
    DELAY = "delay"
    """Start the delay before the next run."""
    REST = "rest"
    """Start the long delay before one more try, if its settings have one."""


@attrs.frozen
class Transition:
    """Where an event leads, and by what."""

    state: State
    action: Action = Action.NOTHING


S, E, A = State, Event, Action

TABLE: dict[tuple[State, Event], Transition] = {
    # Commands.
    (S.STOPPED, E.START): Transition(S.STARTING, A.SPAWN),
    (S.STOPPED, E.RESTART): Transition(S.STARTING, A.SPAWN),
    (S.EXITED, E.START): Transition(S.STARTING, A.SPAWN),
    (S.EXITED, E.RESTART): Transition(S.STARTING, A.SPAWN),
    (S.EXITED, E.STOP): Transition(S.STOPPING, A.END),
    (S.FATAL, E.START): Transition(S.STARTING, A.SPAWN),
    (S.FATAL, E.RESTART): Transition(S.STARTING, A.SPAWN),
    (S.FATAL, E.STOP): Transition(S.STOPPING, A.END),
    (S.BACKOFF, E.START): Transition(S.STARTING, A.SPAWN),
    (S.BACKOFF, E.RESTART): Transition(S.STARTING, A.SPAWN),
    (S.BACKOFF, E.STOP): Transition(S.STOPPING, A.END),
    (S.STARTING, E.STOP): Transition(S.STOPPING, A.END),
    (S.STARTING, E.RESTART): Transition(S.STOPPING, A.END),
    (S.RUNNING, E.STOP): Transition(S.STOPPING, A.END),
    (S.RUNNING, E.RESTART): Transition(S.STOPPING, A.END),
    # What the process does.
    (S.STARTING, E.UP): Transition(S.RUNNING),
    (S.STARTING, E.AGAIN): Transition(S.BACKOFF, A.DELAY),
    (S.STARTING, E.DONE): Transition(S.EXITED),
    (S.STARTING, E.GIVE_UP): Transition(S.FATAL, A.REST),
    (S.RUNNING, E.AGAIN): Transition(S.BACKOFF, A.DELAY),
    (S.RUNNING, E.DONE): Transition(S.EXITED),
    (S.RUNNING, E.GIVE_UP): Transition(S.FATAL, A.REST),
    (S.BACKOFF, E.DUE): Transition(S.STARTING, A.SPAWN),
    (S.FATAL, E.DUE): Transition(S.STARTING, A.SPAWN),
    (S.STOPPING, E.GONE): Transition(S.STOPPED),
    (S.STOPPING, E.GONE_WANTED): Transition(S.STARTING, A.SPAWN),
    # What it depends on.
    (S.STARTING, E.MISSED): Transition(S.FATAL),
    (S.FATAL, E.CAME): Transition(S.STARTING, A.SPAWN),
}

IGNORED: frozenset[tuple[State, Event]] = frozenset(
    {
        # It already is, or is on its way to, what was asked for. While stopping, what is wanted decides the rest.
        (S.STARTING, E.START),
        (S.RUNNING, E.START),
        (S.STOPPED, E.STOP),
        (S.STOPPING, E.START),
        (S.STOPPING, E.STOP),
        (S.STOPPING, E.RESTART),
        # The end of a run that was told to end is no news; what counts is that nothing is left of it.
        (S.STOPPING, E.AGAIN),
        (S.STOPPING, E.DONE),
        (S.STOPPING, E.GIVE_UP),
        # Whatever the run left behind is gone, long after its end was dealt with.
        *((state, event) for state in S if state is not S.STOPPING for event in (E.GONE, E.GONE_WANTED)),
        # Timers that were overtaken.
        *((state, E.UP) for state in S if state is not S.STARTING),
        *((state, E.DUE) for state in S if state not in (S.BACKOFF, S.FATAL)),
        # Only who waits cares.
        *((state, E.MISSED) for state in S if state is not S.STARTING),
        *((state, E.CAME) for state in S if state is not S.FATAL),
    }
)
"""Pairs that change nothing."""

IMPOSSIBLE: frozenset[tuple[State, Event]] = frozenset(
    (state, event) for state in (S.STOPPED, S.EXITED, S.FATAL, S.BACKOFF) for event in (E.AGAIN, E.DONE, E.GIVE_UP)
)
"""Pairs that cannot come about: there is no run that could end. They change nothing either."""


def transition(state: State, event: Event) -> Transition:
    """Where *event* leads from *state*; the same state and no action where it changes nothing."""
    return TABLE.get((state, event), Transition(state))


def wanted_after(wanted: Wanted, event: Event) -> Wanted:
    """What is wanted of a service after *event*: only commands change it."""
    match event:
        case Event.START | Event.RESTART:
            return Wanted.UP
        case Event.STOP:
            return Wanted.DOWN
        case _:
            return wanted


@attrs.frozen
class Verdict:
    """What the end of a run means."""

    again: bool
    """It is started again, unless it failed too often."""
    failure: bool
    """It is a failure, and told as one."""

    def event(self, *, too_often: bool) -> Event:
        """What happens to the service. A failure that nobody repairs is given up, not done."""
        if self.again:
            return Event.GIVE_UP if self.failure and too_often else Event.AGAIN
        return Event.GIVE_UP if self.failure else Event.DONE


def judge(options: ProcessOptions, *, exit_code: int | None, started: bool) -> Verdict:
    """What the end of a run means that nobody commanded.

    Args:
        options: The policy.
        exit_code: None when a signal ended it, when it never was executed, and when we ended it because it did not
            do its work: how it took that says nothing.
        started: It had come up.
    """
    expected = exit_code is not None and exit_code in options.expected_exit_codes
    match options.restart:
        case "always":
            # An expected end of a service that is to run always is no failure, unless it never came up.
            return Verdict(again=True, failure=not (expected and started))
        case "on-failure":
            return Verdict(again=not expected, failure=not expected)
        case "never":
            return Verdict(again=False, failure=not expected)
