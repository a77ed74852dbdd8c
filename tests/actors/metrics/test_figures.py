"""Which values a rule looks at: of the machine, of its parts, and of services by id, pattern and tag."""

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from actors import ProcessOptions, ServiceSettings, ServiceView, SettingsError, State
from actors.metrics.actor import alert_of
from actors.metrics.figures import RESTARTS_SECONDS, RestartTally, is_down, values
from actors.metrics.records import Mount, Sample, Traffic
from actors.metrics.rules import Change, RuleState, Status, changes, initial, rules_of, step
from actors.metrics.usage import Usage
from actors.services.messages import Board, Health, Wanted
from actors.settings import AlertRule
from actors.settings.alerts import parse_figure, with_default

NOW = datetime(2025, 3, 1, tzinfo=UTC)
SAMPLE = Sample(
    taken_at=NOW, cpu_percent=12.0, temperature=60.0, load_1=0.5,
    disks={"sda": Traffic(10, 20, 1.0, 2.0)}, interfaces={"eth0": Traffic(30, 40, 3.0, 4.0)},
    mounts={"/home": Mount(percent=77.0, total_bytes=100, used_bytes=77, free_bytes=23, file_system="ext4")},
    temperatures={"coretemp Core 0": 55.0},
)  # fmt: skip


def service(service_id: str, *tags: str, kind: str = "process", **known: object) -> ServiceView:
    options = ProcessOptions(command=("x",)) if kind == "process" else None
    settings = ServiceSettings(id=service_id, kind=kind, tags=tags, process=options)  # pyright: ignore[reportArgumentType] - a kind
    return attrs.evolve(ServiceView(settings), **known)


def board(*views: ServiceView) -> Board:
    return {view.id: view for view in views}


UP: dict[str, Any] = {"state": State.RUNNING, "wanted": Wanted.UP}
SERVICES = board(
    service("web-1", "shop", **UP, health=Health.HEALTHY),
    service("web-2", "shop", state=State.FATAL, wanted=Wanted.UP),
    service("db", **UP, health=Health.UNHEALTHY),
    service("job", state=State.STOPPED),
    service("page", kind="http", **UP, health=Health.UNKNOWN),
)
USAGE = {"web-1": Usage(5.0, 1000, 1), "db": Usage(None, 2000, 2)}


def look(text: str) -> dict[str, float | None]:
    figure = parse_figure(text)
    assert figure is not None
    return dict(values(figure, SAMPLE, SERVICES, USAGE, RestartTally()))


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("cpu_percent", 12.0),
        ("memory_percent", None),
        ("load_1", 0.5),
        ("temperature", 60.0),
        ("temperature:coretemp Core 0", 55.0),
        ("temperature:elsewhere", None),
        ("disk_percent:/home", 77.0),
        ("disk_percent:/gone", None),
        ("disk_read_per_second:sda", 1.0),
        ("disk_write_per_second:sda", 2.0),
        ("net_recv_per_second:eth0", 3.0),
        ("net_sent_per_second:eth0", 4.0),
        ("net_sent_per_second:eth9", None),
    ],
)
def test_a_figure_of_the_machine_or_of_a_part_of_it(figure: str, expected: float | None) -> None:
    assert look(figure) == {"": expected}


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("service.web-1.cpu_percent", {"web-1": 5.0}),
        ("service.*.memory_bytes", {"web-1": 1000, "db": 2000}),
        ("service.db.cpu_percent", {"db": None}),
        ("service.tag:shop.down", {"web-1": 0.0, "web-2": 1.0}),
        ("service.*.down", {"web-1": 0.0, "web-2": 1.0, "db": 1.0, "job": 0.0, "page": 0.0}),
        ("service.*.health", {"web-1": 1.0, "web-2": None, "db": 0.0, "page": None}),
        ("service.nobody.down", {}),
        ("service.web-?.restarts", {"web-1": 0.0, "web-2": 0.0}),
    ],
)
def test_a_figure_of_services_is_one_value_for_each_that_can_have_it(
    figure: str, expected: dict[str, float | None]
) -> None:
    assert look(figure) == expected


