"""`/api/webhooks/receivers`: addresses with a name, which are told what happens."""

from datetime import tzinfo
from typing import Annotated

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from actors.settings.webhooks import EventType
from actors.system import System
from actors.webhooks.messages import WebhookType
from actors.webhooks.routes import DIGEST_AFTER, DIGEST_SECONDS
from actors.webhooks.signing import is_secret
from actors.webhooks.webhooks import Webhooks
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.parameters import reading
from hamster.http.problems import InvalidRequest
from hamster.http.times import Stamp, local_zone
from hamster.http.webhook_enhanced import TEST_SECONDS
from hamster.http.webhook_models import receiver_model, sent_model, with_secret

LONGEST_NAME = 200
LONGEST_OVERLAP = 30 * 86_400.0

ClockTime = Annotated[str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class ReceiverBody(msgspec.Struct):
    """A new receiver."""

    name: str
    url: str
    webhook_type: WebhookType | None = None
    event_types: list[EventType] = []
    allow_private: bool = False
    secret: str | None = None
    services: list[str] = []
    quiet_from: ClockTime | None = None
    quiet_until: ClockTime | None = None
    digest_after: Annotated[int, msgspec.Meta(ge=1, le=1000)] = DIGEST_AFTER
    digest_seconds: Annotated[float, msgspec.Meta(ge=1.0, le=86_400.0)] = DIGEST_SECONDS


class ChangeBody(msgspec.Struct):
    """What is to be another one."""

    name: str | None = None
    url: str | None = None
    webhook_type: WebhookType | None = None
    event_types: list[EventType] | None = None
    allow_private: bool | None = None
    enabled: bool | None = None
    services: list[str] | None = None
    quiet_from: ClockTime | None = None
    quiet_until: ClockTime | None = None
    digest_after: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    digest_seconds: Annotated[float, msgspec.Meta(ge=1.0, le=86_400.0)] | None = None


BASE = "/api/webhooks/receivers"


def register(app: QuartTrio, system: System, stamp: Stamp, zone: tzinfo | None) -> None:
    """Add the routes to *app*."""
    _register_receivers(app, system.webhooks, stamp)
    _register_actions(app, system.webhooks, stamp, zone)


def _register_receivers(app: QuartTrio, webhooks: Webhooks, stamp: Stamp) -> None:
    async def listed() -> Response:
        return json_response([receiver_model(receiver, stamp) for receiver in await webhooks.receivers()])

    async def one(receiver_id: str) -> Response:
        return json_response(receiver_model(await webhooks.receiver(receiver_id), stamp))

    async def add() -> Response:
        body = await json_body(ReceiverBody)
        _check_name(body.name)
        if body.secret is not None and not is_secret(body.secret):
            raise InvalidRequest.of("secret", errors_ko.WEBHOOK_SECRET)
        added = await webhooks.add_receiver(
            body.name,
            body.url,
            webhook_type=body.webhook_type,
            event_types=tuple(body.event_types),
            allow_private=body.allow_private,
            secret=body.secret,
            services=tuple(body.services),
            quiet=_quiet(body.quiet_from, body.quiet_until),
            digest_after=body.digest_after,
            digest_seconds=body.digest_seconds,
        )
        return json_response(with_secret(added, stamp))

    async def change(receiver_id: str) -> Response:
        body = await json_body(ChangeBody)
        if body.name is not None:
            _check_name(body.name)
        changes = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not None}
        return json_response(receiver_model(await webhooks.change_receiver(receiver_id, **changes), stamp))

    async def remove(receiver_id: str) -> Response:
        await webhooks.remove_receiver(receiver_id)
        return json_response({"message": texts_ko.RECEIVER_REMOVED.format(id=receiver_id)})

    app.add_url_rule(BASE, "webhook_receivers.listed", listed, methods=["GET"])
    app.add_url_rule(BASE, "webhook_receivers.add", add, methods=["POST"])
    app.add_url_rule(f"{BASE}/<receiver_id>", "webhook_receivers.one", one, methods=["GET"])
    app.add_url_rule(f"{BASE}/<receiver_id>", "webhook_receivers.change", change, methods=["PUT"])
    app.add_url_rule(f"{BASE}/<receiver_id>", "webhook_receivers.remove", remove, methods=["DELETE"])


def _register_actions(app: QuartTrio, webhooks: Webhooks, stamp: Stamp, zone: tzinfo | None) -> None:
    async def switch(receiver_id: str, *, enabled: bool) -> Response:
        return json_response(receiver_model(await webhooks.change_receiver(receiver_id, enabled=enabled), stamp))

    async def enable(receiver_id: str) -> Response:
        return await switch(receiver_id, enabled=True)

    async def disable(receiver_id: str) -> Response:
        return await switch(receiver_id, enabled=False)

    async def test(receiver_id: str) -> Response:
        receiver = await webhooks.receiver(receiver_id)
        accepted = await webhooks.send_to(receiver, texts_ko.WEBHOOK_TEST_BODY)
        sent = await webhooks.delivered(accepted.id, TEST_SECONDS, attempts=1)
        if sent.status == "pending":
            await webhooks.cancel_if_waiting(accepted.id)
        success = sent.status == "success"
        text = texts_ko.WEBHOOK_TEST_OK if success else texts_ko.WEBHOOK_TEST_FAILED
        return json_response({"success": success, "message": text, "webhook": sent_model(sent, stamp)})

    async def rotate(receiver_id: str) -> Response:
        with reading(request.args) as query:
            overlap = query.number("overlap_seconds", default=86_400.0, low=0.0, high=LONGEST_OVERLAP)
        return json_response(with_secret(await webhooks.rotate_secret(receiver_id, overlap), stamp))

    async def replay(receiver_id: str) -> Response:
        with reading(request.args) as query:
            since = query.instant("since", zone=local_zone(zone))
            only_failed = query.boolean("only_failed", default=False)
            if since is None:
                query.problem("since", errors_ko.FIELD_MISSING)
        assert since is not None  # noqa: S101 - else it is refused
        count = await webhooks.replay(receiver_id, since, only_failed=only_failed)
        return json_response({"message": texts_ko.WEBHOOKS_REPLAYED.format(count=count), "count": count})

    for name, handler in (
        ("enable", enable),
        ("disable", disable),
        ("test", test),
        ("rotate-secret", rotate),
        ("replay", replay),
    ):
        app.add_url_rule(f"{BASE}/<receiver_id>/{name}", f"webhook_receivers.{name}", handler, methods=["POST"])


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > LONGEST_NAME:
        raise InvalidRequest.of("name", errors_ko.FIELD_TOO_LONG.format(length=len(name), limit=LONGEST_NAME))


def _quiet(start: str | None, end: str | None) -> tuple[str, str] | None:
    if (start is None) is not (end is None):
        raise InvalidRequest.of("quiet_from" if start is None else "quiet_until", errors_ko.FIELD_MISSING)
    return None if start is None or end is None else (start, end)
