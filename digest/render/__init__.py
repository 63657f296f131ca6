"""Renderers of the stored form of text (`digest.core.models`), one for each output: posts, pages, terminal, Telegram.

Each escapes on output, by the rules of its own format. `stored_text` parses the form for all of them.
"""
