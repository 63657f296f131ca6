"""The texts that people and models read, as Jinja2 templates: a folder an output, a file a language."""
