"""`/api/logs` over real HTTP, on real files that grow."""

import gzip
import json
import os
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h11
import httpx
import pytest
import trio
import trio_websocket

from actors.logs import Logs, Source
from actors.logs.reading import pages
from tests.hamster.running import Asking, running, service

OWN = "watchhamster.log"
NOW = datetime.now(UTC).replace(microsecond=0)
LONG = 20.0


def line(number: int, level: str = "INFO", words: str = "record") -> str:
    at = (NOW - timedelta(seconds=1000 - number)).isoformat(timespec="milliseconds")
    return f"{at} {level} app.part [main:{number + 1} MainThread] {words} {number}\n"


@asynccontextmanager
async def a_hamster(directory: Path, *lines: str, toml: str | None = None) -> AsyncGenerator[Asking, None]:
    places = directory / "data" / "logs"
    places.mkdir(parents=True)
    (places / OWN).write_text("".join(lines), "utf-8")
    async with running(directory, toml) as asking:
        yield asking


async def get(asking: Asking, path: str, **headers: str) -> httpx.Response:
    return await asking.http.get(f"{asking.hamster.url}{path}", headers=headers, timeout=LONG)


def numbers(entries: list[dict[str, Any]]) -> list[int]:
    return [int(entry["message"].split("\n")[0].rpartition(" ")[2]) for entry in entries]


async def test_a_page_is_the_newest_first_with_every_key_of_the_contract(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, *(line(n) for n in range(150))) as asking:
        answer = await get(asking, "/api/logs/?limit=10&offset=5")
        entries = answer.json()
        assert numbers(entries) == list(range(144, 134, -1))
        assert list(entries[0]) == [
            "timestamp", "level", "logger_name", "message", "module", "line_number", "thread_id",
            "id", "service", "truncated",
        ]  # fmt: skip
        assert (entries[0]["module"], entries[0]["line_number"], entries[0]["service"]) == ("main", 145, "watchhamster")
        assert len((await get(asking, "/api/logs/")).json()) == 100


async def test_a_cursor_goes_on_where_the_page_ended_although_the_log_grew(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, *(line(n) for n in range(30))) as asking:
        first = await get(asking, "/api/logs/?limit=10")
        with (tmp_path / "data" / "logs" / OWN).open("a", encoding="utf-8") as file:
            file.write("".join(line(n) for n in range(30, 40)))
        second = await get(asking, f"/api/logs/?limit=100&cursor={first.headers['x-next-cursor']}")
        assert numbers(first.json()) + numbers(second.json()) == list(range(29, -1, -1))
        assert "x-next-cursor" not in second.headers


async def test_filters_look_at_whole_records(tmp_path: Path) -> None:
    trace = "Traceback (most recent call last):\nValueError: 연결 실패\n"
    lines = [line(0), line(1, "ERROR", "failed"), trace, line(2, "WARNING"), line(3)]
    async with a_hamster(tmp_path, *lines) as asking:
        for query, expected in (
            ("level=ERROR", [1]),
            ("level=warn,error", [2, 1]),
            ("search=valueERROR", [1]),
            ("search=연결", [1]),
            (f"start_time={(NOW - timedelta(seconds=998)).isoformat().replace('+00:00', 'Z')}", [3, 2]),
            (f"end_time={(NOW - timedelta(seconds=999)).isoformat().replace('+00:00', 'Z')}", [0]),
        ):
            assert numbers((await get(asking, f"/api/logs/?{query}")).json()) == expected, query


