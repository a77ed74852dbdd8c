"""Texts with `{name}` or `{{name}}` in them. Pure.

Not `str.format`: that reaches attributes (`{x.secret}`) and can be told to pad without end. A field here is a bare
name, what it stands for is never looked at again, and the result has an end.
"""

import re
from collections.abc import Mapping

LONGEST = 40_000
"""Characters of a rendered text: no receiver takes more."""

_FIELD = re.compile(r"\{\{\s*([^\W\d]\w*)\s*\}\}|\{\s*([^\W\d]\w*)\s*\}")
# What `str.format` would take: `{}`, `{0}`, and a name with an attribute, an index, a conversion or a format.
_FORMAT = re.compile(r"\{[ \t]*(?:\d*[ \t]*|\w+[ \t]*[.\[!:][^{}\n]*)\}")


class NoticeError(ValueError):
    """A notice cannot be made; nothing was written."""


class InvalidTemplate(NoticeError):
    """The text of a template has a field that is no bare name."""

    def __init__(self, field: str) -> None:
        super().__init__(f"the template has {field!r}; expected only names in braces, like '{{title}}'; correct it")
        self.field = field


class MissingVariable(NoticeError):
    """A template needs a variable that was not given."""

    def __init__(self, name: str, template_id: str | None = None) -> None:
        which = "the template" if template_id is None else f"template {template_id!r}"
        super().__init__(f"{which} needs the variable {name!r}, which is missing; give it a value")
        self.name = name
        self.template_id = template_id


def variables_of(template: str) -> tuple[str, ...]:
    """The names in *template*, each once, in order of appearance.

    Raises:
        InvalidTemplate: It has a field that is no bare name.
    """
    strange = _FORMAT.search(template)
    if strange is not None:
        raise InvalidTemplate(strange[0])
    return tuple(dict.fromkeys(found[1] or found[2] for found in _FIELD.finditer(template)))


def render(template: str, variables: Mapping[str, str], template_id: str | None = None) -> str:
    """*template* with the values of *variables*, cut at `LONGEST` characters; unused variables are no error.

    Args:
        template: Any text; braces that hold no name stay as they are.
        variables: Values, put in as they are: braces in them mean nothing.
        template_id: For the error.

    Raises:
        InvalidTemplate: It has a field that is no bare name.
        MissingVariable: One of its names has no value.
    """
    for name in variables_of(template):
        if name not in variables:
            raise MissingVariable(name, template_id)
    parts: list[str] = []
    length, end = 0, 0
    for found in _FIELD.finditer(template):
        for part in (template[end : found.start()], variables[found[1] or found[2]]):
            parts.append(part[: LONGEST - length])
            length += len(parts[-1])
        end = found.end()
        if length >= LONGEST:
            break
    parts.append(template[end:][: LONGEST - length])
    return "".join(parts)
