"""What becomes of services by another configuration: the plan, key by key, and against a brute-force twin."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services import ServiceView, State, Wanted
from actors.services.reload import PROCESS, SERVICE, Effect, changed_keys, effect_of, plan, starts_anew
from actors.services.targets import LONGEST, select
from actors.settings import (
    MONITORS,
    AliveOptions,
    HttpOptions,
    LogOptions,
    ProcessOptions,
    ReadyOptions,
    ScheduleOptions,
    ServiceSettings,
    expanded,
    instance_problems,
    read_service,
    service_table,
)

SLEEP = ProcessOptions(command=("sleep", "1"))


def service(service_id: str, *, process: ProcessOptions = SLEEP, **values: object) -> ServiceSettings:
    return ServiceSettings(id=service_id, process=process, **values)  # pyright: ignore[reportArgumentType] - passed on


def changed(**options: object) -> ServiceSettings:
    return service("a", process=attrs.evolve(SLEEP, **options))


def test_every_key_of_a_service_and_of_its_process_is_classified() -> None:
    parts = {"process", "monitor"}
    assert set(SERVICE) == {field.name for field in attrs.fields(ServiceSettings)} - parts
    assert set(PROCESS) == {field.name for field in attrs.fields(ProcessOptions)}


@pytest.mark.parametrize(
    ("options", "effect"),
    [
        ({"command": ("sleep", "2")}, Effect.RESTART),
        ({"env": {"A": "1"}}, Effect.RESTART),
        ({"stop_grace": 3.0}, Effect.AT_ONCE),
        ({"instances": 3}, Effect.NEXT_START),
        ({"ready": ReadyOptions(tcp="127.0.0.1:1")}, Effect.AT_ONCE),
        ({"ready": ReadyOptions(notify=True)}, Effect.RESTART),
        ({"alive": AliveOptions(notify=True)}, Effect.RESTART),
        ({"stop_grace": 3.0, "cwd": "/"}, Effect.RESTART),
        ({}, Effect.NONE),
    ],
)
def test_a_process_is_restarted_only_where_it_would_be_another_one(options: dict[str, object], effect: Effect) -> None:
    assert effect_of(changed(), changed(**options)) is effect


def test_a_change_of_the_log_waits_for_the_next_start_and_a_change_of_kind_is_another_service() -> None:
    assert effect_of(changed(), attrs.evolve(changed(), log=LogOptions(keep=1))) is Effect.NEXT_START
    site = ServiceSettings(id="a", kind="http")
    assert effect_of(changed(), site) is Effect.REPLACE
    assert effect_of(site, attrs.evolve(site, monitor=HttpOptions(url="http://h/"))) is Effect.AT_ONCE


def test_what_is_different_is_named_as_in_the_file() -> None:
    new = attrs.evolve(changed(command=("true",), stop_grace=1.0), tags=("x",))
    assert changed_keys(changed(), new) == ("tags", "command", "stop_grace")
    site = ServiceSettings(id="a", kind="http")
    assert changed_keys(site, attrs.evolve(site, monitor=HttpOptions(url="http://h/"))) == ("url",)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("wanted", list(Wanted))
def test_only_what_is_wanted_and_not_done_is_started_anew(state: State, wanted: Wanted) -> None:
    view = ServiceView(changed(), state=state, wanted=wanted)
    brought_up = state in {State.STARTING, State.RUNNING, State.BACKOFF, State.FATAL}
    assert starts_anew(Effect.RESTART, view) == (brought_up and wanted is Wanted.UP)
    assert not starts_anew(Effect.NEXT_START, view)


def some_service(service_id: str, program: str, grace: float, is_process: bool) -> ServiceSettings:
    if is_process:
        return service(service_id, process=ProcessOptions(command=(program,), stop_grace=grace))
    return ServiceSettings(id=service_id, kind="http")


services = st.builds(
    some_service,
    st.sampled_from("abcde"),
    st.sampled_from(["true", "false"]),
    st.sampled_from([1.0, 2.0]),
    st.booleans(),
)
configurations = st.lists(services, max_size=5, unique_by=lambda one: one.id)


@given(configurations, configurations)
def test_a_plan_leads_from_any_configuration_to_any_other_and_touches_nothing_that_is_the_same(
    old: list[ServiceSettings], new: list[ServiceSettings]
) -> None:
    before = {one.id: one for one in old}
    found = plan(before, new)
    after = {one.id: one for one in old if one.id not in found.removed}
    assert not {one.id for one in found.added} & set(after)
    after |= {one.id: one for one in found.added}
    assert {change.settings.id for change in found.changed} <= set(after)
    after |= {change.settings.id: change.settings for change in found.changed}
    assert after == {one.id: one for one in new}
    same = {one.id for one in new if before.get(one.id) == one}
    touched = {*found.removed, *(one.id for one in found.added), *(change.settings.id for change in found.changed)}
    assert not same & touched
    assert all(change.keys and change.effect > Effect.NONE for change in found.changed)


def test_instances_are_services_of_their_own_and_more_of_them_come_at_the_end() -> None:
    web = service("web", name="웹", process=attrs.evolve(SLEEP, instances=2))
    two = expanded([service("a"), web])
    assert [(one.id, one.name, one.instance_of, one.instance) for one in two] == [
        ("a", "a", None, None),
        ("web-1", "웹 1", "web", 1),
        ("web-2", "웹 2", "web", 2),
    ]
    assert expanded(two) == two
    three = expanded([service("a"), attrs.evolve(web, process=attrs.evolve(SLEEP, instances=3))])
    found = plan({one.id: one for one in two}, three)
    assert ([one.id for one in found.added], found.removed) == (["web-3"], ())
    assert {change.effect for change in found.changed} == {Effect.NEXT_START}
    assert plan({one.id: one for one in three}, two).removed == ("web-3",)


def test_instances_whose_ids_another_service_has_or_that_are_too_long_are_refused_by_name() -> None:
    three = attrs.evolve(SLEEP, instances=3)
    (problem,) = instance_problems([service("web", process=three), service("web-2")])
    assert str(problem) == (
        "web.instances is 3; expected no other service of the id 'web-2', which one of them needs; "
        "rename that one or lower it"
    )
    (problem,) = instance_problems([service("w" * 64, process=three)])
    assert problem.expected == "an id that leaves room for '-1'"
    assert instance_problems([service("web", process=three), service("web-4"), service("web-")]) == []


def test_a_target_is_an_id_a_group_a_tag_or_a_pattern() -> None:
    web = service("web", tags=("front",), process=attrs.evolve(SLEEP, instances=2))
    all_of_them = {one.id: one for one in expanded([service("a", tags=("front", "x")), web, service("webcam")])}
    assert select(all_of_them, "a") == ("a",)
    assert select(all_of_them, "web") == ("web-1", "web-2")
    assert select(all_of_them, "web*") == ("web-1", "web-2", "webcam")
    assert select(all_of_them, "tag:front") == ("a", "web-1", "web-2")
    assert select(all_of_them, "tag:no") == ()
    assert select(all_of_them, "no") == ()
    assert select(all_of_them, "w" + "*" * LONGEST) == (), "it is not looked at"


@pytest.mark.parametrize(
    "settings",
    [
        service("a"),
        service(
            "a", name="이름", tags=("x",), depends_on={"b": "healthy"}, autostart=False, log=LogOptions(max_bytes=None)
        ),
        changed(
            env={"A": "1"},
            limits={"nofile": "unlimited"},
            memory_max="64M",
            ready=ReadyOptions(http="http://h/", status=(200,)),
            schedule=ScheduleOptions(cron="* * * * *"),
            restart="never",
            expected_exit_codes=(0, 3),
        ),
        *(ServiceSettings(id="m", kind=kind, autostart=False) for kind in MONITORS),  # pyright: ignore[reportArgumentType] - all of them
        ServiceSettings(
            id="m", kind="http", monitor=HttpOptions(url="http://h/", headers={"A": "b"}, status=("200-299", 404))
        ),
    ],
)
def test_a_service_is_the_same_out_of_its_own_table(settings: ServiceSettings) -> None:
    table = service_table(settings)
    assert read_service(settings.id, table) == (settings, [])
    assert "id" not in table


@pytest.mark.parametrize(
    "table",
    [
        {"kind": "feed", "sources": {"a": {"url": "http://h/x"}, "b": {"file": "/var/news.xml"}}},
        {"kind": "http", "url": "http://h/", "json": [{"path": "$.a", "equals": 1}, {"path": "$.b", "above": 2}]},
    ],
)
def test_tables_within_a_table_come_back_as_they_were(table: dict[str, object]) -> None:
    service, problems = read_service("m", table)
    assert service is not None, problems
    assert service_table(service) == table


def test_a_table_has_only_what_is_not_the_default() -> None:
    assert service_table(service("a")) == {"command": ["sleep", "1"]}
    assert service_table(ServiceSettings(id="m", kind="tcp")) == {"kind": "tcp"}
