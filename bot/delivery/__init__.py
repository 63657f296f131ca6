"""Deliveries: given out, sent, and recorded."""