async def test_a_search_counts_all_and_shows_some(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, *(line(n, words="Needle" if n % 3 == 0 else "hay") for n in range(99))) as asking:
        found = (await get(asking, "/api/logs/search?query=needle&limit=5")).json()
        assert (found["query"], found["file_name"], found["total_matches"]) == ("needle", OWN, 33)
        assert numbers(found["logs"]) == [96, 93, 90, 87, 84]
        assert (await get(asking, "/api/logs/search?query=needle&case_sensitive=true")).json()["total_matches"] == 0
        by_regex = (await get(asking, "/api/logs/search?query=need.e%20.*9$&regex=true")).json()
        assert numbers(by_regex["logs"]) == [99 - 30 * n for n in range(4) if 99 - 30 * n < 99][::1]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/logs/search", "query"),
        ("/api/logs/search?query=(&regex=true", "query"),
        ("/api/logs/search?query=(%3F%3Dx)&regex=true", "query"),
        ("/api/logs/?limit=1001", "limit"),
        ("/api/logs/?level=LOUD", "level"),
        ("/api/logs/?cursor=abc", "cursor"),
        ("/api/logs/?start_time=yesterday", "start_time"),
        ("/api/logs/statistics?hours=169", "hours"),
        ("/api/logs?page=0", "page"),
        ("/api/logs/stream?last_event_id=abc", "last_event_id"),
    ],
)
async def test_a_bad_parameter_is_named(tmp_path: Path, path: str, field: str) -> None:
    async with a_hamster(tmp_path, line(0)) as asking:
        answer = await get(asking, path)
        assert answer.status_code == 400
        assert [problem["field"] for problem in answer.json()["errors"]] == [field]


async def test_statistics_have_all_levels_hours_and_the_last_errors(tmp_path: Path) -> None:
    old = (NOW - timedelta(hours=30)).isoformat(timespec="milliseconds")
    lines = [
        f"{old} ERROR app [m:1 MainThread] long ago 0\n",
        *(line(n, "ERROR" if n == 3 else "INFO") for n in range(9)),
    ]
    async with a_hamster(tmp_path, *lines) as asking:
        found = (await get(asking, "/api/logs/statistics")).json()
        assert found["total_logs"] == 9
        assert found["level_counts"] == {"DEBUG": 0, "INFO": 8, "WARNING": 0, "ERROR": 1, "CRITICAL": 0}
        assert sum(found["hourly_counts"].values()) == 9
        assert all(key.endswith(":00") and len(key) == 16 for key in found["hourly_counts"])
        assert found["top_loggers"] == {"app.part": 9}
        assert [error["message"] for error in found["error_messages"]] == ["record 3"]
        assert (await get(asking, "/api/logs/statistics?hours=168")).json()["total_logs"] == 10


async def test_the_page_of_the_frontend_merges_all_logs_by_time_and_has_no_null(tmp_path: Path) -> None:
    toml = service("web", command='sh -c "echo printed; sleep 1000"')
    async with a_hamster(tmp_path, *(line(n, "WARNING") for n in range(5)), toml=toml) as asking:
        with trio.fail_after(LONG):
            while (page := (await get(asking, "/api/logs?sources=web")).json())["total"] != 1:
                pass
        assert page["logs"][0]["message"] == "printed"
        assert None not in page["logs"][0].values()
        page = (await get(asking, "/api/logs?limit=3&levels=WARN&search=record")).json()
        assert (page["total"], page["hasMore"], [entry["level"] for entry in page["logs"]]) == (5, True, ["WARN"] * 3)
        both = (await get(asking, "/api/logs?limit=5000")).json()
        assert {"web", "watchhamster"} <= {entry["service"] for entry in both["logs"]}
        times = [datetime.fromisoformat(entry["timestamp"]) for entry in both["logs"]]
        assert times == sorted(times, reverse=True)


async def test_files_are_listed_with_their_archives(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, line(0)) as asking:
        (tmp_path / "data" / "logs" / f"{OWN}.2.gz").write_bytes(gzip.compress(b"old\n"))
        (own, packed) = (await get(asking, "/api/logs/files")).json()
        assert (own["name"], own["path"], own["is_active"]) == (OWN, f"logs/{OWN}", True)
        assert (packed["name"], packed["is_active"], packed["log"]) == (f"{OWN}.2.gz", False, OWN)


