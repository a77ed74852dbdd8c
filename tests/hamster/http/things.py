"""Routes of every kind that resources have."""

import attrs
import trio
from quart import Response, request
from quart import websocket as current_websocket
from quart_trio import QuartTrio

from hamster.http import HttpProblem, json_body, json_response, reading, request_id


class NotThere(Exception):
    def __init__(self, service: str) -> None:
        super().__init__(service)
        self.service = service


@attrs.define(slots=False)
class Thing:
    name: str
    count: int = 0


async def things() -> Response:
    with reading(request.args) as query:
        limit = query.integer("limit", default=5, low=1, high=10)
    return json_response({"limit": limit, "이름": "한글"})


async def put_thing() -> Response:
    thing = await json_body(Thing)
    return json_response(thing)


async def ignore_body() -> Response:
    return json_response({"ok": True})


async def unauthorized() -> Response:
    raise HttpProblem(401, headers={"WWW-Authenticate": "Bearer"})


async def not_there() -> Response:
    raise NotThere("posco_news")


async def grouped() -> Response:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(not_there)
    raise AssertionError("not reached")


async def broken() -> Response:
    raise RuntimeError("the password is hunter2")


async def page() -> Response:
    return Response("<p>", content_type="text/html; charset=utf-8")


async def own_policy() -> Response:
    headers = {
        "Content-Security-Policy": "default-src data:",
        "Vary": "Accept, origin",
        "X-Frame-Options": "SAMEORIGIN",
    }
    return Response("<p>", headers=headers, content_type="text/html")


async def whose() -> Response:
    return json_response({"id": request_id()})


async def large() -> Response:
    return json_response({"size": len(await request.get_data(cache=True, as_text=False, parse_form_data=False))})


async def cut_short() -> Response:
    async def parts():
        yield b"first"
        raise RuntimeError("the disk is gone")

    return Response(parts(), content_type="text/plain")


async def events() -> Response:
    async def ticks():
        yield b"data: 1\n\n"
        await trio.sleep_forever()

    return Response(ticks(), content_type="text/event-stream")


async def echo() -> None:
    while True:
        await current_websocket.send(await current_websocket.receive())


async def broken_websocket() -> None:
    raise RuntimeError("the password is hunter2")


async def answer_list() -> Response:
    return json_response([])


async def answer_page() -> Response:
    return json_response({})


def register(app: QuartTrio) -> None:
    app.add_url_rule("/api/things/", "things", things, methods=["GET"])
    app.add_url_rule("/api/thing", "put_thing", put_thing, methods=["PUT"])
    app.add_url_rule("/ignore", "ignore", ignore_body, methods=["POST", "DELETE"])
    app.add_url_rule("/unauthorized", "unauthorized", unauthorized, methods=["GET", "POST"])
    app.add_url_rule("/api/settings/import", "large", large, methods=["POST"])
    for endpoint in (not_there, grouped, broken, page, own_policy, whose, cut_short, events):
        app.add_url_rule(f"/{endpoint.__name__}", endpoint.__name__, endpoint, methods=["GET"])
    app.add_websocket("/ws", "ws", echo)
    app.add_websocket("/broken_ws", "broken_ws", broken_websocket)
    app.add_url_rule("/both/", "both_list", answer_list, methods=["GET"], strict_slashes=True)
    app.add_url_rule("/both", "both_page", answer_page, methods=["GET"], strict_slashes=True)
