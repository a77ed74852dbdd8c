"""What may be shown of a text that secrets may be in: a webhook's address is its secret."""

import re

MASK = "***"

# Both look at a scheme's end alone, and take an address whole, with a query or without: to look for where a scheme
# begins, or for a query from every "://" anew, is quadratic, and a long word would hold up everybody for minutes.
_USERINFO = re.compile(r"(?<=[a-zA-Z0-9+.-]://)[^/\s?#]*@")
_QUERY = re.compile(r"(?P<address>(?<=[a-zA-Z0-9+.-]://)[^\s?#\"']*)(?P<query>\?[^\s#\"']*)?")
_QUERY_VALUE = re.compile(r"=[^&;]+")
# What comes behind these is the token; Slack and Discord let a path of one's own choice follow it.
_HOOK = re.compile(
    r"(?P<address>://(?:[\w-]+\.)*(?:discord(?:app)?\.com/api(?:/v\d+)?/webhooks/[^/\s\"']+"
    r"|slack\.com/services/[^/\s\"']+/[^/\s\"']+"
    r"|slack\.com/(?:workflows|triggers)/[^/\s\"']+"
    r"|dooray\.com/services/[^/\s\"']+))/[^\s\"'?#]+",
    re.IGNORECASE,
)
# The same without the host in front, as HTTP libraries show what they ask for.
_HOOK_PATH = re.compile(
    r"(?P<address>/api(?:/v\d+)?/webhooks/\d{5,}|/services/T[A-Z0-9]+/B[A-Z0-9]+)/[\w-]+", re.IGNORECASE
)
_TOKEN = re.compile(r"(?P<kind>\b(?:bearer|basic)\s+)[\w.~+/=-]{6,}", re.IGNORECASE)
_SIGNING_SECRET = re.compile(r"\bwhsec_[\w+/=-]+")
_NAMED = re.compile(
    r"(?P<name>(?:\b|_)(?:password|passwd|passphrase|secret|token|api[_-]?key|authorization)[\"']?\s*[=:]\s*)"
    r"(?P<value>\"[^\"]*\"|'[^']*'|(?!(?:bearer|basic)\s)[^\s\"',;&)\]}]+)",
    re.IGNORECASE,
)
# Most lines have none of it, and are looked at once.
_SUSPICIOUS = re.compile(
    r"://|webhooks/|/services/|bearer|basic\s|whsec_|passw|passphrase|secret|token|api[_-]?key|authorization",
    re.IGNORECASE,
)


def mask_addresses(text: str) -> str:
    """*text* without what its addresses keep secret: user and password, query values, the token of a webhook."""
    text = _USERINFO.sub(f"{MASK}@", text)
    text = _QUERY.sub(lambda found: found["address"] + _QUERY_VALUE.sub(f"={MASK}", found["query"] or ""), text)
    return _HOOK.sub(rf"\g<address>/{MASK}", text)


def mask_secrets(text: str) -> str:
    """*text* without what looks like a secret in a log: see `mask_addresses`, and tokens and passwords by their names.

    Narrower than what an API shows of a setting, for a log must stay readable: a value is hidden only behind a name
    that says nothing but secret, such as `password=` or `Authorization: Bearer`.
    """
    if not _SUSPICIOUS.search(text):
        return text
    text = _HOOK_PATH.sub(rf"\g<address>/{MASK}", mask_addresses(text))
    text = _SIGNING_SECRET.sub(f"whsec_{MASK}", _TOKEN.sub(rf"\g<kind>{MASK}", text))
    return _NAMED.sub(rf"\g<name>{MASK}", text)
