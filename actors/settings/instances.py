"""One service that runs several times: `web` with three instances is `web-1`, `web-2` and `web-3`."""

from collections.abc import Iterable, Sequence

import attrs

from actors.setting_rules import SettingProblem
from actors.settings.service import ServiceSettings, service_id


def instance_count(service: ServiceSettings) -> int:
    """How often it runs."""
    return 1 if service.process is None else service.process.instances


def is_group(service: ServiceSettings) -> bool:
    """Whether it stands for several instances and does not run under its own id."""
    return service.instance_of is None and instance_count(service) > 1


def instance_ids(service: ServiceSettings) -> tuple[str, ...]:
    """The ids under which it runs: its own, or those of its instances, by number."""
    if not is_group(service):
        return (service.id,)
    return tuple(f"{service.id}-{number}" for number in range(1, instance_count(service) + 1))


def expanded(services: Iterable[ServiceSettings]) -> tuple[ServiceSettings, ...]:
    """*services* with every group replaced by its instances, in order; those that are instances stay as they are."""
    return tuple(
        _instance(service, instance_id, number) if is_group(service) else service
        for service in services
        for number, instance_id in enumerate(instance_ids(service), 1)
    )


def _instance(service: ServiceSettings, instance_id: str, number: int) -> ServiceSettings:
    name = instance_id if service.name == service.id else f"{service.name} {number}"
    return attrs.evolve(service, id=instance_id, name=name, instance_of=service.id, instance=number)


def instance_problems(services: Sequence[ServiceSettings]) -> list[SettingProblem]:
    """Instances whose ids cannot be: another service has one of them, or they become too long."""
    taken = {service.id for service in services}
    found: list[SettingProblem] = []
    for service in services:
        if not is_group(service):
            continue
        path = (service.id, "instances")
        for instance_id in instance_ids(service):
            if instance_id in taken:
                expected = f"no other service of the id {instance_id!r}, which one of them needs"
                found.append(SettingProblem(path, instance_count(service), expected, "rename that one or lower it"))
            elif service_id(instance_id):
                expected = f"an id that leaves room for {instance_id.removeprefix(service.id)!r}"
                found.append(SettingProblem(path, instance_count(service), expected, "shorten the id"))
                break
    return found
