"""`/openapi.json`, `/docs` and `/redoc`, with nothing from elsewhere."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import trio
from quart import Response, request
from quart_trio import QuartTrio

from hamster.http.problems import HttpProblem

ASSETS = Path(__file__).parent.parent / "assets"
SCRIPT, STYLE, PAGE = "text/javascript; charset=utf-8", "text/css; charset=utf-8", "text/html; charset=utf-8"
KINDS = {
    "swagger-ui-bundle.js": SCRIPT,
    "swagger-ui.css": STYLE,
    "redoc.standalone.js": SCRIPT,
    "docs.js": SCRIPT,
    "redoc.js": SCRIPT,
}
"""What the pages load."""
FRESH = {"Cache-Control": "no-cache"}
"""To be asked for again each time; mostly the answer is 304."""


@attrs.frozen
class Content:
    """Bytes, and what they are called by."""

    data: bytes
    etag: str


class Contents:
    """What was asked for already. Nothing is read or made before."""

    def __init__(self) -> None:
        self._made: dict[str, Content] = {}

    async def get(self, name: str, make: Callable[[], bytes]) -> Content:
        """What *make* gives, made once, in a thread."""
        found = self._made.get(name)
        if found is None:
            data = await trio.to_thread.run_sync(make)
            found = self._made.setdefault(name, Content(data, f'"{hashlib.sha256(data).hexdigest()[:32]}"'))
        return found


def register(app: QuartTrio) -> None:
    """Add the routes to *app*, which they describe with all that it has when they are first asked."""
    contents = Contents()

    async def answer(name: str, make: Callable[[], bytes], kind: str) -> Response:
        found = await contents.get(name, make)
        headers = {**FRESH, "ETag": found.etag}
        if found.etag in request.headers.get("if-none-match", ""):
            return Response(b"", 304, headers)
        return Response(found.data, headers=headers, content_type=kind)

    def made() -> bytes:
        # With the first question: most never ask.
        from hamster.http.openapi.document import document_of

        return document_of(app)

    async def document() -> Response:
        return await answer("openapi.json", made, "application/json")

    async def asset(name: str) -> Response:
        if name not in KINDS:
            raise HttpProblem(404)
        return await answer(name, lambda: asset_of(name), KINDS[name])

    def page(name: str) -> Callable[[], Awaitable[Response]]:
        async def get() -> Response:
            return await answer(name, lambda: asset_of(name), PAGE)

        return get

    app.add_url_rule("/openapi.json", "openapi.document", document, methods=["GET"])
    app.add_url_rule("/docs", "openapi.docs", page("docs.html"), methods=["GET"])
    app.add_url_rule("/redoc", "openapi.redoc", page("redoc.html"), methods=["GET"])
    app.add_url_rule("/docs/assets/<name>", "openapi.asset", asset, methods=["GET"])


def asset_of(name: str) -> bytes:
    """A file of the wheel."""
    return (ASSETS / name).read_bytes()
