"""A whole WatchHamster in the test's own process, and requests to it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx

from hamster.config import HamsterConfig, load_config
from hamster.product import Hamster, open_product
from hamster.server import bind_sockets

FAST = "start_seconds = 0.05\nbackoff_initial = 0.02\nbackoff_max = 0.1\n"
PATIENCE = 30.0


def service(service_id: str, *keys: str, command: str = "sleep 1000") -> str:
    """A table of hamster.toml."""
    return "\n".join([f"[services.{service_id}]", f"command = '{command}'", FAST, *keys, ""])


@attrs.define
class Asking:
    """Requests to one WatchHamster, with its token unless told otherwise."""

    hamster: Hamster
    http: httpx.AsyncClient

    async def ask(
        self, method: str, path: str, body: object = None, *, token: str | None = ""
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer; *token* None: none is sent."""
        token = self.hamster.token.value if token == "" else token
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self.hamster.url}{path}"
        answer = await self.http.request(method, url, json=body, headers=headers, timeout=PATIENCE)
        return answer.status_code, answer.json()


@asynccontextmanager
async def running(directory: Path, toml: str | None) -> AsyncGenerator[Asking, None]:
    """One that runs by the file hamster.toml of *directory*, which says *toml*; None: without a file."""
    config: HamsterConfig | None = None
    if toml is not None:
        (directory / "hamster.toml").write_text(toml, "utf-8")
        config = load_config(directory / "hamster.toml")
    made = config or HamsterConfig(services=())
    sockets = await bind_sockets("127.0.0.1", 0)
    async with (
        open_product(made.system(directory / "data"), made.server, sockets=sockets, config=config) as hamster,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        yield Asking(hamster, http)
