"""Which names are branches: as git itself says."""

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.deploy.messages import RemoteStatus
from actors.deploy.reading import compared, parse_status
from actors.settings.branches import branch_problem

PIECES = st.sampled_from(
    ["a", "main", "/", ".", "..", "-", "@", "{", "~", "^", ":", "*", "[", "\\", " ", ".lock", "한", "HEAD"]
)


def git_takes(name: str) -> bool:
    command = ["git", "check-ref-format", "--branch", name]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=5).map("".join))
def test_a_name_is_a_branch_where_git_says_so(name: str) -> None:
    if branch_problem(name) is None:
        assert git_takes(name), name
    elif "@{" not in name and name not in ("@", "HEAD", "-"):
        assert not git_takes(name), name


def test_what_git_says_of_changes_is_read_with_names_of_any_kind() -> None:
    output = (
        b"# branch.oid 1234\0# branch.head main\0# branch.upstream origin/main\0# branch.ab +1 -2\0"
        b"1 .M N... 100644 100644 100644 aa bb with space.txt\0"
        b"2 R. N... 100644 100644 100644 aa bb R100 new name\0old name\0"
        b"u UU N... 100644 100644 100644 100644 aa bb cc both.txt\0"
    )
    changes = parse_status(output)
    assert (changes.branch, changes.commit, changes.count, changes.conflicts) == ("main", "1234", 3, 1)
    assert changes.files == ("with space.txt", "new name", "both.txt")
    nothing = parse_status(b"# branch.oid (initial)\0# branch.head (detached)\0")
    assert (nothing.branch, nothing.commit, nothing.count) == (None, None, 0)


def test_where_a_branch_stands_beside_the_remotes() -> None:
    expected: dict[tuple[int, int], RemoteStatus] = {
        (0, 0): "up-to-date",
        (2, 0): "ahead",
        (0, 3): "behind",
        (1, 1): "diverged",
    }
    assert {pair: compared(*pair) for pair in expected} == expected
