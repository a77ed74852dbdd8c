"""What the pages say of the runtime is drawn and written from its code, and names tests that exist."""

import re
from pathlib import Path

import pytest

import actors.runtime
from actors.runtime import TRANSITIONS
from actors.services.rules import TABLE
from tests.docs.scripts import DOCS, ROOT, function_of

REFERENCE = DOCS / "reference" / "runtime.md"
CRASH = DOCS / "explanation" / "crash.md"
PAGES = sorted(DOCS.rglob("*.md"))


def test_the_reference_is_what_the_docstrings_say() -> None:
    assert function_of("write_reference.py", "page")() == REFERENCE.read_text("utf-8"), "run docs/write_reference.py"


def test_every_public_name_is_in_the_reference_and_says_what_it_is() -> None:
    text = REFERENCE.read_text("utf-8")
    for name in actors.runtime.__all__:
        entry = re.search(rf"^### `{name}`\n\n(?:    .*\n)*\n?(.+)$|^\| `{name}` \| (.+?) \|", text, re.MULTILINE)
        assert entry is not None, name
        assert len(entry[1] or entry[2]) > 10, name


def test_every_method_in_the_reference_says_what_it_does() -> None:
    unexplained = re.findall(r"^- `.*`: ?$", REFERENCE.read_text("utf-8"), re.MULTILINE)
    assert unexplained == []


def test_the_diagrams_are_what_the_tables_say() -> None:
    text = CRASH.read_text("utf-8")
    assert function_of("draw_states.py", "drawn")(text) == text, "run docs/draw_states.py"
    for old, new in TRANSITIONS:
        assert f"    {old.value} --> {new.value}: " in text
    for (old, event), transition in TABLE.items():
        assert re.search(rf"^    {old.value} --> {transition.state.value}: .*\b{event.value}\b", text, re.MULTILINE)


def test_a_diagram_without_a_place_is_named() -> None:
    with pytest.raises(LookupError, match=r"no place for actors\.runtime\.TRANSITIONS"):
        function_of("draw_states.py", "drawn")("# a page\n")


def test_every_row_of_what_callers_see_names_its_test() -> None:
    _, _, below = CRASH.read_text("utf-8").partition("## What callers see\n")
    rows = [line for line in below.split("\n## ")[0].splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 12
    assert [row for row in rows if not re.search(r"`test_\w+` \|$", row)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", page.read_text("utf-8")))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert named - there == set()


def test_the_glossary_explains_each_word_once_and_has_those_of_the_runtime() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", (DOCS / "reference" / "glossary.md").read_text("utf-8"), re.MULTILINE)
    assert len(words) == len(set(words))
    assert {
        *("mailbox", "ref", "ask", "tell", "send", "supervisor", "child spec", "restart intensity", "backoff"),
        *("jitter", "probe", "ready", "tail", "sink", "drain", "keeper", "holder", "run"),
    } <= set(words)
