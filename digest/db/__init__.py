"""The database of the digest: plain queries, one module per subject.

Every function takes a connection from `engine.reading` or `engine.writing`, which manages the transaction. Times are
aware and in UTC.
"""
