"""Following, reading and searching logs."""
