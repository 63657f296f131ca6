"""The tables of both packages on disk: how they came to be, and how a database is brought up to date."""
