"""The examples run, and what the pages show of them is what stands in the files."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.scripts import DOCS, ROOT, function_of

EXAMPLES = DOCS / "examples"
RUN_BY_OTHERS = {"embed.py", "serve.py"}
"""Those of the README."""
SERVING = ["hypercorn", "quart", "quart_trio", "trio_websocket", "click", "rich"]
"""What the product needs to serve HTTP and to have a command line; asking others over HTTP is the actors' own."""
PAGES = sorted(DOCS.rglob("*.md"))


def run(program: list[str], directory: Path, search: Path) -> subprocess.CompletedProcess[str]:
    """Run *program* with Python, where modules are looked for in *search* before anywhere else."""
    return subprocess.run(
        [sys.executable, *program],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(search), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def nothing_to_serve_with(tmp_path: Path) -> Path:
    """A directory that hides what is needed to serve HTTP from every interpreter that has it in its path."""
    hiding = tmp_path / "hiding"
    hiding.mkdir()
    for name in SERVING:
        (hiding / f"{name}.py").write_text(f"raise ImportError('{name} is hidden')\n")
    return hiding


@pytest.mark.parametrize("name", SERVING)
def test_what_is_hidden_cannot_be_imported(name: str, nothing_to_serve_with: Path, tmp_path: Path) -> None:
    ended = run(["-c", f"import {name}"], tmp_path, nothing_to_serve_with)
    assert f"{name} is hidden" in ended.stderr


@pytest.mark.slow
def test_the_actors_run_where_nothing_of_the_server_is_installed(nothing_to_serve_with: Path, tmp_path: Path) -> None:
    ended = run([str(EXAMPLES / "actors_only.py")], tmp_path, nothing_to_serve_with)
    assert ended.returncode == 0, ended.stderr
    heard = ended.stdout.splitlines()
    assert heard[-2:] == ["clock error", "clock recovered"]
    assert (tmp_path / "data" / "logs" / "clock.log").read_text()


@pytest.mark.slow
def test_the_supervised_actor_crashes_comes_back_and_says_so(tmp_path: Path) -> None:
    ended = run([str(EXAMPLES / "supervised_actor.py")], tmp_path, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("shop/till runs, restarted 1 times\n")
    assert "actor.failed path=shop/till error=ZeroDivisionError('division by zero')" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_hamsters_run_in_one_program_and_leave_nothing(tmp_path: Path) -> None:
    ended = run([str(EXAMPLES / "two_hamsters.py")], tmp_path, tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "two ports: True\nworker: exit code 3\n"), ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_example_is_run_by_a_test() -> None:
    run_here = set(re.findall(r'EXAMPLES / "(\w+\.py)"', Path(__file__).read_text("utf-8")))
    assert {path.name for path in EXAMPLES.iterdir() if path.suffix == ".py"} == run_here | RUN_BY_OTHERS


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_of_a_page_is_what_its_file_has(page: Path) -> None:
    text = page.read_text("utf-8")
    assert function_of("write_snippets.py", "filled")(text) == text, "run docs/write_snippets.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_of_a_page_names_its_file(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    above = [lines[number - 1] for number, line in enumerate(lines) if line.startswith("```py")]
    assert [line for line in above if not re.fullmatch(r"<!-- from docs/examples/\w+\.py(: \w+)? -->", line)] == []


def test_a_region_that_is_not_there_is_named() -> None:
    with pytest.raises(LookupError, match="no region 'end'"):
        function_of("write_snippets.py", "region")("# region start\n# endregion\n", "end")
