"""Renderer of audited pairs as one self-contained HTML page without scripts."""

from collections.abc import Sequence
from itertools import groupby

from digest.core.verdicts import AuditedPair
from digest.render import i18n


def render(pairs: Sequence[AuditedPair]) -> str:
    """Render `pairs` side by side, text by text, with a form for the labels of the objections."""
    texts = [list(some) for _, some in groupby(pairs, key=lambda pair: pair.call_id)]
    environment = i18n.environment().overlay(autoescape=True)
    return environment.get_template("page/audit.html.j2").render(texts=texts)
