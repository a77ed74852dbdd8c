"""`hamster token`: API keys and passwords. It works on the data directory, whether or not a server runs."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from hamster.cli.common import USAGE, data_dir_option, fail
from hamster.cli.tables import plain
from hamster.runtime_file import resolve_data_dir
from hamster.security.books import Books, TooManyKeys
from hamster.security.keys import ApiKey, make_key
from hamster.security.scopes import SCOPE_NAMES, ScopeName
from hamster.security.vault import Vault, VaultError

UNITS = {"m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
LONGEST_SECONDS = 3_660 * 86_400.0
LEAST = 8
"""Characters of a password."""


@click.group()
def token() -> None:
    """Give out API keys, and revoke them.

    A server that runs for the same data directory knows of a change within a second.
    """


@token.command()
@data_dir_option
@click.option("--scope", type=click.Choice(SCOPE_NAMES), default="read", show_default=True, help="What it may do.")
@click.option("--expires", metavar="TIME", help="When it ends: 12h, 30d or 8w from now; never unless given.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.argument("name")
def create(data_dir: Path | None, scope: ScopeName, expires: str | None, as_json: bool, name: str) -> None:
    """Make a key for NAME, who or what will use it, and print it: it is shown this once."""
    now = time.time()
    expires_at = None if expires is None else now + _seconds(expires)
    if not name.strip() or len(name) > 100:
        fail(f"name is {name[:120]!r}; expected 1 to 100 characters", USAGE)
    key, text = make_key(name, scope, now=now, expires_at=expires_at)
    vault = _vault(data_dir)
    try:
        vault.change(lambda books: (books.with_key(key), None))
    except (VaultError, TooManyKeys) as error:
        fail(str(error))
    if as_json:
        click.echo(json.dumps({**_shown(key), "key": text}))
        return
    click.echo(text)
    click.echo(f"Key {key.id} for {name}: {scope}, {_until(key)}. It is not shown again.", err=True)


@token.command("list")
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object for each key.")
def list_(data_dir: Path | None, as_json: bool) -> None:
    """Show the keys: never what they are."""
    try:
        books = _vault(data_dir).read()
    except VaultError as error:
        fail(str(error))
    keys = sorted(books.keys.values(), key=lambda key: key.created_at)
    if as_json:
        for key in keys:
            click.echo(json.dumps(_shown(key)))
        return
    if not keys:
        click.echo("There are no keys; make one: hamster token create NAME")
        return
    rows = [[key.id, key.name, key.scope, _stamp(key.created_at), _until(key)] for key in keys]
    found = Table(*("ID", "NAME", "SCOPE", "CREATED", "UNTIL"), box=None, pad_edge=False)
    for row in rows:
        found.add_row(*map(Text, row))
    click.echo(plain(found))


@token.command()
@data_dir_option
@click.argument("key_ids", nargs=-1, required=True, metavar="ID...")
def revoke(data_dir: Path | None, key_ids: tuple[str, ...]) -> None:
    """Revoke keys, by id. A whole key will do, too: hk_ID_SECRET."""
    ids = [found[1] if (found := re.match(r"hk_([0-9a-f]{10})_", text)) else text for text in key_ids]

    def without(books: Books) -> tuple[Books, list[str]]:
        missing = [key_id for key_id in ids if key_id not in books.keys]
        if not missing:
            for key_id in ids:
                books = books.without_key(key_id)
        return books, missing

    try:
        _, missing = _vault(data_dir).change(without)
    except VaultError as error:
        fail(str(error))
    if missing:
        fail(f"there is no key {', '.join(missing)}; nothing was revoked; see `hamster token list`")
    click.echo(f"Revoked {', '.join(ids)}")


@token.command("hash-password")
@click.option(
    "--password",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    help="Asked for unless given; given here, others of this machine may see it.",
)
def hash_password(password: str) -> None:
    """Print the hash of a password, for [security.users.NAME] of the configuration."""
    from hamster.security import passwords  # argon2 is needed here alone

    if not LEAST <= len(password) <= passwords.LONGEST:
        fail(f"the password has {len(password)} characters; expected {LEAST} to {passwords.LONGEST}", USAGE)
    click.echo(passwords.hash_password(password))


@token.command("end-sessions")
@data_dir_option
@click.argument("user")
def end_sessions(data_dir: Path | None, user: str) -> None:
    """End all sessions of USER, who has to log in again."""

    def without(books: Books) -> tuple[Books, int]:
        theirs = [session.id for session in books.sessions.values() if session.user == user]
        for session_id in theirs:
            books = books.without_session(session_id)
        return books, len(theirs)

    try:
        _, count = _vault(data_dir).change(without)
    except VaultError as error:
        fail(str(error))
    click.echo(f"Ended {count} sessions of {user}")


def _vault(data_dir: Path | None) -> Vault:
    return Vault(resolve_data_dir(data_dir))


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    seconds = 0.0 if found is None else int(found[1]) * UNITS[found[2]]
    if not 0 < seconds <= LONGEST_SECONDS:
        fail(f"--expires is {text!r}; expected a number of m, h, d or w, at most ten years, like 30d", USAGE)
    return seconds


def _shown(key: ApiKey) -> dict[str, object]:
    expires = None if key.expires_at is None else _stamp(key.expires_at)
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "created_at": _stamp(key.created_at),
        "expires_at": expires,
    }


def _until(key: ApiKey) -> str:
    if key.expires_at is None:
        return "until it is revoked"
    return "expired" if key.expired(time.time()) else f"until {_stamp(key.expires_at)}"


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="seconds")
