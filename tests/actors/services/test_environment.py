"""Where a service's variables come from, and what is said of files that cannot give any."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from actors import ProcessOptions, ServiceSettings, State, open_system
from actors.services.environment import LARGEST, EnvFileError, EnvFiles, read_env_files, whole_environment
from tests.actors.metrics.children import until
from tests.actors.services.yard import PATIENCE, Yard


def written(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def test_a_file_is_read_as_dotenv_has_it(tmp_path: Path) -> None:
    text = "\ufeff# secrets\nexport A=1\nB='two words' # said\n\nC=\"x\\ny\"\nD=\nE\nF=a#b\n이름=값\n"
    found = read_env_files([written(tmp_path / ".env", text)])
    assert found == {"A": "1", "B": "two words", "C": "x\ny", "D": "", "F": "a#b", "이름": "값"}


def test_later_files_are_over_earlier_ones_and_see_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAMSTER_TEST_HOME", "/ours")
    first = written(tmp_path / "1", "HOST=db\nPORT=1\nBASE=${HAMSTER_TEST_HOME}")  # no newline at its end
    second = written(tmp_path / "2", "PORT=2\nURL=${HOST}:${PORT}/${NONE:-x}\n")
    assert read_env_files([first, second]) == {
        "HOST": "db", "PORT": "2", "BASE": "/ours", "URL": "db:2/x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no such file"),
        (b"A=1\nB=\xff\n", "line 2 is not UTF-8"),
        (b"A=1\n\n\nSECRET hunter2\n", "line 4 is not NAME=value"),
        (b"A=1\nB='hunter2\n", "line 2 is not NAME=value"),
        (b"#" * (LARGEST + 1), "is over 1,048,576 bytes"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_its_content_is_not(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "secrets.env"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EnvFileError, match=why) as error:
        read_env_files([str(path)])
    assert str(path) in str(error.value)
    assert "hunter2" not in str(error.value)
    assert "hunter2" not in repr(error.value.__cause__)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "odd")
    with pytest.raises(EnvFileError, match=r"is no file|Is a directory"):
        read_env_files([str(tmp_path / "odd")])


def test_what_the_settings_say_is_over_the_files_and_those_over_ours() -> None:
    options = ProcessOptions(command="true", env={"C": "env"})
    made = whole_environment(
        {"A": "ours", "B": "ours", "C": "ours", "HAMSTER_INSTANCE": "7", "HAMSTER_SERVICE": "outer"},
        ServiceSettings(id="web", process=options),
        options,
        {"B": "files", "C": "files"},
    )
    assert made == {"A": "ours", "B": "files", "C": "env", "HAMSTER_SERVICE": "web"}


def test_an_instance_knows_its_number_and_how_many_there_are() -> None:
    options = ProcessOptions(command="true", instances=3)
    settings = ServiceSettings(id="web-2", process=options, instance_of="web", instance=2)
    made = whole_environment({}, settings, options, {})
    assert made == {"HAMSTER_SERVICE": "web-2", "HAMSTER_INSTANCE": "2", "HAMSTER_INSTANCES": "3"}


async def test_a_disk_that_does_not_answer_is_a_failure_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = trio.Event()

    def hang(paths: object) -> dict[str, str]:
        trio.from_thread.run_sync(gone.set)
        trio.from_thread.run(trio.sleep_forever)
        return {}

    monkeypatch.setattr("actors.services.environment.read_env_files", hang)
    monkeypatch.setattr("actors.services.environment.READ_SECONDS", 0.05)
    with trio.fail_after(PATIENCE), pytest.raises(EnvFileError, match="not read within"):
        await EnvFiles().read([str(tmp_path / ".env")])
    assert gone.is_set()


async def test_the_files_are_read_anew_at_every_start(yard: Yard) -> None:
    path = yard.directory / ".env"
    path.write_text("GREETING=hello\n")
    service = yard.shell("a", "echo $GREETING $OTHER; exec sleep 1000", env_files=(str(path),))
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            await until(lambda: yard.log("a") == b"hello\n")
            path.write_text("GREETING=bye\nOTHER=now\n")
            await system.services.restart("a")
            await until(lambda: yard.log("a") == b"hello\nbye now\n")


async def test_a_missing_file_is_a_failed_start_that_names_it(yard: Yard) -> None:
    path = yard.directory / "missing.env"
    service = yard.service("a", env_files=(str(path),), restart="never")
    with trio.fail_after(PATIENCE):
        async with open_system(yard.settings(service)) as system:
            await system.services.start("a")
            view = await system.services.wait_for("a", State.FATAL)
            assert view.last_failure is not None
            assert view.last_failure.reason == "spawn"
            assert f"{path}: there is no such file" in view.last_failure.detail
            assert yard.processes() == []
