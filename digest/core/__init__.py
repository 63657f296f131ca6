"""Values and rules that every other part of the digest uses."""
