"""Checks that the text of a page is that of the whole paper. Pure.

LaTeXML gives up on some papers and arXiv shows what it had made by then, which can be a third of the paper and more
than long enough to be taken for all of it. To compare every page with its PDF would double what arXiv is asked for;
so the PDF is fetched only where the page itself gives a sign, and then it decides:

- the page says that its conversion ended in a fatal error, or its article has no end;
- it has no list of references, which stands at the end, and which nearly every paper has;
- it has little text.

A page that breaks off without any of these signs is not noticed.
"""

import re

from digest.fulltext.extract import Extract

ENOUGH_CHARACTERS = 4_000
"""Without references: a page with fewer may be a conversion that broke off, so that the PDF is asked too."""
_SHARE = 0.8
"""Of the words of the PDF: measured, a whole page has 0.96 of them, as the words in figures are in the PDF alone."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_FORMULA = re.compile(r"\$\$[^$]*\$\$|\$[^$]*\$")  # whose TeX has more letters than what is shown


def is_doubtful(page: Extract) -> bool:
    """Return whether `page` gives a sign that it is not the whole paper."""
    return not page.whole or not page.has_references or len(page.text) < ENOUGH_CHARACTERS


def breaks_off(page: Extract, pdf: Extract) -> bool:
    """Return whether `page` lacks part of the paper that `pdf` has."""
    if not page.whole or (pdf.has_references and not page.has_references):
        return True
    return _words(page) < _SHARE * _words(pdf)


def _words(found: Extract) -> int:
    """The words outside formulas."""
    return len(_WORD.findall(_FORMULA.sub(" ", found.text)))
