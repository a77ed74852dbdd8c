"""One attempt to hand a notice to its receiver, whatever that does."""

import ssl
import time
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx
import msgspec
import trio

from actors.masking import MASK, mask_addresses
from actors.webhooks.payloads import payload
from actors.webhooks.rows import Waiting
from actors.webhooks.rules import Attempt, answered, retry_after

LARGEST_ANSWER = 16 * 1024
"""Bytes of an answer that are read, as they come: nothing is unpacked, and no receiver has more to say."""
EXCERPT = 200
"""Characters of an answer that an error shows."""
CLOSING_SECONDS = 1.0


class Delivery:
    """The way to receivers. Made once; every attempt has a connection of its own.

    A connection that was kept may be closed by the other side just as it is used again, which cannot be told from a
    request that was lost halfway. So there is nothing to close, either.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        # The transport alone, not a client: that follows the environment's proxies, keeps cookies, and logs addresses.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._transport = httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits, retries=0)

    async def attempt(self, notice: Waiting, deadline: float) -> Attempt:
        """Send *notice* once, within *deadline* seconds in all; never raises for what the receiver or the way does."""
        begun = trio.current_time()
        answer = _Answer()
        error: tuple[str, bool] | None = None
        with trio.move_on_after(deadline):
            try:
                await self._exchange(_request(notice), answer)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError) as failed:
                error = f"the address cannot be used: {_said(failed)}", False
            except httpx.TransportError as failed:
                error = _failure(failed)
        took = trio.current_time() - begun
        # Once the status is there the receiver has decided, however its answer goes on or breaks off.
        if answer.status is not None:
            now = time.time()
            wait = retry_after(answer.retry_after, bytes(answer.body), now)
            return answered(answer.status, _excerpt(notice.url, answer.body), took, wait)
        if error is None:
            error = f"no answer within {deadline:g} s; it may have arrived", True
        return Attempt(took, error=_without_secret(notice.url, error[0]), again=error[1])

    async def _exchange(self, request: httpx.Request, answer: "_Answer") -> None:
        response = await self._transport.handle_async_request(request)
        try:
            answer.status = response.status_code
            answer.retry_after = response.headers.get("retry-after")
            # Cancelled rather than left with `break`: the generators within httpx end in order only from within.
            with trio.CancelScope() as reading:
                async for chunk in response.aiter_raw():
                    answer.body += chunk[: LARGEST_ANSWER - len(answer.body)]
                    if len(answer.body) >= LARGEST_ANSWER:
                        reading.cancel()
        finally:
            with trio.move_on_after(CLOSING_SECONDS, shield=True):
                await response.aclose()


def trusted() -> ssl.SSLContext:
    """Whom to trust: the machine's certificates, and those that come with us; blocks while it reads them."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


class _Answer:
    """What has come of an answer so far."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.retry_after: str | None = None
        self.body = bytearray()


def _request(notice: Waiting) -> httpx.Request:
    url = notice.url
    if notice.webhook_type == "discord":
        # It then answers once the message is stored, not once it is read.
        parts = urlsplit(url)
        query = "&".join(filter(None, (parts.query, urlencode({"wait": "true"}))))
        url = urlunsplit(parts._replace(query=query, fragment=""))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Accept-Encoding": "identity",
        "User-Agent": "WatchHamster",
        "webhook-id": notice.uid,
        "webhook-timestamp": str(int(time.time())),
    }
    return httpx.Request("POST", url, headers=headers, content=msgspec.json.encode(payload(notice)))


def _failure(error: httpx.TransportError) -> tuple[str, bool]:
    """What went wrong on the way, and whether trying again may help."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return f"TLS failed: {_said(cause)}; it is not sent to whom it is not meant for", False
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError):
        return f"cannot connect: {_said(error)}", True
    return f"the connection broke: {_said(error)}; it may have arrived", True


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _excerpt(url: str, body: bytearray) -> str:
    text = bytes(body[: EXCERPT * 4]).decode("utf-8", errors="replace")
    text = "".join(character if character.isprintable() else " " for character in text)
    return _without_secret(url, " ".join(text.split()))[:EXCERPT]


def _without_secret(url: str, text: str) -> str:
    """*text* without what is secret in *url*, should it repeat that."""
    parts = urlsplit(url)
    masked = urlsplit(mask_addresses(url))
    hidden = [parts.query] if parts.query else []
    if masked.path != parts.path:
        hidden.append(parts.path.removeprefix(masked.path.removesuffix(MASK)))
    for secret in hidden:
        text = text.replace(secret, MASK)
    return mask_addresses(text)
