"""Procfiles, and what is written of an import."""

import stat
from pathlib import Path

import pytest

from hamster.config import load_config
from hamster.importing import ImportRefused, format_of, import_file, toml_of, write_new
from tests.hamster.importing.files import imported, notes, services

PROCFILE = """\
# the site
web: bundle exec puma -p $PORT

worker: python worker.py --queue mail,news
clock: cd cron && FOO=1 python clock.py
release: ./migrate
web: twice
no command
"""


def test_process_types_are_services_in_the_files_directory(tmp_path: Path) -> None:
    found = imported(tmp_path, "Procfile", PROCFILE)
    made = services(found)
    commands = {id_: service.process.command for id_, service in made.items() if service.process is not None}
    assert commands == {
        "web": ("sh", "-c", "bundle exec puma -p $PORT"),
        "worker": ("python", "worker.py", "--queue", "mail,news"),
        "clock": ("sh", "-c", "cd cron && FOO=1 python clock.py"),
        "release": ("./migrate",),
    }
    ports = [service.process.env.get("PORT") for service in made.values() if service.process is not None]
    assert ports == ["5000", "5100", "5200", None]
    assert {service.process.cwd for service in made.values() if service.process is not None} == {str(tmp_path)}
    assert not made["release"].autostart
    assert [note.partition(":")[0] for note in notes(found)] == [
        "6",
        "7",
        "8",
        "each is started again when it ends; foreman would end all the others instead",
    ]


@pytest.mark.parametrize(
    "command", ["FOO=1 x", "a | b", "a > b", "a 'b c'", "a *.txt", "exec a", "a; b", "a ~/x", "a \\ b"]
)
def test_what_needs_a_shell_gets_one(tmp_path: Path, command: str) -> None:
    process = services(imported(tmp_path, "Procfile", f"a: {command}\n"))["a"].process
    assert process is not None
    assert process.command == ("sh", "-c", command)


def test_an_env_file_beside_it_is_read_at_every_start_and_may_name_the_port(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=8000\nSECRET=hunter2\n")
    found = imported(tmp_path, "Procfile.dev", "a: sleep 1\nb: sleep 1\n")
    a, b = (service.process for service in services(found).values())
    assert a is not None
    assert b is not None
    assert (a.env, b.env) == ({"PORT": "8000"}, {"PORT": "8100"})
    assert a.env_files == (str(tmp_path / ".env"),)
    assert "hunter2" not in toml_of(found)[0]
    (tmp_path / ".env").write_text("what is this\n")
    assert any("line 1 is not NAME=value" in note for note in notes(import_file(tmp_path / "Procfile.dev")))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Procfile", "", "procfile"),
        ("x.conf", "\n[program:a]\n", "supervisord"),
        ("x.ini", "[include]\n", "supervisord"),
        ("x", ' {"apps": []}', "pm2"),
        ("x", "a: b\n# c\n\nd: e\n", "procfile"),
    ],
)
def test_a_format_is_told_by_its_name_or_content(name: str, text: str, expected: str) -> None:
    assert format_of(Path(name), text) == expected


def test_what_cannot_be_told_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="no supervisord, pm2 or procfile file by its looks; say which: --format"):
        imported(tmp_path, "x.txt", "hello\n")


def test_notes_stand_in_the_file_as_comments_and_cannot_be_anything_else(tmp_path: Path) -> None:
    found = imported(tmp_path, "Procfile", 'a: sleep 1\nno\x07tion "\n')
    text, _ = toml_of(found)
    assert "#   line 2: left out: 'no" in text
    (tmp_path / "hamster.toml").write_text(text)
    assert "a" in [service.id for service in load_config(tmp_path / "hamster.toml").services]


def test_a_file_that_is_there_is_not_written_over_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "hamster.toml"
    write_new(path, "one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ImportRefused, match="is there already"):
        write_new(path, "two")
    assert path.read_text() == "one"
    write_new(path, "two", force=True)
    assert path.read_text() == "two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["hamster.toml"]
    with pytest.raises(ImportRefused, match="cannot be written"):
        write_new(tmp_path / "none" / "hamster.toml", "x")
