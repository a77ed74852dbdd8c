"""A WatchHamster, and somebody who asks it over HTTP."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import attrs
import httpx
import trio

from actors.settings import SystemSettings
from hamster.product import Hamster, open_product
from hamster.server import bind_sockets
from hamster.server_settings import ServerSettings
from tests.actors.webhooks.receiver import PATIENCE


@attrs.frozen(eq=False)
class Asking:
    """A WatchHamster, and who asks it."""

    hamster: Hamster
    http: httpx.AsyncClient

    async def ask(
        self, method: str, path: str, body: object = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, object]:
        """The status of the answer, and what it says."""
        answer = await self.http.request(method, self.hamster.url + path, json=body, headers=headers)
        return answer.status_code, answer.json()

    async def got(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """What the answer says, which is a good one."""
        status, found = await self.ask(method, path, body)
        assert status == 200, found
        return cast("dict[str, object]", found)

    async def refused(self, method: str, path: str, body: object = None, *, status: int) -> dict[str, object]:
        """What the answer says, which is an error of that status in the contract's form."""
        code, found = await self.ask(method, path, body)
        error = cast("dict[str, object]", found)
        assert (code, error["status_code"]) == (status, status), found
        assert error["detail"]
        return error


@asynccontextmanager
async def asking(settings: SystemSettings, server: ServerSettings | None = None) -> AsyncGenerator[Asking, None]:
    """A WatchHamster of *settings* on a free port."""
    sockets = await bind_sockets("127.0.0.1", 0)
    with trio.fail_after(3 * PATIENCE):
        async with (
            open_product(settings, server or ServerSettings(), sockets=sockets) as hamster,
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http,
        ):
            yield Asking(hamster, http)
