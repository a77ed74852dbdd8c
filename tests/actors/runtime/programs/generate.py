"""Random programs: the same for the same seed."""

from random import Random
from typing import TypeVar

from actors.runtime import (
    Backoff,
    Full,
    KeepOnRestart,
    MailboxOptions,
    Overflow,
    Restart,
    RestartIntensity,
    Strategy,
)
from tests.actors.runtime.programs.plan import (
    ActorPlan,
    CallerPlan,
    Detach,
    Fail,
    GroupPlan,
    Hold,
    How,
    Kind,
    ListenerPlan,
    Look,
    Post,
    Program,
    Publish,
    StartChild,
    Step,
    StopChild,
    StopSelf,
    TimerPlan,
    Work,
)

T = TypeVar("T")

SHORT = 1 / 64
HOLDS = (0.0, 0.0, SHORT, SHORT, 2 * SHORT, 4 * SHORT, 0.5)
TIMEOUTS = (0.0, SHORT, 2 * SHORT, 4 * SHORT, 0.5, 5.0, 5.0, 5.0)
PATIENT = 1000.0
"""A timeout that no calm program reaches."""
DEEPEST = 3
"""Messages that cause messages that cause messages, and no further."""


def generate(seed: int) -> Program:
    """The program of *seed*."""
    return _Generator(seed).program()


