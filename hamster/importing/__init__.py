"""Other supervisors' files as services of hamster.toml."""

from hamster.importing.drafts import Imported, ImportRefused, Note
from hamster.importing.formats import FORMATS, format_of, import_file
from hamster.importing.writing import toml_of, write_new

__all__ = [
    "FORMATS",
    "ImportRefused",
    "Imported",
    "Note",
    "format_of",
    "import_file",
    "toml_of",
    "write_new",
]
