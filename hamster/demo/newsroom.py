"""A small news site on a loopback port, with something new every few seconds and a place to post webhooks to.

    python -m hamster.demo.newsroom --port 8090 --directory reports

Only the standard library: it is up in a tenth of a second. Its first line says where it is.
"""

import argparse
import io
import json
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import cast

from hamster.demo.inbox import Inbox
from hamster.demo.news import KEPT, News, Report
from hamster.demo.site import Answer, Site

LARGEST = 1024 * 1024  # bytes of a posted body: the largest a webhook's receiver takes elsewhere is below this
DRAINED = 8 * LARGEST  # bytes read of a body that is too large, so that its sender gets to read our answer
THREADS = 64  # requests at once; more are turned away rather than queued without a bound
SLOWEST = 10.0  # seconds a client may be silent in the middle of a request


def say(level: str, text: str) -> None:
    """One line on the standard output, written at once."""
    at = datetime.now().astimezone().isoformat(timespec="milliseconds")
    sys.stdout.write(f"{at} {level} newsroom {text}\n")
    sys.stdout.flush()


class Server(ThreadingHTTPServer):
    """Serves a site with a bounded number of threads."""

    request_queue_size = 128

    def __init__(self, address: tuple[str, int], published: Path | None = None) -> None:
        super().__init__(address, Handler)
        url = f"http://{address[0]}:{self.server_port}"
        self.site = Site(News(), Inbox(), url, datetime.now().astimezone(), published)
        self._room = threading.BoundedSemaphore(THREADS)

    def server_bind(self) -> None:
        """Without the base class's look-up of our name: that takes seconds where there is no network."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = cast("tuple[str, int]", self.server_address)

    def process_request(self, request: "socket.socket | tuple[bytes, socket.socket]", client_address: object) -> None:
        """Give the request a thread, or turn it away."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        say("WARNING", f"more than {THREADS} requests at once: one was turned away")
        with suppress(OSError):
            cast("socket.socket", request).send(b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        self.shutdown_request(request)

    def process_request_thread(
        self, request: "socket.socket | tuple[bytes, socket.socket]", client_address: object
    ) -> None:
        """Serve one request."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is one line; anything else is a mistake of ours and shows where."""
        error = sys.exception()
        if isinstance(error, OSError):
            say("INFO", f"a client went away: {error}")
        else:
            super().handle_error(cast("socket.socket", request), client_address)


class Handler(BaseHTTPRequestHandler):
    """One request on one connection (HTTP/1.0), which leaves nothing of a body behind for a next one."""

    timeout = SLOWEST

    def version_string(self) -> str:
        """The `Server` header, without versions."""
        return "newsroom"

    def do_GET(self) -> None:
        """Answer a GET."""
        self._begin()
        self._send(self._site.get(self._path, self._headers))

    def do_HEAD(self) -> None:
        """Answer a HEAD: as a GET, without the body."""
        self.do_GET()

    def do_POST(self) -> None:
        """Answer a POST, which must say how long it is."""
        self._begin()
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not length:
            self._send(Answer(HTTPStatus.LENGTH_REQUIRED))
        elif not length.isascii() or not length.isdigit():
            self._send(Answer(HTTPStatus.BAD_REQUEST))
        elif int(length) > LARGEST:
            self._send(Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            self._drain(min(int(length), DRAINED))
        else:
            self._take(int(length))

    @property
    def _site(self) -> Site:
        return cast("Server", self.server).site

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0]

    @property
    def _headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _begin(self) -> None:
        self._began = time.perf_counter()

    def _take(self, length: int) -> None:
        body = self.rfile.read(length)
        if len(body) < length:
            self._send(Answer(HTTPStatus.BAD_REQUEST))
        else:
            self._send(self._site.post(self._path, self._headers, body, datetime.now().astimezone()))

    def _drain(self, length: int) -> None:
        # Closing with something unread resets the connection, and the answer may be lost with it.
        self.wfile.flush()
        while length > 0 and (piece := self.rfile.read(min(length, 65_536))):
            length -= len(piece)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        took = (time.perf_counter() - self._began) * 1000
        level = "INFO" if answer.status < HTTPStatus.BAD_REQUEST else "WARNING"
        # The path is the client's: as JSON writes it, it cannot begin a line of its own.
        path = json.dumps(self.path)[1:-1]
        say(level, f"{self.command} {path} {answer.status.value} {len(answer.body)} bytes {took:.1f} ms")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: `_send` says it, with the time it took."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """What the base class has to say is about broken requests."""
        say("WARNING", json.dumps(format % args)[1:-1])


def publish(news: News, directory: Path | None) -> None:
    """Add one item, and where there is a directory the report as a file in it; the oldest files go."""
    report = news.publish(datetime.now().astimezone())
    say("INFO", f"published {report.number}: {report.latest}")
    if directory is not None:
        try:
            _write(report, directory)
        except OSError as error:
            say("ERROR", f"{report.name} was not written: {error}")


def _write(report: Report, directory: Path) -> None:
    path = directory / report.name
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(report.content(), ensure_ascii=False, indent=2), encoding="utf-8")
    unfinished.replace(path)  # whoever watches the directory never sees half a report
    for old in sorted(directory.glob("report-*.json"))[:-KEPT]:
        old.unlink()


def keep_publishing(news: News, directory: Path | None, every: float) -> None:
    """For ever: one item, then *every* seconds of waiting."""
    while True:
        publish(news, directory)
        time.sleep(every)


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m hamster.demo.newsroom", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--directory", type=Path, help="where to write a report after each item; else nowhere")
    parser.add_argument("--site", type=Path, help="a directory of pages that are served below /site/")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two items (20)")
    return parser.parse_args()


def main() -> int:
    """Serve until SIGTERM, which is exit 0; 1 when it cannot begin."""
    # At once and from wherever the program is: nothing here needs an orderly end.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: os._exit(0))
    given = options()
    cast("io.TextIOWrapper", sys.stdout).reconfigure(encoding="utf-8")  # the news is Korean in any locale
    try:
        if given.directory is not None:
            given.directory.mkdir(parents=True, exist_ok=True)
        server = Server(("127.0.0.1", given.port), given.site)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no port"
        what = str(given.directory) if getattr(error, "filename", None) else f"port {given.port} of 127.0.0.1"
        sys.stderr.write(f"newsroom: {what} cannot be used: {reason}; choose another\n")
        return 1
    say("INFO", f"listening on {server.site.url}")
    news = server.site.news
    threading.Thread(target=keep_publishing, args=(news, given.directory, given.every), daemon=True).start()
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
