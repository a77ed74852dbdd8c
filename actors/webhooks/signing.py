"""Signatures of the Standard Webhooks specification, by which a receiver knows that a message is ours. Pure."""

import base64
import binascii
import hmac
import secrets as randomness
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32
"""Of a secret that we make; one that is given may have 24 to 64."""


def new_secret() -> str:
    """A secret, `whsec_...`, that nobody can guess."""
    return PREFIX + base64.b64encode(randomness.token_bytes(SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Whether *text* is `whsec_` and 24 to 64 bytes in base64."""
    if not text.startswith(PREFIX):
        return False
    try:
        return 24 <= len(base64.b64decode(text.removeprefix(PREFIX), validate=True)) <= 64
    except binascii.Error:
        return False


def signature(secrets: Sequence[str], uid: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature for each secret, so that a secret can be replaced with an overlap.

    Args:
        secrets: `whsec_...`, the newest first.
        uid: The header `webhook-id`.
        timestamp: The header `webhook-timestamp`, seconds since 1970.
        body: What is sent.
    """
    signed = f"{uid}.{timestamp}.".encode() + body
    keys = [base64.b64decode(secret.removeprefix(PREFIX)) for secret in secrets]
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
