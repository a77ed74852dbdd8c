"""A program of its own: whether a regular expression is found in a text, told by the exit code.

Its input is the length of the expression in 8 digits, the expression and the text, in UTF-8. Standard library only.
"""

import re
import sys

FOUND = 0
NOT_FOUND = 1


def main() -> int:
    data = sys.stdin.buffer.read()
    end = 8 + int(data[:8])
    pattern = data[8:end].decode("utf-8", "surrogatepass")
    text = data[end:].decode("utf-8", "surrogatepass")
    return FOUND if re.search(pattern, text) else NOT_FOUND


if __name__ == "__main__":
    sys.exit(main())
