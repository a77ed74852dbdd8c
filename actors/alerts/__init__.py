"""Alerts of every part, kept over restarts: told once, acknowledged, silenced, and quiet during maintenance."""
