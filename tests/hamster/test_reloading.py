"""The configuration read again: on request, when its file changes; refused as a whole with every place."""

import logging
from pathlib import Path

import pytest
import trio

from actors import State
from actors.alerts.messages import AlertChanged
from actors.services import ServicesConfigured
from hamster.config import ConfigError, HamsterConfig, load_config
from hamster.config_watch import watch_config
from hamster.http.alert_texts import korean
from hamster.reloading import NothingToReload, different_keys
from hamster.server_settings import ServerSettings
from tests.hamster.running import PATIENCE, running, service

FAST_SAMPLES = "[metrics]\ninterval = 0.1\nhistory_seconds = 100\n"
UNWATCHED = "[server]\nwatch_config = false\n"


async def test_a_reload_restarts_only_what_changed_and_says_what_that_was(tmp_path: Path) -> None:
    toml = tmp_path / "hamster.toml"
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, UNWATCHED + service("stays") + service("changes") + service("goes")) as asking:
            services = asking.hamster.system.services
            before = [(await services.wait_for(one, State.RUNNING)).pid for one in ("stays", "changes")]
            toml.write_text(
                "[server]\nport = 8123\n[metrics]\ninterval = 9\n"
                + service("changes", command="sleep 999")
                + service("stays", "name = '그대로'")
                + service("comes", "instances = 2")
            )
            status, said = await asking.ask("POST", "/api/system/reload")
            assert status == 200
            assert said == {
                "message": "설정을 다시 불러왔습니다 (추가 2, 삭제 1, 재시작 1, 변경 1)",
                "source": str(toml),
                "added": ["comes-1", "comes-2"],
                "removed": ["goes"],
                "restarted": ["changes"],
                "changed": ["stays"],
                "later": [],
                "failed": {},
                "needs_restart": ["server.port", "server.watch_config"],
                "warnings": [],
            }
            after = [(await services.wait_for(one, State.RUNNING)).pid for one in ("stays", "changes")]
            assert (after[0] == before[0], after[1] == before[1]) == (True, False)
            status, said = await asking.ask("POST", "/api/system/reload")
            assert said["message"] == "설정을 다시 불러왔습니다. 변경된 내용이 없습니다"
            assert "server.port" in said["needs_restart"], "it still runs by the old one"


async def test_a_broken_file_changes_nothing_and_every_place_is_said_in_answer_log_and_alert(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    toml = tmp_path / "hamster.toml"
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, UNWATCHED + service("a")) as asking:
            system = asking.hamster.system
            before = await system.services.wait_for("a", State.RUNNING)
            toml.write_text(service("a", "stop_grace = -5", "nonsense = 1") + service("b", command="sleep 2"))
            with system.bus.subscribe(AlertChanged) as events:
                status, said = await asking.ask("POST", "/api/system/reload")
                event = await events.receive()
            assert status == 400
            assert said["detail"] == f"설정 파일에 잘못된 값이 있어 아무것도 변경하지 않았습니다: {toml}"
            assert [error["field"] for error in said["errors"]] == ["services.a.stop_grace", "services.a.nonsense"]
            assert said["errors"][0]["message"].startswith("7번째 줄: services.a.stop_grace is -5; expected ")
            assert f"config.refused {toml}:7: services.a.stop_grace is -5" in caplog.text
            assert f"config.refused {toml}:8: services.a.nonsense" in caplog.text
            assert isinstance(event, AlertChanged)
            title, message = korean(event)
            assert title == "설정 파일 오류"
            assert message.startswith("설정 파일에 잘못된 값이 2개 있어 아무것도 변경하지 않았습니다: ")
            assert message.endswith(": hamster.toml:7 services.a.stop_grace, hamster.toml:8 services.a.nonsense")
            assert system.services.view("a") == before
            assert "b" not in system.services.board.value
            toml.unlink()
            status, said = await asking.ask("POST", "/api/system/reload")
            assert (status, said["errors"][0]["field"]) == (400, "hamster.toml")
            assert system.services.view("a") == before
            with system.bus.subscribe(AlertChanged) as events:
                toml.write_text(UNWATCHED + service("a"))
                assert (await asking.ask("POST", "/api/system/reload"))[0] == 200
                event = await events.receive()
            assert isinstance(event, AlertChanged)
            assert event.what == "cleared"


async def test_an_id_of_a_service_that_was_added_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, UNWATCHED) as asking:
            await asking.ask("POST", "/api/services/", {"id": "extra", "command": "sleep 1000", "autostart": False})
            (tmp_path / "hamster.toml").write_text(UNWATCHED + service("extra"))
            with pytest.raises(ConfigError, match=r"hamster\.toml:3: services\.extra is") as refused:
                await asking.hamster.reloader.reload("a test")
            assert len(refused.value.problems) == 1
            assert asking.hamster.system.services.view("extra").settings.origin == "api"


