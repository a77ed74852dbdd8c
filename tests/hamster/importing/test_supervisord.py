"""supervisord.conf, key by key."""

import signal
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hamster.importing import ImportRefused
from hamster.importing.ini import expand, sections
from hamster.importing.supervisord_program import variables
from tests.hamster.importing.files import imported, notes, services

WEB = """\
; the site
[unix_http_server]
file=/run/supervisor.sock

[supervisord]
logfile=/var/log/supervisord.log
environment=LANG="C.UTF-8",SHARED=1
umask=027

[supervisorctl]
serverurl=unix:///run/supervisor.sock

[program:web]
command=/usr/bin/python3 -m http.server 8080 --bind "127.0.0.1" ; to nobody else
process_name=%(program_name)s
directory=%(here)s/site
user=www-data
umask=022
autostart=true
autorestart=unexpected
startsecs=3
startretries=2
exitcodes=0,2
stopsignal=QUIT
stopwaitsecs=25
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=/var/log/web.log
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=3
environment=TITLE="a, b = c",MODE=fast,
    PERCENT="100%%"
"""


def test_a_program_has_everything_that_has_a_meaning_here(tmp_path: Path) -> None:
    found = imported(tmp_path, "supervisord.conf", WEB)
    (web,) = services(found).values()
    process = web.process
    assert process is not None
    assert (web.id, web.name, web.autostart) == ("web", "web", True)
    assert process.command == ("/usr/bin/python3", "-m", "http.server", "8080", "--bind", "127.0.0.1")
    assert (process.cwd, process.user, process.umask) == (str(tmp_path / "site"), "www-data", "022")
    assert (process.restart, process.expected_exit_codes) == ("on-failure", (0, 2))
    assert (process.start_seconds, process.stop_signal, process.stop_grace) == (3, "SIGQUIT", 25)
    assert (process.fatal_failures, process.fatal_window) == (3, 60)
    assert process.env == {
        "LANG": "C.UTF-8", "SHARED": "1", "TITLE": "a, b = c", "MODE": "fast", "PERCENT": "100%",
    }  # fmt: skip
    assert (web.log.max_bytes, web.log.keep) == (5 * 1024**2, 3)
    assert notes(found) == [
        "29: web: stdout_logfile: /var/log/web.log is not written any more; the log is the service's own: hamster logs"
    ]


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("autorestart=true", "restart", "always"),
        ("autorestart=false", "restart", "never"),
        ("startsecs=0", "start_seconds", 0),
        ("stopsignal=2", "stop_signal", "SIGINT"),
        ("stopsignal=SIGUSR1", "stop_signal", signal.SIGUSR1.name),
        ("umask=7", "umask", "007"),
        ("startretries=100000", "fatal_failures", 10_000),
        ("stdout_logfile=AUTO", "cwd", None),
    ],
)
def test_a_key_has_its_meaning(tmp_path: Path, line: str, key: str, value: object) -> None:
    found = imported(tmp_path, "supervisord.conf", f"[program:a]\ncommand=sleep 1000\n{line}\n")
    process = services(found)["a"].process
    assert getattr(process, key) == value
    assert notes(found) == []


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ("stopsignal=FOO", 'a: stopsignal: "FOO" is not a signal; left out'),
        ("startsecs=soon", 'a: startsecs: "soon" is not a whole number; left out'),
        ("autorestart=maybe", 'a: autorestart: "maybe" is not true or false; left out'),
        ("exitcodes=0;1", 'a: exitcodes: "0;1" is not a list of exit codes; left out'),
        ("umask=888", 'a: umask: "888" is not an octal number; left out'),
        ("stdout_logfile_maxbytes=much", 'a: stdout_logfile_maxbytes: "much" is not a size; left out'),
        ("environment=A=hunter 2", "a: environment: left out: expected a comma after the value of A; quote the value"),
        (
            "environment=A='hunter2",
            'a: environment: left out: expected NAME="value",NAME="value"; a quote does not close',
        ),
        ("stdout_capture_maxbytes=1MB", "a: stdout_capture_maxbytes: left out, it has no meaning here"),
        ("colour=red", "a: colour: left out, it is not known"),
        ("priority=5", "a: priority: only orders the list; say depends_on where one needs another"),
        (
            "exitcodes=0,999",
            "a: expected_exit_codes is 999; expected a whole number of 255 or less; left out",
        ),
    ],
)
def test_what_cannot_be_carried_over_is_said_with_its_line(tmp_path: Path, line: str, note: str) -> None:
    found = imported(tmp_path, "supervisord.conf", f"[program:a]\ncommand=sleep 1000\n{line}\n")
    assert services(found)["a"].process is not None
    (said,) = notes(found)
    assert said.partition(": ")[2] == note
    assert said.partition(": ")[0] in ("1", "3")
    assert "hunter" not in said


