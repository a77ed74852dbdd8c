"""Alerts, details, processes and the Prometheus exposition of a running server, over real sockets."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import cast

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.end_to_end.hamsters import Hamster, run, service, serving, until

pytestmark = pytest.mark.slow  # a server of its own
PATIENCE = 30
Parse = Callable[[str], Iterable[Metric]]

ALERTS = """
[metrics]
interval = 0.2

[alerts.rules.always]
figure = "memory_percent"
above = 0.0
for = 0.2
message = "메모리 {value}"

[alerts.rules.cpu_high]
enabled = false

[alerts.rules.quiet]
figure = "load_1"
below = 100000
for = 0.2
level = "info"

[[alerts.maintenance]]
name = "quiet for ever"
start = 2020-01-01T00:00:00Z
end = 2090-01-01T00:00:00Z
rules = ["quiet"]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamster]:
    quick = {"start_seconds": 0.05, "backoff_initial": 0.02, "backoff_max": 0.1}
    toml = ALERTS + service("web", "sleep 1000; : --token=hunter2", **quick)
    toml += service("broken", "exit 3", fatal_failures=1, **quick)
    with serving(tmp_path_factory.mktemp("server"), toml) as running:
        running.wait_for("web", status="running")
        running.wait_for("broken", status="error")
        yield running


def ask(server: Hamster, path: str, method: str = "GET", body: object = None) -> httpx.Response:
    return httpx.request(
        method,
        server.url + path,
        json=body,
        trust_env=False,
        timeout=PATIENCE,
        headers={"content-type": "application/json"},
    )


def got(server: Hamster, path: str) -> dict[str, object]:
    answer = ask(server, path)
    assert answer.status_code == 200, answer.text
    return cast("dict[str, object]", answer.json())


def rows(server: Hamster, path: str = "/api/alerts/") -> dict[str, dict[str, object]]:
    """Alerts by key."""
    return {str(row["key"]): row for row in cast("list[dict[str, object]]", got(server, path)["alerts"])}


@pytest.fixture(scope="module")
def alerts(server: Hamster) -> dict[str, dict[str, object]]:
    expected = {"always", "quiet", "service_fatal/broken"}
    until(lambda: expected <= set(rows(server)), "the alerts")
    return rows(server)


def test_what_is_wrong_is_listed_with_its_korean_sentence(alerts: dict[str, dict[str, object]]) -> None:
    always = alerts["always"]
    assert (always["state"], always["level"], always["notified"]) == ("firing", "warning", True)
    assert re.fullmatch(r"메모리 [\d.]+", str(always["message"]))
    assert (alerts["quiet"]["notified"], alerts["quiet"]["muted"]) == (False, "maintenance")
    broken = alerts["service_fatal/broken"]
    assert (broken["service_id"], broken["level"], broken["source"]) == ("broken", "critical", "services")
    assert "재시작하지 않습니다" in str(broken["message"])


def test_an_alert_is_acknowledged_silenced_and_told_apart(
    server: Hamster, alerts: dict[str, dict[str, object]]
) -> None:
    path = f"/api/alerts/{alerts['always']['id']}"
    answer = ask(server, f"{path}/acknowledge", "POST", {"by": "kim", "comment": "확인"}).json()
    assert (answer["kept"], answer["alert"]["acknowledged_by"]) == (True, "kim")
    assert ask(server, f"{path}/silence", "POST", {"seconds": 60}).json()["alert"]["silenced_until"]
    assert got(server, path)["silenced_until"]
    assert ask(server, f"{path}/silence", "DELETE").json()["alert"]["silenced_until"] is None
    assert httpx.post(f"{server.url}{path}/acknowledge", trust_env=False, timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize(
    "body", [{}, {"seconds": 0}, {"seconds": 1, "until": "2090-01-01"}, {"until": "soon"}, {"until": "2020-01-01"}]
)
def test_a_silence_that_cannot_be_is_400(
    server: Hamster, alerts: dict[str, dict[str, object]], body: dict[str, object]
) -> None:
    assert ask(server, f"/api/alerts/{alerts['always']['id']}/silence", "POST", body).status_code == 400
    assert ask(server, "/api/alerts/rules/always/silence", "POST", body).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/alerts/alert_999999"),
        ("GET", "/api/alerts/nonsense"),
        ("POST", "/api/alerts/alert_999999/acknowledge"),
        ("DELETE", "/api/alerts/alert_999999/silence"),
        ("DELETE", "/api/alerts/maintenance/maintenance_999"),
        ("DELETE", "/api/alerts/maintenance/x"),
    ],
)
def test_what_is_not_there_is_404(server: Hamster, method: str, path: str) -> None:
    answer = ask(server, path, method)
    assert (answer.status_code, set(answer.json())) == (404, {"detail", "status_code"})


def test_rules_say_where_they_stand_and_are_silenced_by_name(
    server: Hamster, alerts: dict[str, dict[str, object]]
) -> None:
    assert alerts
    found = {
        str(row["name"]): row for row in cast("list[dict[str, object]]", got(server, "/api/alerts/rules")["rules"])
    }
    assert list(found)[:5] == ["cpu_high", "memory_high", "memory_critical", "disk_high", "disk_critical"]
    assert found["cpu_high"]["enabled"] is False
    (state,) = cast("list[dict[str, object]]", found["always"]["states"])
    assert (state["status"], state["firing"]) == ("firing", True)
    assert ask(server, "/api/alerts/rules/disk_high/silence", "POST", {"seconds": 60, "by": "kim"}).json()["kept"]
    again = cast("list[dict[str, object]]", got(server, "/api/alerts/rules")["rules"])
    assert next(row for row in again if row["name"] == "disk_high")["silenced_until"]
    assert ask(server, "/api/alerts/rules/disk_high/silence", "DELETE").status_code == 200


