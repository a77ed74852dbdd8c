"""A WatchHamster with security on, and requests to it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio

from hamster.config import load_config
from hamster.data_dir import prepare_data_dir
from hamster.product import Hamster, open_product
from hamster.security.keys import make_key
from hamster.security.passwords import hash_password
from hamster.security.scopes import ScopeName
from hamster.security.vault import Vault
from hamster.server import bind_sockets

PASSWORD = "correct-horse-battery"  # noqa: S105 - of nobody
HASH = hash_password(PASSWORD)
USERS = f"""
[security.users.kim]
password = "{HASH}"
scope = "admin"
[security.users.lee]
password = "{HASH}"
"""
PATIENCE = 30.0


@attrs.frozen(eq=False)
class Secured:
    """It, its data directory, and who asks."""

    hamster: Hamster
    http: httpx.AsyncClient
    data_dir: Path

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        answer = await self.http.request(method, self.hamster.url + path, json=body, headers=sent)
        return answer.status_code, answer.json()

    async def log_in(self, user: str = "kim", password: str = PASSWORD) -> dict[str, Any]:
        """What a login gives."""
        status, found = await self.ask("POST", "/api/auth/login", {"username": user, "password": password})
        assert status == 200, found
        return found

    def key(self, scope: ScopeName, name: str = "a key") -> str:
        """A key that is there from the beginning of the next look."""
        return add_key(self.data_dir, scope, name)

    @property
    def audit(self) -> Path:
        """The audit log."""
        return self.data_dir / "logs" / "audit" / "audit.jsonl"


def add_key(data_dir: Path, scope: ScopeName, name: str = "a key") -> str:
    """A key, made as `hamster token create` does."""
    key, text = make_key(name, scope, now=1.0)
    Vault(data_dir).change(lambda books: (books.with_key(key), None))
    return text


@asynccontextmanager
async def secured(directory: Path, toml: str = "", *, users: str = USERS) -> AsyncGenerator[Secured, None]:
    """One that runs by `[security]`, *toml* below it, and *users*."""
    file = directory / "hamster.toml"
    file.write_text(f"[security]\n{toml}\n{users}", "utf-8")
    config = load_config(file)
    data_dir = prepare_data_dir(directory / "data")
    sockets = await bind_sockets("127.0.0.1", 0)
    with trio.fail_after(3 * PATIENCE):
        async with (
            open_product(
                config.system(data_dir), config.server, sockets=sockets, config=config, security=config.security
            ) as hamster,
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http,
        ):
            yield Secured(hamster, http, data_dir)