async def test_a_download_is_the_bytes_or_a_range_of_them(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, line(0), line(1)) as asking:
        path = f"/api/logs/download/{OWN}"
        data = (tmp_path / "data" / "logs" / OWN).read_bytes()
        whole = await get(asking, path)
        assert whole.content == data
        assert whole.headers["content-disposition"].startswith(f'attachment; filename="{OWN}"')
        tag = whole.headers["etag"]
        for header, start, end in (
            ("bytes=5-9", 5, 10),
            ("bytes=10-", 10, len(data)),
            ("bytes=-4", len(data) - 4, len(data)),
        ):
            part = await get(asking, path, range=header, **{"if-range": tag})
            assert (part.status_code, part.content) == (206, data[start:end])
            assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(data)}"
        assert (await get(asking, path, range="bytes=5-9", **{"if-range": '"other"'})).status_code == 200
        assert (await get(asking, path, range=f"bytes={len(data)}-")).status_code == 416
        assert (await get(asking, path, range="bytes=0-1,3-4")).status_code == 200
        head = await asking.http.head(f"{asking.hamster.url}{path}")
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(data)))


async def test_deleting_empties_the_file_and_keeps_it(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, line(0)) as asking:
        status, said = await asking.ask("DELETE", f"/api/logs/{OWN}")
        assert (status, said["message"]) == (200, f"로그 파일 '{OWN}'의 내용이 삭제되었습니다")
        assert (tmp_path / "data" / "logs" / OWN).read_bytes() == b""
        assert (await get(asking, "/api/logs/")).json() == []
        assert (await get(asking, "/api/logs/statistics")).json()["total_logs"] == 0


TRICKS = [
    "..%2f..%2fhamster.db", "..", ".", "%2e%2e", "%252e%252e%252fhamster.db", "..%5chamster.db", "%2fetc%2fpasswd",
    "a%00.log", "watchhamster.log%00", "%ff.log", "a%0a.log", "C%3a.log", "logs", "link.log", "out.log", "pipe.log",
    "directory.log", ".hidden.log", "hamster.db", "x" * 300 + ".log", "watchhamster.log%2520", "nothing.log",
    "..;%2fhamster.db", "null", "hard%2f..%2fwatchhamster.log",
]  # fmt: skip


async def test_no_trick_with_a_name_reads_or_empties_anything_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top secret\n", "utf-8")
    async with a_hamster(tmp_path, line(0)) as asking:
        places = tmp_path / "data" / "logs"
        (places / "link.log").symlink_to(secret)
        (places / "out.log").symlink_to(tmp_path)
        (places / "directory.log").mkdir()
        (places / ".hidden.log").write_text("hidden\n", "utf-8")
        os.mkfifo(places / "pipe.log")
        database = (tmp_path / "data" / "hamster.db").stat().st_size
        with trio.fail_after(60):
            for trick in TRICKS:
                for method, path in (
                    ("GET", f"/api/logs/?file_name={trick}"),
                    ("GET", f"/api/logs/search?query=e&file_name={trick}"),
                    ("GET", f"/api/logs/statistics?file_name={trick}"),
                    ("GET", f"/api/logs/stream?file_name={trick}"),
                    ("GET", f"/api/logs/download/{trick}"),
                    ("DELETE", f"/api/logs/{trick}"),
                ):
                    url = httpx.URL(asking.hamster.url).copy_with(raw_path=path.encode())
                    answer = await asking.http.request(method, url)
                    assert answer.status_code in (400, 404, 405), (method, path, answer.text)
                    assert "secret" not in answer.text
                    assert "hidden" not in answer.text.replace(".hidden.log", "")
        assert secret.read_text("utf-8") == "top secret\n"
        assert (tmp_path / "data" / "hamster.db").stat().st_size >= database > 0
        assert (places / OWN).read_text("utf-8").startswith(line(0))


async def test_exports_are_files_that_open_without_running_anything(tmp_path: Path) -> None:
    logs = [{"timestamp": "2026-01-01T00:00:00+09:00", "level": "INFO", "service": "web", "message": "=1+1\n둘째 줄"}]
    async with a_hamster(tmp_path, line(0)) as asking:
        url = f"{asking.hamster.url}/api/logs/export"
        for form in ("txt", "json", "csv"):
            body = {"logs": logs, "format": form, "include_metadata": False, "custom_filename": "../내 로그"}
            answer = await asking.http.post(url, json=body)
            assert answer.status_code == 200
            assert "..%2F" not in answer.headers["content-disposition"]
            assert answer.headers["content-disposition"].endswith(f"%EB%A1%9C%EA%B7%B8.{form}")
            text = answer.content.decode("utf-8-sig")
            if form == "json":
                assert json.loads(text) == {"logs": logs}
            elif form == "csv":
                assert '"\'=1+1\n둘째 줄"' in text
            else:
                assert text == "2026-01-01T00:00:00+09:00 INFO web =1+1\n    둘째 줄\n"
        assert (await asking.ask("POST", "/api/logs/export", {"logs": [], "format": "exe"}))[0] == 400
        formats = (await get(asking, "/api/logs/export-formats")).json()["formats"]
        assert [form["id"] for form in formats] == ["txt", "json", "csv"]


