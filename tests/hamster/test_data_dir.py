import datetime as dt
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
import platformdirs
import pytest

from hamster.data_dir import DataDirError, DataDirInUse, DataDirLock, prepare_data_dir
from hamster.runtime_file import (
    FIELDS,
    NotRunning,
    RuntimeFile,
    RuntimeFileError,
    published,
    read_runtime_file,
    resolve_data_dir,
    runtime_path,
    write_runtime_file,
)

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="file modes and owners are POSIX's")

# Holds the directory given as its argument until its input ends.
HOLDER = """
import datetime as dt, sys
from pathlib import Path
from hamster.data_dir import DataDirLock
from hamster.runtime_file import RuntimeFile, published
directory = Path(sys.argv[1])
runtime = RuntimeFile(url="http://localhost:8123", started_at=dt.datetime.now(dt.UTC), version="1.0.0")
with DataDirLock(directory), published(directory, runtime):
    print("held", flush=True)
    sys.stdin.read()
print("free", flush=True)
"""
# As any user but root: root may write everywhere.
UNPRIVILEGED = """
import os, sys
from pathlib import Path
from hamster.data_dir import DataDirError, prepare_data_dir
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    prepare_data_dir(Path(sys.argv[1]))
except DataDirError as error:
    print(error)
"""


