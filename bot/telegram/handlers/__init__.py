"""What each command, tap and word does."""
