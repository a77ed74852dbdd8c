"""Asks a running WatchHamster for every row of the table, and says what is not as it should be."""

import json
from collections.abc import Iterator, Mapping
from typing import cast

import attrs
import httpx
import trio

from tests.contract.shapes import Exactly, differences
from tests.contract.table import ERROR, Row
from tests.end_to_end.hamsters import PATIENCE, Hamster, until
from tests.end_to_end.sockets import Watcher


@attrs.define
class Checked:
    """What was checked of one row, and what was wrong."""

    row: Row
    checks: int = 0
    wrong: list[str] = attrs.field(factory=list[str])

    def note(self, problems: Iterator[str] | list[str], what: str) -> None:
        """One more thing was checked."""
        self.checks += 1
        self.wrong += [f"{what}: {problem}" for problem in problems]


class Checker:
    """Checks rows against a running demo."""

    def __init__(self, demo: Hamster) -> None:
        self._demo = demo
        self._hooks = ""
        self._webhook = "webhook_1"

    def check(self, row: Row) -> Checked:
        """All that the table says of one endpoint."""
        checked = Checked(row)
        with httpx.Client(base_url=self._demo.url, trust_env=False, timeout=PATIENCE) as http:
            if not self._hooks:
                self._hooks = _hooks(http)
            match row.method, row.path:
                case "WebSocket", _:
                    trio.run(self._socket, row, checked)
                case _, "/api/logs/stream":
                    self._stream(http, row, checked)
                case _:
                    self._answer(http, row, checked)
                    self._parameters(http, row, checked)
                    self._errors(http, row, checked)
            self._settle(row)
        return checked

    # -- an answer

    def _answer(self, http: httpx.Client, row: Row, checked: Checked) -> None:
        answer = self._ask(http, row, {})
        checked.note([] if answer.status_code == 200 else [f"{answer.status_code}: {answer.text[:200]}"], "status")
        if answer.status_code != 200:
            return
        checked.note([] if "x-request-id" in answer.headers else ["no X-Request-ID"], "headers")
        for name, value in (("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")):
            checked.note([] if answer.headers.get(name) == value else [f"no {name}"], "headers")
        if answer.headers["content-type"].startswith("application/json"):
            found = answer.json()
            checked.note(differences(row.answer, found), "answer")
            if row.path == "/api/webhooks/send":
                self._webhook = str(found["webhook_id"])

    def _ask(self, http: httpx.Client, row: Row, query: Mapping[str, str], path: str | None = None) -> httpx.Response:
        where = (path or row.sample).replace("{webhook}", self._webhook)
        body = json.loads(json.dumps(row.body).replace("{hooks}", self._hooks)) if row.body is not None else None
        return http.request(row.method, where, json=body, params=query or None)  # none keep those of the path

    # -- its parameters

    def _parameters(self, http: httpx.Client, row: Row, checked: Checked) -> None:
        for name, value in row.valid.items():
            answer = self._ask(http, row, self._query(row, {name: value}))
            problems = [] if answer.status_code == 200 else [f"{answer.status_code}: {answer.text[:200]}"]
            checked.note(problems, f"{name}={value}")
        for name, value in row.wrong.items():
            answer = self._ask(http, row, self._query(row, {name: value}))
            problems = (
                list(differences(ERROR, answer.json())) if answer.status_code == 400 else [f"{answer.status_code}"]
            )
            checked.note(problems, f"{name}={value}, which is wrong")
        defaults = {name: value for name, value in row.parameters.items() if value is not None}
        if defaults:
            said = self._ask(http, row, defaults)
            checked.note([] if said.status_code == 200 else [said.text[:200]], "its defaults, said")
            checked.note(_at_most(row, said.json()), "its defaults")

    def _query(self, row: Row, given: Mapping[str, str]) -> dict[str, str]:
        query = dict(part.split("=") for part in row.sample.partition("?")[2].split("&") if part)
        return {**query, **given}

    # -- its errors

    def _errors(self, http: httpx.Client, row: Row, checked: Checked) -> None:
        if row.missing is not None:
            answer = self._ask(http, row, {}, row.missing)
            problems = (
                list(differences(ERROR, answer.json())) if answer.status_code == 404 else [f"{answer.status_code}"]
            )
            checked.note(problems, "what is not there")
        if row.body is not None:
            for content, type_ in ((b"{", "application/json"), (b"x", "text/plain")):
                answer = http.request(row.method, row.sample, content=content, headers={"content-type": type_})
                expected = 400 if type_ == "application/json" else 415
                checked.note(_refused(answer, expected), f"a body that is {content!r}")

    # -- what does not end

    def _stream(self, http: httpx.Client, row: Row, checked: Checked) -> None:
        queries: list[dict[str, str]] = [{}, *({name: value} for name, value in row.valid.items())]
        for query in queries:
            with http.stream("GET", row.sample, params=query) as answer:
                problems = [] if answer.status_code == 200 else [f"{answer.status_code}"]
                if answer.headers["content-type"].partition(";")[0] != "text/event-stream":
                    problems.append(answer.headers["content-type"])
                problems += [] if next(answer.iter_lines()).startswith((":", "id:", "data:")) else ["no event"]
                checked.note(problems, f"stream {query}")
        for name, value in row.wrong.items():
            answer = http.get(row.sample, params={name: value})
            checked.note(
                [] if answer.status_code == 400 else [f"{answer.status_code}"], f"{name}={value}, which is wrong"
            )

    async def _socket(self, row: Row, checked: Checked) -> None:
        import trio_websocket

        queries = ["", *(f"?{name}={value}" for name, value in row.valid.items())]
        with trio.fail_after(2 * PATIENCE):
            for query in queries:
                stream = await trio.open_tcp_stream("127.0.0.1", self._demo.port)
                async with stream, trio.open_nursery() as nursery:
                    host = f"localhost:{self._demo.port}"
                    opened = await trio_websocket.wrap_client_stream(nursery, stream, host, row.sample + query)
                    watcher = Watcher(opened)
                    frame = await watcher.until("status_update") if row.path == "/ws" else await watcher.next()
                    checked.note(differences(row.answer, frame), f"a frame {query}")
                    with trio.move_on_after(1.0):
                        await opened.aclose()
                    nursery.cancel_scope.cancel()

    # -- between two

    def _settle(self, row: Row) -> None:
        """Wait for what the next row needs."""
        if row.path in ("/api/services/{service_id}/start", "/api/services/{service_id}/restart"):
            self._demo.wait_for("posco_news", status="running")
        elif row.path == "/api/services/{service_id}/stop":
            self._demo.wait_for("posco_news", status="stopped")
        elif row.path == "/api/posco/deploy":
            url = f"{self._demo.url}/api/posco/deployment/status"

            def over() -> bool:
                current = cast("dict[str, dict[str, object]]", httpx.get(url, trust_env=False).json())
                return current["current_deployment"]["status"] in ("success", "failed")

            until(over, "the deployment")


