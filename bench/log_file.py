"""A log as WatchHamster writes it, of any size: made once a run, and kept for the questions of the run."""

import atexit
import random
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

MB = 1_000_000
LOGGERS = ("actors.services", "hamster.http.app", "actors.metrics", "actors.store", "hamster.live")
SAYINGS = (
    "service.exited service=worker-{n} how='exit 0' next=none",
    "request.done path=/api/services/{n} status=200 took_ms=3",
    "sample.taken cpu={n} memory=33",
    "write.committed rows={n}",
    "client.joined id=client_{n} from=127.0.0.1",
)
TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nValueError: no luck\n'
SPAN = timedelta(hours=20)
"""What a file covers, up to now: inside the statistics of a day."""
NAME = "watchhamster.log"

_made: dict[int, Path] = {}


def lines(count: int, begins: datetime, step: timedelta, seed: int = 1) -> Iterator[str]:
    """*count* records, one in a hundred an error, of which one in ten has a traceback."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    for number in range(count):
        luck = chance.random()
        level = "ERROR" if luck < 0.01 else "WARNING" if luck < 0.05 else "DEBUG" if luck < 0.2 else "INFO"
        kind = chance.randrange(len(LOGGERS))
        at = (begins + step * number).isoformat(timespec="milliseconds")
        said = SAYINGS[kind].format(n=number)
        yield f"{at} {level} {LOGGERS[kind]} [mod:{kind + 10} MainThread] {said}\n"
        if luck < 0.001:
            yield TRACEBACK


def log_directory(megabytes: int) -> Path:
    """A directory with our own log of so many MB (of a million bytes)."""
    if megabytes not in _made:
        directory = Path(tempfile.mkdtemp(prefix="bench-logs-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        _write(directory / NAME, megabytes * MB)
        _made[megabytes] = directory
    return _made[megabytes]


def _write(path: Path, size: int) -> None:
    count = size // 112  # bytes of a line, about
    step = SPAN / count
    written, batch = 0, list[str]()
    with path.open("wb") as file:
        for line in lines(count * 2, datetime.now(UTC) - SPAN, step):
            batch.append(line)
            if len(batch) == 10_000:
                written += file.write("".join(batch).encode())
                batch.clear()
                if written >= size:
                    break
