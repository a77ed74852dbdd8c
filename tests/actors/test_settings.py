import math
import signal
from pathlib import Path
from zoneinfo import available_timezones

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import setting_rules as rules
from actors.setting_rules import Nothing, SettingsError, problems
from actors.settings import (
    HISTORY_SAMPLES,
    KINDS,
    HttpOptions,
    MetricsSettings,
    ProcessOptions,
    ScheduleOptions,
    ServiceSettings,
    SystemSettings,
    dependency_problems,
)
from actors.settings.logs import LogsSettings, OutsideLog

# What a TOML file can hold, in any place.
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(16**3000) | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def wrong(error: pytest.ExceptionInfo[SettingsError]) -> list[str]:
    return [str(problem) for problem in error.value.problems]


def test_a_command_needs_nothing_else() -> None:
    options = ProcessOptions(command=["python", "-m", "site"])
    assert options.command == ("python", "-m", "site")
    assert (options.start_seconds, options.stop_signal, options.stop_grace) == (1.0, "SIGTERM", 10.0)
    assert (options.restart, options.expected_exit_codes) == ("always", (0,))
    assert (options.backoff_initial, options.backoff_max, options.healthy_seconds) == (0.5, 60.0, 30.0)
    assert (options.fatal_failures, options.fatal_window) == (5, 60.0)


def test_a_command_given_as_text_is_split_as_a_shell_would() -> None:
    assert ProcessOptions(command="serve --title 'two words' $HOME").command == (
        "serve",
        "--title",
        "two words",
        "$HOME",
    )


def test_an_open_quote_in_a_command_is_refused_with_its_reason() -> None:
    with pytest.raises(SettingsError) as error:
        ProcessOptions(command="serve --title 'two words")
    assert "no closing quotation" in str(error.value)


@pytest.mark.parametrize("command", ["", "   ", [], [""], ["a\0b"], ["python", "x\0"]])
def test_a_command_without_a_program_or_with_a_null_byte_is_refused(command: str | list[str]) -> None:
    with pytest.raises(SettingsError, match="expected a program and its arguments"):
        ProcessOptions(command=command)


def test_every_mistake_is_named_at_once_with_what_to_do() -> None:
    with pytest.raises(SettingsError) as error:
        ProcessOptions(
            command=["serve"],
            stop_grace=-5,
            stop_signal="TERM",
            expected_exit_codes=[0, 256],
            env={"A=B": "x"},
            fatal_window=math.inf,
        )
    assert wrong(error) == [
        'env."A=B" is "x"; expected a variable\'s name without \'=\' before it; rename it',
        ('stop_signal is "TERM"; expected a signal\'s name, like "SIGTERM" or "SIGINT"; did you mean "SIGTERM"?'),
        "stop_grace is -5; expected seconds of 0 or more; remove the key to use 10",
        "expected_exit_codes is 256; expected a whole number of 255 or less; remove the key to use [0]",
        "fatal_window is inf; expected seconds of 604800 or less; remove the key to use 60",
    ]


def test_a_longest_backoff_below_the_first_is_refused_by_name() -> None:
    with pytest.raises(SettingsError) as error:
        ProcessOptions(command=["serve"], backoff_initial=2, backoff_max=1)
    assert wrong(error) == [
        ("backoff_max is 1; expected seconds of 2, the backoff_initial, or more; raise it or lower backoff_initial")
    ]


def test_options_cannot_be_changed_from_outside_after_they_are_made() -> None:
    env = {"LANG": "C"}
    options = ProcessOptions(command=["serve"], env=env)
    env["LANG"] = "ko"
    assert options.env == {"LANG": "C"}
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        options.stop_grace = 1.0  # pyright: ignore[reportAttributeAccessIssue] (that it is one is the test)


@pytest.mark.parametrize("id_", ["a", "0", "posco_news", "a-b", "a" * 64])
def test_an_id_that_can_be_a_files_name_is_taken(id_: str) -> None:
    assert ServiceSettings(id=id_, kind="feed").name == id_


@pytest.mark.parametrize("id_", ["", "-a", "_a", "A", "a b", "a/b", "..", "a.log", "뉴스", "a" * 65, "a\n"])
def test_an_id_that_could_not_be_a_files_name_is_refused(id_: str) -> None:
    with pytest.raises(SettingsError, match="expected 1 to 64 of a-z"):
        ServiceSettings(id=id_, kind="feed")


def test_no_service_may_write_into_our_own_log() -> None:
    with pytest.raises(SettingsError, match="not our own log"):
        ServiceSettings(id="watchhamster", kind="feed")


def test_a_process_without_options_and_a_probe_with_process_options_are_refused() -> None:
    with pytest.raises(SettingsError, match="process is missing"):
        ServiceSettings(id="a")
    with pytest.raises(SettingsError, match='expected no process options for kind "feed"'):
        ServiceSettings(id="a", kind="feed", process=ProcessOptions(command="true"))
    with pytest.raises(SettingsError, match='monitor is "HttpOptions"; expected options of kind "process"'):
        ServiceSettings(id="a", process=ProcessOptions(command="true"), monitor=HttpOptions())
    with pytest.raises(SettingsError, match='monitor is "HttpOptions"; expected options of kind "feed"'):
        ServiceSettings(id="a", kind="feed", monitor=HttpOptions())


