import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import trio

from bench.__main__ import DOMAINS, choose
from bench.harness import answer
from bench.question import Target
from bench.results import as_json, dated
from tests.bench.sides import absent, giving, question

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
async def test_a_quick_run_of_one_question_shows_its_table_and_writes_its_results_twice(tmp_path: Path) -> None:
    file, results = tmp_path / "result.json", tmp_path / "results"
    command = [sys.executable, "-m", "bench", "actors.ask", "--quick", "--json", str(file), "--results", str(results)]
    with trio.fail_after(60):
        run = await trio.run_process(command, cwd=ROOT, capture_stdout=True)
    shown = run.stdout.decode()
    assert "ask, handled by a coroutine" in shown
    assert "two Trio tasks rescheduling each other" in shown
    found: Any = json.loads(file.read_text())
    (kept,) = results.iterdir()
    assert json.loads(kept.read_text()) == found
    assert found["command"] == ["python", "-m", "bench", *command[3:]]
    assert found["versions"]["trio"]
    assert found["machine"]["cores"]
    ((figure,),) = (asked["figures"] for asked in found["questions"])
    assert len(figure["ours"]["values"]) == 3
    assert all(value > 0 for value in figure["ours"]["values"])
    assert figure["reached"] is (figure["peers"][0]["ratio"]["median"] >= 0.6)


async def test_a_name_that_there_is_not_is_refused_with_those_there_are() -> None:
    command = [sys.executable, "-m", "bench", "actors.aks"]
    with trio.fail_after(60):
        run = await trio.run_process(command, cwd=ROOT, capture_stderr=True, check=False)
    assert run.returncode == 2
    assert (
        "there is no actors.aks; there are actors, services, logs, webhooks, sockets, serving, actors.ask"
        in " ".join(run.stderr.decode().split())
    )


def test_names_choose_domains_and_questions() -> None:
    assert list(choose(())) == list(DOMAINS)
    assert [asked.name for asked in choose(("actors.tell",))["actors"]] == ["tell"]
    assert choose(("actors", "actors.tell")) == {"actors": list(DOMAINS["actors"])}
    with pytest.raises(click.BadParameter):
        choose(("nothing",))


def test_every_question_and_side_has_a_name_of_its_own_and_every_target_a_peer_to_be_against() -> None:
    for questions in DOMAINS.values():
        assert len({asked.name for asked in questions}) == len(questions)
        for asked in questions:
            sides = [asked.ours.name, *(peer.name for peer in asked.peers)]
            assert len(set(sides)) == len(sides)
            for figure in asked.figures:
                assert figure.target is None or figure.target.against in (None, *sides[1:])


def test_the_results_hold_every_value_and_say_who_was_absent() -> None:
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    asked = question(giving("ours", [1.0, 2.0, 3.0]), absent("peer"), target=Target(1.0, "peer"))
    found: Any = json.loads(json.dumps(as_json([answer(asked, quick=False)], command=["x"], quick=False, at=at)))
    figure = found["questions"][0]["figures"][0]
    assert found["at"] == "2026-03-01T12:30:00+00:00"
    assert figure["ours"]["values"] == [1.0, 2.0, 3.0]
    assert figure["ours"]["spread"] == {"median": 2.0, "low": 1.0, "high": 3.0}
    assert (figure["peers"][0]["absent"], figure["peers"][0]["ratio"]) == ("peer is not installed", None)
    assert figure["reached"] is None
    assert dated(at) == "2026-03-01T123000Z.json"
