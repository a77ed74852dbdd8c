"""Bytes of a line to text."""

import codecs

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_utf16(beginning: bytes) -> str | None:
    """Of a file that begins with *beginning*: the codec if its byte order mark says UTF-16, else None."""
    if beginning[:2] == codecs.BOM_UTF16_LE:
        return "utf-16-le"
    return "utf-16-be" if beginning[:2] == codecs.BOM_UTF16_BE else None


def decoded(line: bytes, encoding: str | None = None) -> str:
    """*line* as text: in *encoding*, else UTF-8, else CP949, else UTF-8 with what is broken replaced.

    Never raises. NULs in front, which a truncated file that is written on has, and a byte order mark are left out.
    """
    if encoding is not None:
        text = line.decode(encoding, errors="replace")
    else:
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            try:
                text = line.decode("cp949")
            except UnicodeDecodeError:
                text = line.decode("utf-8", errors="replace")
    return text.lstrip("\x00\ufeff")
