"""The subscribers' choices."""
