"""Bytes of a log to records. No I/O."""

from actors.logs.parsing.assembling import RECORD_BYTES, Assembler
from actors.logs.parsing.levels import level_of
from actors.logs.parsing.parser import Parser
from actors.logs.parsing.text import decoded, is_utf16

__all__ = ["RECORD_BYTES", "Assembler", "Parser", "decoded", "is_utf16", "level_of"]
