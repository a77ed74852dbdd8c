"""How many clients there is room for, by the limit of open files."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from hamster.client import open_client
from hamster.open_files import room
from hamster.server_settings import ServerSettings
from tests.actors.metrics.children import until

CONFIG = """
[services.one]
command = "sh -c 'ulimit -Sn; exec sleep 1000'"
"""


@given(st.integers(1, 100_000), st.integers(8, 1 << 20))
def test_clients_never_take_the_files_that_we_need_ourselves(most: int, limit: int) -> None:
    found = room(ServerSettings(max_websockets=most), limit)
    assert 1 <= found.websockets < found.connections, "there is room for who only asks"
    assert found.websockets <= most
    assert limit - found.connections >= min(400, limit // 2)


def test_what_is_configured_holds_where_there_are_files_enough() -> None:
    found = room(ServerSettings(), 1_500)
    assert (found.websockets, found.connections) == (1_000, 1_100)


@pytest.mark.slow
async def test_a_server_raises_its_own_limit_and_its_services_get_the_one_of_before(tmp_path: Path) -> None:
    (tmp_path / "hamster.toml").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "hamster", "serve", "--port", "0"]
    command += ["--data-dir", str(tmp_path / "data"), "--config", str(tmp_path / "hamster.toml")]
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    shell = ["sh", "-c", 'ulimit -Sn 300 && exec "$@"', "sh", *command]
    with trio.fail_after(30):
        process = await trio.lowlevel.open_process(shell, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            line = await process.stdout.receive_some()
            assert json.loads(line)["event"] == "listening"
            assert psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE) == (min(1_500, hard), hard)
            async with open_client(json.loads(line)["url"]) as client:
                await client.command("start", "one")
            log = tmp_path / "data" / "logs" / "one.log"
            await until(lambda: log.exists() and log.read_text().strip() == "300")
        finally:
            process.terminate()
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()
