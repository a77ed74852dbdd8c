"""What the API reference says, read out of its page: endpoints, parameters with their defaults, and JSON samples."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import attrs

PAGE = Path(__file__).parents[3] / "shared" / "contract" / "API_REFERENCE.ko.md"
"""Where it lies beside a checkout; elsewhere it is not."""

_HEADING = re.compile(r"^#### (GET|POST|PUT|DELETE|WebSocket) (\S+)$", re.MULTILINE)
_PARAMETER = re.compile(r"^- `(\w+)`: (.*)$", re.MULTILINE)
_DEFAULT = re.compile(r"기본값: \"?([^\")]+)\"?\)")
_JSON = re.compile(r"```json\n(.*?)```", re.DOTALL)


@attrs.frozen
class Described:
    """An endpoint as the page has it."""

    method: str
    path: str
    parameters: Mapping[str, str | None]
    """Of the query, with the defaults that are given."""
    required: frozenset[str]
    body: object
    answer: object

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def described(page: str) -> Iterator[Described]:
    """The endpoints of the page, in its order."""
    found = list(_HEADING.finditer(page))
    for number, heading in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else page.index("\n## ", heading.end())
        yield _described(heading[1], heading[2], page[heading.end() : end].split("\n### ")[0])


def _described(method: str, path: str, text: str) -> Described:
    query = _part(text, "쿼리 매개변수")
    parameters: dict[str, str | None] = {}
    required: set[str] = set()
    for name, about in _PARAMETER.findall(query):
        default = _DEFAULT.search(about)
        parameters[name] = None if default is None else default[1]
        if "필수" in about:
            required.add(name)
    answer = _part(text, "응답") or _part(text, "메시지 형식")
    return Described(method, path, parameters, frozenset(required), _sample(_part(text, "요청 본문")), _sample(answer))


def _part(text: str, title: str) -> str:
    """What stands under a bold title, up to the next one."""
    _, found, below = text.partition(f"**{title}**")
    return re.split(r"^\*\*", below, maxsplit=1, flags=re.MULTILINE)[0] if found else ""


def _sample(text: str) -> object:
    found = _JSON.search(text)
    return None if found is None else cast("object", json.loads(found[1].replace("[...]", "[]")))
