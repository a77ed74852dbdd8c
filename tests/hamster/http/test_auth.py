import io
import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
import trio_websocket

from hamster.security.vault import Vault
from tests.hamster.security.secured import HASH, PASSWORD, Secured, add_key, secured

SECOND = 1.0
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@asynccontextmanager
async def socket_to(
    asking: Secured,
    query: str = "",
    *,
    headers: list[tuple[bytes, bytes]] | None = None,
    subprotocols: list[str] | None = None,
) -> AsyncGenerator[trio_websocket.WebSocketConnection, None]:
    """An open `/ws`. The library's own way leaves its socket open when the server closes first."""
    port = asking.hamster.server.ports[0]
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream, trio.open_nursery() as nursery:
        socket = await trio_websocket.wrap_client_stream(
            nursery, stream, f"127.0.0.1:{port}", f"/ws{query}", extra_headers=headers, subprotocols=subprotocols
        )
        yield socket
        with trio.move_on_after(1):
            await socket.aclose()
        nursery.cancel_scope.cancel()


async def until(right: Callable[[], bool], what: str, seconds: float = 5.0) -> None:
    """Wait for what another program changed."""
    with trio.move_on_after(seconds):
        while not right():  # noqa: ASYNC110 - another program does it
            await trio.sleep(0.02)
        return
    raise AssertionError(f"{what} within {seconds} s")


@pytest.mark.slow
async def test_a_user_logs_in_goes_on_and_logs_out(tmp_path: Path) -> None:
    async with secured(tmp_path) as asking:
        granted = await asking.log_in()
        assert {name: granted[name] for name in ("token_type", "expires_in", "username", "scope")} == {
            "token_type": "bearer",
            "expires_in": 900,
            "username": "kim",
            "scope": "admin",
        }
        access = granted["access_token"]
        assert await asking.ask("GET", "/api/auth/me", token=access) == (
            200,
            {"name": "kim", "kind": "user", "scope": "admin"},
        )
        status, fresh = await asking.ask("POST", "/api/auth/refresh", {"refresh_token": granted["refresh_token"]})
        assert status == 200
        assert fresh["refresh_token"] != granted["refresh_token"]
        assert (await asking.ask("GET", "/api/services/", token=fresh["access_token"]))[0] == 200
        assert (await asking.ask("POST", "/api/auth/logout", token=fresh["access_token"]))[0] == 200
        assert (await asking.ask("GET", "/api/services/", token=fresh["access_token"]))[0] == 401
        assert (await asking.ask("GET", "/api/services/", token=access))[0] == 401
        body = {"refresh_token": fresh["refresh_token"]}
        assert (await asking.ask("POST", "/api/auth/refresh", body))[0] == 401


@pytest.mark.slow
async def test_a_refresh_token_that_is_used_again_ends_the_session_of_thief_and_owner(tmp_path: Path) -> None:
    async with secured(tmp_path) as asking:
        granted = await asking.log_in()
        old = {"refresh_token": granted["refresh_token"]}
        _, fresh = await asking.ask("POST", "/api/auth/refresh", old)
        status, told = await asking.ask("POST", "/api/auth/refresh", old)
        assert (status, told["detail"]) == (
            401,
            "이미 사용된 리프레시 토큰입니다. 세션을 종료했습니다. 다시 로그인해 주세요",
        )
        assert (await asking.ask("POST", "/api/auth/refresh", {"refresh_token": fresh["refresh_token"]}))[0] == 401
        assert (await asking.ask("GET", "/api/auth/me", token=fresh["access_token"]))[0] == 401


@pytest.mark.slow
async def test_tokens_hold_over_a_restart_and_so_does_their_revocation(tmp_path: Path) -> None:
    async with secured(tmp_path) as asking:
        kept, ended = await asking.log_in(), await asking.log_in()
        assert (await asking.ask("POST", "/api/auth/logout", token=ended["access_token"]))[0] == 200
    async with secured(tmp_path) as asking:
        assert (await asking.ask("GET", "/api/auth/me", token=kept["access_token"]))[0] == 200
        assert (await asking.ask("GET", "/api/auth/me", token=ended["access_token"]))[0] == 401


@pytest.mark.slow
async def test_a_wrong_password_and_an_unknown_user_are_answered_alike_and_slowed_down(tmp_path: Path) -> None:
    async with secured(tmp_path, "login_burst = 3") as asking:
        answers = [
            await asking.ask("POST", "/api/auth/login", {"username": user, "password": "wrong"})
            for user in ("kim", "nobody")
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] == 401
        await asking.log_in()  # which is not counted
        assert (await asking.ask("POST", "/api/auth/login", {"username": "a", "password": "b"}))[0] == 401
        body = {"username": "kim", "password": PASSWORD}
        answer = await asking.http.post(f"{asking.hamster.url}/api/auth/login", json=body)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 12


