"""`/api/webhooks/enhanced`: messages with a title, a body and a colour, of seven kinds."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import partial

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from actors.settings.webhooks import DEFAULT_NAMES
from actors.system import System
from actors.webhooks.enhanced import MessageType
from actors.webhooks.messages import TYPES, WebhookType
from actors.webhooks.webhooks import Webhooks
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.parameters import reading
from hamster.http.problems import InvalidRequest
from hamster.http.times import Stamp, local_zone
from hamster.http.webhook_models import card_model, statistics_model
from hamster.http.webhooks import MOST, MOST_PAGES, WAIT_SECONDS, idempotency_key, read_wanted

TEST_SECONDS = 20.0
"""For which a test waits for its attempt."""

BASE = "/api/webhooks/enhanced"
URL, TYPE = "webhook_url", "webhook_type"


class CardBody(msgspec.Struct):
    """A message of one of the kinds."""

    message_type: MessageType
    data: dict[str, object] = {}
    webhook_url: str | None = None
    webhook_type: WebhookType | None = None


def register(app: QuartTrio, system: System, stamp: Stamp, zone: tzinfo | None) -> None:
    """Add the routes to *app*."""
    webhooks = system.webhooks
    _register_looks(app, webhooks, stamp, zone)

    async def answer(
        kind: MessageType, data: Mapping[str, object], url: str | None, webhook_type: WebhookType | None
    ) -> Response:
        with reading(request.args) as query:
            wait = query.boolean("wait", default=False)
        data = {"timestamp": datetime.now(local_zone(zone)).strftime("%Y-%m-%d %H:%M:%S"), **data}
        accepted = await webhooks.send_card(
            kind, data, url=url or None, webhook_type=webhook_type, idempotency_key=idempotency_key()
        )
        found: dict[str, object] = {
            "success": True,
            "message": texts_ko.WEBHOOK_STARTED,
            "message_id": accepted.id,
        }
        if wait:
            sent = await webhooks.delivered(accepted.id, WAIT_SECONDS)
            found |= {"success": sent.status == "success", "message": _outcome(sent.status), "status": sent.status}
            found |= {"response_status": sent.response_code, "error_message": sent.error_message}
        return json_response(found)

    async def send() -> Response:
        body = await json_body(CardBody)
        return await answer(body.message_type, body.data, body.webhook_url, body.webhook_type)

    async def shortcut(kind: MessageType) -> Response:
        data = await json_body(dict[str, object]) if await request.get_data() else {}
        url, webhook_type = _address(data)
        return await answer(kind, {k: v for k, v in data.items() if k not in (URL, TYPE)}, url, webhook_type)

    app.add_url_rule(f"{BASE}/send", "webhook_enhanced.send", send, methods=["POST"])
    shortcuts: Mapping[str, MessageType] = {
        "deployment/success": "deployment_success",
        "deployment/failure": "deployment_failure",
        "system/status": "system_status",
        "error/alert": "error_alert",
    }
    for path, kind in shortcuts.items():
        app.add_url_rule(f"{BASE}/{path}", f"webhook_enhanced.{kind}", partial(shortcut, kind), methods=["POST"])


def _register_looks(app: QuartTrio, webhooks: Webhooks, stamp: Stamp, zone: tzinfo | None) -> None:
    async def history() -> Response:
        with reading(request.args) as query:
            limit = query.integer("limit", default=50, low=1, high=MOST)
            page = query.integer("page", default=1, low=1, high=MOST_PAGES)
            wanted = read_wanted(query, local_zone(zone), cards=True)
        total, found = await webhooks.page(wanted, limit, limit * (page - 1))
        return json_response({"history": [card_model(sent, stamp) for sent in found], "total": total})

    async def statistics() -> Response:
        found = await webhooks.statistics(cards=True)
        return json_response(statistics_model(found, stamp))

    async def test() -> Response:
        data = await json_body(dict[str, object]) if await request.get_data() else {}
        url, webhook_type = _address(data)
        if url is None:
            raise InvalidRequest.of(URL, errors_ko.FIELD_MISSING)
        accepted = await webhooks.send_card(
            "system_status",
            {"title": texts_ko.WEBHOOK_TEST_TITLE, "message": texts_ko.WEBHOOK_TEST_BODY},
            url=url,
            webhook_type=webhook_type,
        )
        sent = await webhooks.delivered(accepted.id, TEST_SECONDS, attempts=1)
        if sent.status == "pending":
            await webhooks.cancel_if_waiting(accepted.id)  # a test that failed is not tried again
        success = sent.status == "success"
        return json_response(
            {
                "success": success,
                "message": texts_ko.WEBHOOK_TEST_OK if success else texts_ko.WEBHOOK_TEST_FAILED,
                "response_status": sent.response_code,
                "error_message": sent.error_message,
                "message_id": sent.id,
            }
        )

    async def config() -> Response:
        data = await json_body(dict[str, object]) if await request.get_data() else {}
        name = _given(data, TYPE) or "default"
        url = _given(data, URL)
        if name not in DEFAULT_NAMES:
            choices = ", ".join(DEFAULT_NAMES)
            raise InvalidRequest.of(TYPE, errors_ko.FIELD_CHOICE.format(got=name, choices=choices))
        if url is None:
            raise InvalidRequest.of(URL, errors_ko.FIELD_MISSING)
        await webhooks.set_address(name, url)
        return json_response({"success": True, "message": texts_ko.WEBHOOK_CONFIGURED.format(name=name), TYPE: name})

    app.add_url_rule(f"{BASE}/history", "webhook_enhanced.history", history, methods=["GET"])
    app.add_url_rule(f"{BASE}/statistics", "webhook_enhanced.statistics", statistics, methods=["GET"])
    app.add_url_rule(f"{BASE}/test", "webhook_enhanced.test", test, methods=["POST"])
    app.add_url_rule(f"{BASE}/config", "webhook_enhanced.config", config, methods=["PUT"])


def _outcome(status: str) -> str:
    return {"success": texts_ko.WEBHOOK_SENT, "failed": texts_ko.WEBHOOK_FAILED}.get(status, texts_ko.WEBHOOK_STARTED)


def _given(data: Mapping[str, object], name: str) -> str | None:
    """A text of the body, else of the query."""
    value = data.get(name, request.args.get(name))
    if value is not None and not isinstance(value, str):
        raise InvalidRequest.of(name, errors_ko.FIELD_MISSING)
    return value or None


def _address(data: Mapping[str, object]) -> tuple[str | None, WebhookType | None]:
    kind = _given(data, TYPE)
    if kind is not None and kind not in TYPES:
        raise InvalidRequest.of(TYPE, errors_ko.FIELD_CHOICE.format(got=kind, choices=", ".join(TYPES)))
    return _given(data, URL), kind
