"""What is installed."""

import importlib.metadata


def product_version() -> str:
    """The version of what is installed."""
    try:
        return importlib.metadata.version("watchhamster")
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"  # run from a checkout that was not installed