@pytest.mark.slow
async def test_an_admin_gives_out_keys_and_revokes_them(tmp_path: Path) -> None:
    async with secured(tmp_path) as asking:
        token = (await asking.log_in())["access_token"]
        body = {"name": "grafana", "scope": "read", "expires_in_days": 30}
        status, made = await asking.ask("POST", "/api/auth/keys", body, token=token)
        assert status == 200
        assert (await asking.ask("GET", "/metrics/../api/ping", headers={"X-API-Key": made["key"]}))[0] == 200
        status, listed = await asking.ask("GET", "/api/auth/keys", token=token)
        assert [key["name"] for key in listed["keys"]] == ["grafana"]
        assert "key" not in listed["keys"][0]
        assert (await asking.ask("GET", "/api/auth/keys", token=made["key"]))[0] == 403
        assert (await asking.ask("DELETE", f"/api/auth/keys/{made['id']}", token=token))[0] == 200
        assert (await asking.ask("GET", "/api/ping", token=made["key"]))[0] == 401
        assert (await asking.ask("DELETE", f"/api/auth/keys/{made['id']}", token=token))[0] == 404
        for wrong in ({"name": ""}, {"name": "a", "scope": "root"}, {"name": "a", "expires_in_days": -1}):
            assert (await asking.ask("POST", "/api/auth/keys", wrong, token=token))[0] == 400


@pytest.mark.slow
async def test_an_admin_ends_the_session_of_another(tmp_path: Path) -> None:
    async with secured(tmp_path) as asking:
        admin, other = (await asking.log_in())["access_token"], (await asking.log_in("lee"))["access_token"]
        _, found = await asking.ask("GET", "/api/auth/sessions", token=admin)
        session = next(one["id"] for one in found["sessions"] if one["username"] == "lee")
        assert (await asking.ask("DELETE", f"/api/auth/sessions/{session}", token=other))[0] == 403
        assert (await asking.ask("DELETE", f"/api/auth/sessions/{session}", token=admin))[0] == 200
        assert (await asking.ask("GET", "/api/auth/me", token=other))[0] == 401


@pytest.mark.slow
async def test_a_change_that_carries_a_command_needs_an_admin_or_the_local_token(tmp_path: Path) -> None:
    body = {"id": "new", "command": "sleep 1000", "autostart": False}
    async with secured(tmp_path) as asking:
        control = asking.key("control")
        await until(lambda: bool(Vault(asking.data_dir).read().keys), "the key")
        admin = (await asking.log_in())["access_token"]
        await trio.sleep(SECOND)
        assert (await asking.ask("POST", "/api/services/", body, token=control))[0] == 403
        assert (await asking.ask("POST", "/api/services/", body))[0] == 401
        status, told = await asking.ask("POST", "/api/services/", body, token=admin)
        assert status in (200, 201), told
        local = asking.hamster.token.value
        assert (await asking.ask("DELETE", "/api/services/new", token=local))[0] == 200


@pytest.mark.slow
async def test_what_another_program_revokes_is_revoked_within_a_second_sockets_and_streams_too(tmp_path: Path) -> None:
    key = add_key(tmp_path / "data", "read")
    async with secured(tmp_path) as asking:
        async with (
            socket_to(asking, headers=[(b"X-API-Key", key.encode())]) as socket,
            asking.http.stream("GET", f"{asking.hamster.url}/api/logs/stream", headers={"X-API-Key": key}) as stream,
        ):
            assert stream.status_code == 200
            assert json.loads(await socket.get_message())["type"] == "connection_established"
            Vault(asking.data_dir).change(lambda books: (books.without_key(key.split("_")[1]), None))
            with trio.fail_after(SECOND + 0.5):
                with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                    while True:
                        await socket.get_message()
                async for _ in stream.aiter_raw():
                    pass
            assert closed.value.reason is not None
            assert closed.value.reason.code == 1008
        assert (await asking.ask("GET", "/api/ping", token=key))[0] == 401


@pytest.mark.slow
async def test_a_socket_is_opened_by_header_subprotocol_or_ticket_and_by_nothing_else(tmp_path: Path) -> None:
    key = add_key(tmp_path / "data", "read")
    async with secured(tmp_path) as asking:
        _, ticket = await asking.ask("POST", "/api/auth/ticket", token=key)
        async with socket_to(asking, headers=[(b"Authorization", f"Bearer {key}".encode())]) as socket:
            assert await socket.get_message()
        async with socket_to(asking, subprotocols=["hamster", f"hamster.bearer.{key}"]) as socket:
            assert socket.subprotocol == "hamster"
        async with socket_to(asking, f"?ticket={ticket['ticket']}") as socket:
            assert await socket.get_message()
        for wrong in (f"?ticket={ticket['ticket']}", f"?token={key}", ""):
            async with httpx.AsyncClient(trust_env=False) as http:
                assert (await http.get(f"{asking.hamster.url}/ws{wrong}", headers=UPGRADE)).status_code == 401
        _, another = await asking.ask("POST", "/api/auth/ticket", token=key)
        stream = f"{asking.hamster.url}/api/logs/stream?ticket={another['ticket']}"
        async with asking.http.stream("GET", stream) as answer:
            assert answer.status_code == 200


