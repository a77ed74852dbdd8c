"""WatchHamster, the product: configuration, command line and HTTP over the actors.

`open_hamster` runs all of it inside another Trio program; `open_client` asks one that runs.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hamster.client import HamsterClient, open_client
    from hamster.config import ConfigError, HamsterConfig, load_config
    from hamster.data_dir import DataDirError, DataDirInUse
    from hamster.embedding import open_hamster
    from hamster.product import Hamster
    from hamster.server import BindError
    from hamster.server_settings import ServerSettings

__all__ = [
    "BindError",
    "ConfigError",
    "DataDirError",
    "DataDirInUse",
    "Hamster",
    "HamsterClient",
    "HamsterConfig",
    "ServerSettings",
    "load_config",
    "open_client",
    "open_hamster",
]

_HOMES = {
    "BindError": "hamster.server",
    "ConfigError": "hamster.config",
    "DataDirError": "hamster.data_dir",
    "DataDirInUse": "hamster.data_dir",
    "Hamster": "hamster.product",
    "HamsterClient": "hamster.client",
    "HamsterConfig": "hamster.config",
    "ServerSettings": "hamster.server_settings",
    "load_config": "hamster.config",
    "open_client": "hamster.client",
    "open_hamster": "hamster.embedding",
}


def __getattr__(name: str) -> object:
    """Import what is asked for: the server takes a second to import, and who wants the version needs none of it."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'hamster' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