class Events:
    """A stream of server-sent events, over a connection of its own."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self._text = ""

    async def ask(self, path: str, headers: Mapping[str, str]) -> None:
        asked = h11.Request(method="GET", target=path, headers=[("Host", "localhost"), *headers.items()])
        await self._stream.send_all((self._http.send(asked) or b"") + (self._http.send(h11.EndOfMessage()) or b""))

    async def next(self) -> dict[str, str]:
        """The fields of the next event; a comment is one of the name ''."""
        with trio.fail_after(LONG):
            while "\n\n" not in self._text:
                match self._http.next_event():
                    case h11.NEED_DATA:
                        self._http.receive_data(await self._stream.receive_some())
                    case h11.Response() as answer:
                        assert answer.status_code == 200
                        assert dict(answer.headers)[b"content-type"].startswith(b"text/event-stream")
                    case h11.Data() as data:
                        self._text += bytes(data.data).decode()
                    case _:
                        raise StreamEnded
        event, _, self._text = self._text.partition("\n\n")
        fields = [line.partition(":") for line in event.split("\n")]
        return {name: value.strip() for name, _, value in fields}

    async def message(self) -> tuple[str, int]:
        """Id and number of the next record."""
        while True:
            event = await self.next()
            if "data" in event:
                return event["id"], int(json.loads(event["data"])["message"].rpartition(" ")[2])


class StreamEnded(Exception):
    """The server has no more."""


@asynccontextmanager
async def a_stream(asking: Asking, query: str = "", **headers: str) -> AsyncGenerator[Events, None]:
    port = int(asking.hamster.url.rpartition(":")[2])
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        events = Events(stream)
        await events.ask(f"/api/logs/stream{query}", headers)
        assert await events.next() == {"": "connected"}
        yield events


def append(directory: Path, *lines: str) -> None:
    with (directory / "data" / "logs" / OWN).open("a", encoding="utf-8") as file:
        file.write("".join(lines))


async def test_a_stream_tells_every_line_and_resumes_without_loss_or_repeat_over_a_rotation(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, line(0)) as asking:
        got: list[int] = []
        async with a_stream(asking) as events:
            append(tmp_path, line(1), line(2))
            at, number = await events.message()
            got.append(number)
        append(tmp_path, line(3))
        places = tmp_path / "data" / "logs"
        (places / OWN).rename(places / f"{OWN}.1")
        append(tmp_path, line(4))
        async with a_stream(asking, **{"last-event-id": at}) as events:
            got += [(await events.message())[1] for _ in range(3)]
            append(tmp_path, line(5))
            got.append((await events.message())[1])
        assert got == [1, 2, 3, 4, 5]


async def test_what_is_written_while_a_stream_is_being_resumed_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_hamster(tmp_path, line(0)) as asking:
        logs = asking.hamster.system.logs
        async with a_stream(asking) as events:
            append(tmp_path, line(1))
            at, _ = await events.message()
        append(tmp_path, line(2))
        with trio.fail_after(LONG):
            await reached(logs, 3)
        whole = logs.source

        async def late(name: str) -> Source:
            append(tmp_path, line(3))
            await reached(logs, 4)  # behind where the stream began to listen
            return await whole(name)

        monkeypatch.setattr(logs, "source", late)
        async with a_stream(asking, **{"last-event-id": at}) as events:
            with trio.fail_after(LONG):
                assert [(await events.message())[1] for _ in range(2)] == [2, 3]


async def reached(logs: Logs, records: int) -> None:
    """Until so many records of our log are counted and told."""
    while sum(sum(generation.counts) for generation in logs.followed[OWN].generations) < records:  # noqa: ASYNC110 - it tells nobody
        await trio.sleep(0.005)


async def test_a_stream_of_all_logs_resumes_each_of_them(tmp_path: Path) -> None:
    other = "other.log"
    async with a_hamster(tmp_path, line(0)) as asking:
        places = tmp_path / "data" / "logs"
        (places / other).write_text(line(0), "utf-8")
        with trio.fail_after(LONG):
            while other not in asking.hamster.system.logs.followed:
                await trio.lowlevel.checkpoint()
            await asking.hamster.system.logs.followed[other].ready.wait()
        async with a_stream(asking, "?file_name=*&level=ERROR") as events:
            append(tmp_path, line(1, "ERROR"), line(2))
            at, number = await events.message()
            assert number == 1
        with (places / other).open("a", encoding="utf-8") as file:
            file.write(line(11, "ERROR"))
        append(tmp_path, line(3, "ERROR"))
        async with a_stream(asking, "?file_name=*&level=ERROR", **{"last-event-id": at}) as events:
            assert {(await events.message())[1], (await events.message())[1]} == {11, 3}


async def test_nothing_in_a_line_breaks_the_stream_or_its_json(tmp_path: Path) -> None:
    nasty = 'a\rb\x1b[31mred\x1b[0m</script>\u2028"\\ data: x id: 1 '
    async with a_hamster(tmp_path, line(0)) as asking, a_stream(asking) as events:
        append(tmp_path, line(1, words=nasty), "\n\ndata: forged\n\n", line(2))
        event = await events.next()
        assert json.loads(event["data"])["message"].startswith("a\rb")
        while (await events.next()).get("data", "").find("record 2") < 0:
            pass


async def test_a_client_that_is_too_slow_is_told_how_much_it_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hamster.http.log_streams.CLIENT_RECORDS", 10)
    async with a_hamster(tmp_path, line(0)) as asking, a_stream(asking) as events:
        append(tmp_path, *(line(n) for n in range(1, 501)))
        got = missed = 0
        while got + missed < 500:
            event = await events.next()
            if event.get("event") == "dropped":
                missed += json.loads(event["data"])["dropped"]
            elif "data" in event:
                got += 1
        assert missed > 0


async def test_a_socket_gets_the_last_lines_and_what_comes_and_answers_pings(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, *(line(n) for n in range(80))) as asking:
        url = asking.hamster.url.replace("http", "ws") + "/api/logs/ws?level=INFO"
        with trio.fail_after(LONG):
            async with trio_websocket.open_websocket_url(url) as socket:
                first = [json.loads(await socket.get_message()) for _ in range(50)]
                assert numbers(first) == list(range(30, 80))
                await socket.send_message("ping")
                assert await socket.get_message() == "pong"
                append(tmp_path, line(80), line(81, "DEBUG"), line(82))
                assert numbers([json.loads(await socket.get_message()) for _ in range(2)]) == [80, 82]


async def test_streams_end_when_the_server_does(tmp_path: Path) -> None:
    with trio.fail_after(LONG):
        async with trio.open_nursery() as nursery:
            connected = trio.Event()

            async def listen(asking: Asking) -> None:
                async with a_stream(asking) as events:
                    connected.set()
                    with pytest.raises((StreamEnded, h11.RemoteProtocolError, trio.BrokenResourceError)):
                        while True:
                            await events.next()

            async with a_hamster(tmp_path, line(0)) as asking:
                nursery.start_soon(listen, asking)
                await connected.wait()


async def test_the_retention_policy_is_the_apis_unless_the_file_says_it(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, line(0)) as asking:
        status, policy = await asking.ask("GET", "/api/logs/retention-policy")
        assert (status, policy["max_days"], policy["owner"]) == (200, 30, "api")
        status, said = await asking.ask("POST", "/api/logs/retention-policy", {**policy, "max_days": 7})
        assert (status, said["max_days"]) == (200, 7)
        status, said = await asking.ask("POST", "/api/logs/retention-policy", {"max_days": -1, "loud": 1})
        assert (status, {problem["field"] for problem in said["errors"]}) == (400, {"max_days", "loud"})
    async with running(tmp_path, None) as asking:
        assert (await asking.ask("GET", "/api/logs/retention-policy"))[1]["max_days"] == 7
    async with running(tmp_path, "[logs.retention]\nmax_days = 3\n") as asking:
        assert (await asking.ask("GET", "/api/logs/retention-policy"))[1]["max_days"] == 3
        status, said = await asking.ask("POST", "/api/logs/retention-policy", {"max_days": 7})
        assert status == 409
        assert "[logs.retention]" in said["detail"]


async def test_a_clean_up_says_what_it_would_do_and_then_does_it(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, line(0), toml="[logs.retention]\nmax_days = 1\n") as asking:
        old = tmp_path / "data" / "logs" / f"{OWN}.1"
        old.write_text(line(0) * 100, "utf-8")
        os.utime(old, (0, 0))
        status, said = await asking.ask("POST", "/api/logs/cleanup?dry_run=true")
        assert (status, said["deleted_files"], said["dry_run"], old.exists()) == (200, 1, True, True)
        assert said["total_space_freed"] == old.stat().st_size
        status, said = await asking.ask("POST", "/api/logs/cleanup")
        assert (status, said["deleted"], old.exists()) == (200, [{"name": old.name, "reason": "age"}], False)


async def test_a_log_from_outside_is_read_by_its_pattern(tmp_path: Path) -> None:
    outside = tmp_path / "other" / "app.txt"
    outside.parent.mkdir()
    outside.write_text("E|2026-01-01 00:00:00|kaputt\n", "utf-8")
    pattern = r"^(?P<level>\\w)\\|(?P<timestamp>[^|]+)\\|(?P<message>.*)"
    toml = f'[logs.files."app.txt"]\npath = "{outside}"\npattern = "{pattern}"\n'
    async with a_hamster(tmp_path, toml=toml) as asking:
        (entry,) = (await get(asking, "/api/logs/?file_name=app.txt")).json()
        assert (entry["level"], entry["message"], entry["service"]) == ("ERROR", "kaputt", "app.txt")
        assert entry["timestamp"].startswith("2026-01-01T00:00:00")


async def test_the_websocket_of_everything_has_what_is_written_for_those_who_want_it(tmp_path: Path) -> None:
    async with a_hamster(tmp_path, line(0)) as asking:
        url = asking.hamster.url.replace("http", "ws") + "/ws"
        with trio.fail_after(LONG):
            async with trio_websocket.open_websocket_url(url) as socket:
                filters = {"log_levels": ["error", "WARN"]}
                wanted = {"type": "subscribe", "data": {"event_types": ["log_update"], "filters": filters}}
                await socket.send_message(json.dumps(wanted))
                logs = asking.hamster.system.logs
                while not logs.followed[OWN].feeds:
                    await trio.lowlevel.checkpoint()
                append(tmp_path, line(1), line(2, "ERROR"), line(3, "WARNING"))
                while True:
                    frame = json.loads(await socket.get_message())
                    if frame["type"] == "log_update":
                        break
                data = frame["data"]
                assert (data["file_name"], data["total_new_entries"]) == (OWN, 2)
                assert numbers(data["entries"]) == [2, 3]
                await socket.send_message(json.dumps({"type": "unsubscribe"}))
                await socket.send_message('{"type": "subscribe", "filters": {"log_levels": ["LOUD"]}}')
                assert json.loads(await socket.get_message())["data"]["details"]["field"] == "log_levels"


async def test_a_search_ends_when_nobody_waits_for_it_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()
    breathe = pages._breathe  # pyright: ignore[reportPrivateUsage] - where a reader looks whether it is still wanted

    def for_ever() -> None:
        begun.set()
        try:
            while True:
                breathe()
        finally:
            ended.set()

    monkeypatch.setattr(pages, "_breathe", for_ever)
    async with a_hamster(tmp_path, *(line(n) for n in range(50))) as asking:
        port = int(asking.hamster.url.rpartition(":")[2])
        with trio.fail_after(LONG):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(b"GET /api/logs/search?query=nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await trio.to_thread.run_sync(begun.wait, LONG)
                assert not ended.is_set()
            await trio.to_thread.run_sync(ended.wait, LONG)
        assert ended.is_set()