@pytest.mark.slow
async def test_commands_of_a_socket_need_control(tmp_path: Path) -> None:
    keys = {scope: add_key(tmp_path / "data", scope) for scope in ("read", "control")}
    async with secured(tmp_path) as asking:
        for scope, expected in (("read", "error"), ("control", "service_control")):
            assert await _command(asking, keys[scope]) == expected
    lines = [json.loads(line) for line in asking.audit.read_text().splitlines()]
    told = [line["status"] for line in lines if line["event"] == "command.service_control"]
    assert told == ["denied", "allowed"]


async def _command(asking: Secured, key: str) -> str:
    async with socket_to(asking, headers=[(b"X-API-Key", key.encode())]) as socket:
        command = {"type": "service_control", "service_id": "message_system", "action": "stop"}
        await socket.send_message(json.dumps(command))
        while True:
            frame = json.loads(await socket.get_message())
            if frame["type"] in ("error", "service_control"):
                return frame["type"]


@pytest.mark.slow
async def test_who_may_not_send_a_body_is_answered_before_it_is_read(tmp_path: Path) -> None:
    async with secured(tmp_path) as asking:
        port = asking.hamster.server.ports[0]
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            head = b"POST /api/services/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
            await stream.send_all(head)
            with trio.fail_after(5):
                answer = await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"connection: close" in answer.lower()


@pytest.mark.slow
async def test_pages_of_other_origins_may_read_why_they_were_denied(tmp_path: Path) -> None:
    async with secured(tmp_path) as asking:
        answer = await asking.http.get(
            f"{asking.hamster.url}/api/services/", headers={"Origin": "http://localhost:1420"}
        )
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == "http://localhost:1420"
        preflight = await asking.http.options(
            f"{asking.hamster.url}/api/services/",
            headers={"Origin": "http://localhost:1420", "Access-Control-Request-Method": "PUT"},
        )
        assert preflight.status_code == 204


@pytest.mark.slow
async def test_no_secret_is_in_any_answer_log_or_file(tmp_path: Path) -> None:
    """A scenario with every credential there is, right and wrong, and then a search for what must not be there."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    handler.setLevel(logging.DEBUG)
    key = add_key(tmp_path / "data", "admin")
    answers: list[bytes] = []
    logging.getLogger().addHandler(handler)
    try:
        async with secured(tmp_path) as asking:
            granted = await asking.log_in()
            secrets = [granted["access_token"], granted["refresh_token"], key, asking.hamster.token.value]
            _, ticket = await asking.ask("POST", "/api/auth/ticket", token=key)
            secrets.append(ticket["ticket"])
            for secret in secrets:
                for method, path, body in (
                    ("GET", "/api/auth/me", None),
                    ("GET", "/api/settings", None),
                    ("GET", "/api/auth/keys", None),
                    ("GET", "/api/auth/sessions", None),
                    ("GET", "/api/actors", None),
                    ("GET", "/api/nowhere", None),
                    ("GET", f"/api/services/?target=x&token={secret}", None),
                    ("PUT", "/api/settings", {"settings": {"nothing": 1}}),
                    ("POST", "/api/auth/login", {"username": PASSWORD, "password": "x" * 2_000}),
                    ("POST", "/api/auth/login", {"username": "kim", "password": 5}),
                    ("POST", "/api/auth/refresh", {"refresh_token": secret + "x"}),
                    ("POST", "/api/auth/refresh", {"refresh_token": {"a": secret}}),
                ):
                    for token in (secret, secret + "x"):
                        headers = {"Authorization": f"Bearer {token}"}
                        url = asking.hamster.url + path
                        answer = await asking.http.request(method, url, json=body, headers=headers)
                        answers.append(answer.content + repr(answer.headers).encode())
            _, exported = await asking.ask("POST", "/api/settings/export", {"include_sensitive": True}, token=key)
            answers.append(json.dumps(exported).encode())
            answers.append(repr(asking.hamster).encode())
            exposed = [secret for secret in secrets if asking.hamster.token.value != secret]
            vault = Vault(asking.data_dir)
            signing = vault.secret()
    finally:
        logging.getLogger().removeHandler(handler)
    secrets += [PASSWORD, HASH]
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file() and path != vault.secret_path]
    searched = {"answers": b"\n".join(answers), "logs": heard.getvalue().encode()}
    searched |= {str(path): path.read_bytes() for path in files}
    assert len(searched) > 5
    for place, content in searched.items():
        assert [secret for secret in secrets if secret.encode() in content] == [], place
        assert signing not in content, place
        for secret in exposed:
            # The longest part: what is random may have an underscore in it, and a single letter behind that.
            assert max(secret.split("_"), key=len).encode() not in content, place
