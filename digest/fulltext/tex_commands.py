"""The commands and environments of LaTeX, by what becomes of them in the text of a paper."""

HEADINGS = {
    "part": 1,
    "chapter": 1,
    "title": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "paragraph": 5,
}
CONDITIONS = (
    *("ifthenelse", "iftoggle", "nottoggle", "ifbool", "notbool", "ifdef", "ifundef"),
    *("ifcsdef", "ifdefempty", "ifblank", "notblank", "ifstrequal"),
)
"""Commands that set one of their arguments, nobody knows which."""
GIVEN = {  # the arguments of commands that pylatexenc does not know, or knows otherwise
    **dict.fromkeys((*HEADINGS, "subparagraph"), "*[{"),
    **dict.fromkeys(("textcolor", "colorbox"), "[{{"),
    "fcolorbox": "[{{{",
    **dict.fromkeys(
        ("color", "caption", "footnote", "thanks", "title", "todo", "hyperref", "marginpar"), "[{"
    ),
    **dict.fromkeys(
        ("citep", "citet", "citealp", "citealt", "citeauthor", "citeyear", "parencite", "textcite"), "*[[{"
    ),
    **dict.fromkeys(
        ("cref", "Cref", "autoref", "eqref", "ref", "pageref", "label", "subref", "vspace", "hspace"), "*{"
    ),
    **dict.fromkeys(("scalebox", "rotatebox"), "{{"),
    "resizebox": "{{{",
    **dict.fromkeys(
        ("fontsize", "setlength", "addtolength", "setcounter", "definecolor", "renewcommand"), "{{"
    ),
    **dict.fromkeys(
        ("phantom", "hphantom", "vphantom", "hypersetup", "bibliography", "bibliographystyle"), "{"
    ),
    **dict.fromkeys(("url", "author", "affiliation", "email", "date", "thispagestyle", "pagestyle"), "{"),
    **dict.fromkeys(("multicolumn", "multirow"), "{{{"),
    "href": "{{",
    "captionof": "*{[{",
    **dict.fromkeys(("makebox", "framebox"), "[[{"),
    "parbox": "[[[{{",
    **dict.fromkeys(("texorpdfstring", "pdftooltip", "markboth"), "{{"),
    **dict.fromkeys(("pdfcomment", "index", "tikz"), "[{"),
    **dict.fromkeys(
        ("markright", "pdfinfo", "typeout", "message", "newsavebox", "excludecomment", "includecomment"), "{"
    ),
    **dict.fromkeys(
        ("AddToShipoutPicture", "AddToShipoutPictureBG", "AddToShipoutPictureFG", "@gobble", "smash@"), "*{"
    ),
    **dict.fromkeys(("pdfbookmark", "rule"), "[{{"),
    "AddToHook": "{[{",
    "addcontentsline": "{{{",
    **dict.fromkeys(CONDITIONS, "{{{"),
    "ifstrequal": "{{{{",
    "includegraphics": "*[{",
}
WITHOUT_TEXT = """
ref pageref eqref cref Cref autoref subref usepackage bibitem toprule midrule bottomrule hline cline cmidrule centering
cite citep citet citealp citealt citeauthor citeyear parencite textcite nocite label vspace hspace setlength
addtolength setcounter definecolor renewcommand newcommand providecommand hypersetup bibliography date
usepackage bibliographystyle thispagestyle pagestyle includegraphics phantom hphantom vphantom author
affiliation email todo documentclass maketitle tableofcontents appendix markboth markright index pdfcomment
pdfinfo pdfbookmark addcontentsline typeout message newsavebox excludecomment includecomment rule tikz AddToHook
AddToShipoutPicture AddToShipoutPictureBG AddToShipoutPictureFG
"""
DROPPED = frozenset(WITHOUT_TEXT.split())
FIRST_IS_TEXT = frozenset(("texorpdfstring", "pdftooltip"))
LAST_IS_TEXT = frozenset(("href", "multicolumn", "multirow", "rotatebox", "captionof", "parbox"))
BOXES = frozenset(("colorbox", "fcolorbox"))
FORMULAS = frozenset(
    f"{name}{star}"
    for name in ("equation", "align", "gather", "multline", "eqnarray", "alignat")
    for star in ("", "*")
) | {"displaymath", "math", "flalign"}
FIGURES = frozenset(
    (
        *("tikzpicture", "pgfpicture", "picture", "filecontents", "comment", "CJK@hide", "lrbox"),
        *("textblock", "textblock*", "color", "textcolor"),  # anywhere on the page, or off it; in any colour
    )
)
TABLES = frozenset(("tabular", "tabular*", "tabularx", "tabulary", "longtable", "array"))
BLOCKS = frozenset(("par", "newline", "linebreak", "newpage", "clearpage", "bigskip", "medskip", "smallskip"))
