"""What the README and the examples show runs as pasted."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
HAMSTER = [sys.executable, "-m", "hamster"]


def blocks(language: str) -> list[str]:
    """The code blocks of *language* in the README."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run(command: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=60, env=environment, check=False
    )


def test_the_embedding_of_the_readme_is_the_example() -> None:
    (code,) = blocks("python")
    example = (ROOT / "docs" / "examples" / "embed.py").read_text(encoding="utf-8")
    assert example.endswith(code)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "says"),
    [("embed.py", "clock runs as process "), ("serve.py", "/api/services/clock says: running, pid ")],
)
def test_an_example_runs_as_pasted(example: str, says: str, tmp_path: Path) -> None:
    ended = run([sys.executable, str(ROOT / "docs" / "examples" / example)], tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert says in ended.stdout
    assert (tmp_path / "data" / "logs" / "clock.log").read_text()


def test_the_first_service_of_the_readme_is_a_valid_configuration(tmp_path: Path) -> None:
    (toml,) = blocks("toml")
    (tmp_path / "hamster.toml").write_text(toml, encoding="utf-8")
    ended = run([*HAMSTER, "config", "check", "hamster.toml"], tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "hamster.toml: ok, 7 services\n"


def test_every_command_of_the_readme_exists() -> None:
    commands = [
        line.split()
        for block in blocks("console")
        for line in re.findall(r"^\$ (hamster .*?)(?: +#.*)?$", block, re.MULTILINE)
    ]
    assert len(commands) >= 4
    for _, command, *_ in commands:
        ended = run([*HAMSTER, command, "--help"], ROOT)
        assert ended.returncode == 0, ended.stderr
    targets = re.findall(r"^\$ make (\w+)", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.name
)
def test_every_link_into_the_project_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
