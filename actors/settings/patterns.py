"""Which services a word names."""

from fnmatch import fnmatchcase

from actors.settings.service import ServiceSettings


def names(pattern: str, service: ServiceSettings) -> bool:
    """Whether *pattern* names *service*: its id, a pattern of ids, `tag:NAME`, or the id of its group."""
    if pattern.startswith("tag:"):
        return pattern.removeprefix("tag:") in service.tags
    return fnmatchcase(service.id, pattern) or pattern == service.instance_of
