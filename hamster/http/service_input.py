"""`POST /api/services/{id}/input`: write to the stdin of a process."""

import attrs
from quart import Response
from quart_trio import QuartTrio

from actors.system import System
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.local_token import LocalToken
from hamster.http.problems import FieldProblem, InvalidRequest

MOST = 64 * 1024
"""Bytes of one request: as many as may wait for a process to read them."""


@attrs.define
class InputBody:
    """What is to be written; with `end` the stdin ends after it."""

    text: str = ""
    end: bool = False


def register(app: QuartTrio, system: System, token: LocalToken) -> None:
    """Add the route to *app*."""

    async def send(service_id: str) -> Response:
        # What a process reads may be commands: no web page and no other user may say them.
        token.require()
        body = await json_body(InputBody)
        data = body.text.encode("utf-8", errors="surrogatepass")
        if not data and not body.end:
            raise InvalidRequest([FieldProblem("text", errors_ko.INPUT_NOTHING)])
        if len(data) > MOST:
            text = errors_ko.INPUT_TOO_LONG.format(length=len(data), limit=MOST)
            raise InvalidRequest([FieldProblem("text", text)])
        taken = await system.services.send_input(service_id, data, end=body.end)
        message = texts_ko.INPUT_SENT.format(service=service_id, count=taken.sent)
        return json_response({"message": message, "service_id": service_id, "sent": taken.sent, "ended": taken.ended})

    app.add_url_rule("/api/services/<service_id>/input", "services.input", send, methods=["POST"])
