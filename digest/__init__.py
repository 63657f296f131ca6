"""The pipeline for papers: how an edition is made. Knows nothing of subscribers (`bot` does)."""
