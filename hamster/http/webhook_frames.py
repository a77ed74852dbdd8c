"""What is told over the WebSocket of webhooks."""

from actors.webhooks.messages import NoticeFailed, NoticeQueued, NoticeSent
from hamster.http.times import Stamp


def webhook_data(event: NoticeQueued | NoticeSent | NoticeFailed, stamp: Stamp) -> dict[str, object]:
    """The data of a `webhook_event`; `event` is `queued`, `sent`, `retry` or `failed`."""
    data: dict[str, object] = {"webhook_id": event.id, "url": event.address, "webhook_type": event.webhook_type}
    match event:
        case NoticeQueued():
            return {"event": "queued", "status": "pending", **data}
        case NoticeSent():
            return {
                "event": "sent",
                "status": "success",
                **data,
                "attempts": event.attempts,
                "response_code": event.response_code,
                "response_time_ms": round(event.response_time_ms, 1),
            }
        case NoticeFailed():
            again = event.next_attempt_at
            return {
                "event": "failed" if again is None else "retry",
                "status": "failed" if again is None else "pending",
                **data,
                "attempts": event.attempts,
                "response_code": event.response_code,
                "error_message": event.error,
                "next_attempt_at": None if again is None else stamp(again),
            }
