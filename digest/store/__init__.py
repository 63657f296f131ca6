"""What the digest knows, in tables: plain queries, one file a subject.

Every function takes a connection from `engine.reading` or `engine.writing`, and leaves the transaction to it.
"""
