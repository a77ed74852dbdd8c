import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.settings import MetricsSettings
from hamster.config import ConfigError, HamsterConfig, default_source, load_config
from hamster.config_file import LARGEST
from hamster.security.settings import SecuritySettings
from hamster.server_settings import ServerSettings

SIX = ["posco_news", "github_pages", "cache_monitor", "deployment", "message_system", "webhook_system"]


class Written:
    """A hamster.toml in a directory of its own, and what reading it gives."""

    def __init__(self, path: Path, text: str | bytes) -> None:
        self.path = path
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def config(self) -> HamsterConfig:
        return load_config(self.path)

    def problems(self) -> list[str]:
        """The problems of a file that must have some, each without the directory it is in."""
        with pytest.raises(ConfigError) as error:
            load_config(self.path)
        assert str(error.value) == "\n".join(map(str, error.value.problems))
        return [str(problem).removeprefix(f"{self.path.parent}{os.sep}") for problem in error.value.problems]

    def warnings(self) -> list[str]:
        return [str(warning).removeprefix(f"{self.path.parent}{os.sep}") for warning in self.config().warnings]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def write(directory: Path, text: str | bytes) -> Written:
    return Written(directory / "hamster.toml", text)


def test_without_a_file_there_are_the_six_services_of_the_contract() -> None:
    config = load_config(None)
    assert [service.id for service in config.services] == SIX
    assert (config.services[0].name, config.services[0].description) == (
        "POSCO 뉴스 모니터",
        "POSCO 뉴스 시스템 모니터링 및 알림",
    )
    assert [service.kind for service in config.services] == [
        "feed",
        "http",
        "files",
        "deployment",
        "report",
        "webhooks",
    ]
    assert all(service.name and service.description for service in config.services)
    assert (config.server, config.metrics, config.source) == (ServerSettings(), MetricsSettings(), None)
    assert (config.server.host, config.server.port) == ("localhost", 8000)
    assert len(config.server.allowed_origins) == 6


def test_an_empty_file_is_the_same_as_no_file(directory: Path) -> None:
    written = write(directory, "")
    assert written.config() == HamsterConfig(source=written.path)


def test_a_whole_file_is_read(directory: Path) -> None:
    config = write(
        directory,
        f"""
        [server]
        host = "::1"
        port = 9000
        allowed_origins = ["https://desk.example"]
        allowed_hosts = ["hamster.example", "192.0.2.7", "fe80::1"]

        [metrics]
        interval = 5

        [time]
        zone = "Asia/Seoul"

        [services.site]
        kind = "process"
        name = "누리집"
        description = "우리 사이트"
        autostart = false
        command = ['{sys.executable}', "-m", "http.server"]
        env = {{ LANG = "ko_KR.UTF-8" }}
        restart = "on-failure"
        expected_exit_codes = [0, 3]
        stop_signal = "SIGINT"
        stop_grace = 2
        """,
    ).config()
    assert config.server == ServerSettings(
        host="::1",
        port=9000,
        allowed_origins=["https://desk.example"],
        allowed_hosts=["hamster.example", "192.0.2.7", "fe80::1"],
    )
    system = config.system(directory / "data")
    assert (system.metrics.interval, system.zone, system.data_dir) == (5, "Asia/Seoul", directory / "data")
    assert [service.id for service in system.services] == [*SIX, "site"]
    site = system.services[-1]
    assert (site.name, site.description, site.autostart) == ("누리집", "우리 사이트", False)
    assert site.process is not None
    assert site.process.command == (sys.executable, "-m", "http.server")
    assert (site.process.env, site.process.stop_grace) == ({"LANG": "ko_KR.UTF-8"}, 2)
    assert (site.process.expected_exit_codes, site.process.restart) == ((0, 3), "on-failure")
    assert config.warnings == ()


