"""The application over real sockets, behind the gate and on the server."""

import logging

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
import trio
import trio_websocket

from hamster.http import (
    BodyLimits,
    Entry,
    ErrorTable,
    Gate,
    HttpProblem,
    InvalidRequest,
    StoppingSwitch,
    make_app,
    wire_error,
)
from hamster.http.problems import FieldProblem
from hamster.server import Server, ServerLimits
from tests.hamster.clients import UPGRADE, Client, connected, serving, until, websocket
from tests.hamster.http.things import NotThere, register

MIB = 1024 * 1024


def served(
    *,
    stopping: StoppingSwitch | None = None,
    bodies: BodyLimits | None = None,
    limits: ServerLimits | None = None,
):
    table = ErrorTable([Entry(NotThere, 404, "서비스를 찾을 수 없습니다: {service}")])
    app = make_app([register], gate=Gate(), stopping=stopping, errors=table, bodies=bodies)
    return serving(app, error_answer=wire_error, limits=limits)


def browser(server: Server) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.url, timeout=10)


def assert_completed(reply: httpx.Response) -> None:
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["vary"] == "Origin"
    assert reply.headers["x-request-id"]
    assert "server" not in reply.headers


async def test_health_is_as_the_contract_shows_it():
    async with served() as server, browser(server) as client:
        for path in ("/health", "/health/"):
            reply = await client.get(path)
            assert reply.text == '{"status":"healthy","service":"WatchHamster Backend","version":"1.0.0"}'
            assert reply.headers["content-type"] == "application/json"
            assert_completed(reply)


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/nope", 404, "리소스를 찾을 수 없습니다"),
        ("GET", "//health", 404, "리소스를 찾을 수 없습니다"),
        ("GET", "/health//", 404, "리소스를 찾을 수 없습니다"),
        ("GET", "/health//x", 404, "리소스를 찾을 수 없습니다"),
        ("POST", "/health", 405, "허용되지 않는 메서드입니다"),
        ("BREW", "/health", 405, "허용되지 않는 메서드입니다"),
        ("GET", "/unauthorized", 401, "인증이 필요합니다"),
        ("GET", "/not_there", 404, "서비스를 찾을 수 없습니다: posco_news"),
        ("GET", "/grouped", 404, "서비스를 찾을 수 없습니다: posco_news"),
        ("PUT", "/api/thing", 400, "요청 본문이 올바른 JSON이 아닙니다"),
    ],
)
async def test_every_error_is_the_contracts_json(method: str, path: str, status: int, detail: str):
    async with served() as server, browser(server) as client:
        reply = await client.request(method, server.url + path)  # whole: httpx takes //health for a host
        assert reply.status_code == status
        assert reply.headers["content-type"] == "application/json"
        body = reply.json()
        assert (body["detail"], body["status_code"]) == (detail, status)
        assert detail in reply.text, "Korean is not escaped"
        assert_completed(reply)


async def test_an_error_keeps_the_headers_that_explain_it():
    async with served() as server, browser(server) as client:
        assert set((await client.post("/health")).headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
        assert (await client.get("/unauthorized")).headers["www-authenticate"] == "Bearer"


async def test_a_bad_parameter_and_a_bad_body_name_their_fields():
    async with served() as server, browser(server) as client:
        reply = await client.get("/api/things", params={"limit": "5000"})
        assert reply.status_code == 400
        assert reply.json() == {
            "detail": "요청 값이 올바르지 않습니다: limit",
            "status_code": 400,
            "errors": [
                {
                    "field": "limit",
                    "message": "'5000'은(는) 올바르지 않습니다. 1에서 10 사이의 정수여야 합니다",
                }
            ],
        }
        reply = await client.put("/api/thing", json={"count": 1})
        assert reply.json()["errors"] == [{"field": "name", "message": "필수 값입니다"}]
        reply = await client.put("/api/thing", content=b"name=x", headers={"Content-Type": "text/plain"})
        assert reply.status_code == 415


async def test_an_error_of_ours_says_nothing_of_itself_but_an_id_that_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
):
    async with served() as server, browser(server) as client:
        reply = await client.get("/broken", headers={"X-Request-ID": "my-id.1"})
    assert reply.status_code == 500
    assert reply.json() == {
        "detail": "내부 서버 오류가 발생했습니다",
        "status_code": 500,
        "request_id": "my-id.1",
    }
    assert reply.headers["x-request-id"] == "my-id.1"
    failures = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(failures) == 1
    assert "request_id=my-id.1" in failures[0].getMessage()
    assert failures[0].exc_info is not None


