"""Webhooks as a user sends them: on the command line, over a kill, and kept from where they must not go."""

import json
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import attrs
import httpx
import pytest

from tests.end_to_end.hamsters import run, serving, until

pytestmark = pytest.mark.slow  # each command is a process of half a second

PRIVATE = "[webhooks]\nallow_private = true\n"


@attrs.define
class Inbox:
    """What arrived, and what is answered."""

    url: str
    status: int = 204
    bodies: list[dict[str, object]] = attrs.field(factory=list[dict[str, object]])
    ids: list[str] = attrs.field(factory=list[str])


@contextmanager
def inbox() -> Generator[Inbox, None, None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.bodies.append(json.loads(body))
            made.ids.append(self.headers["webhook-id"])
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Inbox(f"http://127.0.0.1:{server.server_address[1]}/hook")
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_message_is_sent_tested_listed_and_sent_again_by_command(tmp_path: Path) -> None:
    with inbox() as receiver, serving(tmp_path, PRIVATE) as running:
        sent = run("webhook", "send", receiver.url, "안녕", "--wait", data_dir=running.data_dir)
        assert sent.returncode == 0, sent.stderr
        assert sent.stdout.splitlines()[-1] == "webhook_1: success 204 after 1 attempts"
        assert receiver.bodies[0]["message"] == "안녕"
        tested = run("webhook", "test", receiver.url, data_dir=running.data_dir)
        assert (tested.returncode, tested.stdout) == (0, "웹훅 연결 테스트에 성공했습니다 (204)\n")
        receiver.status = 400
        failed = run("webhook", "send", receiver.url, "no", "--wait", "--type", "slack", data_dir=running.data_dir)
        assert (failed.returncode, "webhook_3: failed 400" in failed.stdout) == (1, True)
        receiver.status = 204
        again = run("webhook", "retry", "webhook_3", data_dir=running.data_dir)
        assert again.returncode == 0, again.stderr
        until(lambda: len(receiver.bodies) == 4, "the message once more")
        listed = run("webhook", "history", "--json", data_dir=running.data_dir)
        assert [one["id"] for one in json.loads(listed.stdout)] == ["webhook_3", "webhook_2", "webhook_1"]
        table = run("webhook", "history", "--status", "success", data_dir=running.data_dir)
        assert table.stdout.startswith("ID ")
        missing = run(
            "webhook", "send", receiver.url, "--template", "posco_news_alert", "--var", "title=x",
            data_dir=running.data_dir,
        )  # fmt: skip
        assert (missing.returncode, "'url'" in missing.stderr) == (1, True)
        assert run("webhook", "send", receiver.url, data_dir=running.data_dir).returncode == 2


def test_what_was_accepted_is_sent_after_a_kill_and_what_is_sent_again_has_its_id(tmp_path: Path) -> None:
    with inbox() as receiver:
        receiver.status = 503
        with serving(tmp_path, PRIVATE) as running:
            for number in range(8):
                body = {"url": receiver.url + str(number % 4), "message": f"m{number}", "webhook_type": "generic"}
                answer = httpx.post(f"{running.url}/api/webhooks/send", json=body, trust_env=False)
                assert answer.status_code == 200, answer.text
            os.kill(running.process.pid, signal.SIGKILL)  # at once: what was accepted is on the disk
            running.wait()
        receiver.status = 204
        with serving(tmp_path, PRIVATE) as running:
            until(lambda: len(_sent(running.data_dir)) == 8, "all of them")
        assert len(set(receiver.ids)) == 8, "what was tried before the kill has the id that it had"
        assert {str(body["message"]) for body in receiver.bodies} == {f"m{number}" for number in range(8)}


def _sent(data_dir: Path) -> list[object]:
    listed = run("webhook", "history", "-n", "100", "--status", "success", "--json", data_dir=data_dir)
    return json.loads(listed.stdout)


def test_an_address_is_in_no_file_and_no_output_with_its_token(tmp_path: Path) -> None:
    token = "hunter2hunter2"  # noqa: S105 - what must not be found
    url = f"http://127.0.0.1:9/api/webhooks/123456/{token}?also={token}"
    with serving(tmp_path, PRIVATE, "--verbose", "--trace") as running:
        sent = run("webhook", "send", url, "x", "--type", "discord", data_dir=running.data_dir)
        assert sent.returncode == 0, sent.stderr
        until(lambda: "webhook.failed" in running.log(), "an attempt")
        listed = run("webhook", "history", data_dir=running.data_dir)
        seen = [sent.stdout, listed.stdout, running.log(), running.said()]
        assert not any(f"also={token}" in text for text in seen)


def test_by_default_nothing_goes_to_an_address_of_our_own_network(tmp_path: Path) -> None:
    with inbox() as receiver, serving(tmp_path, "") as running:
        for url in (receiver.url, receiver.url.replace("127.0.0.1", "localhost"), "http://2130706433:1/"):
            refused = run("webhook", "send", url, "x", "--wait", data_dir=running.data_dir)
            assert (refused.returncode, "not a public address" in refused.stdout) == (1, True)
        assert receiver.bodies == []
