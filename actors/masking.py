"""What an address may be shown as: a webhook's address is its secret."""

import re

MASK = "***"

_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s?#]*@")
_QUERY = re.compile(r"(?P<address>[a-zA-Z][a-zA-Z0-9+.-]*://[^\s?#\"']*\?)(?P<query>[^\s#\"']*)")
_QUERY_VALUE = re.compile(r"=[^&;]+")
# What comes behind these is the token; Slack and Discord let a path of one's own choice follow it.
_HOOK = re.compile(
    r"(?P<address>://(?:[\w-]+\.)*(?:discord(?:app)?\.com/api(?:/v\d+)?/webhooks/[^/\s\"']+"
    r"|slack\.com/services/[^/\s\"']+/[^/\s\"']+"
    r"|slack\.com/(?:workflows|triggers)/[^/\s\"']+"
    r"|dooray\.com/services/[^/\s\"']+))/[^\s\"'?#]+",
    re.IGNORECASE,
)


def mask_addresses(text: str) -> str:
    """*text* without what its addresses keep secret: user and password, query values, the token of a webhook."""
    text = _USERINFO.sub(rf"\g<scheme>{MASK}@", text)
    text = _QUERY.sub(lambda found: found["address"] + _QUERY_VALUE.sub(f"={MASK}", found["query"]), text)
    return _HOOK.sub(rf"\g<address>/{MASK}", text)
