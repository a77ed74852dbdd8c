"""Webhooks of a running server, for programs and the command line."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import attrs
import httpx

from hamster.client import HamsterClient

WAIT_SECONDS = 65.0
"""For which an answer to `wait` may take."""


@attrs.frozen
class SentWebhook:
    """A message and what became of it; its address is masked."""

    id: str
    url: str
    message: str
    webhook_type: str
    status: str
    sent_at: str
    attempts: int
    response_code: int | None
    error_message: str | None
    next_attempt_at: str | None
    response_time_ms: float | None


@attrs.frozen
class Started:
    """A message is in the outbox."""

    message: str
    webhook_id: str
    webhook: SentWebhook | None = None


@attrs.frozen
class Tested:
    """How a test went."""

    success: bool
    message: str
    response_status: int | None
    error_message: str | None


class WebhookClient:
    """What is asked of `/api/webhooks`."""

    def __init__(self, client: HamsterClient) -> None:
        self._client = client

    async def send(self, body: Mapping[str, object], *, wait: bool = False) -> Started:
        """Send a message: the keys of `POST /api/webhooks/send`; with *wait*, answered when it is sent or given up.

        Raises:
            RequestRefused: 400, with what is wrong; 404, there is no such template; 409, the address is disabled.
        """
        path = f"/api/webhooks/send?wait={str(wait).lower()}"
        return await self._client.post(path, Started, body=body, wait=WAIT_SECONDS if wait else 0.0)

    async def test(self, url: str) -> Tested:
        """Send a test to *url*; answered after its only attempt."""
        query = httpx.QueryParams({"webhook_url": url})
        return await self._client.post(f"/api/webhooks/enhanced/test?{query}", Tested, wait=WAIT_SECONDS)

    async def history(self, limit: int, **filters: str | None) -> Sequence[SentWebhook]:
        """The newest first; *filters* are `status` and `webhook_type`."""
        given = {name: value for name, value in filters.items() if value is not None}
        query = httpx.QueryParams({"limit": str(limit), **given})
        return await self._client.get(f"/api/webhooks/history?{query}", list[SentWebhook])

    async def retry(self, webhook_id: str) -> Started:
        """Send one again that was given up.

        Raises:
            RequestRefused: 404, there is none; 409, it was not given up.
        """
        return await self._client.post(f"/api/webhooks/history/{quote(webhook_id, safe='')}/retry", Started)
