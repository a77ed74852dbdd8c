"""The files that logs are in."""
