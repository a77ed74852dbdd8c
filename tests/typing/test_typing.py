"""The type checker says exactly what it should to users of the runtime: nothing, or the mistake at its line."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import attrs
import pytest

HERE = Path(__file__).parent
PYRIGHT = Path(sys.executable).with_name("pyright")
WRONG = sorted(path.stem for path in (HERE / "wrong").glob("[!_]*.py"))


class Place(TypedDict):
    line: int


class Range(TypedDict):
    start: Place


class Diagnostic(TypedDict):
    file: str
    severity: str
    message: str
    range: Range
    rule: str


class Output(TypedDict):
    generalDiagnostics: list[Diagnostic]


@attrs.frozen
class Mistake:
    """An error, found or expected; lines count from 1."""

    line: int
    rule: str
    words: str


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Mistake]]:
    """What pyright finds in a user's project, strictly, by file: this package copied to where nothing else is."""
    project = tmp_path_factory.mktemp("project")
    shutil.copy(HERE / "good.py", project)
    shutil.copytree(HERE / "wrong", project / "wrong", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict", "pythonVersion": "3.11"}))
    ended = subprocess.run(
        [PYRIGHT, "--outputjson", "--pythonpath", sys.executable, "--project", str(project)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode in {0, 1}, f"pyright failed:\n{ended.stdout}\n{ended.stderr}"
    output: Output = json.loads(ended.stdout)
    mistakes: dict[str, list[Mistake]] = {name: [] for name in ("good", *WRONG)}
    for one in output["generalDiagnostics"]:
        message = one["message"].replace("\N{NO-BREAK SPACE}", " ")
        mistakes[Path(one["file"]).stem].append(
            Mistake(one["range"]["start"]["line"] + 1, one.get("rule", one["severity"]), message)
        )
    return mistakes


def expected(path: Path) -> list[Mistake]:
    """The errors that stand above their lines as `# error: RULE: WORDS OF THE MESSAGE`."""
    mistakes: list[Mistake] = []
    waiting: list[tuple[str, str]] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        announced = re.match(r" *# error: (\w+): (.+)$", line)
        if announced:
            waiting.append((announced[1], announced[2]))
            continue
        mistakes += [Mistake(number, rule, words) for rule, words in waiting]
        waiting = []
    return mistakes


def described(mistakes: list[Mistake]) -> str:
    return "\n".join(f"line {mistake.line}: {mistake.rule}: {mistake.words}" for mistake in mistakes)


def test_the_mistakes_cover_who_is_told_what_is_answered_and_who_handles() -> None:
    assert {"recipient", "reply", "missing_handler"} <= set(WRONG)


@pytest.mark.slow
def test_a_users_program_is_clean_in_strict_mode(found: dict[str, list[Mistake]]) -> None:
    assert found["good"] == [], described(found["good"])


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_exactly_the_mistakes_are_errors_each_at_its_line(name: str, found: dict[str, list[Mistake]]) -> None:
    announced = expected(HERE / "wrong" / f"{name}.py")
    said = described(found[name])
    assert announced
    assert sorted((one.line, one.rule) for one in found[name]) == sorted((m.line, m.rule) for m in announced), said
    for mistake in announced:
        assert any(
            (one.line, one.rule) == (mistake.line, mistake.rule) and mistake.words in one.words for one in found[name]
        ), f"expected {described([mistake])}, and found\n{said}"
