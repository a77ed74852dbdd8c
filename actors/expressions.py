"""Regular expressions that cannot take for ever: RE2's."""

import re
from collections.abc import Mapping


class InvalidExpression(ValueError):
    """It is none that RE2 understands."""

    def __init__(self, expression: str, why: str) -> None:
        hint = "; RE2 has neither look-around nor back-references" if "(?" in expression or "\\" in expression else ""
        super().__init__(f"{expression!r} is no regular expression: {why}{hint}; see github.com/google/re2/wiki/Syntax")
        self.expression = expression
        self.why = why


LONGEST = 1000
"""Characters of an expression."""

# What can match a line feed, or matches nothing but a place.
_ACROSS = re.compile(r"\\[nsDWAzBCpPxQ0-9]|\[\^|\[\[:\^|[\^$\n]|\(\?[a-zA-Z]*s|\x00")

_MEMORY = 32 * 1024 * 1024


class Expression:
    """A compiled expression. Its search takes time in proportion to the text, whatever the expression."""

    def __init__(self, text: str, *, caseless: bool = False) -> None:
        """Compile *text*.

        Raises:
            InvalidExpression: RE2 does not understand it, or it is too long.
        """
        if len(text) > LONGEST:
            raise InvalidExpression(text[:40] + "...", f"it has {len(text)} characters; expected at most {LONGEST}")
        import re2  # with the first expression: most configurations have none

        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = not caseless
        options.max_mem = _MEMORY
        try:
            self._compiled = re2.compile(text, options)
        except re2.error as error:
            why = error.args[0] if error.args else "it cannot be compiled"
            raise InvalidExpression(text, why.decode() if isinstance(why, bytes) else str(why)) from None
        self.text = text
        self.caseless = caseless
        self.groups: Mapping[str, int] = dict(self._compiled.groupindex)
        """Numbers of its named groups."""

    @property
    def stays_within_lines(self) -> bool:
        """Whether a match surely lies within one line, and does not depend on where its text begins and ends."""
        return not _ACROSS.search(self.text)

    def places(self, text: bytes | bytearray) -> list[int]:
        """Where in *text*, which is UTF-8, it matches, without overlaps."""
        return [found.start() for found in self._compiled.finditer(text)]

    def found_in(self, text: str | bytes) -> bool:
        """Whether it matches anywhere in *text*; bytes are taken as UTF-8."""
        return self._compiled.search(text) is not None

    def named(self, text: str) -> Mapping[str, str | None] | None:
        """Its named groups where it first matches in *text*; None: it does not."""
        found = self._compiled.search(text)
        return None if found is None else found.groupdict()
