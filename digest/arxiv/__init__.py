"""arXiv: its client, its two sources, its calendar."""
