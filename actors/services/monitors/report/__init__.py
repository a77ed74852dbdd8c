"""The periodic status message."""
