"""The answers, for machines: values of every round, with the machine, the versions and the command."""

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import attrs
import psutil

from bench.harness import Answer, Spread, Taken, judged_by, ratios, reached, spread_of
from bench.question import Figure

FORMAT = 1
"""Raised when the shape of the results changes."""

PACKAGES = ("watchhamster", "trio", "attrs", "outcome", "psutil", "pykka", "supervisor", "circus")
RESULTS = Path(__file__).parent / "results"


def as_json(answers: Iterable[Answer], *, command: Sequence[str], quick: bool, at: datetime) -> Mapping[str, object]:
    """One object with everything that was measured and where; times in UTC."""
    return {
        "format": FORMAT,
        "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "quick": quick,
        "machine": machine(),
        "versions": versions(),
        "questions": [question_json(answer) for answer in answers],
    }


def write(results: Mapping[str, object], path: Path) -> None:
    """Write *results* to *path*, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def dated(at: datetime) -> str:
    """The name of the file of a run of *at*."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H%M%SZ}.json"


def machine() -> Mapping[str, object]:
    """What it was measured on. Memory in bytes, load as the system counts it."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "system": platform.platform(),
        "load": list(os.getloadavg()),
    }


def versions() -> Mapping[str, str | None]:
    """Of Python and of what was measured; None for what is not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def question_json(answer: Answer) -> Mapping[str, object]:
    """A question with its figures, each with the values of all rounds."""
    question = answer.question
    return {
        "name": question.name,
        "text": question.text,
        "figures": [_figure_json(answer, figure) for figure in question.figures],
    }


def _figure_json(answer: Answer, figure: Figure) -> Mapping[str, object]:
    found = judged_by(figure, answer.ours, answer.peers)
    target = figure.target
    return {
        "figure": figure.name,
        "unit": figure.unit,
        "better": figure.better.value,
        "ours": _side_json(answer.ours, figure),
        "peers": [
            {**_side_json(peer, figure), "ratio": _spread_json(spread_of(ratios(answer.ours, peer, figure.name)))}
            for peer in answer.peers
        ],
        "target": None if target is None else attrs.asdict(target),
        "reached": None if target is None or found is None else reached(target, figure.better, found.median),
    }


def _side_json(taken: Taken, figure: Figure) -> dict[str, object]:
    values = taken.values(figure.name)
    return {
        "side": taken.side,
        "values": values,
        "spread": _spread_json(spread_of(values)),
        "absent": taken.absent,
        "failed": taken.failed,
    }


def _spread_json(spread: Spread | None) -> Mapping[str, float] | None:
    return None if spread is None else attrs.asdict(spread)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
