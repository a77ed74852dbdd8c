"""`/api/webhook`: the same as `/api/webhooks`, as some clients call it, and a test of an address with a text."""

import msgspec
from quart import Response
from quart_trio import QuartTrio

from actors.system import System
from hamster.http import texts_ko
from hamster.http.app import json_body, json_response
from hamster.http.webhook_enhanced import TEST_SECONDS

PLURAL, SINGULAR = "/api/webhooks", "/api/webhook"


class TestBody(msgspec.Struct):
    """An address, and what to send there."""

    url: str
    message: str | None = None


def register(app: QuartTrio, system: System) -> None:
    """Add the routes to *app*, which has those of `/api/webhooks` already."""
    webhooks = system.webhooks

    async def test() -> Response:
        body = await json_body(TestBody)
        accepted = await webhooks.send(body.url, message=body.message or texts_ko.WEBHOOK_TEST_BODY)
        sent = await webhooks.delivered(accepted.id, TEST_SECONDS, attempts=1)
        if sent.status == "pending":
            await webhooks.cancel_if_waiting(accepted.id)  # a test that failed is not tried again
        success = sent.status == "success"
        message = texts_ko.WEBHOOK_TEST_OK if success else texts_ko.WEBHOOK_TEST_FAILED
        return json_response(
            {
                "success": success,
                "message": message,
                "response_status": sent.response_code,
                "error_message": sent.error_message,
                "message_id": sent.id,
            }
        )

    for rule in tuple(app.url_map.iter_rules()):
        if rule.rule.startswith(f"{PLURAL}/"):
            methods = [method for method in rule.methods or () if method not in ("HEAD", "OPTIONS")]
            path, name = SINGULAR + rule.rule.removeprefix(PLURAL), f"singular.{rule.endpoint}"
            # Several methods of one path are rules of their own with endpoints of their own.
            app.add_url_rule(path, name, app.view_functions[rule.endpoint], methods=methods)
    app.add_url_rule(f"{SINGULAR}/test", "webhook.test", test, methods=["POST"])
