"""The answers, for people."""

from collections.abc import Iterable, Iterator

import attrs
from rich.table import Table

from bench.harness import Answer, Spread, Taken, judged_by, ratios, reached, spread_of
from bench.question import Better, Figure

NOTHING = "-"
CAPTION = (
    "Medians of all rounds. ratio: ours / the peer's, within each round. "
    "spread: least and greatest of the ratio, or of our own value where the target is one."
)


@attrs.frozen
class Row:
    """One figure of ours beside one peer's; every field is text."""

    question: str
    ours: str
    peer: str
    ratio: str
    target: str
    spread: str
    reached: str


def table(title: str, answers: Iterable[Answer]) -> Table:
    """Question, ours, peer, ratio, target, spread, reached."""
    drawn = Table(title=title, title_justify="left", title_style="bold", caption=CAPTION, caption_justify="left")
    for name in ("question", "ours", "peer"):
        drawn.add_column(name)
    for name in ("ratio", "target", "spread", "reached"):
        drawn.add_column(name, justify="right")
    for answer in answers:
        for row in rows(answer):
            drawn.add_row(*attrs.astuple(row))
        drawn.add_section()
    return drawn


def rows(answer: Answer) -> Iterator[Row]:
    """For each figure one row for every peer, and a row without a peer where there is none to compare with."""
    for figure in answer.question.figures:
        text = ", ".join(part for part in (answer.question.text, figure.name) if part)
        for position, peer in enumerate(answer.peers or (None,)):
            row = _row(answer, figure, peer, judges=_judges(figure, answer, position))
            yield attrs.evolve(row, question=text if position == 0 else "", ours=row.ours if position == 0 else "")


def _judges(figure: Figure, answer: Answer, position: int) -> bool:
    """Whether the target stands in this row: beside the peer it is against, or in the first if it is our own value."""
    if figure.target is None:
        return False
    if figure.target.against is None:
        return position == 0
    return answer.peers[position].side == figure.target.against if answer.peers else False


def _row(answer: Answer, figure: Figure, peer: Taken | None, *, judges: bool) -> Row:
    ours = answer.ours
    ratio = spread_of(ratios(ours, peer, figure.name)) if peer else None
    own = figure.target is not None and figure.target.against is None
    measured = spread_of(ours.values(figure.name)) if own and judges else ratio
    return Row(
        question="",
        ours=shown_side(ours, figure),
        peer=NOTHING if peer is None else f"{peer.side}: {shown_side(peer, figure)}",
        ratio=NOTHING if ratio is None else shown(ratio.median),
        target=shown_target(figure) if judges else NOTHING,
        spread=NOTHING if measured is None else shown_spread(measured),
        reached=shown_reached(figure, ours, answer.peers) if judges else NOTHING,
    )


def shown_side(taken: Taken, figure: Figure) -> str:
    """The median with its unit; or why there is none."""
    found = spread_of(taken.values(figure.name))
    if found is not None:
        return f"{shown(found.median)} {figure.unit}".rstrip()
    if taken.absent is not None:
        return f"absent ({taken.absent})"
    return f"failed ({taken.failed})" if taken.failed else NOTHING


def shown_target(figure: Figure) -> str:
    """Such as `>= 0.6` for a ratio, `<= 10 ms` for a value."""
    if figure.target is None:
        return NOTHING
    sign = ">=" if figure.better is Better.HIGHER else "<="
    unit = "" if figure.target.against else f" {figure.unit}"
    return f"{sign} {shown(figure.target.bound)}{unit}"


def shown_reached(figure: Figure, ours: Taken, peers: tuple[Taken, ...]) -> str:
    """`yes`, `no`, or that it is not known."""
    found = judged_by(figure, ours, peers)
    if figure.target is None or found is None:
        return NOTHING
    return "yes" if reached(figure.target, figure.better, found.median) else "no"


def shown_spread(spread: Spread) -> str:
    """From the least to the greatest."""
    return f"{shown(spread.low)} .. {shown(spread.high)}"


def shown(value: float) -> str:
    """Three significant digits, large numbers with a letter."""
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e6 if letter == 'M' else 1e3):.3g}{letter}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
