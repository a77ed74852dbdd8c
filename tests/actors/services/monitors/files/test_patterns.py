import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services.monitors.files.patterns import matcher


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("**", "a", True),
        ("**", "a/b/.c", True),
        ("*", "a", True),
        ("*", "a/b", False),
        ("*.json", "a.json", True),
        ("*.json", "a.json5", False),
        ("*.json", "b/a.json", False),
        ("**/*.json", "a.json", True),
        ("**/*.json", "b/c/a.json", True),
        ("data/**", "data/a/b", True),
        ("data/**", "data", False),
        ("data/**", "database/a", False),
        ("data/**/*.csv", "data/a.csv", True),
        ("data/**/*.csv", "data/b/c/a.csv", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[!a-c]x", "/x", False),
        ("[[]x", "[x", True),
        ("[]]x", "]x", True),
        ("[x", "[x", True),
        ("[z-a]", "z", False),
        ("a.c", "abc", False),
        ("뉴스*", "뉴스\n1", True),
    ],
)
def test_a_pattern_matches_what_it_says(pattern: str, path: str, matches: bool) -> None:
    assert matcher([pattern])(path) is matches


@pytest.mark.slow
@given(
    st.lists(st.text(alphabet="ab*?[]!-^\\.", min_size=1, max_size=6), max_size=3).map("/".join).filter(bool),
    st.lists(st.text(alphabet="ab[]!-^\\.", min_size=1, max_size=4), min_size=1, max_size=3).map("/".join),
)
def test_a_name_matches_as_the_shells_own_rule_has_it(pattern: str, path: str) -> None:
    parts, names = pattern.split("/"), path.split("/")
    if any(re.fullmatch(r"\*{2,}", part) for part in parts):
        return  # those stand for directories, which that rule does not know
    twin = len(parts) == len(names) and all(map(fnmatch.fnmatchcase, names, parts))
    assert matcher([pattern])(path) is twin


@pytest.mark.slow
@given(
    st.lists(st.sampled_from(["**", "*", "a", "b"]), min_size=1, max_size=5),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=5),
)
def test_two_stars_are_any_directories_and_at_the_end_all_that_is_below(parts: list[str], names: list[str]) -> None:
    def twin(parts: list[str], names: list[str]) -> bool:
        if not parts:
            return not names
        if parts == ["**"]:
            return bool(names)
        if parts[0] == "**":
            return twin(parts[1:], names) or (len(names) > 1 and twin(parts, names[1:]))
        return bool(names) and parts[0] in ("*", names[0]) and twin(parts[1:], names[1:])

    assert matcher(["/".join(parts)])("/".join(names)) is twin(parts, names)


def test_any_of_several_patterns_is_enough() -> None:
    matches = matcher(["*.a", "*.b"])
    assert [matches(path) for path in ("x.a", "x.b", "x.c")] == [True, True, False]


def test_no_name_takes_for_ever() -> None:
    matches = matcher(["*a*a*a*a*a*a*a*b"])
    assert not matches("a" * 255)
    assert matches("a" * 254 + "b")
