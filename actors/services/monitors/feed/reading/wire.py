"""What the reading process is asked and answers, as JSON. Standard library only."""

from __future__ import annotations

from typing import TypedDict


class Request(TypedDict):
    """What stands before the document."""

    format: str
    """`auto`, `xml` or `json`."""
    content_type: str
    """As the server said; empty where it said nothing."""
    paths: dict[str, str]
    """JSON paths: `items`, `id`, `title`, `link`, `published`."""
    patterns: list[str | None]
    """Regular expressions that titles are searched for, one for each source; None takes all."""
    zones: list[str]
    """The zone of times that say none, one for each source; an offset such as `+09:00` will do."""
    base: str
    """What relative links are relative to."""
    memory: int
    """Bytes of address space."""
    cpu: int
    """Seconds."""


class Item(TypedDict):
    """One item of a document."""

    key: str
    title: str
    link: str
    published: list[float | None]
    """Seconds since 1970, as each source's zone has it; None where it says none."""
    sources: list[int]
    """The sources, by their place in the request, that it belongs to."""


class Answer(TypedDict, total=False):
    """What came of it: `error` alone, or the rest."""

    error: str
    format: str
    items: list[Item]
    """In the order of the document, each key once."""
    left_out: int
    """Items beyond what is taken of one document."""
    odd: str
    """What is wrong with it though it could be read; empty for nothing."""
