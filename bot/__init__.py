"""People: who reads, and how an edition reaches them. Stands on `digest`."""
