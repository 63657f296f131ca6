"""Subscribers, and delivery of editions to them. Depends on `digest`."""
