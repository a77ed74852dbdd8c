"""Questions and sides that the tests of the benchmark share: what they give is told beforehand."""

from collections.abc import Iterable

from bench.question import Absent, Better, Figure, Question, Reading, Side, Target


def giving(name: str, values: Iterable[float | Exception], calls: list[str] | None = None) -> Side:
    """A side that gives *values* one after the other, or raises them."""
    left = iter(values)

    def run(_: int) -> Reading:
        if calls is not None:
            calls.append(name)
        value = next(left)
        if isinstance(value, Exception):
            raise value
        return {"": value}

    return Side(name, run)


def absent(name: str) -> Side:
    """A side that cannot be measured here."""

    def run(_: int) -> Reading:
        raise Absent(f"{name} is not installed")

    return Side(name, run)


def question(
    ours: Side, *peers: Side, target: Target | None = None, better: Better = Better.HIGHER, rounds: int = 3
) -> Question:
    """How fast they are, in apples."""
    return Question(
        "speed",
        "how fast",
        (Figure("", "apples", better, target),),
        ours,
        peers,
        size=1,
        quick=1,
        rounds=rounds,
        quick_rounds=rounds,
    )
