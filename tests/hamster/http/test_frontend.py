"""A built single-page application, served over real HTTP."""

import gc
import gzip
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import httpx
import psutil
import pytest
import trio
from hypercorn.typing import ASGIReceiveEvent, ASGISendEvent, HTTPScope

from actors.settings import SystemSettings
from hamster.http.app import make_app
from hamster.http.frontend import Frontend, NoFrontend, accepts, is_hashed
from hamster.server import ClientGone
from hamster.server_settings import ServerSettings
from tests.hamster.http.asking import asking

INDEX = "<!doctype html><title>앱</title><div id=root></div>"
SCRIPT = "console.log('x')\n" * 1000


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What a build leaves."""
    root = tmp_path / "dist"
    (root / "assets").mkdir(parents=True)
    (root / "index.html").write_text(INDEX, encoding="utf-8")
    (root / "assets/index-B1x9Qz3k.js").write_text(SCRIPT)
    (root / "assets/index-B1x9Qz3k.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (root / "assets/app-DiwrgTda.css").write_text("body{}")
    (root / "favicon.svg").write_text("<svg/>")
    (root / "module.wasm").write_bytes(b"\0asm")
    (root / ".env").write_text("SECRET=1")
    (root / ".git").mkdir()
    (root / ".git/config").write_text("secret")
    (tmp_path / "outside.txt").write_text("outside")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "env.txt").symlink_to(".env")
    (root / "git").symlink_to(".git")
    (root / "loop.txt").symlink_to("loop.txt")
    (root / "zero.bin").symlink_to("/dev/zero")
    (root / "icon.svg").symlink_to("favicon.svg")
    os.mkfifo(root / "pipe.txt")
    return root


@asynccontextmanager
async def served(built: Path, tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient, None]:
    settings = SystemSettings(data_dir=tmp_path / "data")
    async with (
        asking(settings, ServerSettings(frontend=str(built))) as server,
        httpx.AsyncClient(base_url=server.hamster.url, trust_env=False, timeout=30) as http,
    ):
        yield http


async def get(http: httpx.AsyncClient, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return await http.get(path, headers={"accept-encoding": "identity", **(headers or {})})


async def test_files_and_places_of_the_application_are_served_and_ours_stay_ours(built: Path, tmp_path: Path) -> None:
    async with served(built, tmp_path) as http:
        for path in ("/", "/services", "/settings/alerts/", "/news/2024", "/index.html", "/apiary", "/wsx"):
            page = await get(http, path)
            assert (page.status_code, page.text) == (200, INDEX), path
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert page.headers["cache-control"] == "no-cache"
            policy = page.headers["content-security-policy"]
            assert "style-src 'self' 'unsafe-inline'" in policy
            assert f"connect-src 'self' ws://{http.base_url.netloc.decode()}" in policy
            assert page.headers["x-content-type-options"] == "nosniff"
        for path in ("/api/nothing", "/api", "/docs/x", "/openapi.json/x", "/dashboard/x", "/redoc/x", "/ws/x"):
            missing = await get(http, path)
            assert (missing.status_code, missing.json()["status_code"]) == (404, 404), path
        assert (await get(http, "/health")).json()["status"] == "healthy"
        assert (await http.post("/services")).status_code == 404
        head = await http.head("/services", headers={"accept-encoding": "identity"})
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(INDEX.encode())))


async def test_what_has_its_hash_in_its_name_is_kept_and_the_rest_is_asked_for_again(
    built: Path, tmp_path: Path
) -> None:
    async with served(built, tmp_path) as http:
        script = await get(http, "/assets/index-B1x9Qz3k.js")
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        icon = await get(http, "/favicon.svg")
        assert (icon.headers["cache-control"], icon.headers["content-type"]) == ("no-cache", "image/svg+xml")
        assert (await get(http, "/module.wasm")).headers["content-type"] == "application/wasm"
        again = await get(http, "/favicon.svg", {"if-none-match": icon.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-type"] == "image/svg+xml", "what is told of it replaces what a browser has kept"
        assert "content-security-policy" not in again.headers
        since = await get(http, "/favicon.svg", {"if-modified-since": icon.headers["last-modified"]})
        assert since.status_code == 304
        (built / "favicon.svg").write_text("<svg>new</svg>")
        assert (await get(http, "/favicon.svg", {"if-none-match": icon.headers["etag"]})).text == "<svg>new</svg>"


async def test_parts_and_packed_files_are_served(built: Path, tmp_path: Path) -> None:
    async with served(built, tmp_path) as http:
        part = await get(http, "/assets/index-B1x9Qz3k.js", {"range": "bytes=0-6"})
        assert (part.status_code, part.text, part.headers["content-range"]) == (
            206,
            "console",
            f"bytes 0-6/{len(SCRIPT)}",
        )
        assert (await get(http, "/assets/index-B1x9Qz3k.js", {"range": "bytes=999999-"})).status_code == 416
        packed = await http.get("/assets/index-B1x9Qz3k.js", headers={"accept-encoding": "br, gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "Accept-Encoding" in packed.headers["vary"]
        assert packed.text == SCRIPT
        assert int(packed.headers["content-length"]) < len(SCRIPT) / 10
        plain = await get(http, "/assets/index-B1x9Qz3k.js")
        assert "content-encoding" not in plain.headers
        assert "Accept-Encoding" in plain.headers["vary"]


@pytest.mark.parametrize(
    "path",
    [
        "/.env", "/.git/config", "/link.txt", "/pipe.txt", "/missing.js", "/assets/missing.css", "/../outside.txt",
        "/%2e%2e/outside.txt", "/..%2foutside.txt", "/%252e%252e%252foutside.txt", "/..%5coutside.txt", "/a%00.txt",
        "/assets/%2e%2e/%2e%2e/outside.txt", "/%2fetc%2fpasswd.txt", "/index.html%00.js",
        "/env.txt", "/loop.txt", "/zero.bin", f"/{'a' * 300}.js", "/%ff.js", "/%ed%a0%80.js",
    ],
)  # fmt: skip
async def test_no_name_leads_out_of_the_directory_or_to_what_is_hidden(built: Path, tmp_path: Path, path: str) -> None:
    async with served(built, tmp_path) as http:
        with trio.fail_after(10):
            # As it is: httpx would tidy some of these up.
            url = http.base_url.copy_with(raw_path=path.encode())
            answer = await http.get(url, headers={"accept-encoding": "identity"})
        assert answer.status_code in (400, 404), (path, answer.text[:100])
        assert "outside" not in answer.text.replace("outside.txt", "")
        assert "SECRET" not in answer.text


async def test_what_is_hidden_stays_so_behind_a_link_and_a_link_to_what_is_served_is_followed(
    built: Path, tmp_path: Path
) -> None:
    async with served(built, tmp_path) as http:
        assert (await get(http, "/git/config")).text == INDEX, "a place within the application"
        assert (await get(http, f"/{'a' * 300}")).text == INDEX, "as is any, however long"
        assert (await get(http, "/icon.svg")).text == "<svg/>"


async def test_a_client_that_leaves_before_the_answer_begins_leaves_no_file_open(built: Path) -> None:
    app = make_app([], frontend=Frontend(built))
    scope = cast(
        "HTTPScope",
        {
            "type": "http", "asgi": {}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/",
            "raw_path": b"/", "query_string": b"", "root_path": "", "headers": [(b"host", b"localhost:8000")],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "state": {}, "extensions": {},
        },
    )  # fmt: skip

    async def send(_: ASGISendEvent) -> None:
        raise ClientGone

    async def receive() -> ASGIReceiveEvent:
        await trio.sleep_forever()
        raise AssertionError

    async def ask() -> None:
        with pytest.RaisesGroup(ClientGone, flatten_subgroups=True, allow_unwrapped=True):
            await app(scope, receive, send)

    await ask()
    gc.collect()
    before = psutil.Process().num_fds()
    for _ in range(10):
        await ask()
    gc.collect()  # of the errors, which know where they were raised
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("*;q=0, gzip", True), ("gzip;q=0, *", False),
        ("gzip; q=0.000", False), ("br", False), ("", False), ("identity", False),
    ],
)  # fmt: skip
def test_what_a_client_says_of_a_coding_counts_before_what_it_says_of_all(header: str, taken: bool) -> None:
    assert accepts(header, "gzip") is taken


def test_a_directory_without_an_application_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NoFrontend, match=r"has no index\.html"):
        Frontend(tmp_path)
    with pytest.raises(NoFrontend, match="nowhere"):
        Frontend(tmp_path / "nowhere")


def test_only_names_that_change_with_what_is_in_them_are_kept_for_ever() -> None:
    kept = ["assets/index-B1x9Qz3k.js", "static/js/main.8e2f0d3a.js", "static/css/main.8e2f0d3a.chunk.css"]
    kept += ["assets/app-DiwrgTda.css", "_next/static/chunks/pages-0123456789abcdef.js", "assets/font-BQ_x-12z.woff2"]
    asked = ["index.html", "assets/internationalization.js", "favicon-20240101.svg", "assets/date-formatting.js"]
    asked += ["assets/index.js", "sw.js", "assets/my-dashboard.js"]
    assert [name for name in kept if not is_hashed(tuple(name.split("/")))] == []
    assert [name for name in asked if is_hashed(tuple(name.split("/")))] == []
