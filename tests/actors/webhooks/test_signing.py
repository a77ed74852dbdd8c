"""Signatures as the Standard Webhooks specification says."""

import base64
import hashlib
import hmac

import pytest

from actors.webhooks.signing import is_secret, new_secret, signature


def test_a_signature_is_the_one_of_the_specification() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the specification's own example
    body = b'{"test": 2432232314}'
    made = signature((secret,), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_secret_signs_and_the_newest_comes_first() -> None:
    secrets = (new_secret(), new_secret())
    made = signature(secrets, "id", 1, b"body").split()
    for secret, signed in zip(secrets, made, strict=True):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, b"id.1.body", hashlib.sha256).digest()
        assert signed == "v1," + base64.b64encode(digest).decode()


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_short", "secret", "whsec_" + "!" * 40, "whsec_" + "A" * 400])
def test_what_is_no_secret_is_not_taken_for_one(text: str) -> None:
    assert not is_secret(text)
    assert is_secret(new_secret())
