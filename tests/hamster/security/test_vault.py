import threading
from pathlib import Path

import pytest

from hamster.security.books import MOST_KEYS, Books, TooManyKeys
from hamster.security.keys import ApiKey, make_key, parse_key
from hamster.security.sessions import begin_session
from hamster.security.vault import Vault, VaultError


def key(name: str = "grafana") -> ApiKey:
    return make_key(name, "read", now=1.0)[0]


def add(vault: Vault, *keys: ApiKey) -> None:
    for one in keys:
        vault.change(lambda books, one=one: (books.with_key(one), None))


def test_what_is_kept_is_there_for_another(tmp_path: Path) -> None:
    one, session = key(), begin_session("kim", "mark", now=2.0, peer="192.0.2.7")
    add(Vault(tmp_path), one)
    Vault(tmp_path).change(lambda books: (books.with_session(session), None))
    assert Vault(tmp_path).read() == Books({one.id: one}, {session.id: session})


def test_only_this_user_may_read_any_of_it_and_no_key_is_in_it(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    one, text = make_key("grafana", "admin", now=1.0)
    add(vault, one)
    vault.secret()
    found = sorted(vault.directory.iterdir())
    assert [path.name for path in found] == ["access.json", "lock", "secret"]
    assert [path.stat().st_mode & 0o777 for path in found] == [0o600] * 3
    assert vault.directory.stat().st_mode & 0o777 == 0o700
    parsed = parse_key(text)
    assert parsed is not None
    assert all(parsed[1].encode() not in path.read_bytes() for path in found)


def test_the_secret_stays_the_same(tmp_path: Path) -> None:
    assert Vault(tmp_path).secret() == Vault(tmp_path).secret()
    assert len(Vault(tmp_path).secret()) == 32


def test_those_who_change_it_at_once_lose_nothing(tmp_path: Path) -> None:
    keys = [key(str(number)) for number in range(24)]
    threads = [threading.Thread(target=add, args=(Vault(tmp_path), *keys[n::4])) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(Vault(tmp_path).read().keys) == {one.id for one in keys}


def test_a_change_that_fails_leaves_it_as_it_was(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    add(vault, key())
    before = vault.path.read_bytes()

    def broken(books: Books) -> tuple[Books, None]:
        raise TooManyKeys

    with pytest.raises(TooManyKeys):
        vault.change(broken)
    assert vault.path.read_bytes() == before


def test_its_mark_says_whether_it_changed(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert vault.mark() is None
    add(vault, key())
    mark = vault.mark()
    assert vault.mark() == mark
    add(vault, key())
    assert vault.mark() != mark


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version":1,"keys":[{}],"sessions":[]}', b"\xff"])
def test_a_file_that_is_broken_is_not_taken_for_an_empty_one(tmp_path: Path, content: bytes) -> None:
    vault = Vault(tmp_path)
    add(vault, key())
    vault.path.write_bytes(content)
    with pytest.raises(VaultError, match="move it away"):
        vault.read()
    with pytest.raises(VaultError):
        add(vault, key())
    assert vault.path.read_bytes() == content


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    add(vault, key())
    vault.path.write_bytes(vault.path.read_bytes().replace(b'"version": 1', b'"version": 2'))
    with pytest.raises(VaultError, match="is of version 2"):
        vault.read()


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.secret()
    vault.secret_path.chmod(0o644)
    with pytest.raises(VaultError, match="has mode 0644; expected 0600"):
        vault.secret()


def test_no_link_is_followed(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.secret()
    (tmp_path / "elsewhere").write_bytes(b"x" * 32)
    vault.secret_path.unlink()
    vault.secret_path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultError):
        vault.secret()


def test_there_are_so_many_keys_at_most() -> None:
    books = Books({str(number): key() for number in range(MOST_KEYS)})
    with pytest.raises(TooManyKeys):
        books.with_key(key())
