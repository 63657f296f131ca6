"""The Telegram channel: commands, the daily push and papers on demand."""
