"""The alert about an address that nothing is sent to any more."""

import hashlib

from actors.alerts.messages import AlertCleared, AlertRaised
from actors.masking import mask_addresses

SOURCE = "webhooks"


def disabled(receiver: str, url: str, why: str) -> AlertRaised:
    """Nothing is sent to *receiver* any more, whose address is *url*."""
    address = mask_addresses(url)
    return AlertRaised(
        source=SOURCE,
        key=_key(receiver),
        level="warning",
        code="webhook_disabled",
        detail=f"nothing is sent to {address} any more: {why}",
        values={"address": address, "why": why},
    )


def enabled_again(receiver: str) -> AlertCleared:
    """It is sent to again."""
    return AlertCleared(source=SOURCE, key=_key(receiver), detail="it is sent to again")


def _key(receiver: str) -> str:
    return f"webhook_disabled/{hashlib.sha256(receiver.encode()).hexdigest()[:12]}"
