"""The end of a certificate, read from its bytes, against the library that makes them."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.services.probing.certificate import days_left, not_after

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(end: datetime, name: str = "a") -> bytes:
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(KEY.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(end - timedelta(days=1))
    return builder.not_valid_after(end).sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


WHOLE = certificate(datetime(2030, 1, 1, tzinfo=UTC))


@settings(max_examples=30)
@given(st.datetimes(datetime(1951, 1, 1), datetime(9999, 12, 31)), st.text("ab", min_size=1, max_size=60))  # noqa: DTZ001 - made UTC below
def test_the_end_is_what_was_written(end: datetime, name: str) -> None:
    end = end.replace(microsecond=0, tzinfo=UTC)
    assert not_after(certificate(end, name)) == end


@settings(max_examples=50)
@given(st.integers(0, 400), st.binary(max_size=3))
def test_what_is_no_certificate_says_so_and_nothing_else(at: int, instead: bytes) -> None:
    der = WHOLE
    broken = der[:at] + instead
    with pytest.raises(ValueError, match="no certificate"):
        not_after(broken[: len(der) // 2])
    assert days_left(broken[: len(der) // 2]) is None


def test_of_no_certificate_nothing_is_known() -> None:
    assert days_left(None) is None
