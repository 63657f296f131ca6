"""Checks of what a model wrote against its original: numbers, names, terms, hedges, fixed parts, sentences, quotations.

Each yields findings (`digest.core.findings`) or the reason why a statement is unsupported; the callers in
`digest.pipeline` decide what follows. `translation` runs the checks of a translation, `evidence` those of statements.
"""
