"""Reading query parameters: each is what it should be, or part of one 400 that names all that are not."""

import math
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import Protocol, TypeVar

from hamster.http import errors_ko
from hamster.http.problems import FieldProblem, InvalidRequest

T = TypeVar("T")

#: A value is shown back to the client: this much of it is enough to recognise it.
SHOWN = 60
#: Longer texts are no search terms and no names.
MAX_TEXT = 1_000
MAX_LIST = 100


class Arguments(Protocol):
    """What Quart's `request.args` is."""

    def getlist(self, key: str, /) -> list[str]: ...


@contextmanager
def reading(arguments: Arguments) -> Generator["Query", None, None]:
    """Read parameters in the block; leaving it raises what was wrong with any of them.

    Raises:
        InvalidRequest: On leaving, with a problem for each bad value, in order of reading.
    """
    query = Query(arguments)
    yield query
    if query.problems:
        raise InvalidRequest(query.problems)


class Query:
    """Parameters of one request. A bad value is noted and read as the default; an empty one is none."""

    def __init__(self, arguments: Arguments) -> None:
        self._arguments = arguments
        self.problems: list[FieldProblem] = []

    def problem(self, name: str, message: str) -> None:
        """Note something that only the handler can see, such as an end before its start."""
        self.problems.append(FieldProblem(name, message))

    def integer(self, name: str, *, default: int, low: int, high: int) -> int:
        """A whole number from *low* to *high*, both included."""
        sentence = errors_ko.FIELD_INTEGER
        value = self._read(name, _integer, sentence, low=low, high=high)
        if value is not None and not low <= value <= high:
            self._note(name, str(value), sentence, low=low, high=high)
            value = None
        return default if value is None else value

    def number(self, name: str, *, default: float, low: float, high: float) -> float:
        """A finite number from *low* to *high*, both included."""
        sentence = errors_ko.FIELD_NUMBER
        value = self._read(name, float, sentence, low=low, high=high)
        if value is not None and not (math.isfinite(value) and low <= value <= high):
            self._note(name, str(value), sentence, low=low, high=high)
            value = None
        return default if value is None else value

    def boolean(self, name: str, *, default: bool) -> bool:
        """`true`, `1`, `yes`, `on` and their opposites."""
        value = self._read(name, _boolean, errors_ko.FIELD_BOOLEAN)
        return default if value is None else value

    def text(self, name: str, *, default: str = "", limit: int = MAX_TEXT) -> str:
        """Any text of at most *limit* characters."""
        value = self._single(name)
        if value is None:
            return default
        if len(value) > limit:
            self.problem(name, errors_ko.FIELD_TOO_LONG.format(length=len(value), limit=limit))
            return default
        return value

    def choice(self, name: str, choices: Mapping[str, T], *, default: T) -> T:
        """One of *choices* by its key, whatever its case; an Enum gives `{e.value: e for e in E}`."""
        value = self._single(name)
        if value is None:
            return default
        chosen = _choose(choices, value)
        if chosen is None:
            self._note(name, value, errors_ko.FIELD_CHOICE, choices=", ".join(choices))
            return default
        return choices[chosen]

    def words(self, name: str, *, limit: int = MAX_LIST) -> tuple[str, ...]:
        """A comma list, `a,b`, which may also be the parameter given several times; without repetitions."""
        given = [word.strip() for value in self._arguments.getlist(name) for word in value.split(",")]
        words = tuple(dict.fromkeys(word for word in given if word))
        if len(words) > limit:
            self.problem(name, errors_ko.FIELD_TOO_MANY.format(count=len(words), limit=limit))
            return ()
        return words

    def choices(self, name: str, choices: Mapping[str, T]) -> tuple[T, ...]:
        """A comma list of which each is one of *choices*."""
        found: list[T] = []
        for word in self.words(name):
            chosen = _choose(choices, word)
            if chosen is None:
                self._note(name, word, errors_ko.FIELD_CHOICE, choices=", ".join(choices))
            else:
                found.append(choices[chosen])
        return tuple(dict.fromkeys(found))

    def instant(self, name: str, *, zone: tzinfo) -> datetime | None:
        """An aware ISO 8601 time. Without an offset it is in *zone*; a date alone is its midnight."""

        def parse(text: str) -> datetime:
            clock, space, offset = text.strip().rpartition(" ")
            if space and ":" in clock:
                # An offset's plus sign arrives as a space when the client does not encode it.
                text = f"{clock}+{offset}"
            value = datetime.fromisoformat(text.strip())
            return value.replace(tzinfo=zone) if value.tzinfo is None else value

        return self._read(name, parse, errors_ko.FIELD_DATETIME)

    def _read(self, name: str, parse: Callable[[str], T], sentence: str, **expected: object) -> T | None:
        text = self._single(name)
        if text is None:
            return None
        try:
            return parse(text)
        except (ValueError, OverflowError):
            self._note(name, text, sentence, **expected)
            return None

    def _single(self, name: str) -> str | None:
        given = self._arguments.getlist(name)
        if len(given) > 1:
            self.problem(name, errors_ko.FIELD_REPEATED.format(count=len(given)))
            return None
        return given[0] if given and given[0] else None

    def _note(self, name: str, got: str, sentence: str, **expected: object) -> None:
        shown = got if len(got) <= SHOWN else got[:SHOWN] + "..."
        self.problem(name, sentence.format(got=repr(shown), **expected))


def _integer(text: str) -> int:
    # int() also takes "1_000", other scripts' digits, and megabytes of them.
    bare = text.strip()
    if not bare.isascii() or "_" in bare or len(bare) > 20:
        raise ValueError(text)
    return int(bare)


def _boolean(text: str) -> bool:
    match text.strip().lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
        case _:
            raise ValueError(text)


def _choose(choices: Collection[str], text: str) -> str | None:
    folded = text.strip().casefold()
    return next((choice for choice in choices if choice.casefold() == folded), None)
