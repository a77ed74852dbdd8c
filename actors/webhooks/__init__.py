"""Webhooks: an outbox that outlives us, and one sender for each receiver."""
