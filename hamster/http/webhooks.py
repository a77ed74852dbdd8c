"""`/api/webhooks`: sending, and what became of what was sent."""

from datetime import tzinfo

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from actors.system import System
from actors.webhooks.messages import TYPES, WebhookType
from actors.webhooks.sent import STATUSES, Wanted
from actors.webhooks.webhooks import Webhooks
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.parameters import Query, reading
from hamster.http.problems import InvalidRequest
from hamster.http.times import Stamp, local_zone
from hamster.http.webhook_models import attempt_model, sent_model, statistics_model

LONGEST_KEY = 200
MOST = 1000
MOST_PAGES = 1_000_000
WAIT_SECONDS = 60.0
"""For which `wait=true` waits at most for the outcome."""


class SendBody(msgspec.Struct):
    """What is to be sent."""

    url: str
    message: str | None = None
    webhook_type: WebhookType | None = None
    template_id: str | None = None
    variables: dict[str, str | int | float | bool | None] | None = None


class AddressBody(msgspec.Struct):
    """An address."""

    url: str


def register(app: QuartTrio, system: System, stamp: Stamp, zone: tzinfo | None) -> None:
    """Add the routes to *app*."""
    webhooks = system.webhooks

    async def send() -> Response:
        with reading(request.args) as query:
            wait = query.boolean("wait", default=False)
        answer = await send_body(webhooks, await json_body(SendBody), idempotency_key())
        if wait:
            sent = await webhooks.delivered(str(answer["webhook_id"]), WAIT_SECONDS)
            answer["webhook"] = sent_model(sent, stamp)
        return json_response(answer)

    async def history() -> Response:
        with reading(request.args) as query:
            limit = query.integer("limit", default=50, low=1, high=MOST)
            page = query.integer("page", default=1, low=1, high=MOST_PAGES)
            wanted = read_wanted(query, local_zone(zone))
        total, found = await webhooks.page(wanted, limit, limit * (page - 1))
        return json_response([sent_model(one, stamp) for one in found], headers={"X-Total-Count": str(total)})

    async def one(webhook_id: str) -> Response:
        found, attempts = await webhooks.one(webhook_id)
        made = [attempt_model(attempt, stamp) for attempt in attempts]
        return json_response({**sent_model(found, stamp), "attempt_log": made})

    async def retry(webhook_id: str) -> Response:
        await webhooks.retry(webhook_id)
        return json_response({"message": texts_ko.WEBHOOK_RETRIED.format(id=webhook_id), "webhook_id": webhook_id})

    async def cancel(webhook_id: str) -> Response:
        await webhooks.cancel(webhook_id)
        return json_response({"message": texts_ko.WEBHOOK_CANCELLED.format(id=webhook_id), "webhook_id": webhook_id})

    async def statistics() -> Response:
        return json_response(statistics_model(await webhooks.statistics(), stamp))

    async def enable() -> Response:
        body = await json_body(AddressBody)
        enabled = await webhooks.enable(body.url)
        return json_response({"message": texts_ko.WEBHOOK_ENABLED, "changed": enabled})

    base = "/api/webhooks"
    app.add_url_rule(f"{base}/send", "webhooks.send", send, methods=["POST"])
    app.add_url_rule(f"{base}/history", "webhooks.history", history, methods=["GET"])
    app.add_url_rule(f"{base}/history/<webhook_id>", "webhooks.one", one, methods=["GET"])
    app.add_url_rule(f"{base}/history/<webhook_id>/retry", "webhooks.retry", retry, methods=["POST"])
    app.add_url_rule(f"{base}/history/<webhook_id>/cancel", "webhooks.cancel", cancel, methods=["POST"])
    app.add_url_rule(f"{base}/statistics", "webhooks.statistics", statistics, methods=["GET"])
    app.add_url_rule(f"{base}/addresses/enable", "webhooks.enable", enable, methods=["POST"])


async def send_body(webhooks: Webhooks, body: SendBody, key: str | None = None) -> dict[str, object]:
    """Put a message into the outbox; what the answer says. Raises as `Webhooks.send`."""
    accepted = await webhooks.send(
        body.url,
        message=body.message,
        webhook_type=body.webhook_type,
        template_id=body.template_id or None,
        variables=texts_of(body.variables),
        idempotency_key=key,
    )
    return {"message": texts_ko.WEBHOOK_STARTED, "webhook_id": accepted.id}


def idempotency_key() -> str | None:
    """The header `Idempotency-Key` of the current request."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise InvalidRequest.of("Idempotency-Key", errors_ko.FIELD_TOO_LONG.format(length=len(key), limit=LONGEST_KEY))
    return key or None


def texts_of(variables: dict[str, str | int | float | bool | None] | None) -> dict[str, str]:
    """Values of a template as text."""
    return {name: "" if value is None else str(value) for name, value in (variables or {}).items()}


def read_wanted(query: Query, zone: tzinfo, *, cards: bool = False) -> Wanted:
    """`webhook_type`, `status`, `start_date` and `end_date`."""
    types: dict[str, str | None] = {kind: kind for kind in TYPES}
    states: dict[str, str | None] = {status: status for status in STATUSES}
    start, end = query.instant("start_date", zone=zone), query.instant("end_date", zone=zone)
    if start is not None and end is not None and start > end:
        query.problem("start_date", errors_ko.START_AFTER_END)
    return Wanted(
        webhook_type=query.choice("webhook_type", types, default=None),
        status=query.choice("status", states, default=None),
        start=start,
        end=end,
        receiver_id=query.text("receiver_id") or None,
        cards=cards,
    )
