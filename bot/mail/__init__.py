"""The mail channel: editions as a newsletter."""