async def test_the_handler_sees_the_id_that_is_answered():
    async with served() as server, browser(server) as client:
        for headers in ({}, {"X-Request-ID": "abc"}, {"X-Request-ID": "not an id"}):
            reply = await client.get("/whose", headers=headers)
            assert reply.json()["id"] == reply.headers["x-request-id"]


async def test_every_path_answers_with_and_without_its_slash_and_never_redirects():
    async with served() as server, browser(server) as client:
        for path in ("/api/things", "/api/things/", "/whose", "/whose/"):
            assert (await client.get(path)).status_code == 200
        assert (await client.post("/ignore/", content=b"x")).status_code == 200


async def test_two_resources_may_differ_by_the_slash_alone():
    async with served() as server, browser(server) as client:
        assert (await client.get("/both/")).json() == []
        assert (await client.get("/both")).json() == {}


async def test_head_and_options_work():
    async with served() as server, browser(server) as client:
        get, head = await client.get("/health"), await client.head("/health")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
        for path in ("/api/things", "/api/things/"):
            options = await client.options(path)
            assert options.status_code == 200
            assert set(options.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
            assert (await client.delete(path)).status_code == 405
        missing = await client.head("/nope")
        assert (missing.status_code, missing.content) == (404, b"")
        async with connected(server) as raw:
            whole = await raw.ask("OPTIONS", "*")
            assert (whole.status, "DELETE" in whole.headers["allow"]) == (204, True)


async def test_a_page_gets_a_policy_unless_it_brings_one_and_our_headers_win():
    async with served() as server, browser(server) as client:
        page = await client.get("/page")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        own = await client.get("/own_policy")
        assert own.headers["content-security-policy"] == "default-src data:"
        assert own.headers.get_list("x-frame-options") == ["DENY"]
        assert own.headers["vary"].lower() == "origin, accept"
        assert "content-security-policy" not in (await client.get("/health")).headers


@pytest.mark.parametrize("path", ["/health", "/nope", "/broken", "/api/things?limit=x"])
async def test_a_known_page_may_read_every_answer_also_errors(path: str):
    async with served() as server, browser(server) as client:
        reply = await client.get(path, headers={"Origin": "tauri://localhost"})
        assert reply.headers["access-control-allow-origin"] == "tauri://localhost"
        assert_completed(reply)
        foreign = await client.get(path, headers={"Origin": "http://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers
        assert_completed(foreign)


async def test_a_preflight_is_answered_also_where_nothing_is():
    asked = {"Origin": "http://localhost:1420", "Access-Control-Request-Method": "DELETE"}
    async with served() as server, browser(server) as client:
        for path in ("/health", "/nope", "/ws"):
            reply = await client.options(path, headers=asked)
            assert (reply.status_code, reply.content) == (204, b"")
            assert "DELETE" in reply.headers["access-control-allow-methods"]
        refused = await client.options("/health", headers={**asked, "Origin": "http://evil.example"})
        assert refused.status_code == 403


async def test_a_foreign_page_and_a_foreign_host_are_turned_away_in_korean():
    async with served() as server, browser(server) as client:
        reply = await client.post("/ignore", content=b"x", headers={"Origin": "http://evil.example"})
        assert reply.status_code == 403
        assert reply.json()["detail"].startswith("허용되지 않은 출처(Origin)입니다")
        reply = await client.get("/health", headers={"Host": "evil.example"})
        assert reply.status_code == 403
        assert reply.json()["detail"].startswith("허용되지 않은 Host 헤더입니다")
        assert_completed(reply)
        async with connected(server) as raw:
            got = await raw.raw(UPGRADE % (b"/ws", b"Origin: http://evil.example\r\n"))
            assert got.startswith(b"HTTP/1.1 403")
            assert "허용되지 않은 출처(Origin)입니다".encode() in got
            assert b"x-request-id" in got


async def test_a_websocket_is_accepted_with_our_headers_and_echoes():
    async with served() as server:
        async with connected(server) as raw:
            await raw.stream.send_all(UPGRADE % (b"/ws", b"Origin: tauri://localhost\r\nX-Request-ID: w1\r\n"))
            got = await raw.stream.receive_some()
            assert got.startswith(b"HTTP/1.1 101")
            assert b"x-request-id: w1" in got
        async with websocket(server, "/ws/") as client:
            await client.send_message("안녕")
            assert await client.get_message() == "안녕"


async def test_a_websocket_that_is_not_there_or_breaks_is_answered_with_json(
    caplog: pytest.LogCaptureFixture,
):
    async with served() as server, connected(server) as missing, connected(server) as broken:
        got = await missing.raw(UPGRADE % (b"/nope", b""))
        assert got.startswith(b"HTTP/1.1 404")
        assert '"detail":"리소스를 찾을 수 없습니다"'.encode() in got
        got = await broken.raw(UPGRADE % (b"/broken_ws", b""))
        assert got.startswith(b"HTTP/1.1 500")
        assert b"hunter2" not in got
    assert sum("request.failed" in record.getMessage() for record in caplog.records) == 1


async def test_while_stopping_changes_are_refused_and_reads_go_on():
    stopping = StoppingSwitch()
    async with served(stopping=stopping) as server, browser(server) as client:
        stopping.on = True
        for method in ("POST", "DELETE"):
            reply = await client.request(method, "/ignore", content=b"x")
            assert reply.status_code == 503
            assert reply.json()["detail"] == "서버가 종료되는 중이라 변경 요청을 받을 수 없습니다"
        assert (await client.get("/health")).status_code == 200
        async with websocket(server, "/ws") as socket:
            await socket.send_message("still here")
            assert await socket.get_message() == "still here"
        stopping.on = False
        assert (await client.post("/ignore")).status_code == 200


async def test_what_never_reaches_the_application_is_answered_in_korean_too():
    async with served(limits=ServerLimits(max_connections=1)) as server:
        async with connected(server) as client:
            got = await client.raw(b"NONSENSE\r\n\r\n")
            assert got.startswith(b"HTTP/1.1 400")
            assert "요청이 올바르지 않습니다".encode() in got
            assert b"x-content-type-options: nosniff" in got
        await until(lambda: server.statistics().open_connections == 0, "the only place being free")
        async with connected(server) as one:
            assert (await one.ask("GET", "/health")).status == 200
            async with connected(server) as two:
                reply = await two.ask("GET", "/health")
                assert reply.status == 503
                assert reply.json()["detail"] == "동시 연결이 너무 많습니다. 잠시 후 다시 시도해 주세요"


async def test_an_answer_that_fails_half_way_is_cut_short_and_logged_once(caplog: pytest.LogCaptureFixture):
    async with served() as server, browser(server) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/cut_short")
        assert (await client.get("/health")).status_code == 200
    assert sum(record.levelno >= logging.ERROR for record in caplog.records) == 1


async def test_draining_ends_event_streams_of_quart_and_tells_its_websockets():
    with trio.fail_after(10):
        async with served() as server, browser(server) as client, websocket(server, "/ws") as socket:
            async with client.stream("GET", "/events") as reply, trio.open_nursery() as nursery:
                lines = reply.aiter_lines()
                assert await anext(lines) == "data: 1"
                nursery.start_soon(server.drain, 5)
                assert [line async for line in lines] == [""]
            with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                await socket.get_message()
            assert closed.value.reason is not None
            assert closed.value.reason.code == 1001
        assert server.statistics().aborted == 0


async def test_draining_closes_quarts_idle_connections_at_once():
    with trio.fail_after(10):
        async with served() as server, browser(server) as client:
            for _ in range(5):
                await client.get("/health")
            started = trio.current_time()
            await server.drain(5)
            assert trio.current_time() - started < 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/nope", 404),
        ("POST", "/health", 405),
        ("POST", "/ignore", 200),
        ("POST", "/unauthorized", 401),
    ],
)
async def test_a_body_that_nobody_reads_never_costs_the_connection(method: str, path: str, status: int):
    with trio.fail_after(60):
        async with served() as server, connected(server) as client:
            for _ in range(300):
                reply = await client.ask(method, path, body=b"x" * 500, split=True)
                assert reply.status == status
            assert server.statistics().accepted == 1


async def test_a_refused_body_does_not_cost_the_connection_either():
    hosts = (("Host", "localhost"), ("Origin", "http://evil.example"))
    with trio.fail_after(20):
        async with served() as server, connected(server) as client:
            for _ in range(20):
                assert (await client.ask("POST", "/ignore", body=b"x" * 500, headers=hosts, split=True)).status == 403
            assert server.statistics().accepted == 1


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/ignore", "/nope", "/api/thing"])
async def test_a_body_over_a_mebibyte_is_413_and_closes(path: str):
    async def chunks():
        for _ in range(40):
            yield b"x" * 65_536

    async with served() as server, browser(server) as client:
        for content in (b"x" * (MIB + 1), chunks()):
            reply = await client.post(path, content=content)
            assert reply.status_code == 413
            assert reply.headers["connection"] == "close"
            assert reply.json() == {"detail": "요청 본문이 너무 큽니다 (최대 1024 KiB)", "status_code": 413}
            assert_completed(reply)
            assert (await client.get("/health")).status_code == 200
        assert server.statistics().crashed == 0


@pytest.mark.slow
async def test_a_body_of_exactly_a_mebibyte_is_taken_and_an_import_may_be_larger():
    async with served() as server, browser(server) as client:
        assert (await client.post("/ignore", content=b"x" * MIB)).status_code == 200
        reply = await client.post("/api/settings/import", content=b"x" * (3 * MIB))
        assert reply.json() == {"size": 3 * MIB}
        assert (await client.post("/api/settings/import/", content=b"x" * (17 * MIB))).status_code == 413


async def test_a_body_that_is_too_large_over_http2_is_413_and_the_connection_stays():
    async with served() as server, connected(server) as client:
        http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
        http2.initiate_connection()
        common = [(":scheme", "http"), (":authority", "localhost")]
        http2.send_headers(1, [(":method", "POST"), (":path", "/ignore"), *common, ("content-length", str(2 * MIB))])
        await client.stream.send_all(http2.data_to_send())
        assert await http2_status(client, http2, 1) == "413"
        http2.send_headers(3, [(":method", "GET"), (":path", "/health"), *common], end_stream=True)
        await client.stream.send_all(http2.data_to_send())
        assert await http2_status(client, http2, 3) == "200"


async def http2_status(client: Client, http2: h2.connection.H2Connection, stream_id: int) -> str:
    with trio.fail_after(5):
        while True:
            for event in http2.receive_data(await client.stream.receive_some()):
                if isinstance(event, h2.events.ResponseReceived) and event.stream_id == stream_id:
                    return dict(event.headers)[b":status"].decode()


async def test_a_body_that_does_not_come_is_408():
    bodies = BodyLimits(arrival_seconds=0.1, discard_seconds=0.1)
    with trio.fail_after(10):
        async with served(bodies=bodies) as server, connected(server) as client:
            got = await client.raw(b"POST /ignore HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf")
            assert got.startswith(b"HTTP/1.1 408")
            assert "요청 본문이 제시간에 도착하지 않았습니다".encode() in got


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(caplog: pytest.LogCaptureFixture):
    with trio.fail_after(10):
        async with served() as server:
            async with connected(server) as client:
                await client.stream.send_all(
                    b"POST /ignore HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"
                )
            async with connected(server) as client:
                assert (await client.ask("GET", "/health")).status == 200
            assert server.statistics().crashed == 0
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


#: Beginnings and ends of conversations, each of which its client leaves at some moment.
CONVERSATIONS = [
    b"",
    b"GET /heal",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /ignore HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc",
    b"POST /nope HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    UPGRADE % (b"/ws", b""),
    UPGRADE % (b"/ws", b"") + b"zz",
    UPGRADE % (b"/nope", b""),
    b"\x16\x03\x01\x00",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


@pytest.mark.slow
async def test_clients_that_leave_at_any_moment_leave_nothing_behind(caplog: pytest.LogCaptureFixture):
    async def leave_after(passes: int, said: bytes) -> None:
        async with connected(server) as client:
            await client.stream.send_all(said)
            for _ in range(passes):
                await trio.lowlevel.checkpoint()

    with trio.fail_after(60):
        async with served() as server:
            await leave_after(100, b"")  # Every task of the server has started after this.
            tasks = trio.lowlevel.current_statistics().tasks_living
            for passes in range(0, 40, 2):
                async with trio.open_nursery() as nursery:
                    for said in CONVERSATIONS * 2:
                        nursery.start_soon(leave_after, passes, said)
            await until(lambda: server.statistics().open_connections == 0, "every connection being forgotten")
            await until(lambda: trio.lowlevel.current_statistics().tasks_living <= tasks, "every task ending")
            assert server.statistics().accepted == 1 + 20 * len(CONVERSATIONS) * 2
            assert server.statistics().crashed == 0
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_problem_without_a_sentence_says_what_its_status_means():
    assert HttpProblem(409).detail == "현재 상태에서는 처리할 수 없는 요청입니다"
    assert str(InvalidRequest([FieldProblem("a", "b")])) == "400 요청 값이 올바르지 않습니다: a"
