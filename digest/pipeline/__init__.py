"""From announcements to editions: ingest, close, translate, read, answer."""
