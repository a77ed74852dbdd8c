"""Measuring: sides take turns, and what is compared was measured side by side."""

import gc
import os
import statistics
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import attrs

from bench.question import Absent, Better, Figure, Question, Reading, Side, Target


@attrs.frozen
class Spread:
    """Several values: their median and how far they lie apart."""

    median: float
    low: float
    high: float


def spread_of(values: Sequence[float]) -> Spread | None:
    """Median, least and greatest of *values*; None if there are none."""
    return Spread(statistics.median(values), min(values), max(values)) if values else None


@attrs.frozen
class Taken:
    """What a side gave over all rounds.

    `readings` has None for each round that failed. `absent` and `failed` say why there are none, or not all.
    """

    side: str
    readings: tuple[Reading | None, ...]
    absent: str | None = None
    failed: str | None = None

    def values(self, figure: str) -> list[float]:
        """The figure of every round that has it."""
        return [reading[figure] for reading in self.readings if reading is not None and figure in reading]


@attrs.frozen
class Answer:
    """A question with what its sides gave."""

    question: Question
    ours: Taken
    peers: tuple[Taken, ...]

    @property
    def failed(self) -> bool:
        """Whether our own side failed: that is a fault, which no figure ever is."""
        return self.ours.failed is not None


def ratios(ours: Taken, peer: Taken, figure: str) -> list[float]:
    """Ours / the peer's, each within its round: what slows a machine for a while slows both sides of one round."""
    found: list[float] = []
    for mine, theirs in zip(ours.readings, peer.readings, strict=True):
        if mine is not None and theirs is not None and figure in mine and theirs.get(figure):
            found.append(mine[figure] / theirs[figure])
    return found


def judged_by(figure: Figure, ours: Taken, peers: Sequence[Taken]) -> Spread | None:
    """The ratio or the value that the figure's target is about; None where it could not be measured."""
    if figure.target is None:
        return None
    if figure.target.against is None:
        return spread_of(ours.values(figure.name))
    for peer in peers:
        if peer.side == figure.target.against:
            return spread_of(ratios(ours, peer, figure.name))
    return None


def reached(target: Target, better: Better, value: float) -> bool:
    """Whether *value*, our figure or its ratio, is as good as hoped for."""
    return value >= target.bound if better is Better.HIGHER else value <= target.bound


def answer(question: Question, *, quick: bool, tell: Callable[[str], None] = lambda _: None) -> Answer:
    """Measure *question*: every side once a round, in turns, every second round the other way round.

    Args:
        question: What to measure.
        quick: Use the small sizes.
        tell: Called with a word on what is being done.
    """
    sides = (question.ours, *question.peers)
    rounds = question.quick_rounds if quick else question.rounds
    size = question.quick if quick else question.size
    takers = [_Taker(side, question.warm_up) for side in sides]
    for number in range(rounds):
        for taker in takers if number % 2 == 0 else reversed(takers):
            tell(f"{question.name}: {taker.side.name}, round {number + 1} of {rounds}")
            taker.take(size)
    ours, *peers = (taker.taken() for taker in takers)
    return Answer(question, ours, tuple(peers))


class _Taker:
    """Takes the readings of one side."""

    def __init__(self, side: Side, warm_up: int) -> None:
        self.side = side
        self._warm_up = warm_up
        self._readings: list[Reading | None] = []
        self._absent: str | None = None
        self._failed: str | None = None

    def take(self, size: int) -> None:
        reading: Reading | None = None
        if self._absent is None:
            try:
                if self._warm_up:
                    warm_up, self._warm_up = self._warm_up, 0
                    self.side.run(warm_up)
                # What the side before has left behind is not collected at this one's expense.
                gc.collect()
                reading = self.side.run(size)
            except Absent as absent:
                self._absent = str(absent)
            except Exception as error:
                # One side that fails is told in its row; the others are measured all the same.
                self._failed = f"{type(error).__name__}: {error}"
        self._readings.append(reading)

    def taken(self) -> Taken:
        return Taken(self.side.name, tuple(self._readings), self._absent, self._failed)


@contextmanager
def one_core() -> Generator[None, None, None]:
    """Keep this process on one core for the time of the block, where the system can: a peer that uses threads is
    then compared by the work it does, and no side is slowed by moving about."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
