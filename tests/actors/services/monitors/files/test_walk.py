"""Real directories, with links in them that lead out, and with somebody who exchanges things while we look."""

import os
import shutil
import threading
from pathlib import Path
from random import Random

import pytest

from actors.services.monitors.files import walk as walking
from actors.services.monitors.files.walk import RootRefused, Seen, TooMuch, remove, walk


def look(root: Path, *, max_entries: int = 10_000, seconds: float = 20.0) -> Seen:
    return walk(str(root), max_entries=max_entries, seconds=seconds)


def paths(seen: Seen) -> list[str]:
    return sorted(file.path for file in seen.files)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with files, and beside it a directory that must never be touched."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "sub" / "deep").mkdir(parents=True)
    outside.mkdir()
    for path in (root / "a", root / "sub" / "b", root / "sub" / "deep" / "뉴스.json", outside / "precious"):
        path.write_text("x" * 10)
    return root


def test_every_regular_file_is_seen_with_its_size_and_no_link_is_followed(root: Path, tmp_path: Path) -> None:
    (root / "file").symlink_to(tmp_path / "outside" / "precious")
    (root / "directory").symlink_to(tmp_path / "outside")
    (root / "up").symlink_to("..")
    (root / "circle").symlink_to(root)
    (root / "broken").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    seen = look(root)
    assert paths(seen) == ["a", "sub/b", "sub/deep/뉴스.json"]
    assert {file.size for file in seen.files} == {10}
    assert seen.unreadable_count == 0


