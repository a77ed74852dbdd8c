"""`/api/webhooks/templates`."""

import re
import uuid

import msgspec
from quart import Response, request
from quart_trio import QuartTrio

from actors.system import System
from actors.webhooks.messages import WebhookType
from hamster.http import errors_ko, texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.problems import InvalidRequest
from hamster.http.times import Stamp
from hamster.http.webhook_models import template_model
from hamster.http.webhooks import texts_of

LONGEST = 40_000
"""Characters of a template."""
LONGEST_NAME = 200
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class TemplateBody(msgspec.Struct):
    """A new template; without an `id` it gets one made of its name."""

    name: str
    template: str
    id: str | None = None
    description: str = ""
    webhook_type: WebhookType = "discord"
    variables: list[str] | None = None
    """Not read: they are what the text says."""


class ChangeBody(msgspec.Struct):
    """What is to be another one."""

    name: str | None = None
    template: str | None = None
    description: str | None = None
    webhook_type: WebhookType | None = None


class PreviewBody(msgspec.Struct):
    """Values for a template."""

    variables: dict[str, str | int | float | bool | None] | None = None


def register(app: QuartTrio, system: System, stamp: Stamp) -> None:
    """Add the routes to *app*."""
    webhooks = system.webhooks

    async def listed() -> Response:
        return json_response([template_model(template, stamp) for template in await webhooks.templates()])

    async def one(template_id: str) -> Response:
        return json_response(template_model(await webhooks.template(template_id), stamp))

    async def add() -> Response:
        body = await json_body(TemplateBody)
        template_id = body.id or _id_of(body.name)
        if not _ID.fullmatch(template_id):
            raise InvalidRequest.of("id", errors_ko.TEMPLATE_ID)
        _check(body.name, body.template, body.description)
        added = await webhooks.add_template(template_id, body.name, body.description, body.webhook_type, body.template)
        return json_response(template_model(added, stamp))

    async def change(template_id: str) -> Response:
        body = await json_body(ChangeBody)
        _check(body.name, body.template, body.description)
        asked = {
            "name": body.name,
            "template": body.template,
            "description": body.description,
            "webhook_type": body.webhook_type,
        }
        changes = {name: value for name, value in asked.items() if value is not None}
        return json_response(template_model(await webhooks.change_template(template_id, **changes), stamp))

    async def remove(template_id: str) -> Response:
        await webhooks.remove_template(template_id)
        return json_response({"message": texts_ko.TEMPLATE_REMOVED.format(id=template_id)})

    async def preview(template_id: str) -> Response:
        body = await json_body(PreviewBody) if await request.get_data() else PreviewBody()
        text = await webhooks.preview(template_id, texts_of(body.variables))
        return json_response({"template_id": template_id, "message": text, "length": len(text)})

    base = "/api/webhooks/templates"
    app.add_url_rule(base, "webhook_templates.listed", listed, methods=["GET"])
    app.add_url_rule(base, "webhook_templates.add", add, methods=["POST"])
    app.add_url_rule(f"{base}/<template_id>", "webhook_templates.one", one, methods=["GET"])
    app.add_url_rule(f"{base}/<template_id>", "webhook_templates.change", change, methods=["PUT"])
    app.add_url_rule(f"{base}/<template_id>", "webhook_templates.remove", remove, methods=["DELETE"])
    app.add_url_rule(f"{base}/<template_id>/preview", "webhook_templates.preview", preview, methods=["POST"])


def _id_of(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:80]
    return plain or f"template_{uuid.uuid4().hex[:8]}"


def _check(name: str | None, template: str | None, description: str | None) -> None:
    for field, text, limit in (
        ("name", name, LONGEST_NAME),
        ("template", template, LONGEST),
        ("description", description, LONGEST),
    ):
        if text is not None and len(text) > limit:
            raise InvalidRequest.of(field, errors_ko.FIELD_TOO_LONG.format(length=len(text), limit=limit))
        if text is not None and field != "description" and not text.strip():
            raise InvalidRequest.of(field, errors_ko.FIELD_MISSING)
