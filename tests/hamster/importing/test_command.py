"""`hamster import` as a command."""

from pathlib import Path

from click.testing import CliRunner, Result

from hamster.cli import cli
from hamster.config import load_config


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["import", *map(str, arguments)])


def test_without_a_file_to_write_it_is_printed_and_notes_are_apart(tmp_path: Path) -> None:
    source = tmp_path / "Procfile"
    source.write_text("web: sleep 1000\nwhat\n")
    ended = run(source)
    assert ended.exit_code == 0
    (tmp_path / "hamster.toml").write_text(ended.stdout)
    assert "web" in [service.id for service in load_config(tmp_path / "hamster.toml").services]
    assert f"note: {source}:2: left out: 'what' is not" in ended.stderr
    assert ended.stderr.endswith(f"{source}: 1 service, 2 notes\n")


def test_a_file_is_written_once_or_by_force(tmp_path: Path) -> None:
    source, toml = tmp_path / "Procfile", tmp_path / "hamster.toml"
    source.write_text("web: no-such-program-anywhere\n")
    ended = run(source, "-o", toml)
    assert ended.stdout == f"{toml}: 1 service, 1 note; start it: hamster serve --config {toml}\n"
    assert "warning: services.web.command is " in ended.stderr
    refused = run(source, "-o", toml)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "is there already" in refused.stderr.splitlines()[-1]
    assert run(source, "-o", toml, "--force").exit_code == 0


def test_what_cannot_be_imported_is_one_sentence(tmp_path: Path) -> None:
    refused = run(tmp_path / "ecosystem.config.js")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "is a program" in refused.stderr
    source = tmp_path / "x"
    source.write_text("[program:a]\ncommand=sleep 1\n")
    assert run(source, "--format", "procfile").exit_code == 2
    assert run(source, "--format", "supervisord").exit_code == 0
