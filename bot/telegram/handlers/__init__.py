"""Handlers of commands, button taps and messages."""
