"""Mistakes that the type checker must find; each file says at which lines, and with which words."""
