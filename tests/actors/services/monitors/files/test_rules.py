import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services.monitors.files.rules import SeenFile, condemned, faults
from actors.settings import CleanupOptions, FilesCheck

NOW = 1_000_000.0


def seen(path: str, size: int = 1, age: float = 0.0) -> SeenFile:
    return SeenFile(path, size, NOW - age, 1, hash(path))


TREE = [seen("a.json", 10, 100), seen("b.json", 20, 50), seen("sub/c.csv", 40, 10)]


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (FilesCheck(max_age=10), []),
        (FilesCheck(max_age=9), ["x: the newest, 'sub/c.csv', is 10 s old, more than 9"]),
        (FilesCheck(files=("*.json",), max_age=40), ["x: the newest, 'b.json', is 50 s old, more than 40"]),
        (FilesCheck(files=("*.xml",), max_age=40), ["x: no file, where the newest should be at most 40 s old"]),
        (FilesCheck(min_bytes=70, max_bytes=70), []),
        (FilesCheck(min_bytes=71), ["x: 70 bytes, fewer than 71"]),
        (FilesCheck(max_bytes=69), ["x: 70 bytes, more than 69"]),
        (FilesCheck(files=("*.json",), min_files=2, max_files=2), []),
        (FilesCheck(files=("*.json",), min_files=3), ["x: 2 files, fewer than 3"]),
        (FilesCheck(files=("**/*.csv",), max_files=0), ["x: 1 files, more than 0"]),
    ],
)
def test_each_check_says_what_is_not_as_it_should_be(check: FilesCheck, said: list[str]) -> None:
    assert faults("x", check, TREE, NOW) == said


def test_a_file_of_a_time_to_come_is_fresh() -> None:
    assert faults("x", FilesCheck(max_age=1), [seen("a", age=-1000)], NOW) == []


ages = st.floats(-100, 1000)
trees = st.lists(st.tuples(st.integers(0, 100), ages), max_size=12).map(
    lambda rows: [seen(f"{number}", size, age) for number, (size, age) in enumerate(rows)]
)
wishes = st.tuples(
    st.none() | st.floats(1, 900), st.none() | st.integers(0, 600), st.none() | st.integers(1, 14)
).filter(lambda wish: wish != (None, None, None))


@pytest.mark.slow
@given(trees, wishes)
def test_what_is_removed_is_what_was_asked_for_and_no_more(
    files: list[SeenFile], wish: tuple[float | None, int | None, int | None]
) -> None:
    older, most, keep = wish
    options = CleanupOptions(dry_run=False, older_than=older, max_bytes=most, keep_newest=keep)
    gone = condemned(options, files, NOW)
    left = [file for file in files if file not in gone]
    newest = sorted(files, key=lambda file: (file.modified, file.path))[-(keep or 0) :] if keep else []
    assert not set(gone) & set(newest)
    spare = [file for file in left if file not in newest]
    if older is not None:
        assert all(file.age(NOW) <= older for file in spare)
    if most is not None and spare:
        assert sum(file.size for file in left) <= most
    for file in gone:  # each for a reason: it was too old, or there was too much without it gone
        if older is None and most is None:
            continue
        at_its_turn = [other for other in files if other not in gone[: gone.index(file)]]
        old = older is not None and file.age(NOW) > older
        large = most is not None and sum(other.size for other in at_its_turn) > most
        assert old or large
    if older is None and most is None:
        assert len(left) == min(len(files), keep or 0)


def test_files_that_the_patterns_leave_out_are_neither_removed_nor_counted() -> None:
    options = CleanupOptions(dry_run=False, files=("*.json",), max_bytes=15)
    assert [file.path for file in condemned(options, TREE, NOW)] == ["a.json", "b.json"]
    options = CleanupOptions(dry_run=False, files=("*.json",), max_bytes=20)
    assert [file.path for file in condemned(options, TREE, NOW)] == ["a.json"]
