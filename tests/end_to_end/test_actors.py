"""The tree of actors, seen from outside, and a request followed through it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import httpx
import msgspec

from hamster.actor_models import ActorNode
from tests.end_to_end.hamsters import PATIENCE, Hamster, run, service, serving, until


def nodes(node: ActorNode) -> Iterator[ActorNode]:
    yield node
    for child in node.children:
        yield from nodes(child)


def test_the_tree_has_every_actor_with_its_figures(demo: Hamster) -> None:
    answer = httpx.get(f"{demo.url}/api/actors", trust_env=False, timeout=PATIENCE)
    assert answer.status_code == 200
    tree = msgspec.json.decode(answer.content, type=ActorNode)
    by_path = {node.path: node for node in nodes(tree)}
    services = httpx.get(f"{demo.url}/api/services/", trust_env=False, timeout=PATIENCE).json()
    expected = {"system", "system/metrics", "system/metrics/sampler", "system/services"}
    expected |= {"system/alerts", "system/alerts/book", "system/history", "system/history/recorder"}
    expected |= {"system/webhooks", "system/webhooks/outbox"}
    expected |= {"system/deployer", "system/deployer/deployer", "system/deployer/repository"}
    expected |= {"system/logs", "system/logs/clerk", "system/logs/cleaner", "system/logs/alerts"}
    # Each log that is there has a follower of its own.
    senders = {path for path in by_path if path.startswith("system/logs/") and path.endswith(".log")}
    # Each receiver that something was sent to has a sender of its own.
    senders |= {path for path in by_path if path.startswith("system/webhooks/")}
    assert set(by_path) == expected | senders | {f"system/services/{one['id']}" for one in services}
    sampler = by_path["system/metrics/sampler"]
    assert (sampler.kind, sampler.state) == ("actor", "running")
    assert sampler.statistics is not None
    figures = cast("Mapping[str, int | None]", msgspec.to_builtins(sampler.statistics))
    ends = ("handled", "crashed", "interrupted", "abandoned", "expired", "dead_lettered", "queued")
    assert figures["sent"] == sum(figures[end] or 0 for end in ends)
    assert (sampler.statistics.handled, sampler.statistics.capacity) >= (1, 256)


def test_the_tree_is_a_table_in_the_terminal(demo: Hamster) -> None:
    table = run("actors", data_dir=demo.data_dir)
    assert (table.returncode, table.stderr) == (0, "")
    head, *rows = table.stdout.splitlines()
    assert head.split()[:4] == ["ACTOR", "STATE", "UPTIME", "RESTARTS"]
    assert rows[0].split()[:2] == ["system", "running"]
    sampler = next(row for row in rows if row.split()[0] == "sampler")
    assert sampler.split()[1] == "running"
    assert sampler.startswith("    sampler"), "what is beneath is indented"
    as_json = run("actors", "--json", data_dir=demo.data_dir)
    assert msgspec.json.decode(as_json.stdout, type=ActorNode).path == "system"


def test_a_request_is_followed_through_every_actor_to_the_log_lines_it_caused(tmp_path: Path) -> None:
    with serving(tmp_path, service("one", "exec sleep 1000"), "--trace") as running:
        running.wait_for("one", status="running")
        answer = httpx.post(
            f"{running.url}/api/services/one/restart",
            params={"wait": 10},
            headers={"X-Request-ID": "seven-of-nine"},
            trust_env=False,
            timeout=PATIENCE,
        )
        assert (answer.status_code, answer.headers["x-request-id"]) == (200, "seven-of-nine")
        until(lambda: "service.running service=one was=starting by=up" in caused(running), "the last line")
        until(lambda: "message.handled" in caused(running), "a traced message")
        lines = caused(running)
    assert "message.handled actor=system/services/one message=RestartService kind=ask" in lines
    told = re.findall(r"(service\.\w+) service=one", lines)
    assert told == ["service.stopping", "service.starting", "service.running"]


def caused(running: Hamster) -> str:
    """The lines of its log that carry the request's id."""
    return "\n".join(line for line in running.log().splitlines() if " seven-of-nine]" in line)
