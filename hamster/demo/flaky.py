"""A program that works, talks, and crashes now and then, so that a supervisor has something to do.

python -m hamster.demo.flaky --mean 12
"""

import argparse
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

End = Literal["exception", "kill", "abort"]
# What it says: level, text with room for a number, and how often beside the others.
LINES = (
    ("INFO", "finished job {}", 12),
    ("INFO", "cache has {} entries", 5),
    ("DEBUG", "queue length {}", 3),
    ("WARNING", "job {} took longer than it should", 2),
    ("ERROR", "job {} failed, will be tried again", 1),
)


class Accident(Exception):
    """What it dies of when it dies of an exception."""


@dataclass(frozen=True, slots=True)
class Fate:
    """How long a run lasts, in seconds, and how it ends."""

    seconds: float
    end: End


def fate(chance: random.Random, mean: float, least: float) -> Fate:
    """A life of *mean* seconds on average and never under *least*; how it ends is as likely each way."""
    seconds = least + chance.expovariate(1 / (mean - least)) if mean > least else least
    return Fate(seconds, chance.choice(("exception", "kill", "abort")))


def line(chance: random.Random) -> str:
    """Something to say."""
    ((level, text, _),) = chance.choices(LINES, weights=[often for _, _, often in LINES])
    return f"{level} flaky {text.format(chance.randint(1, 500))}"


def say(text: str) -> None:
    """One line on the standard output, written at once."""
    sys.stdout.write(f"{datetime.now().astimezone().isoformat(timespec='milliseconds')} {text}\n")
    sys.stdout.flush()


def die(end: End) -> None:
    """End as fate has it: exit 1 with a traceback, or by a signal that nobody can handle."""
    say(f"CRITICAL flaky about to end by {end}")
    if end == "kill" and hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    if end == "abort":
        _no_core_file()
        os.abort()
    raise Accident("the wheel came off")


def _no_core_file() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m hamster.demo.flaky", description=__doc__)
    parser.add_argument("--seed", type=int, help="makes a run repeatable; else each is different")
    parser.add_argument("--mean", type=float, default=12.0, help="seconds a run lasts on average (12)")
    parser.add_argument("--least", type=float, default=4.0, help="seconds it lasts at least (4)")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two lines (1)")
    return parser.parse_args()


def main() -> None:
    """Talk until the end; SIGTERM is a good end, with exit 0."""
    signal.signal(signal.SIGTERM, lambda _signal, _frame: os._exit(0))
    given = options()
    chance = random.Random(given.seed)  # noqa: S311 (a demo's bad luck guards nothing)
    ahead = fate(chance, given.mean, given.least)
    until = time.monotonic() + ahead.seconds
    say(f"INFO flaky started as process {os.getpid()}")
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, given.every))
        say(line(chance))
    die(ahead.end)


if __name__ == "__main__":
    main()
