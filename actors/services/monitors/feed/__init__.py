"""News out of feeds: what is new, told once, and what is late."""
