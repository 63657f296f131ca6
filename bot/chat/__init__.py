"""Telegram: commands, the day's push, any paper on demand."""
