"""`python -m bench [NAME...] [--quick] [--json FILE]`."""

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from bench import actors, logs, services, serving, sockets, webhooks
from bench.harness import Answer, answer
from bench.question import Question
from bench.results import RESULTS, as_json, dated, write
from bench.table import table

DOMAINS: Mapping[str, tuple[Question, ...]] = {
    "actors": actors.QUESTIONS,
    "services": services.QUESTIONS,
    "logs": logs.QUESTIONS,
    "webhooks": webhooks.QUESTIONS,
    "sockets": sockets.QUESTIONS,
    "serving": serving.QUESTIONS,
}


FILE_WIDTH = 160
"""Columns of a table that goes into a file or a pipe."""


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="Less of everything: a first look, with wider spreads.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here, too."
)
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=RESULTS,
    help="Where the results of each run are kept; bench/results unless given.",
)
def main(names: tuple[str, ...], quick: bool, json_file: Path | None, results: Path) -> None:
    """Measure what is claimed, as ratios against a peer or a limit in the same run.

    NAME is a domain (actors, services, logs, webhooks, sockets, serving) or one of their questions (actors.ask); all
    unless given. Exits with 0 whatever was measured; with 1 if something of ours could not be.
    """
    chosen = choose(names)
    console, at = wide_console(), datetime.now(UTC)
    answers: list[Answer] = []
    for domain, questions in chosen.items():
        load = os.getloadavg()[0]
        with console.status("measuring") as status:
            answered = [answer(question, quick=quick, tell=status.update) for question in questions]
        console.print(table(f"{domain}, {'quick' if quick else 'full'}{busy(load)}", answered))
        answers += answered
    found = as_json(answers, command=["python", "-m", "bench", *sys.argv[1:]], quick=quick, at=at)
    for path in filter(None, (results / dated(at), json_file)):
        write(found, path)
        console.print(f"written to {path}", highlight=False, soft_wrap=True)
    sys.exit(1 if any(answered.failed for answered in answers) else 0)


def busy(load: float) -> str:
    """A warning for the title if others kept the machine busy when measuring began; times mean little then."""
    cores = os.cpu_count() or 1
    return f"; the machine was busy: load {load:.1f} on {cores} cores" if load > cores / 2 else ""


def wide_console() -> Console:
    """A console as wide as the terminal; where there is none, wide enough for the table."""
    console = Console()
    return console if console.is_terminal else Console(width=FILE_WIDTH)


def choose(names: tuple[str, ...]) -> dict[str, list[Question]]:
    """The questions that *names* name, by domain.

    Raises:
        click.BadParameter: One of them names none.
    """
    known = {f"{domain}.{question.name}" for domain, questions in DOMAINS.items() for question in questions}
    wrong = [name for name in names if name not in DOMAINS and name not in known]
    if wrong:
        raise click.BadParameter(f"there is no {', '.join(wrong)}; there are {', '.join([*DOMAINS, *sorted(known)])}")
    chosen: dict[str, list[Question]] = {}
    for domain, questions in DOMAINS.items():
        picked = [q for q in questions if not names or domain in names or f"{domain}.{q.name}" in names]
        if picked:
            chosen[domain] = picked
    return chosen


if __name__ == "__main__":
    main(prog_name="python -m bench")
