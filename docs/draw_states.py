"""Draw the states of actors and services from the tables in the code: `python docs/draw_states.py`.

Writes Mermaid text between the marks `<!-- drawn from TABLE -->` and `<!-- drawn -->` of the pages.
"""

import enum
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from actors.runtime import TRANSITIONS
from actors.services.messages import State
from actors.services.rules import TABLE

PAGE = Path(__file__).parent / "explanation" / "crash.md"
START = "stopped"

Edges = Mapping[tuple[str, str], Iterable[str]]


def actor_edges() -> Edges:
    """Where an actor goes, and why."""
    return {(old.value, new.value): [why] for (old, new), why in TRANSITIONS.items()}


def service_edges() -> Edges:
    """Where a service goes, and by which events."""
    edges: dict[tuple[str, str], list[str]] = {}
    for (old, event), transition in TABLE.items():
        edges.setdefault((old.value, transition.state.value), []).append(event.value)
    return edges


def mermaid(edges: Edges, states: Iterable[enum.Enum] = ()) -> str:
    """A state diagram of *edges*, from `stopped` on; *states* come in this order, as far as they are given."""
    lines = ["stateDiagram-v2", f"    [*] --> {START}"]
    lines += [f"    {state.value}" for state in states]
    lines += [f"    {old} --> {new}: {', '.join(labels)}" for (old, new), labels in edges.items()]
    return "\n".join(lines) + "\n"


DIAGRAMS = {
    "actors.runtime.TRANSITIONS": mermaid(actor_edges()),
    "actors.services.rules.TABLE": mermaid(service_edges(), State),
}


def drawn(page: str) -> str:
    """*page* with every diagram as its table has it.

    Raises:
        LookupError: A diagram has no place in the page.
    """
    for table, diagram in DIAGRAMS.items():
        place = re.compile(rf"(<!-- drawn from {re.escape(table)} -->\n).*?(<!-- drawn -->\n)", re.DOTALL)
        if not place.search(page):
            raise LookupError(f"no place for {table}; put '<!-- drawn from {table} -->' and '<!-- drawn -->' there")
        page = place.sub(lambda found, text=diagram: f"{found[1]}```mermaid\n{text}```\n{found[2]}", page)
    return page


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text("utf-8")), "utf-8")
