"""Why the store did not do what it was asked."""

from pathlib import Path


class StoreError(Exception):
    """The store did not do what it was asked."""


class StoreUnavailable(StoreError):
    """The store is closed, or its file cannot be read or written. Nothing was changed."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the database {path} is not available: {why}; nothing was changed; see the disk and its rights"
        )
        self.path = path
        self.why = why


class StoreFull(StoreError):
    """The disk is full. Nothing was changed."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the disk that holds {path} is full; nothing was changed; make room")
        self.path = path


class OutcomeUnknown(StoreError):
    """The write may still be carried out, or was: do not repeat it without a key that makes repeating harmless."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(f"a write to {path} did not end within {seconds:g} s; it may still be carried out")
        self.path = path


class NewerSchema(StoreError):
    """The file was written by a later version of us."""

    def __init__(self, path: Path, domain: str, found: int, known: int) -> None:
        super().__init__(
            f"{path} has version {found} of {domain!r}, written by a later WatchHamster; this one knows {known}; "
            "install the later one, or name another data directory"
        )
        self.path = path
        self.domain = domain
        self.found = found
        self.known = known