@pytest.mark.parametrize(
    "text",
    ["", "cpu", "cpu_percent:x", "disk_percent:", "service.web", "service.web.uptime", "service..down",
     "service.tag:.down", "service.a b.down", "service.tag:a b.down"],
)  # fmt: skip
def test_what_is_no_figure_is_refused(text: str) -> None:
    assert parse_figure(text) is None
    with pytest.raises(SettingsError, match="figure"):
        AlertRule(figure=text, above=1.0)


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"above": None}, "above"),
        ({"below": 5.0}, "below"),
        ({"above": 101.0}, "above"),
        ({"for_": 0.0}, "for"),
        ({"clear": 95.0}, "clear"),
        ({"clear_for": -1.0}, "clear_for"),
        ({"level": "loud"}, "level"),
        ({"above": float("nan")}, "above"),
        ({"webhook": "nowhere"}, "webhook"),
    ],
)
def test_a_rule_that_could_not_work_is_refused_by_the_key(keys: dict[str, object], wrong: str) -> None:
    with pytest.raises(SettingsError) as refused:
        AlertRule(**{"figure": "cpu_percent", "above": 90.0, **keys})  # pyright: ignore[reportArgumentType] - refused
    assert [problem.path[0] for problem in refused.value.problems] == [wrong]


def test_yes_and_no_need_no_threshold() -> None:
    assert AlertRule(figure="service.web.down", for_=0.0).threshold == (0.0, None)
    assert AlertRule(figure="service.web.health").threshold == (None, 1.0)


def test_a_default_rule_is_changed_key_by_key_and_a_new_threshold_forgets_its_clear() -> None:
    assert with_default("cpu_high", {"for": 5.0}) == {"figure": "cpu_percent", "above": 90.0, "clear": 80.0, "for": 5.0}
    assert with_default("cpu_high", {"above": 50.0}) == {"figure": "cpu_percent", "above": 50.0}
    assert with_default("memory_critical", {"below": 5.0}) == {
        "figure": "memory_percent",
        "level": "critical",
        "below": 5.0,
    }
    assert with_default("own", {"figure": "load_1"}) == {"figure": "load_1"}


def test_restarts_are_counted_for_an_hour_and_not_from_before() -> None:
    tally = RestartTally()
    for at, count in ((0.0, 7), (10.0, 9), (20.0, 9), (30.0, 10)):
        tally.note(board(service("a", restarts=count)), at)
    assert tally.count("a") == 3
    tally.note(board(service("a", restarts=10)), 10.0 + RESTARTS_SECONDS)
    assert tally.count("a") == 1
    tally.note(board(service("a", restarts=0)), 50.0 + RESTARTS_SECONDS)
    assert tally.count("a") == 0, "a service that was made anew counts from nothing"
    tally.note(board(), 0.0)
    assert tally.count("a") == 0


@pytest.mark.parametrize(
    ("known", "down"),
    [
        ({"state": State.STOPPED, "wanted": Wanted.DOWN}, False),
        ({"state": State.EXITED, "wanted": Wanted.UP}, False),
        ({"state": State.BACKOFF, "wanted": Wanted.UP}, True),
        ({**UP, "health": Health.UNHEALTHY}, True),
        ({**UP, "health": Health.UNKNOWN}, False),
    ],
)
def test_down_is_what_is_wanted_and_does_not_work(known: dict[str, Any], down: bool) -> None:
    assert is_down(service("a", **known)) is down


def test_each_service_has_a_state_of_its_own_and_one_that_stops_has_none() -> None:
    rules = rules_of({"big": AlertRule(figure="service.*.memory_bytes", above=1500.0, for_=0.0, clear_for=0.0)})

    def stepped(states: tuple[RuleState, ...], views: Board, at: float) -> tuple[RuleState, ...]:
        return step(
            rules, states, lambda figure: values(figure, SAMPLE, views, USAGE, RestartTally()), at=at, interval=2.0
        )

    first = stepped(initial(rules), SERVICES, 0.0)
    assert {state.key: state.status for state in first} == {"big/web-1": Status.OK, "big/db": Status.FIRING}
    gone = stepped(first, board(SERVICES["web-1"]), 2.0)
    assert [(change.what, change.state.key, change.gone) for change in changes(first, gone)] == [
        ("cleared", "big/db", True)
    ]
    assert initial(rules, {"big/db"})[0].firing


@pytest.mark.parametrize("what", ["fired", "cleared", "lost", "found"])
def test_an_alert_of_a_rule_is_named_by_the_rule_and_the_service(what: str) -> None:
    (rule,) = rules_of({"big": AlertRule(figure="service.*.memory_bytes", above=1500.0, level="critical")})
    event = alert_of(Change(what, RuleState(rule=rule, target="db", value=2000.0)))  # pyright: ignore[reportArgumentType]
    assert event.source == "metrics"
    assert event.key == ("big/db" if what in ("fired", "cleared") else "big/db/no_data")
    assert event.values["service"] == "db"