def _refused(answer: httpx.Response, status: int) -> list[str]:
    """What is wrong with an answer that should be an error of that status, in the contract's form."""
    if answer.status_code != status:
        return [f"{answer.status_code}, expected {status}"]
    return list(differences({**ERROR, "status_code": Exactly(status)}, answer.json()))


def _at_most(row: Row, found: object) -> list[str]:
    """Whether there is no more than the default limit allows."""
    limit = row.parameters.get("limit")
    lists: list[list[object]] = [found] if isinstance(found, list) else []
    if isinstance(found, Mapping):
        table = cast("Mapping[str, object]", found)
        lists = [cast("list[object]", value) for key, value in table.items() if key in ("metrics", "logs")]
    if limit is None:
        return []
    return [f"{len(one)} of at most {limit}" for one in lists if len(one) > int(limit)]


def _hooks(http: httpx.Client) -> str:
    """Where the demo's newsroom takes webhooks."""
    config = cast("dict[str, str]", http.get("/api/services/posco_news").json()["config"])
    return config["url"].replace("/feed.xml", "/hooks/contract")


def lines(checked: list[Checked]) -> Iterator[str]:
    """A line for each endpoint: how much was checked, and whether all was well."""
    width = max(len(one.row.name) for one in checked)
    for one in checked:
        yield f"{one.row.name:<{width}}  {one.checks:3} checked  {'ok' if not one.wrong else 'WRONG'}"
        for problem in one.wrong:
            yield f"    {problem}"
    checks, wrong = sum(one.checks for one in checked), sum(bool(one.wrong) for one in checked)
    yield f"{len(checked)} endpoints, {checks} checks, {wrong} endpoints wrong"
