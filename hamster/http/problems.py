"""How a handler says that the client sent something wrong."""

from collections.abc import Mapping, Sequence

import attrs

from hamster.http import errors_ko


@attrs.frozen
class FieldProblem:
    """One value of a request that cannot be used: its name as the client wrote it, and a Korean sentence."""

    field: str
    message: str


class HttpProblem(Exception):
    """Answers the request with an error.

    Args:
        status: 400 to 599.
        detail: A Korean sentence from `errors_ko`; without one, the status's own.
        headers: Further headers, such as `Retry-After`.
    """

    def __init__(self, status: int, detail: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.detail = detail or errors_ko.status_text(status)
        self.headers = dict(headers or {})
        super().__init__(f"{status} {self.detail}")


class InvalidRequest(HttpProblem):
    """400 with `errors`, one for each value that cannot be used."""

    def __init__(self, problems: Sequence[FieldProblem], detail: str | None = None) -> None:
        fields = ", ".join(dict.fromkeys(problem.field for problem in problems))
        super().__init__(400, detail or errors_ko.INVALID_FIELDS.format(fields=fields))
        self.problems = tuple(problems)

    @classmethod
    def of(cls, field: str, message: str) -> "InvalidRequest":
        """One problem with one field."""
        return cls([FieldProblem(field, message)])