def runtime_file() -> RuntimeFile:
    return RuntimeFile(url="http://localhost:8000", started_at=dt.datetime.now(dt.UTC), version="1.0.0")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def holder(directory: Path) -> Generator[subprocess.Popen[str], None, None]:
    """A process that holds *directory*, from the moment it does."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return prepare_data_dir(tmp_path / "data")


def test_the_default_is_the_users_data_directory_and_a_given_one_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resolve_data_dir(None) == Path(platformdirs.user_data_dir("hamster", appauthor=False))
    monkeypatch.chdir(tmp_path)
    assert resolve_data_dir(Path("here")) == tmp_path / "here"
    assert not (tmp_path / "here").exists()


@posix_only
def test_the_directory_and_its_logs_are_made_for_us_alone(tmp_path: Path) -> None:
    directory = prepare_data_dir(tmp_path / "a" / "data")
    assert (mode(directory), mode(directory / "logs")) == (0o700, 0o700)


@posix_only
def test_a_directory_that_exists_keeps_its_mode_and_content(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    (tmp_path / "mine").write_text("x")
    prepare_data_dir(tmp_path)
    assert mode(tmp_path) == 0o750
    assert (tmp_path / "mine").read_text() == "x"


@pytest.mark.parametrize("place", ["data", "data/logs"])
def test_a_file_in_the_place_of_a_directory_is_one_clear_error(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("")
    with pytest.raises(DataDirError, match=f"{place} is a file; remove it") as error:
        prepare_data_dir(tmp_path / "data")
    assert error.value.data_dir == tmp_path / "data"


def test_a_file_on_the_way_to_the_directory_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirError, match="a part of its path is a file"):
        prepare_data_dir(tmp_path / "file" / "data")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become nobody")
@pytest.mark.parametrize("made", [True, False])
def test_a_directory_we_may_not_write_is_one_clear_error(made: bool) -> None:
    # pytest's own directories cannot even be entered by the user this is about.
    parent = Path("/") / "var" / "tmp" / f"hamster-test-{os.getpid()}"
    parent.mkdir(mode=0o755)
    try:
        directory = prepare_data_dir(parent / "data") if made else parent / "data"
        if made:
            directory.chmod(0o755)
        said = subprocess.check_output(
            [sys.executable, "-c", UNPRIVILEGED, str(directory)],
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    finally:
        for path in (parent / "data" / "logs", parent / "data", parent):
            if path.exists():
                path.rmdir()
    assert said.startswith(f"the data directory {directory} cannot be ")
    assert "see its permissions" in said
    assert said.count("\n") == 1


def test_a_second_holder_in_this_process_is_refused(directory: Path) -> None:
    with DataDirLock(directory):
        with pytest.raises(DataDirInUse) as error, DataDirLock(directory):
            pass
        assert error.value.pid == os.getpid()
    with DataDirLock(directory):
        pass


@pytest.mark.slow
def test_a_second_process_is_told_who_holds_the_directory_and_what_to_do(directory: Path) -> None:
    with holder(directory) as process:
        with pytest.raises(DataDirInUse) as error, DataDirLock(directory):
            pass
        assert (error.value.pid, error.value.url) == (process.pid, "http://localhost:8123")
        assert str(error.value) == (
            f"the data directory {directory} is in use by process {process.pid} at http://localhost:8123; "
            "stop that WatchHamster or give this one another --data-dir"
        )


@pytest.mark.slow
def test_a_killed_holder_leaves_the_directory_free_and_its_run_time_file_stale(directory: Path) -> None:
    with holder(directory) as process:
        assert read_runtime_file(directory).pid == process.pid
        process.kill()
        process.wait()
        with pytest.raises(NotRunning, match=f"process {process.pid} is gone"):
            read_runtime_file(directory)
        with DataDirLock(directory), published(directory, runtime_file()) as ours:
            assert read_runtime_file(directory) == ours


@pytest.mark.slow
def test_a_holder_that_ends_takes_its_run_time_file_with_it_and_leaves_the_lock_file(directory: Path) -> None:
    with holder(directory) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        assert process.stdout.readline() == "free\n"
    assert not runtime_path(directory).exists()
    assert (directory / "hamster.lock").exists()
    with pytest.raises(NotRunning):
        read_runtime_file(directory)


def test_looking_whether_the_directory_is_held_never_turns_its_next_holder_away(directory: Path) -> None:
    write_runtime_file(directory, runtime_file())
    enough = threading.Event()

    def look() -> None:
        while not enough.is_set():
            with suppress(NotRunning):
                read_runtime_file(directory)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            for _ in range(500):
                with DataDirLock(directory):
                    pass
        finally:
            enough.set()
        looking.result()


def test_a_lock_that_cannot_be_opened_is_one_clear_error(directory: Path) -> None:
    (directory / "hamster.lock").mkdir()
    with pytest.raises(DataDirError, match="cannot be written"), DataDirLock(directory):
        pass


@posix_only
def test_a_link_or_a_pipe_in_the_place_of_the_lock_is_refused(directory: Path) -> None:
    target = directory / "mine"
    target.write_text("x")
    (directory / "hamster.lock").symlink_to(target)
    with pytest.raises(DataDirError), DataDirLock(directory):
        pass
    assert target.read_text() == "x"
    (directory / "hamster.lock").unlink()
    os.mkfifo(directory / "hamster.lock")
    with pytest.raises(DataDirError), DataDirLock(directory):
        pass


def test_without_a_run_time_file_the_answer_is_that_none_is_running(directory: Path) -> None:
    with pytest.raises(NotRunning) as error:
        read_runtime_file(directory)
    assert str(error.value).startswith(f"no WatchHamster is running for the data directory {directory}")
    with pytest.raises(NotRunning):
        read_runtime_file(directory / "absent")


def test_what_is_published_is_read_and_gone_afterwards(directory: Path) -> None:
    with DataDirLock(directory), published(directory, runtime_file()) as runtime:
        assert read_runtime_file(directory) == runtime
        assert runtime.pid == os.getpid()
        assert [p.name for p in directory.iterdir() if p.name.startswith(".")] == []
    assert not runtime_path(directory).exists()


@posix_only
def test_the_run_time_file_is_for_us_alone(directory: Path) -> None:
    with DataDirLock(directory), published(directory, runtime_file()):
        assert mode(runtime_path(directory)) == 0o600


def test_every_start_has_a_token_of_its_own_and_it_is_not_shown() -> None:
    one, two = runtime_file(), runtime_file()
    assert one.token != two.token
    assert len(one.token) >= 43
    assert one.token not in repr(one)


def test_a_run_time_file_that_is_anothers_by_now_is_left_in_place(directory: Path) -> None:
    with DataDirLock(directory):
        with published(directory, runtime_file()):
            write_runtime_file(directory, runtime_file())
        assert runtime_path(directory).exists()


@posix_only
@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o666])
def test_a_run_time_file_others_can_reach_is_refused(directory: Path, bits: int) -> None:
    with DataDirLock(directory), published(directory, runtime_file()):
        runtime_path(directory).chmod(bits)
        with pytest.raises(RuntimeFileError, match=f"has mode {bits:04o}; expected 0600"):
            read_runtime_file(directory)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_run_time_file_of_another_user_is_refused(directory: Path) -> None:
    with DataDirLock(directory), published(directory, runtime_file()):
        os.chown(runtime_path(directory), 65534, -1)
        with pytest.raises(RuntimeFileError, match="belongs to user 65534"):
            read_runtime_file(directory)


@posix_only
def test_a_link_or_a_pipe_in_the_place_of_the_run_time_file_is_refused(directory: Path) -> None:
    path = runtime_path(directory)
    path.symlink_to(directory / "mine")
    with pytest.raises(RuntimeFileError):
        read_runtime_file(directory)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(RuntimeFileError, match="no regular file"):
        read_runtime_file(directory)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "[" * 10_000,
        "{}",
        '{"pid": 1}',
        *(json.dumps(dict.fromkeys(FIELDS, "x") | {"pid": pid}) for pid in (1, 0, -1, True, "1", None)),
    ],
)
def test_a_run_time_file_that_says_nothing_we_understand_is_refused(directory: Path, content: str) -> None:
    write_runtime_file(directory, runtime_file())
    runtime_path(directory).write_text(content)
    with pytest.raises(RuntimeFileError, match="says nothing we understand"):
        read_runtime_file(directory)


def test_a_number_that_another_program_has_by_now_is_not_taken_for_a_running_one(directory: Path) -> None:
    # Our own pid exists and is not a WatchHamster's: nobody holds the lock.
    write_runtime_file(directory, attrs.evolve(runtime_file(), pid=os.getpid()))
    with DataDirLock(directory):
        pass
    with pytest.raises(NotRunning, match="is another program by now"):
        read_runtime_file(directory)


def test_a_run_time_file_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeFileError, match="cannot be written"),
        published(tmp_path / "no", runtime_file()),
    ):
        pass
