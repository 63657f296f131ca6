"""The web part of the program: pages, feed, health checks and Telegram's webhook."""
