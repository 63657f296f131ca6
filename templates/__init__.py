"""The texts that people and models read, as Jinja2 templates: one folder per output, one file per language."""
