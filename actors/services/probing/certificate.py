"""Until when a certificate holds, read from its bytes: the standard library tells it only of one that it verified."""

from collections.abc import Iterator
from datetime import UTC, datetime

from actors.services.probing.looks import LookFailed

SEQUENCE = 0x30
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18

DAY = 86_400.0


def days_left(der: bytes | None) -> float | None:
    """The days until a certificate expires, below 0 when it has; None if it cannot be told.

    TLS has read it already: a form that we do not know says nothing about whoever shows it.
    """
    if der is None:
        return None
    try:
        return (not_after(der) - datetime.now(UTC)).total_seconds() / DAY
    except ValueError:
        return None


def require_days(days: float | None, least: int | None) -> None:
    """Nothing, if *days* are *least* or more, or if either is not known.

    Raises:
        LookFailed: They are fewer.
    """
    if days is not None and least is not None and days < least:
        left = f"expires in {days:.1f} days" if days >= 0 else f"expired {-days:.1f} days ago"
        raise LookFailed(f"the certificate {left}, expected {least} days or more; renew it")


def not_after(der: bytes) -> datetime:
    """The end (UTC) of an X.509 certificate's validity.

    Raises:
        ValueError: *der* is no certificate.

    Source: RFC 5280, 4.1: Certificate { tbsCertificate { [0] version, serial, signature, issuer, validity, ... } }.
    """
    try:
        _, certificate = next(_values(der))
        _, to_be_signed = next(_values(certificate))
        fields = [content for tag, content in _values(to_be_signed) if tag == SEQUENCE]
        _, (tag, end) = _values(fields[2])  # after signature and issuer
        text = end.decode("ascii")
        if tag == UTC_TIME:  # two digits of a year from 1950 to 2049
            text = f"{'19' if text >= '5' else '20'}{text}"
        elif tag != GENERALIZED_TIME:
            raise ValueError(f"no time, but tag {tag}")
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except (ValueError, IndexError, StopIteration) as error:
        raise ValueError(f"this is no certificate (X.509, DER): {error}") from error


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The values that stand one behind the other in *data*: tag and content."""
    at = 0
    while at < len(data):
        tag, length, start = data[at], data[at + 1], at + 2
        if length >= 0x80:  # the length itself takes this many bytes
            size = length & 0x7F
            start += size
            length = int.from_bytes(data[at + 2 : start], "big")
        at = start + length
        if at > len(data):
            raise ValueError("it breaks off")
        yield tag, data[start:at]
