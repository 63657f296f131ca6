"""Values that every part of the bot uses."""
