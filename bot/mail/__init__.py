"""The newsletter: editions as mail."""
