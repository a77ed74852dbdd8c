"""Directories of files that something else writes: how they are, and what is removed from them."""