def test_several_processes_are_instances_unless_each_has_its_number_somewhere(tmp_path: Path) -> None:
    text = """\
[program:plain]
command=sleep 1000
numprocs=3
process_name=%(program_name)s_%(process_num)02d

[program:Numbered One]
command=sleep 1%(process_num)02d
numprocs=2
numprocs_start=7
process_name=%(process_num)d
environment=WHO="%(program_name)s of %(group_name)s"

[group:farm]
programs=plain,Numbered One,gone
"""
    found = imported(tmp_path, "supervisord.conf", text)
    made = services(found)
    plain = made.pop("plain", None) or made.pop("plain-1")
    assert plain.process is not None
    assert plain.process.instances == 3
    assert plain.tags == ("farm",)
    made = {id_: service for id_, service in made.items() if not id_.startswith("plain")}
    assert [service.process.command for service in made.values() if service.process is not None] == [
        ("sleep", "107"), ("sleep", "108"),
    ]  # fmt: skip
    first = made["numbered-one-7"]
    assert first.process is not None
    assert (first.name, first.tags) == ("Numbered One-7", ("Numbered-One", "farm"))
    assert first.process.env == {"WHO": "Numbered One of farm"}
    assert "14: [group:farm]: there is no program 'gone'" in notes(found)


def test_a_variable_of_ours_is_written_as_it_is_now_and_one_that_is_not_there_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAMSTER_TEST_A", "hunter2")
    monkeypatch.delenv("HAMSTER_TEST_B", raising=False)
    text = "[program:a]\ncommand=echo %(ENV_HAMSTER_TEST_A)s %(ENV_HAMSTER_TEST_B)s/x\n"
    found = imported(tmp_path, "supervisord.conf", text)
    process = services(found)["a"].process
    assert process is not None
    assert process.command == ("echo", "hunter2", "%(ENV_HAMSTER_TEST_B)s/x")
    assert notes(found) == [
        "2: program:a: command has the value that HAMSTER_TEST_A has here and now",
        "2: program:a: command needs HAMSTER_TEST_B, which is not set here; write it there",
    ]


def test_included_files_are_read_from_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "b.conf").write_text("[program:b]\ncommand=sleep 2\ndirectory=%(here)s\npriority=1\nx=y\n")
    (tmp_path / "conf.d" / "a.conf").write_text("[program:a]\ncommand=sleep 1\npriority=2\n")
    found = imported(
        tmp_path, "supervisord.conf", "[include]\nfiles = conf.d/*.conf none/*\n[program:z]\ncommand=sleep 3\n"
    )
    made = services(found)
    assert list(made) == ["b", "a", "z"], "in the order of their priorities"
    assert made["b"].process is not None
    assert made["b"].process.cwd == str(tmp_path / "conf.d")
    assert f"{tmp_path}/conf.d/b.conf:5: b: x: left out, it is not known" in [str(note) for note in found.notes]
    assert "2: [include]: no file matches 'none/*'" in notes(found)


def test_what_speaks_supervisords_own_protocol_is_left_out(tmp_path: Path) -> None:
    text = "[eventlistener:mem]\ncommand=memmon\n[fcgi-program:php]\ncommand=php\n[odd]\n[program:a]\ncommand=sleep 1\n"
    found = imported(tmp_path, "supervisord.conf", text)
    assert list(services(found)) == ["a"]
    assert [note.partition(":")[0] for note in notes(found)] == ["1", "3", "5"]


def test_a_name_that_is_taken_or_no_id_becomes_another(tmp_path: Path) -> None:
    text = "".join(
        f"[program:{name}]\ncommand=sleep 1\n" for name in ("deployment", "웹", "Web", "web", "watchhamster")
    )
    found = imported(tmp_path, "supervisord.conf", text)
    assert {id_: service.name for id_, service in services(found).items()} == {
        "deployment-2": "deployment", "service": "웹", "web": "Web", "web-2": "web", "watchhamster-2": "watchhamster",
    }  # fmt: skip
    assert len(notes(found)) == 5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[program:a]\ncommand\n", r"supervisord.conf:2: 'command' is no"),
        ("[supervisord]\nx=y\n", "holds no service that could be imported"),
        ("[program:a]\ncommand=sh -c 'open\n", r"left out, it has no command that can be read"),
        ("[include]\nfiles=bad.conf\n", r"bad.conf:1: is not UTF-8"),
    ],
)
def test_what_is_no_configuration_is_refused_with_its_place(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "bad.conf").write_bytes(b"\xff")
    with pytest.raises(ImportRefused, match=why):
        imported(tmp_path, "supervisord.conf", text)


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True), st.text("ab ,=:#;%-/'", max_size=12)))
def test_an_environment_is_split_as_it_was_joined(given_: dict[str, str]) -> None:
    text = ",".join(f'{name}="{value}"' for name, value in given_.items())
    assert variables(text) == given_


@given(st.text("%()sdENV_ab02", max_size=30))
def test_whatever_stands_there_is_expanded_or_left_and_never_an_error(value: str) -> None:
    text, unknown = expand(value, {"a": "1", "ENV_b": "x"})
    assert text == value or "%" in value
    assert all(f"%({name})" in text for name in unknown)


@given(st.text("[]=:;# \ta\n", max_size=40))
def test_an_ini_file_is_read_or_refused(text: str) -> None:
    with suppress(ImportRefused):
        lines = text.count("\n") + 1
        for section in sections(Path("x.conf"), text):
            assert 1 <= section.line <= lines
            assert all(section.line < option.line <= lines for option in section.options.values() if option.value)
