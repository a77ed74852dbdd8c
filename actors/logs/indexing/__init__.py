"""What is remembered of each file of a log, so that nobody reads it all again: counts, and where to look."""

from actors.logs.indexing.generation import BLOCK_BYTES, Block, Generation, Loggers, Minutes

__all__ = ["BLOCK_BYTES", "Block", "Generation", "Loggers", "Minutes"]
