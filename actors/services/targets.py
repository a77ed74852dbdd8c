"""What a command names: a service, several by a pattern or a tag, or all instances of one. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from actors.settings import ServiceSettings

TAG = "tag:"
LONGEST = 500
"""Characters of a pattern: to translate one takes time that grows with its square, and who waits is everybody."""


def select(services: Mapping[str, ServiceSettings], target: str) -> tuple[str, ...]:
    """The ids that *target* names, in the order of *services*; none where nothing matches.

    Args:
        services: By id; those that are instances say of what.
        target: An id, which names that service alone; the id of a group, which names its instances; `tag:NAME`;
            or a pattern of ids with `*`, `?` and `[...]`, of at most `LONGEST` characters.
    """
    if target in services:
        return (target,)
    if target.startswith(TAG):
        tag = target.removeprefix(TAG)
        return tuple(service_id for service_id, service in services.items() if tag in service.tags)
    if len(target) > LONGEST:
        return ()
    instances = instances_of(services, target)
    return instances or tuple(service_id for service_id in services if fnmatchcase(service_id, target))


def instances_of(services: Mapping[str, ServiceSettings], group: str) -> tuple[str, ...]:
    """The ids of *group*'s instances; none where it is no group."""
    return tuple(service_id for service_id, service in services.items() if service.instance_of == group)