def test_every_mistake_in_a_file_is_reported_with_its_line_in_one_go(directory: Path) -> None:
    assert write(
        directory,
        """[server]
port = 80000
alowed_hosts = []
[metrics]
interval = "2"
[time]
zone = "Asia/Seul"
[sevices]
[services.newsroom]
command = "serve"
start_second = 1

# a remark
stop_grace = -5
stop_signal = "TERM"
[services.newsroom.env]
PORT = 8000
[services.Bad]
command = []
[services.none]
autostart = "yes"
enabled = 1
""",
    ).problems() == [
        ("hamster.toml:2: server.port is 80000; expected a whole number of 65535 or less; remove the key to use 8000"),
        ('hamster.toml:3: server.alowed_hosts is unknown; expected a key of [server]; did you mean "allowed_hosts"?'),
        'hamster.toml:5: metrics.interval is "2"; expected seconds of 0.1 or more; remove the key to use 2',
        (
            'hamster.toml:7: time.zone is "Asia/Seul"; expected a time zone of the IANA database, '
            'like "Asia/Seoul" or "UTC"; did you mean "Asia/Seoul"?'
        ),
        'hamster.toml:8: sevices is unknown; expected a key of hamster.toml; did you mean "services"?',
        (
            "hamster.toml:11: services.newsroom.start_second is unknown; expected a key of a service "
            'of kind "process"; did you mean "start_seconds"?'
        ),
        (
            "hamster.toml:14: services.newsroom.stop_grace is -5; expected seconds of 0 or more; "
            "remove the key to use 10"
        ),
        (
            'hamster.toml:15: services.newsroom.stop_signal is "TERM"; expected a signal\'s name, '
            'like "SIGTERM" or "SIGINT"; did you mean "SIGTERM"?'
        ),
        "hamster.toml:17: services.newsroom.env.PORT is 8000; expected text; put it in quotes",
        (
            "hamster.toml:18: services.Bad is not an id; expected 1 to 64 of a-z, 0-9, '_' and '-', "
            "the first a letter or digit; rename the table"
        ),
        (
            "hamster.toml:19: services.Bad.command is []; expected a program and its arguments, "
            'like "python app.py" or ["python", "app.py"]; change it'
        ),
        (
            "hamster.toml:20: services.none.command is missing; expected a program and its arguments, "
            'like "python app.py" or ["python", "app.py"]; add the key'
        ),
        ('hamster.toml:21: services.none.autostart is "yes"; expected true or false; remove the key to use true'),
        "hamster.toml:22: services.none.enabled is 1; expected true or false; remove the key to use true",
    ]


