"""`/docs` and `/redoc` in a real browser: nothing from elsewhere, nothing refused, and everything there."""

import re
import shutil
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.end_to_end.hamsters import Hamster, hamster

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
PATIENCE = 60_000.0
"""Milliseconds: a busy machine takes its time to draw 150 operations."""

there = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium; on Debian: apt install chromium")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamster]:
    directory = tmp_path_factory.mktemp("pages")
    with hamster("demo", "--port", "0", "--data-dir", str(directory / "data"), directory=directory) as demo:
        yield demo


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A page, and what went wrong on it."""

    def __init__(self, browser: Browser, demo: Hamster) -> None:
        self.host = urlsplit(demo.url).netloc
        self.wrong: list[str] = []
        self.page: Page = browser.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", self._asked)
        self.page.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective,"
            " e.blockedURI))"
        )

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.wrong.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.netloc != self.host:
            self.wrong.append(f"asked elsewhere: {request.url}")


@there
@pytest.mark.slow
def test_docs_shows_every_operation_and_can_try_one(browser: Browser, demo: Hamster) -> None:
    watched = Watched(browser, demo)
    page = watched.page
    page.mouse.move(600, 400)
    page.goto(f"{demo.url}/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=PATIENCE)
    seen: set[str] = set()
    ends = time.monotonic() + PATIENCE / 1000
    count = count_of(demo)
    while len(seen) < count and time.monotonic() < ends:  # they are drawn only while they are in view
        seen.update(page.evaluate("() => [...document.querySelectorAll('.opblock')].map(one => one.id)"))
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(20)
    assert len(seen) == count
    page.evaluate("() => scrollTo(0, 0)")
    operation = page.locator("#operations-watchhamster-health")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text("WatchHamster Backend")
    assert watched.wrong == []
    page.close()


@there
@pytest.mark.slow
def test_redoc_shows_every_operation(browser: Browser, demo: Hamster) -> None:
    watched = Watched(browser, demo)
    page = watched.page
    page.goto(f"{demo.url}/redoc")
    expect(page.locator("[data-section-id*='/operation/']")).to_have_count(count_of(demo), timeout=PATIENCE)
    ends = time.monotonic() + PATIENCE / 1000
    found = page.locator("[data-role='search:results']")
    while not found.count() and time.monotonic() < ends:  # its worker may still be making the index
        page.get_by_role("textbox").first.fill("")
        page.get_by_role("textbox").first.press_sequentially("health")
        page.wait_for_timeout(500)
    expect(found).to_contain_text("서비스 상태 확인")
    assert watched.wrong == []
    page.close()


@there
@pytest.mark.slow
def test_a_request_elsewhere_and_a_script_in_the_page_would_be_noticed(browser: Browser, demo: Hamster) -> None:
    watched = Watched(browser, demo)
    watched.page.goto(f"{demo.url}/docs")
    watched.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = '1'; document.body.append(s);"
        " new Image().src = 'http://elsewhere.invalid/logo.png'; }"
    )
    watched.page.wait_for_timeout(200)
    assert re.search("script-src", " ".join(watched.wrong))
    assert re.search("img-src|elsewhere", " ".join(watched.wrong))
    watched.page.close()


@pytest.mark.slow
def test_the_pages_and_the_document_are_kept_by_a_browser_and_have_our_policy(demo: Hamster) -> None:
    with httpx.Client(base_url=demo.url, trust_env=False, timeout=30) as http:
        for path in ("/openapi.json", "/docs", "/redoc/", "/docs/assets/redoc.standalone.js"):
            answer = http.get(path)
            assert answer.status_code == 200
            again = http.get(path, headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
        assert "script-src 'self';" in http.get("/docs").headers["content-security-policy"]
        assert http.get("/docs/assets/fetch.py").status_code == 404
        assert http.get("/").json()["docs"] == "/docs"


def count_of(demo: Hamster) -> int:
    document = httpx.get(f"{demo.url}/openapi.json", trust_env=False, timeout=30).json()
    return sum(len(item) for item in document["paths"].values())
