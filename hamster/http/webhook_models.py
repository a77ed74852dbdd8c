"""Webhooks, templates and receivers as the API shows them: without secrets."""

from collections.abc import Mapping

import msgspec

from actors.masking import MASK, mask_addresses
from actors.webhooks.cards import Card
from actors.webhooks.receiver_rows import Receiver
from actors.webhooks.sent import AttemptMade, Figures, Sent, Statistics
from actors.webhooks.template_rows import Template
from hamster.http.times import Stamp


def sent_model(sent: Sent, stamp: Stamp) -> dict[str, object]:
    """A message and what became of it."""
    return {
        "id": sent.id,
        "url": sent.address,
        "message": sent.message,
        "webhook_type": sent.webhook_type,
        "status": sent.status,
        "response_code": sent.response_code,
        "error_message": sent.error_message,
        "sent_at": stamp(sent.sent_at),
        "created_at": stamp(sent.created_at),
        "attempts": sent.attempts,
        "next_attempt_at": None if sent.next_attempt_at is None else stamp(sent.next_attempt_at),
        "response_time_ms": None if sent.response_time_ms is None else round(sent.response_time_ms, 1),
        "template_id": sent.template_id,
        "message_type": sent.message_type,
        "event_type": sent.event_type,
        "receiver_id": sent.receiver_id,
    }


def attempt_model(attempt: AttemptMade, stamp: Stamp) -> dict[str, object]:
    """One attempt."""
    return {
        "attempt": attempt.attempt,
        "began_at": stamp(attempt.began_at),
        "took_ms": round(attempt.took_ms, 1),
        "response_code": attempt.response_code,
        "error_message": attempt.error_message,
        "answer": attempt.answer,
    }


def card_model(sent: Sent, stamp: Stamp) -> dict[str, object]:
    """A message of one of the seven kinds."""
    card = Card("", "", 0) if sent.card is None else msgspec.json.decode(sent.card, type=Card)
    return {
        "id": sent.id,
        "message_type": sent.message_type,
        "priority": sent.priority,
        "title": card.title,
        "body": card.body,
        "timestamp": stamp(sent.created_at),
        "color": f"#{card.color:06x}",
        "fields": {field.name: field.value for field in card.fields},
        "webhook_url": sent.address,
        "webhook_type": sent.webhook_type,
        "status": sent.status,
        "sent": sent.status == "success",
        "sent_at": stamp(sent.sent_at) if sent.status == "success" else None,
        "response_status": sent.response_code,
        "error_message": sent.error_message,
    }


def statistics_model(found: Statistics, stamp: Stamp) -> dict[str, object]:
    """How all messages went, by type and by address."""
    return {
        **_figures_model(found.whole, stamp),
        "types": {kind: _figures_model(figures, stamp) for kind, figures in found.types.items()},
        "receivers": {address: _figures_model(figures, stamp) for address, figures in found.receivers.items()},
    }


def _figures_model(figures: Figures, stamp: Stamp) -> dict[str, object]:
    return {
        "total_sent": figures.total,
        "successful_sent": figures.success,
        "failed_sent": figures.failed,
        "pending": figures.pending,
        "last_sent": None if figures.last_sent is None else stamp(figures.last_sent),
        "success_rate": round(figures.success_rate, 2),
        "response_time_p50_ms": None if figures.p50_ms is None else round(figures.p50_ms, 1),
        "response_time_p95_ms": None if figures.p95_ms is None else round(figures.p95_ms, 1),
    }


def template_model(template: Template, stamp: Stamp) -> dict[str, object]:
    """A template."""
    return {
        "id": template.id,
        "name": template.name,
        "description": template.description,
        "webhook_type": template.webhook_type,
        "template": template.template,
        "variables": list(template.variables),
        "created_at": stamp(template.created_at),
        "updated_at": stamp(template.updated_at),
    }


def receiver_model(receiver: Receiver, stamp: Stamp) -> dict[str, object]:
    """A receiver, its address masked and its secret not there."""
    return {
        "id": receiver.id,
        "name": receiver.name,
        "url": mask_addresses(receiver.url),
        "webhook_type": receiver.webhook_type,
        "event_types": list(receiver.event_types),
        "enabled": receiver.enabled,
        "allow_private": receiver.allow_private,
        "secret": None if receiver.secret is None else f"whsec_{MASK}",
        "old_secret_until": None if receiver.old_secret_until is None else stamp(receiver.old_secret_until),
        "services": list(receiver.services),
        "quiet_from": receiver.quiet_from,
        "quiet_until": receiver.quiet_until,
        "digest_after": receiver.digest_after,
        "digest_seconds": receiver.digest_seconds,
        "disabled_reason": receiver.disabled_why,
        "failing_since": None if receiver.failing_since is None else stamp(receiver.failing_since),
        "created_at": stamp(receiver.created_at),
        "updated_at": stamp(receiver.updated_at),
    }


def with_secret(receiver: Receiver, stamp: Stamp) -> Mapping[str, object]:
    """The same with its secret: shown once, to whoever made it."""
    return {**receiver_model(receiver, stamp), "secret": receiver.secret}
