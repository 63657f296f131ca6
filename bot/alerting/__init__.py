"""Alerts to the operator, and the routes that they take."""