def test_a_problem_carries_its_parts_and_not_only_text(directory: Path) -> None:
    written = write(directory, "[services.a]\ncommand = 'true'\nstop_grace = -5\n")
    with pytest.raises(ConfigError) as error:
        written.config()
    (problem,) = error.value.problems
    assert (problem.file, problem.line, problem.column) == (written.path, 3, None)
    assert problem.setting is not None
    assert (problem.setting.path, problem.setting.got) == (("services", "a", "stop_grace"), -5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\nb = \n", "hamster.toml:2:5: this is no TOML: invalid value"),
        ("[server]\nport 80\n", "hamster.toml:2:6: this is no TOML: expected '=' after a key"),
        ("[services.a]\n[services.a]\n", "hamster.toml:2:12: this is no TOML: cannot declare"),
        ("a = 1\nb = [1,\n", "hamster.toml:2: this is no TOML: invalid value"),
        (b"a = 1\n# \xc7\xd1\n", "hamster.toml:2: byte 0xc7 is not UTF-8"),
        (f"a = {'1' * 5000}", "hamster.toml: this is no TOML: a number has too many digits"),
        (f"a = {'[' * 5000}{']' * 5000}", "hamster.toml: is nested too deeply"),
        (b"#" * (LARGEST + 1), "hamster.toml: is over 1,048,576 bytes"),
    ],
)
def test_a_file_that_is_no_toml_gives_one_clear_error_with_its_place(
    directory: Path, text: str | bytes, expected: str
) -> None:
    (problem,) = write(directory, text).problems()
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("absent.toml", "there is no such file"), ("", "is a directory"), ("a\0b", "cannot be")],
)
def test_a_path_that_is_no_file_gives_one_clear_error(directory: Path, name: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_config(directory / name)


def test_a_file_saved_on_windows_is_read(directory: Path) -> None:
    text = "\ufeff[services.a]\r\ncommand = 'true'\r\nstop_grace = -5\r\n"
    (problem,) = write(directory, text).problems()
    assert problem.startswith("hamster.toml:3: services.a.stop_grace")


@pytest.mark.parametrize("section", ["server", "services", "time", "metrics"])
def test_a_value_where_a_table_belongs_is_refused(directory: Path, section: str) -> None:
    assert write(directory, f"{section} = 1").problems() == [
        f"hamster.toml:1: {section} is 1; expected a table, [{section}]; write its keys below that line"
    ]


def test_a_value_where_a_service_belongs_is_refused(directory: Path) -> None:
    assert (
        "services.web is 1; expected a table, [services.web]; write its keys below that line"
        in (write(directory, "[services]\nweb = 1").problems()[0])
    )


def test_one_of_the_six_can_be_renamed_removed_or_made_a_process(directory: Path) -> None:
    config = write(
        directory,
        """
        [services.posco_news]
        name = "소식"
        [services.cache_monitor]
        enabled = false
        [services.deployment]
        kind = "process"
        command = "true"
        """,
    ).config()
    services = {service.id: service for service in config.services}
    assert list(services) == [id_ for id_ in SIX if id_ != "cache_monitor"]
    assert (services["posco_news"].name, services["posco_news"].kind) == ("소식", "feed")
    assert services["deployment"].process is not None
    assert services["deployment"].autostart


def test_a_removed_service_is_checked_all_the_same(directory: Path) -> None:
    (problem,) = write(directory, "[services.a]\nenabled = false\ncommand = 5\n").problems()
    assert problem.startswith("hamster.toml:3: services.a.command is 5")
    assert [
        s.id for s in write(directory, "services.a = { enabled = false, command = 'true' }").config().services
    ] == SIX


def test_a_working_directory_is_relative_to_the_file_and_not_to_us(directory: Path) -> None:
    (directory / "site").mkdir()
    config = write(directory, "[services.a]\ncommand = 'true'\ncwd = 'site'\n").config()
    assert config.services[-1].process is not None
    assert config.services[-1].process.cwd == str(directory / "site")
    assert config.warnings == ()


def test_a_program_or_directory_that_is_not_there_is_a_warning_and_no_error(directory: Path) -> None:
    written = write(directory, "[services.a]\ncommand = 'no-such-program -x'\ncwd = 'nowhere'\n")
    command, cwd = written.warnings()
    assert command.startswith('hamster.toml:2: services.a.command is "no-such-program"; expected a program')
    assert cwd.startswith("hamster.toml:3: services.a.cwd is ")
    assert written.config().services[-1].process is not None


def test_a_program_is_looked_for_where_the_service_would_find_it(directory: Path) -> None:
    bin_ = directory / "bin"
    bin_.mkdir()
    (bin_ / "tool").write_text("#!/bin/sh\n")
    (bin_ / "tool").chmod(0o755)
    assert write(directory, "[services.a]\ncommand = './tool'\ncwd = 'bin'\n").warnings() == []
    assert write(directory, f"[services.a]\ncommand = 'tool'\nenv = {{ PATH = '{bin_}' }}\n").warnings() == []
    assert len(write(directory, "[services.a]\ncommand = 'tool'\n").warnings()) == 1


def test_a_mistyped_key_of_a_monitor_is_found_among_those_of_every_kind(directory: Path) -> None:
    (problem,) = write(directory, "[services.github_pages]\nurl = 'https://x.example/'\nautostrt = true\n").problems()
    assert problem == (
        'hamster.toml:3: services.github_pages.autostrt is unknown; expected a key of a service of kind "http"; '
        'did you mean "autostart"?'
    )


def test_a_table_within_a_table_is_read_and_its_mistakes_have_their_line(directory: Path) -> None:
    text = "[services.a]\ncommand = 'true'\n[services.a.ready]\ntcp = 'localhost'\nintervall = 2\n"
    assert write(directory, text).problems() == [
        (
            'hamster.toml:4: services.a.ready.tcp is "localhost"; expected a host and a port, like "127.0.0.1:5432" or '
            '"[::1]:5432"; change it'
        ),
        'hamster.toml:5: services.a.ready.intervall is unknown; expected a key of "ready"; did you mean "interval"?',
    ]


def test_services_that_wait_for_each_other_in_a_circle_are_refused_by_name(directory: Path) -> None:
    text = "".join(
        f"[services.{a}]\ncommand = 'true'\ndepends_on = ['{b}']\n" for a, b in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    (problem,) = write(directory, text).problems()
    assert 'services.a.depends_on is "a -> b -> c -> a"; expected no circle' in problem


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "hamster.example"])  # noqa: S104 (that it is refused is the test)
def test_a_bind_beyond_this_machine_is_refused(directory: Path, host: str) -> None:
    (problem,) = write(directory, f"[server]\nhost = '{host}'\n").problems()
    assert "expected a loopback address" in problem

    config = write(directory, f"[server]\nhost = '{host}'\n[security]\n").config()
    assert (config.server.host, config.security) == (host, SecuritySettings())


