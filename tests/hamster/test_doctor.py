"""What `hamster doctor` says, of real files and configurations."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hamster.cli import cli
from hamster.data_dir import prepare_data_dir
from hamster.security.keys import make_key
from hamster.security.vault import Vault

NOW = 1_800_000_000.0
posix = pytest.mark.skipif(os.name == "nt", reason="the modes of files are POSIX")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return prepare_data_dir(tmp_path / "data")


def doctor(data_dir: Path, text: str = "", *options: str) -> Result:
    source = data_dir.parent / "hamster.toml"
    source.write_text(text)
    source.chmod(0o600)
    data_dir.parent.chmod(0o700)
    return CliRunner().invoke(cli, ["doctor", "--config", str(source), "--data-dir", str(data_dir), *options])


def test_a_desktop_is_fine_and_says_that_security_is_off(data_dir: Path) -> None:
    said = doctor(data_dir)
    assert said.exit_code == 0
    assert "ok     it listens on localhost port 8000: only this machine reaches it" in said.output
    assert "hint   security is off" in said.output
    assert "WRONG" not in said.output


def test_with_security_it_counts_who_may_come_in(data_dir: Path) -> None:
    assert "nobody but this machine's user can come in" in doctor(data_dir, "[security]\n").output
    key, text = make_key("dashboard", "admin", now=NOW)
    Vault(data_dir).change(lambda books: (books.with_key(key), None))
    said = doctor(data_dir, "[security]\n").output
    assert "security is on: 0 users, 1 API keys" in said
    assert f"the API key {key.id} ('dashboard', admin) holds for ever" in said
    assert text not in said


def test_beyond_this_machine_without_tls_is_said(data_dir: Path) -> None:
    said = doctor(data_dir, '[server]\nhost = "0.0.0.0"\n[security]\n')
    assert said.exit_code == 0
    assert "it listens on 0.0.0.0 port 8000 without TLS" in said.output
    behind = doctor(data_dir, '[server]\nhost = "0.0.0.0"\n[security]\ntrusted_proxies = ["192.0.2.7"]\n')
    assert "behind proxies at 192.0.2.7" in behind.output


def test_beyond_this_machine_without_security_is_a_mistake_of_the_configuration(data_dir: Path) -> None:
    assert doctor(data_dir, '[server]\nhost = "0.0.0.0"\n').exit_code == 2


@posix
def test_files_that_others_read_or_write_are_wrong(data_dir: Path) -> None:
    Vault(data_dir).secret()
    secret = data_dir / "security" / "secret"
    assert doctor(data_dir).exit_code == 0
    for path, mode in ((secret, 0o640), (data_dir, 0o755)):
        before = path.stat().st_mode
        path.chmod(mode)
        said = doctor(data_dir)
        assert said.exit_code == 1
        assert f"{path} is open to others (mode {mode:o}); chmod" in said.output
        path.chmod(before)
    source = data_dir.parent / "hamster.toml"
    source.chmod(0o622)
    said = CliRunner().invoke(cli, ["doctor", "--config", str(source), "--data-dir", str(data_dir)])
    assert f"{source} can be written by others (mode 622)" in said.output
    assert said.exit_code == 1


def test_webhooks_without_tls_are_named_and_their_tokens_are_not(data_dir: Path) -> None:
    said = doctor(data_dir, '[webhooks.addresses]\ndiscord = "http://discord.example/api/webhooks/1/s3cret"\n').output
    assert "webhooks.addresses.discord is sent without TLS" in said
    assert "s3cret" not in said


def test_a_broken_file_of_keys_is_wrong(data_dir: Path) -> None:
    Vault(data_dir).secret()
    (data_dir / "security" / "access.json").write_text("{")
    said = doctor(data_dir, "", "--json")
    assert said.exit_code == 1
    assert any(one["weight"] == "wrong" and "access.json" in one["what"] for one in json.loads(said.output)["findings"])
