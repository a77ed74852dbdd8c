"""What is measured: a question, who answers it, and what is hoped for."""

import enum
from collections.abc import Callable, Mapping

import attrs

Reading = Mapping[str, float]
"""What one run gave: values by the name of their figure, in the figure's unit."""


Measure = Callable[[int], Reading]
"""Measures once, at a size."""


class Absent(Exception):
    """This side cannot be measured here: it is not installed, or the machine lacks what it needs."""


class Better(enum.Enum):
    """Which way a figure is better."""

    HIGHER = "higher"
    LOWER = "lower"


@attrs.frozen
class Target:
    """What our figure should reach: at least *bound* where higher is better, at most *bound* where lower is.

    Args:
        bound: Of the ratio, ours / the peer's, if *against* is given; else of our own value, in the figure's unit.
        against: The peer whose ratio it is.
    """

    bound: float
    against: str | None = None


@attrs.frozen
class Figure:
    """One value of a reading. *name* may be empty where a question has one figure only."""

    name: str
    unit: str
    better: Better
    target: Target | None = None


@attrs.frozen
class Side:
    """One that answers a question.

    Args:
        name: Unique within the question.
        run: Measures once at the size it is given.

    Raises:
        Absent: Out of *run*: it cannot be measured here.
    """

    name: str
    run: Measure


@attrs.frozen
class Question:
    """Something to be measured, on our side and on those of our peers, with the same work on each.

    Args:
        name: For the command line and the results.
        text: What the reader of the table sees.
        figures: What each side's reading has; one that a peer's lacks is shown as absent.
        ours: Our side.
        peers: Those of others, or a floor or limit.
        size: How much work one run is; its meaning is the question's.
        quick: The same with `--quick`.
        rounds: How often each side is measured; the quick run does it `quick_rounds` times.
        warm_up: Size of a run beforehand whose reading is thrown away; 0 for none.
    """

    name: str
    text: str
    figures: tuple[Figure, ...]
    ours: Side
    peers: tuple[Side, ...]
    size: int
    quick: int
    rounds: int = 7
    quick_rounds: int = 3
    warm_up: int = 0