@pytest.mark.parametrize("host", ["", "127.0.0.1:80", "http://a", "[::1]"])
def test_what_cannot_be_listened_on_is_refused(directory: Path, host: str) -> None:
    (problem,) = write(directory, f"[server]\nhost = '{host}'\n[security]\n").problems()
    assert 'expected "localhost", a name or an address' in problem


def test_a_password_where_its_hash_belongs_is_not_shown(directory: Path) -> None:
    (problem,) = write(directory, "[security.users.kim]\npassword = 'hunter2'\n").problems()
    assert "hunter2" not in problem
    assert "hash-password" in problem


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "127.0.0.53"])
def test_a_loopback_bind_is_taken(directory: Path, host: str) -> None:
    assert write(directory, f"[server]\nhost = '{host}'\n").config().server.host == host


@pytest.mark.parametrize("origin", ["*", "null", "http://a/", "a.example", "http://a b", "http://u@a", ""])
def test_an_origin_no_browser_sends_or_a_wildcard_is_refused(directory: Path, origin: str) -> None:
    (problem,) = write(directory, f"[server]\nallowed_origins = ['{origin}']\n").problems()
    assert "expected an origin" in problem


@pytest.mark.parametrize("host", ["http://a", "a:80", "a/b", "*", "[::1]", "a b", ""])
def test_a_host_name_with_more_than_a_name_is_refused(directory: Path, host: str) -> None:
    (problem,) = write(directory, f"[server]\nallowed_hosts = ['{host}']\n").problems()
    assert "expected a host name or address" in problem


def test_a_number_of_any_size_is_out_of_range_and_no_crash(directory: Path) -> None:
    for number in ("9" * 400, f"0x{'f' * 5000}", "1e400"):
        (problem,) = write(directory, f"[server]\nport = {number}\n[metrics]\ninterval = 2\n").problems()
        assert problem.startswith("hamster.toml:2: server.port is ")
        (problem,) = write(directory, f"[metrics]\ninterval = {number}\n").problems()
        assert "expected seconds of 3600 or less" in problem


@pytest.mark.slow
@given(text=st.text() | st.text("[]{}=.\"'#\n ab1-", max_size=60))
def test_any_text_is_a_configuration_or_a_list_of_problems_and_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    written = Written(tmp_path_factory.getbasetemp() / "any.toml", text.encode("utf-8", "surrogatepass"))
    try:
        found = [service.id for service in written.config().services]
    except ConfigError as error:
        found = list(map(str, error.problems))
    assert found


@pytest.mark.slow
def test_only_the_users_own_configuration_directory_is_looked_at(directory: Path) -> None:
    home, here = directory / "home", directory / "here"
    (home / "hamster").mkdir(parents=True)
    here.mkdir()
    (here / "hamster.toml").write_text("")

    def source() -> str:
        code = "from hamster.config import default_source; print(default_source())"
        env = os.environ | {"XDG_CONFIG_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.check_output([sys.executable, "-c", code], cwd=here, env=env, text=True).strip()

    if sys.platform != "linux":
        pytest.skip("XDG_CONFIG_HOME names the directory on Linux only")
    assert source() == "None"
    (home / "hamster" / "hamster.toml").write_text("")
    assert source() == str(home / "hamster" / "hamster.toml")


def test_the_default_source_is_a_file_or_nothing() -> None:
    source = default_source()
    assert source is None or source.is_file()
