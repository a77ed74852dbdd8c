"""One attempt to hand a notice to its receiver, whatever that does."""

import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

import attrs
import httpcore
import httpx
import msgspec
import trio

from actors.masking import MASK, mask_addresses
from actors.webhooks.connecting import Blocked, GuardedBackend
from actors.webhooks.payloads import payload
from actors.webhooks.rows import TOO_MANY_REQUESTS, Waiting
from actors.webhooks.rules import Attempt, answered, is_everywhere, rest_after, retry_after
from actors.webhooks.signing import signature

LARGEST_ANSWER = 16 * 1024
"""Bytes of an answer that are read, as they come: nothing is unpacked, and no receiver has more to say."""
EXCERPT = 200
"""Characters of an answer that an error shows."""
CLOSING_SECONDS = 1.0
KNOWN_URLS = 1000
"""Addresses that need not be read again."""
KEPT_CONNECTIONS = 256
"""Connections that are kept for the next notice."""
KEPT_SECONDS = 10.0
"""For so long."""


class Delivery:
    """The way to receivers. Connections are kept for a moment, since notices for one receiver come in crowds.

    A kept connection may be closed by the other side just as it is used again: then the notice is sent again at once,
    over a new one.
    """

    def __init__(self, tls: ssl.SSLContext, *, private: bool = False) -> None:
        """Trust whom *tls* trusts. *private*: also to addresses that are not public."""
        self.private = private
        self._places: dict[tuple[str, str], _Place] = {}  # to read an address takes a tenth of what sending does
        # The library beneath a client: that follows the environment's proxies, keeps cookies, and logs addresses.
        self._pools = {allowed: _pool(tls, private=allowed) for allowed in (False, True)}

    async def attempt(self, notice: Waiting, deadline: float) -> Attempt:
        """Send *notice* once, within *deadline* seconds in all; never raises for what the receiver or the way does."""
        begun = trio.current_time()
        answer = _Answer()
        error: tuple[str, bool] | None = None
        with trio.move_on_after(deadline):
            try:
                await self._send(notice, answer)
            except (
                httpx.InvalidURL,
                httpcore.UnsupportedProtocol,
                httpcore.LocalProtocolError,
                UnicodeError,
            ) as failed:
                error = f"the address cannot be used: {_said(failed)}", False
            except Blocked as failed:
                error = str(failed), False
            except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, ssl.SSLError) as failed:
                error = _failure(failed)
        took = trio.current_time() - begun
        # Once the status is there the receiver has decided, however its answer goes on or breaks off.
        if answer.status is not None:
            body = bytes(answer.body)
            return answered(
                answer.status,
                _excerpt(notice.url, answer.body),
                took,
                retry_after(answer.headers.get("retry-after"), body, time.time()),
                rest_after=rest_after(answer.headers),
                everywhere=answer.status == TOO_MANY_REQUESTS and is_everywhere(answer.headers, body),
            )
        if error is None:
            error = f"no answer within {deadline:g} s; it may have arrived", True
        return Attempt(took, error=_without_secret(notice.url, error[0]), again=error[1])

    def _place(self, notice: Waiting) -> "_Place":
        key = (notice.webhook_type, notice.url)
        found = self._places.get(key)
        if found is None:
            if len(self._places) >= KNOWN_URLS:
                self._places.clear()
            found = self._places[key] = _Place.of(httpx.URL(_asked(notice)))
        return found

    async def _send(self, notice: Waiting, answer: "_Answer") -> None:
        pool = self._pools[self.private or notice.private]
        request = _request(notice, self._place(notice))
        for _ in range(2):
            try:
                await _exchange(pool, request, answer)
            except (httpcore.NetworkError, httpcore.RemoteProtocolError):
                if answer.fresh or answer.status is not None:
                    raise
            else:
                return
        raise httpcore.RemoteProtocolError("every kept connection was closed")


def _pool(tls: ssl.SSLContext, *, private: bool) -> httpcore.AsyncConnectionPool:
    return httpcore.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=None,
        max_keepalive_connections=KEPT_CONNECTIONS,
        keepalive_expiry=KEPT_SECONDS,
        network_backend=GuardedBackend(private=private),
    )


async def _exchange(pool: httpcore.AsyncConnectionPool, request: "_Request", answer: "_Answer") -> None:
    answer.fresh = False

    async def trace(event: str, _: Mapping[str, object]) -> None:
        answer.fresh = answer.fresh or event == "connection.connect_tcp.started"

    response = await pool.handle_async_request(
        httpcore.Request(
            b"POST", request.url, headers=request.headers, content=request.body, extensions={"trace": trace}
        )
    )
    try:
        answer.status = response.status
        answer.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        # Cancelled rather than left with `break`: the generators within end in order only from within.
        with trio.CancelScope() as reading:
            async for chunk in response.aiter_stream():
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
        self.headers: Mapping[str, str] = {}
        """By lower-case names."""
        self.body = bytearray()
        self.fresh = False
        """Whether it came over a connection of its own."""


def _asked(notice: Waiting) -> str:
    """The address as it is asked for."""
    if notice.webhook_type != "discord":
        return notice.url
    # It then answers once the message is stored, not once it is read.
    parts = urlsplit(notice.url)
    query = "&".join(filter(None, (parts.query, urlencode({"wait": "true"}))))
    return urlunsplit(parts._replace(query=query, fragment=""))


@attrs.frozen
class _Place:
    """Where a notice goes: what of its request is the same each time."""

    url: httpcore.URL
    headers: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def of(cls, url: httpx.URL) -> "_Place":
        """Where *url* leads."""
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        headers = (
            (b"Host", url.netloc),
            (b"Content-Type", b"application/json; charset=utf-8"),
            (b"Accept-Encoding", b"identity"),
            (b"User-Agent", b"WatchHamster"),
        )
        return cls(target, headers)


@attrs.frozen
class _Request:
    url: httpcore.URL
    headers: list[tuple[bytes, bytes]]
    body: bytes


def _request(notice: Waiting, place: _Place) -> _Request:
    body, now = msgspec.json.encode(payload(notice)), int(time.time())
    headers = [
        *place.headers,
        (b"webhook-id", notice.uid.encode("ascii")),
        (b"webhook-timestamp", b"%d" % now),
        (b"Content-Length", b"%d" % len(body)),
    ]
    if notice.secrets:
        headers.append((b"webhook-signature", signature(notice.secrets, notice.uid, now, body).encode("ascii")))
    return _Request(place.url, headers, body)


def _failure(error: Exception) -> tuple[str, bool]:
    """What went wrong on the way, and whether trying again may help."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return f"TLS failed: {_said(cause)}; it is not sent to whom it is not meant for", False
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout):
        return f"cannot connect: {_said(error)}", True
    return f"the connection broke: {_said(error)}; it may have arrived", True


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _excerpt(url: str, body: bytearray) -> str:
    if not body:
        return ""
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
