"""The whole of WatchHamster inside another Trio program."""

import subprocess
import sys
from pathlib import Path

import pytest
import trio

import hamster
from actors import ProcessOptions, ServiceEvent, ServiceSettings, State
from hamster.client import open_client
from hamster.runtime_file import NotRunning, read_runtime_file
from tests.actors.services.yard import PATIENCE
from tests.actors.test_system import nothing_left


def config(name: str, command: str = "sleep 1000") -> hamster.HamsterConfig:
    service = ServiceSettings(id=name, process=ProcessOptions(command=command, start_seconds=0.05))
    return hamster.HamsterConfig(server=hamster.ServerSettings(port=0, host="127.0.0.1"), services=(service,))


async def test_two_run_at_a_time_each_with_its_own_and_leave_nothing(tmp_path: Path) -> None:
    async with nothing_left():
        with trio.fail_after(PATIENCE):
            async with (
                hamster.open_hamster(config("one"), data_dir=tmp_path / "one") as first,
                hamster.open_hamster(config("two"), data_dir=tmp_path / "two") as second,
            ):
                assert first.url != second.url
                heard = first.system.bus.subscribe(ServiceEvent), second.system.bus.subscribe(ServiceEvent)
                for running, name in ((first, "one"), (second, "two")):
                    await running.system.services.wait_for(name, State.RUNNING)
                    async with open_client(running.url) as client:
                        assert [service.id for service in await client.services()] == [name]
                await first.system.services.restart("one")
                async for event in heard[0]:
                    assert isinstance(event, ServiceEvent)
                    assert event.view.id == "one"
                    if event.event_type == "restarted":
                        break
                while True:  # the other heard of its own alone
                    try:
                        event = heard[1].receive_nowait()
                    except trio.WouldBlock:
                        break
                    assert isinstance(event, ServiceEvent)
                    assert event.view.id == "two"
                assert read_runtime_file(tmp_path / "one").url == first.url
        with pytest.raises(NotRunning):
            read_runtime_file(tmp_path / "one")


async def test_a_data_directory_has_one_at_a_time_and_says_whose_it_is(tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with hamster.open_hamster(config("one"), data_dir=tmp_path) as first:
            with pytest.raises(hamster.DataDirInUse, match="is in use by process") as caught:
                async with hamster.open_hamster(config("two"), data_dir=tmp_path):
                    pytest.fail("it was opened")
            assert caught.value.url == first.url
        async with hamster.open_hamster(config("two"), data_dir=tmp_path):
            pass


@pytest.mark.parametrize("how", ["cancelled", "raised"])
async def test_leaving_in_any_way_ends_everything_in_order(tmp_path: Path, how: str) -> None:
    class Mine(Exception):
        pass

    async with nothing_left():
        with trio.fail_after(PATIENCE), trio.CancelScope() as scope:
            try:
                async with hamster.open_hamster(config("one"), data_dir=tmp_path) as running:
                    await running.system.services.wait_for("one", State.RUNNING)
                    if how == "cancelled":
                        scope.cancel()
                        await trio.sleep_forever()
                    raise Mine
            except Mine:
                assert how == "raised"


@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.02, 0.05, 0.1])
async def test_a_cancellation_while_it_opens_leaves_nothing_and_the_directory_free(
    tmp_path: Path, seconds: float
) -> None:
    async with nothing_left():
        with trio.fail_after(PATIENCE):
            with trio.move_on_after(seconds):
                async with hamster.open_hamster(config("one"), data_dir=tmp_path):
                    await trio.sleep_forever()
            async with hamster.open_hamster(config("one"), data_dir=tmp_path):
                pass


async def test_a_file_is_taken_by_its_path_and_its_mistakes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "hamster.toml"
    path.write_text('[server]\nport = 0\n[services.mine]\ncommand = "sleep 1000"\n', encoding="utf-8")
    with trio.fail_after(PATIENCE):
        async with hamster.open_hamster(path, data_dir=tmp_path / "data") as running:
            await running.system.services.wait_for("mine", State.RUNNING)
        path.write_text("[server]\nport = 70000\n", encoding="utf-8")
        with pytest.raises(hamster.ConfigError, match=r"server\.port is 70000"):
            async with hamster.open_hamster(path, data_dir=tmp_path / "data"):
                pytest.fail("it was opened")


async def test_an_address_that_is_taken_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    async with nothing_left():
        with trio.fail_after(PATIENCE):
            async with hamster.open_hamster(config("one"), data_dir=tmp_path / "one") as first:
                taken = hamster.ServerSettings(host="127.0.0.1", port=first.server.ports[0])
                with pytest.raises(hamster.BindError):
                    async with hamster.open_hamster(hamster.HamsterConfig(server=taken), data_dir=tmp_path / "two"):
                        pytest.fail("it was opened")


def test_every_public_name_is_there_and_none_is_imported_before_it_is_asked_for() -> None:
    assert all(getattr(hamster, name) is not None for name in hamster.__all__)
    assert set(hamster.__all__) <= set(dir(hamster))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hamster.nothing  # noqa: B018 - asked for
    program = "import sys, hamster; print([m for m in ('trio', 'quart', 'httpx', 'actors') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "[]\n"
