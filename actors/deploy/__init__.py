"""Deploying a site from git: what to ask, what is known, and the events."""