class _Generator:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = Random(seed)  # noqa: S311 - to be repeatable is the point
        self.calm = self.chance(0.15)
        self.actors = self.dice.randint(1, 4)
        self.groups = self.dice.choice((1, 1, 2, 3))

    def program(self) -> Program:
        groups = tuple(self._group(index) for index in range(self.groups))
        actors = tuple(self._actor(index) for index in range(self.actors))
        callers = [self._caller(index) for index in range(self.dice.randint(1, 4))]
        if self.calm:  # one is cancelled, to see that it changes nothing for the others
            callers.append(self._caller(len(callers), doomed=True))
        listeners = tuple(self._listener() for _ in range(self.dice.choice((0, 0, 1, 2))))
        return Program(self.seed, self.calm, groups, actors, tuple(callers), listeners)

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def _group(self, index: int) -> GroupPlan:
        return GroupPlan(
            name="root" if index == 0 else f"g{index}",
            strategy=self.dice.choice(tuple(Strategy)),
            intensity=RestartIntensity(self.dice.choice((0, 1, 3, 3, 20, 20, 20)), self.dice.choice((0.5, 2.0, 60.0))),
            restart=self.dice.choice((Restart.PERMANENT, Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY)),
            backoff=self._backoff(),
        )

    def _backoff(self) -> Backoff:
        initial = self.dice.choice((0.0, SHORT, 0.25))
        return Backoff(initial=initial, maximum=max(initial, 0.25), at_once=self.dice.choice((0, 1)), reset_after=2.0)

    def _actor(self, index: int) -> ActorPlan:
        dice, calm = self.dice, self.calm
        others = [other for other in range(self.actors) if other != index]
        return ActorPlan(
            name=f"a{index}",
            group=dice.randrange(self.groups),
            restart=dice.choice((Restart.PERMANENT, Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY)),
            mailbox=MailboxOptions(
                capacity=dice.choice((1, 1, 2, 3, 8)),
                full=Full.BLOCK if calm else dice.choice((Full.BLOCK, Full.BLOCK, *Full)),
                batch=dice.choice((1, 1, 2, 3, 32)),
                keep=dice.choice((KeepOnRestart.ALL, *KeepOnRestart)),
            ),
            backoff=self._backoff(),
            grace=dice.choice((0.0, SHORT, 0.25, 5.0, 5.0)),
            start_seconds=dice.choice((0.0, 0.0, 0.0, SHORT, 0.25)),
            stop_seconds=dice.choice((0.0, 0.0, 0.0, SHORT, 0.25)),
            bad_starts=() if calm else tuple(n for n in range(6) if self.chance(0.05 if n == 0 else 0.15)),
            quits=() if calm else tuple(n for n in range(4) if self.chance(0.03)),
            timers=tuple(
                TimerPlan(dice.choice((4 * SHORT, 0.125, 0.5)), dice.choice((0.0, 0.0, SHORT, 0.25)))
                for _ in range(dice.choice((0, 0, 0, 1, 2)) if not calm else 0)
            ),
            watches=tuple(other for other in others if not calm and self.chance(0.1)),
            links=tuple(other for other in others if not calm and self.chance(0.04)),
        )

    def _listener(self) -> ListenerPlan:
        of_cell = self.chance(0.3)
        return ListenerPlan(
            of_cell=of_cell,
            capacity=self.dice.choice((1, 1, 2, 5, 1024)),
            overflow=Overflow.DROP_OLDEST if of_cell else self.dice.choice(tuple(Overflow)),
            pace=self.dice.choice(HOLDS),
            batch=self.dice.choice((None, 1, 3, 1024)),
            cancel_after=self.dice.choice((None, None, None, 0.0, SHORT, 0.5)),
        )

    def _caller(self, index: int, *, doomed: bool = False) -> CallerPlan:
        steps: list[Step] = []
        for _ in range(self.dice.randint(1, 9)):
            steps.extend(self._caller_steps())
        cancelled = doomed or (not self.calm and self.chance(0.35))
        return CallerPlan(
            name=f"c{index}",
            steps=tuple(steps),
            cancel_at=self.dice.choice((1, 1, 2, 2, 3, 4, 5, 7, 10)) if cancelled else None,
            lag=self.dice.choice((0, 0, 0, 1, 2, 3)),
        )

    def _caller_steps(self) -> list[Step]:
        dice = self.dice
        roll = dice.random()
        if roll < 0.2:
            return [Hold(dice.choice(HOLDS))]
        if roll < 0.25:
            return [Publish() for _ in range(dice.randint(1, 6))]
        if roll < 0.29:
            return [Look(dice.randrange(self.actors))]
        if roll < 0.36 and not self.calm:
            return [dice.choice((StopChild, StartChild, StartChild))(dice.randrange(self.actors))]
        if roll < 0.4:  # more than the inline calls that are allowed in a row
            plain = Post(How.ASK, Work(dice.randrange(self.actors), Kind.SYNC), timeout=PATIENT)
            return [plain] * 20
        if roll < 0.55:  # a burst
            return [self._post(0) for _ in range(dice.randint(2, 6))]
        return [self._post(0)]

    def _post(self, depth: int, *, only_tell: bool = False, above: int = -1) -> Post:
        dice = self.dice
        how = How.TELL if only_tell else dice.choice((How.TELL, How.SEND, How.ASK, How.ASK))
        if self.calm:  # a tell is lost when there is no room, and asks in a circle are refused
            how = How.SEND if how is How.TELL else how
            to = dice.randrange(above + 1, self.actors)
        else:
            to = dice.randrange(self.actors)
        return Post(
            how,
            self._work(to, depth),
            timeout=PATIENT if self.calm else dice.choice(TIMEOUTS),
            give_up=dice.choice(HOLDS) if not self.calm and self.chance(0.1) else None,
        )

    def _work(self, to: int, depth: int) -> Work:
        kinds = (Kind.SYNC, Kind.ASYNC) if self.calm else (Kind.SYNC, Kind.SYNC, Kind.ASYNC, Kind.ASYNC, Kind.LATE)
        kind = self.dice.choice(kinds)
        steps: list[Step] = []
        for _ in range(self.dice.choice((0, 0, 1, 1, 2, 3))):
            step = self._handler_step(to, kind, depth)
            if step is not None:
                steps.append(step)
        return Work(to, kind, tuple(steps))

    def _handler_step(self, to: int, kind: Kind, depth: int) -> Step | None:
        roll = self.dice.random()
        if not self.calm:
            if roll < 0.1:
                return Fail(declared=self.chance(0.4))
            if roll < 0.13:
                return StopSelf()
            if roll < 0.17:
                return Detach(self.dice.choice(HOLDS), crash=self.chance(0.6))
            if roll < 0.19:
                return Look(self.dice.randrange(self.actors))
        if roll < 0.25:
            return Publish()
        sync = kind is Kind.SYNC
        if roll < 0.6 and not sync:
            return Hold(self.dice.choice(HOLDS))
        if depth >= DEEPEST or (self.calm and (sync or to == self.actors - 1)):
            return None
        return self._post(depth + 1, only_tell=sync, above=to)
