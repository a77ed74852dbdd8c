"""How many files we may have open: every client is one, and services need some, too."""

import sys

import attrs

from hamster.server_settings import ServerSettings

REST = 100
"""Connections beside the WebSockets: pages keep a few for their requests."""
OWN = 400
"""Files beside the connections: the database, logs, and what services, deployments and webhooks take."""


@attrs.frozen
class Room:
    """What clients may take."""

    connections: int
    websockets: int


def room(server: ServerSettings, limit: int) -> Room:
    """What is configured, or less where *limit* files may be open: without one, no service could be started. Pure."""
    left = max(2, limit - min(OWN, limit // 2))
    connections = min(server.max_websockets + REST, left)
    return Room(connections, min(server.max_websockets, connections - min(REST, connections // 2)))


if sys.platform == "win32":

    def soft_limit() -> int:
        """As good as any number: there is no such limit."""
        return 1 << 30

    def raise_soft_limit(server: ServerSettings) -> int | None:
        """None: there is nothing to raise."""
        return None

else:
    import resource

    def soft_limit() -> int:
        """How many files this process may have open."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return _number(soft)

    def raise_soft_limit(server: ServerSettings) -> int | None:
        """Make room for the configured clients, as far as the hard limit lets us; gives the soft limit of before.

        Shells give 1,024, of which 1,000 WebSockets leave too few. For a process that is ours: it changes all of it.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = min(server.max_websockets + REST + OWN, _number(hard))
        if wanted > _number(soft):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return soft

    def _number(limit: int) -> int:
        return 1 << 30 if limit == resource.RLIM_INFINITY else limit