async def test_without_a_file_a_reload_says_so(tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, None) as asking:
            status, said = await asking.ask("POST", "/api/system/reload")
            assert (status, said["detail"]) == (409, "설정 파일 없이 실행 중이라 다시 불러올 설정이 없습니다")
            with pytest.raises(NothingToReload):
                await asking.hamster.reloader.reload("a test")
            await asking.hamster.reloader.reload_quietly("a test")


@pytest.mark.slow
async def test_a_file_that_is_saved_is_applied_once_it_has_settled_however_it_is_saved(tmp_path: Path) -> None:
    toml = tmp_path / "hamster.toml"
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, service("a")) as asking:
            bus, services = asking.hamster.system.bus, asking.hamster.system.services
            await services.wait_for("a", State.RUNNING)
            with bus.subscribe(ServicesConfigured, AlertChanged) as events:
                # In two steps, of which the first alone would remove everything.
                toml.write_text("")
                toml.write_text(service("a") + service("b", "autostart = false"))
                event = await events.receive()
                assert isinstance(event, ServicesConfigured)
                assert (event.outcome.added, event.outcome.removed) == (("b",), ())
                (tmp_path / "new").write_text("[server\n")
                (tmp_path / "new").replace(toml)
                event = await events.receive()
                assert isinstance(event, AlertChanged)
                assert event.alert.values["places"] == "hamster.toml:1"
                (tmp_path / "another.toml").write_text("nobody reads this")
                toml.write_text(service("a"))
                event = await events.receive()
                assert isinstance(event, ServicesConfigured)
                assert event.outcome.removed == ("b",)
                event = await events.receive()
                assert isinstance(event, AlertChanged)
                assert (event.what, events.statistics().queued) == ("cleared", 0)


@pytest.mark.slow
async def test_watching_ends_promptly_and_a_directory_that_is_not_there_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, UNWATCHED) as asking:
            await watch_config(asking.hamster.reloader, tmp_path / "nowhere" / "hamster.toml")
            assert "config.not_watched path=" in caplog.text
            began = trio.current_time()
            with trio.move_on_after(0.1):
                await watch_config(asking.hamster.reloader, tmp_path / "hamster.toml")
            assert trio.current_time() - began < 2.0, "the thread that watches did not end"


def test_keys_that_differ_are_named_and_what_the_command_line_says_is_not_one_of_them(tmp_path: Path) -> None:
    path = tmp_path / "hamster.toml"
    path.write_text("[time]\nzone = 'UTC'\n")
    assert different_keys(HamsterConfig(), load_config(path)) == ("time.zone",)
    assert different_keys(HamsterConfig(), HamsterConfig(server=ServerSettings(port=1))) == ("server.port",)
    assert different_keys(HamsterConfig(), HamsterConfig()) == ()


async def test_alert_rules_and_logs_count_at_once(tmp_path: Path) -> None:
    toml = tmp_path / "hamster.toml"
    outside = tmp_path / "other.txt"
    outside.write_text("2026-01-01 00:00:00 ERROR no luck\n", "utf-8")
    rule = '[alerts.rules.busy]\nfigure = "memory_percent"\nbelow = 100\nfor = 0.1\n'
    with trio.fail_after(PATIENCE):
        async with running(tmp_path, UNWATCHED + FAST_SAMPLES) as asking:
            system = asking.hamster.system

            def active() -> set[str]:
                return {alert.key for alert in system.alerts.board.value.active}

            toml.write_text(
                UNWATCHED
                + FAST_SAMPLES
                + rule
                + f'[logs.files."other.txt"]\npath = "{outside}"\n'
                + '[logs.alerts.bad]\nfile = "late.log"\nlevel = "ERROR"\n'
                + "[logs.retention]\nmax_days = 3\n"
            )
            _, said = await asking.ask("POST", "/api/system/reload")
            assert said["needs_restart"] == []
            while not {"busy"} <= active() or "other.txt" not in system.logs.followed:  # noqa: ASYNC110 - as below
                await trio.sleep(0.05)
            assert (await asking.ask("GET", "/api/logs/retention-policy"))[1]["max_days"] == 3
            status, found = await asking.ask("GET", "/api/logs/search?file_name=other.txt&query=luck")
            assert (status, found["total_matches"]) == (200, 1)
            late = tmp_path / "data" / "logs" / "late.log"
            while not any(key.startswith("bad/") for key in active()):
                with late.open("a", encoding="utf-8") as file:
                    file.write("ERROR once more\n")
                await trio.sleep(0.2)
            toml.write_text(UNWATCHED + FAST_SAMPLES)
            await asking.ask("POST", "/api/system/reload")
            while active() & {"busy", "bad/late.log"} or "other.txt" in system.logs.followed:  # noqa: ASYNC110 - asked for
                await trio.sleep(0.05)
            assert (await asking.ask("GET", "/api/logs/search?file_name=other.txt&query=luck"))[0] == 404
