"""JSON bodies, read into what the handler expects."""

import re
from typing import TypeVar

import msgspec

from hamster.http import errors_ko
from hamster.http.problems import FieldProblem, HttpProblem, InvalidRequest

T = TypeVar("T")

_JSON = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json", re.IGNORECASE)
_AT_PATH = re.compile(r"(?P<problem>.*?)(?: - at `(?P<path>[^`]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`")
_POSITION = re.compile(r"byte (?P<position>[0-9]+)")


def decode_json(body: bytes, kind: type[T], *, content_type: str | None) -> T:
    """*body* as *kind*: an attrs class, `dict[str, object]`, or anything else msgspec decodes.

    Args:
        content_type: The request's; None or empty is taken for JSON.

    Raises:
        HttpProblem: 415, the body is something else.
        InvalidRequest: Not JSON, or not of that kind; names the field.
    """
    if content_type and not _JSON.fullmatch(content_type.partition(";")[0].strip()):
        raise HttpProblem(415, errors_ko.EXPECTED_JSON)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest([_field_problem(str(error))]) from None
    except UnicodeDecodeError:
        raise _broken(errors_ko.NOT_UTF8) from None
    except RecursionError:
        raise _broken(errors_ko.NESTED_TOO_DEEPLY) from None
    except msgspec.DecodeError as error:
        found = _POSITION.search(str(error))
        sentence = errors_ko.INVALID_JSON
        if found is not None:
            sentence = errors_ko.INVALID_JSON_AT.format(position=found["position"])
        raise _broken(sentence) from None


def _broken(sentence: str) -> InvalidRequest:
    return InvalidRequest([FieldProblem(errors_ko.BODY_FIELD, sentence)], sentence)


def _field_problem(text: str) -> FieldProblem:
    found = _AT_PATH.fullmatch(text)
    path = found["path"] if found is not None and found["path"] else "$"
    problem = found["problem"] if found is not None else text
    field = path.removeprefix("$").removeprefix(".")
    missing = _MISSING.fullmatch(problem)
    if missing is not None:
        return FieldProblem(f"{field}.{missing['field']}".removeprefix("."), errors_ko.FIELD_MISSING)
    if not field and problem.startswith("Expected `object`"):
        return FieldProblem(errors_ko.BODY_FIELD, errors_ko.EXPECTED_OBJECT)
    return FieldProblem(field or errors_ko.BODY_FIELD, errors_ko.FIELD_OF_BODY.format(problem=problem))
