"""Text from outside within a message that has markup of its own. Pure."""

import re

# Of an address nothing is changed: a backslash in it would lead elsewhere.
_PIECES = re.compile(
    r"(?P<address>https?://[^\s<>\"'`]+)|(?P<sign>[\\*`~|\[\]]|(?<!\w)_|_(?!\w)|(?m:^)[>#-](?=\s|#|>))"
)


def escaped(text: str) -> str:
    """*text* so that Discord shows it as it is: no bold, no code, no heading, and no link behind other words."""
    return _PIECES.sub(lambda found: found[0] if found["address"] else f"\\{found[0]}", text)
