"""Names of logs as somebody gives them."""

import unicodedata

NAME_BYTES = 200


class InvalidLogName(ValueError):
    """It cannot be the name of a log, whatever there is."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"log {name[:100]!r} {why}; expected the bare name of a file, like watchhamster.log")
        self.name = name
        self.why = why


class UnknownLog(LookupError):
    """There is no log of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no log {name!r}; see the list of files")
        self.name = name


def bare_name(name: str) -> str:
    """*name*, if it can be the name of a file within one directory.

    Raises:
        InvalidLogName: It is empty, or leads elsewhere, or is nothing that a person would call a file.
    """
    if not name or name in (".", ".."):
        raise InvalidLogName(name, "names no file")
    if "/" in name or "\\" in name or ":" in name or "%" in name:
        raise InvalidLogName(name, "has a separator or an encoded character")
    if name.startswith(".") or name != name.strip() or any(unicodedata.category(letter)[0] == "C" for letter in name):
        raise InvalidLogName(name, "begins with a dot, or has a space at an end or a control character")
    if len(name.encode("utf-8", errors="replace")) > NAME_BYTES:
        raise InvalidLogName(name, f"is longer than {NAME_BYTES} bytes")
    return name
