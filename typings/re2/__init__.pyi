# What is used of google-re2, which comes without types.

from collections.abc import Iterator

class error(Exception): ...

class Options:
    case_sensitive: bool
    log_errors: bool
    max_mem: int
    never_nl: bool
    dot_nl: bool

class Match:
    def start(self, group: int | str = ...) -> int: ...
    def end(self, group: int | str = ...) -> int: ...
    def groupdict(self) -> dict[str, str | None]: ...

class Regexp:
    groupindex: dict[str, int]
    def finditer(self, text: str | bytes | bytearray) -> Iterator[Match]: ...
    def search(self, text: str | bytes) -> Match | None: ...

def compile(pattern: str | bytes, options: Options | None = ...) -> Regexp: ...
