"""Papers: how an edition is made. Knows no reader (that is `bot`)."""