def test_a_root_that_is_a_link_is_the_directory_it_leads_to(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert paths(look(tmp_path / "link")) == paths(look(root))


def test_a_root_that_is_not_there_or_no_directory_is_an_error(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        look(root / "none")
    with pytest.raises(NotADirectoryError):
        look(root / "a")


def test_what_cannot_be_read_is_named_and_the_rest_is_seen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refusing(path: str, flags: int, *args: int, dir_fd: int | None = None) -> int:
        if path == "deep":  # as root may read everything, the system's refusal is made here
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *args, dir_fd=dir_fd)

    monkeypatch.setattr(walking.os, "open", refusing)
    seen = look(root)
    assert paths(seen) == ["a", "sub/b"]
    assert seen.unreadable == ["sub/deep: Permission denied"]


def test_more_than_allowed_in_number_depth_or_time_is_too_much(root: Path) -> None:
    with pytest.raises(TooMuch, match="more than 3 files"):
        look(root, max_entries=3)
    with pytest.raises(TooMuch, match="too long"):
        look(root, seconds=-1)
    deep = root
    for _ in range(walking.DEPTH + 1):
        deep = deep / "d"
    deep.mkdir(parents=True)
    with pytest.raises(TooMuch, match="deep"):
        look(root)


def test_names_that_are_no_text_are_seen_and_removed(root: Path) -> None:
    (root / os.fsdecode(b"\xff\xfe")).write_text("x")
    seen = look(root)
    assert len(seen.files) == 4
    assert len(remove(str(root), seen.files, seconds=20).files) == 4


# -- removing


def test_files_are_removed_and_directories_and_links_stay(root: Path) -> None:
    (root / "link").symlink_to("a")
    removed = remove(str(root), look(root).files, seconds=20)
    assert (len(removed.files), removed.kept) == (3, [])
    assert sorted(path.name for path in root.rglob("*")) == ["deep", "link", "sub"]


def test_a_file_that_was_written_again_stays(root: Path) -> None:
    seen = look(root)
    os.utime(root / "a", (5, 5))
    removed = remove(str(root), seen.files, seconds=20)
    assert removed.kept == ["a: it was written again"]
    assert (root / "a").exists()


def test_a_file_that_became_a_link_or_a_directory_stays_and_so_does_what_it_leads_to(
    root: Path, tmp_path: Path
) -> None:
    seen = look(root)
    precious = tmp_path / "outside" / "precious"
    (root / "a").unlink()
    (root / "a").symlink_to(precious)
    (root / "sub" / "b").unlink()
    (root / "sub" / "b").mkdir()
    removed = remove(str(root), seen.files, seconds=20)
    assert [kept.partition(":")[0] for kept in sorted(removed.kept)] == ["a", "sub/b"]
    assert precious.read_text() == "x" * 10
    assert (root / "a").is_symlink()


def test_a_directory_exchanged_for_a_link_in_the_moment_of_removing_leads_nowhere(root: Path, tmp_path: Path) -> None:
    """The link leads to a directory with the same names in it, hard links even, so that only the way differs."""
    twin = tmp_path / "outside" / "sub"
    (twin / "deep").mkdir(parents=True)
    os.link(root / "sub" / "b", twin / "b")
    os.link(root / "sub" / "deep" / "뉴스.json", twin / "deep" / "뉴스.json")
    seen = look(root)

    def exchange(path: str) -> None:
        if path.startswith("sub/") and not (root / "sub").is_symlink():
            (root / "sub").rename(root / "moved")
            (root / "sub").symlink_to(twin)

    removed = remove(str(root), seen.files, seconds=20, before_each=exchange)
    assert [file.path for file in removed.files] == ["a"]
    assert all("a link now" in kept for kept in removed.kept)
    assert (twin / "b").exists()
    assert (twin / "deep" / "뉴스.json").exists()


NAMES = ("a", "b", "c")


class Exchanger(threading.Thread):
    """Exchanges the directories of a root for links to what is outside, and back, as fast as it can."""

    def __init__(self, root: Path, outside: Path, seed: int) -> None:
        super().__init__()
        self.done = threading.Event()
        self._root = root
        self._outside = outside
        self._random = Random(seed)  # noqa: S311 - no secret

    def run(self) -> None:
        while not self.done.is_set():
            path = self._root / self._random.choice(NAMES)
            try:
                self._exchange(path)
            except OSError:
                continue  # whoever removes was in our way

    def _exchange(self, path: Path) -> None:
        if path.is_symlink():
            path.unlink()
            path.mkdir()
            for name in NAMES:  # the same files as outside: only the way to them differs
                os.link(self._outside / path.name / f"{name}.txt", path / f"{name}.txt")
        elif path.is_dir():
            shutil.rmtree(path)
            path.symlink_to(self._outside / path.name)
        else:
            path.symlink_to(self._outside / path.name)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_nothing_outside_is_ever_touched_while_somebody_exchanges_directories_and_links(
    tmp_path: Path, seed: int
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    for directory in NAMES:
        (outside / directory).mkdir(parents=True)
        for name in NAMES:
            (outside / directory / f"{name}.txt").write_text("precious")
    before = {path: path.stat().st_ino for path in outside.rglob("*")}
    other = Exchanger(root, outside, seed)
    other.start()
    removed = 0
    try:
        for _ in range(400):
            removed += len(remove(str(root), look(root).files, seconds=20).files)
    finally:
        other.done.set()
        other.join()
    assert removed > 0
    assert {path: path.stat().st_ino for path in outside.rglob("*")} == before


def test_another_file_system_is_neither_looked_at_nor_cleaned_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = look(root)
    real, elsewhere = os.fstat, (root / "sub").stat().st_ino

    def mounted(fd: int) -> os.stat_result:
        status = real(fd)
        if status.st_ino != elsewhere:
            return status
        return os.stat_result((*status[:2], status.st_dev + 1, *status[3:10]))

    monkeypatch.setattr(walking.os, "fstat", mounted)
    assert paths(look(root)) == ["a"]
    removed = remove(str(root), seen.files, seconds=20)
    assert [file.path for file in removed.files] == ["a"]
    assert all("another file system" in kept for kept in removed.kept)


def test_a_root_that_is_a_link_to_a_home_or_to_everything_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "me"
    home.mkdir(parents=True)
    (home / "letter").write_text("x")
    monkeypatch.setenv("HOME", str(home))
    for number, target in enumerate((home, home.parent, Path("/"), Path("/etc"), Path("/tmp"))):  # noqa: S108 - refused
        link = tmp_path / f"link{number}"
        link.symlink_to(target)
        with pytest.raises(RootRefused):
            remove(str(link), [], seconds=20)
    assert (home / "letter").exists()


def test_our_own_directories_are_refused_under_every_name(root: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(root / "sub")
    for ours in (root, root / "sub", root.parent, tmp_path / "data"):
        with pytest.raises(RootRefused):
            remove(str(root), look(root).files, seconds=20, ours=[str(ours)])
    assert len(look(root).files) == 3


def test_removing_ends_when_its_time_is_over(root: Path) -> None:
    removed = remove(str(root), look(root).files, seconds=-1)
    assert (removed.files, removed.kept) == ([], [])
