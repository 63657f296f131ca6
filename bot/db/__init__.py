"""The database of both packages: the tables of people, and migrations of all tables."""
