"""`python -m tests.actors.runtime.programs SEED` runs one program; `--count N` or `--seconds S` runs many."""

import sys
from time import monotonic

import click

from tests.actors.runtime.programs.generate import generate
from tests.actors.runtime.programs.judge import judge, report, shrink


@click.command()
@click.argument("seed", type=int, default=0)
@click.option("--count", type=int, default=1, help="Programs to run, with seeds from SEED on.")
@click.option("--seconds", type=float, default=float("inf"), help="Stop after so much time.")
@click.option("--smaller", is_flag=True, help="Look for a smaller program that fails in the same way.")
@click.option("--all", "keep_on", is_flag=True, help="Go on after a failure; one line for each.")
def main(seed: int, count: int, seconds: float, smaller: bool, keep_on: bool) -> None:
    """Run random programs against the actor runtime. Ends with 1 if one of them broke a promise."""
    began = monotonic()
    failed = done = 0
    for each in range(seed, seed + count):
        if monotonic() - began > seconds:
            break
        done += 1
        program = generate(each)
        found = judge(program)
        if found and keep_on:
            click.echo(f"{each}: {found[0]}")
        elif found:
            click.echo(report(*shrink(program, found)) if smaller else report(program, found))
        failed += bool(found)
        if found and not keep_on:
            break
    click.echo(f"{done} programs from seed {seed} on in {monotonic() - began:.1f} s, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