def test_maintenance_windows_are_added_and_removed(server: Hamster) -> None:
    bad = ask(server, "/api/alerts/maintenance", "POST", {"cron": "every day", "duration": 60})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (400, "cron")
    made = ask(server, "/api/alerts/maintenance", "POST", {"cron": "0 3 * * *", "duration": 60, "services": ["tag:x"]})
    listed = cast("list[dict[str, object]]", got(server, "/api/alerts/maintenance")["maintenance"])
    assert [(row["id"], row["active"]) for row in listed] == [(None, True), (made.json()["id"], False)]
    assert ask(server, f"/api/alerts/maintenance/{made.json()['id']}", "DELETE").status_code == 200


def test_an_alert_that_is_over_is_in_the_history(server: Hamster, alerts: dict[str, dict[str, object]]) -> None:
    number = alerts["service_fatal/broken"]["id"]
    assert ask(server, "/api/services/broken/stop", "POST").status_code == 200
    until(lambda: "service_fatal/broken" not in rows(server), "the end of the alert")
    until(lambda: rows(server, "/api/alerts/?state=all")["service_fatal/broken"]["state"] == "resolved", "it is kept")
    over = got(server, f"/api/alerts/{number}")
    assert over["resolved_at"]
    assert cast("float", over["duration_seconds"]) > 0
    page = got(server, "/api/alerts/?state=all&limit=1&level=info,warning")
    assert len(cast("list[object]", page["alerts"])) == 1
    assert cast("int", page["total"]) >= 2


def test_the_command_line_shows_the_alerts(server: Hamster, alerts: dict[str, dict[str, object]]) -> None:
    ended = run("alerts", data_dir=server.data_dir)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "metrics/always" in ended.stdout
    shown = json.loads(run("alerts", "--all", "--json", data_dir=server.data_dir).stdout)
    assert {row["key"] for row in shown} >= set(alerts)


def test_details_name_every_part_of_the_machine(server: Hamster) -> None:
    found = got(server, "/api/metrics/details")
    mounts = cast("dict[str, dict[str, object]]", found["mounts"])
    assert mounts["/"]["total_bytes"]
    assert isinstance(found["load_1"], float)
    assert isinstance(found["processes"], int)
    assert {"disks", "interfaces", "temperatures", "swap_percent"} <= set(found)


def test_parts_have_a_history_of_their_own_and_what_has_none_says_so(server: Hamster) -> None:
    assert isinstance(got(server, "/api/metrics/parts")["parts"], list)
    unknown = ask(server, "/api/metrics/parts/history?kind=mount&name=/nowhere")
    assert unknown.status_code == 404
    assert "/api/metrics/parts" in unknown.json()["detail"]
    fields = [error["field"] for error in ask(server, "/api/metrics/parts/history?kind=x&step=-1").json()["errors"]]
    assert sorted(fields) == ["kind", "name", "step"]


def test_the_biggest_processes_are_named_with_their_service_and_without_secrets(server: Hamster) -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        by_cpu = cast("list[dict[str, object]]", got(server, "/api/metrics/processes?limit=200")["processes"])
    finally:
        busy.kill()
        busy.wait()
    figures = [cast("float", row["cpu_percent"]) for row in by_cpu]
    assert figures == sorted(figures, reverse=True)
    assert cast("float", next(row for row in by_cpu if row["pid"] == busy.pid)["cpu_percent"]) > 5
    own = [row for row in by_cpu if row["service_id"] == "web"]
    assert own
    assert "hunter2" not in json.dumps(by_cpu)
    sizes = cast("list[dict[str, int]]", got(server, "/api/metrics/processes?sort=memory&limit=3")["processes"])
    assert len(sizes) == 3
    assert sizes[0]["memory_bytes"] >= sizes[1]["memory_bytes"] >= sizes[2]["memory_bytes"]
    assert ask(server, "/api/metrics/processes?sort=age").status_code == 400


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=junk", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ],
)
def test_prometheus_reads_everything(server: Hamster, accept: str, content_type: str) -> None:
    answer = httpx.get(f"{server.url}/metrics", headers={"accept": accept}, trust_env=False, timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(content_type)
    strict = cast("Parse", openmetrics.text_string_to_metric_families)  # pyright: ignore[reportUnknownMemberType] - it has no types there
    parse: Parse = strict if accept.startswith("application") else parse_text
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(answer.text)
        for sample in family.samples
    }
    assert samples["hamster_service_up", (("service", "web"),)] == 1.0
    running = (("kind", "process"), ("service", "web"), ("state", "running"))
    assert samples["hamster_service_state", running] == 1.0
    assert 0 < samples["hamster_machine_memory_usage_ratio", ()] < 1
    assert samples["hamster_store_failing", ()] == 0.0
    assert samples["hamster_websocket_clients", ()] == 0.0
    assert any(name == "hamster_mailbox_queued" for name, _ in samples)
    assert samples["hamster_service_restarts_total", (("service", "web"),)] == 0.0