def test_two_services_of_one_id_are_refused() -> None:
    service = ServiceSettings(id="a", kind="feed")
    with pytest.raises(SettingsError, match='services is "a"; expected each id once'):
        SystemSettings(data_dir=Path("/data"), services=[service, service])


def test_a_log_from_outside_cannot_have_the_name_of_a_services_log() -> None:
    logs = LogsSettings(files={"a.log": OutsideLog(path="/var/log/a.log")})
    with pytest.raises(SettingsError, match=r'"a\.log"; expected a name that is not of the log of a; choose another'):
        SystemSettings(data_dir=Path("/data"), services=[ServiceSettings(id="a", kind="feed")], logs=logs)


def test_the_logs_are_in_the_data_directory() -> None:
    assert SystemSettings(data_dir=Path("/data")).logs_dir == Path("/data/logs")


def test_a_history_that_would_not_fit_in_memory_is_refused() -> None:
    assert MetricsSettings(interval=1, history_seconds=HISTORY_SAMPLES).interval == 1
    with pytest.raises(SettingsError, match="expected seconds of 20000 or less"):
        MetricsSettings(interval=1, history_seconds=HISTORY_SAMPLES + 1)


@pytest.mark.parametrize("zone", ["Asia/Seul", "Asia", "../etc/passwd", "/etc/localtime", "", "a\0", "a" * 300])
def test_a_zone_that_does_not_exist_is_refused_however_it_is_spelt(zone: str) -> None:
    with pytest.raises(SettingsError, match="expected a time zone"):
        SystemSettings(data_dir=Path("/data"), zone=zone)


def test_a_near_miss_of_a_zone_is_put_right() -> None:
    assert 'did you mean "Asia/Seoul"?' in str(rules.zone_name("Asia/Seul")[0])


@given(st.sampled_from(sorted(available_timezones())))
def test_every_zone_of_the_machine_is_taken(zone: str) -> None:
    assert rules.zone_name(zone) == []


@given(st.floats() | st.integers(), st.floats(0, 100), st.floats(100, 200))
def test_seconds_are_taken_exactly_between_their_bounds(value: float, least: float, most: float) -> None:
    assert (rules.seconds(least, most)(value) == []) == (least <= value <= most)


@pytest.mark.slow
@given(anything, st.sampled_from(attrs.fields(ProcessOptions)))
def test_no_value_of_any_type_breaks_a_rule_it_only_fails_it(value: object, field: "attrs.Attribute[object]") -> None:
    found = problems(ProcessOptions, {"command": ["true"], field.name: value})
    assert all(problem.path[0] == field.name for problem in found)
    assert all("\n" not in str(problem) for problem in found)
    if not found:
        # Backoffs at the ends of what is allowed, so that the one under test contradicts no other.
        fits = {"command": ["true"], "backoff_initial": 0, "backoff_max": rules.WEEK}
        options = ProcessOptions(**fits | {field.name: value})  # pyright: ignore[reportArgumentType] (the rule vouches for it)
        assert isinstance(options, ProcessOptions)


@pytest.mark.parametrize("value", [True, False])
def test_true_is_no_number(value: bool) -> None:
    assert rules.seconds()(value)
    assert rules.count(0, 5)(value)


@pytest.mark.parametrize("name", [s.name for s in signal.Signals])
def test_every_signal_of_the_machine_may_stop_a_process(name: str) -> None:
    assert rules.signal_name(name) == []


def test_a_missing_key_is_told_apart_from_a_wrong_one() -> None:
    (problem,) = problems(ProcessOptions, {})
    assert problem.got is Nothing.MISSING
    assert str(problem).startswith("command is missing; expected a program")


def test_a_wrong_value_is_shown_on_one_short_line() -> None:
    assert rules.shown("a\nb\x1b[31m\U0001f439") == '"a\\u000ab\\u001b[31m\U0001f439"'
    assert rules.shown([1, True, {"a b": 2.0}]) == '[1, true, {"a b" = 2.0}]'
    assert len(rules.shown("x" * 10_000)) == rules.SHOWN


def test_the_kinds_are_those_of_the_product() -> None:
    assert set(KINDS) >= {"process", "feed", "http", "files", "report", "deployment", "webhooks"}


def test_a_job_with_a_schedule_is_not_to_run_always() -> None:
    schedule = ScheduleOptions(cron="0 3 * * *")
    with pytest.raises(SettingsError, match='restart is "always"; expected "never" or "on-failure" beside a schedule'):
        ProcessOptions(command="true", schedule=schedule)
    for policy in ("never", "on-failure"):
        ProcessOptions(command="true", schedule=schedule, restart=policy)


def test_a_service_that_never_ends_cannot_be_waited_for_to_complete() -> None:
    job = ServiceSettings(id="job", process=ProcessOptions(command="true", restart="on-failure"))
    web = ServiceSettings(id="web", depends_on={"job": "completed"}, process=ProcessOptions(command="true"))
    assert dependency_problems([job, web]) == []
    endless = attrs.evolve(job, process=ProcessOptions(command="true"))
    (problem,) = dependency_problems([endless, web])
    assert problem.path == ("web", "depends_on", "job")
    assert "on-failure" in problem.expected
    instances = [attrs.evolve(endless, id=f"job-{n}", instance_of="job", instance=n) for n in (1, 2)]
    assert len(dependency_problems([*instances, web])) == 1
