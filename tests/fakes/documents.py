"""Full texts as arXiv serves them: a LaTeXML page and a PDF. Made, not recorded."""

from collections.abc import Iterable
from html import escape

_SENTENCE = (
    "Room {room} was measured {count} times, and the error fell by {gain}.{count} points in every case. "
)


def sentences(room: int, characters: int) -> str:
    """Return prose about room `room`, of at least `characters` characters, in which all sentences differ."""
    made: list[str] = []
    while sum(map(len, made)) < characters:
        made.append(_SENTENCE.format(room=room, count=len(made) + 1, gain=len(made) % 17))
    return "".join(made)


def html_page(title: str, room: int, characters: int = 6000) -> bytes:
    """Return a page with two sections, one formula and a list of references."""
    half = escape(sentences(room, characters // 2))
    return (
        f'<html><body><article class="ltx_document"><h1 class="ltx_title ltx_title_document">{escape(title)}</h1>'
        f'<section class="ltx_section"><h2 class="ltx_title">1 Introduction</h2><p class="ltx_p">{half}</p></section>'
        f'<section class="ltx_section"><h2 class="ltx_title">2 Results</h2><p class="ltx_p">'
        f'<math alttext="x^{{2}}"><mi>x</mi><mn>2</mn></math> {half}</p>'
        '<p class="ltx_p">On public datasets, the error falls by up to 12.5%.</p></section>'
        '<section class="ltx_bibliography"><h2 class="ltx_title">References</h2>'
        '<ul class="ltx_biblist"><li class="ltx_bibitem">[1] Nobody.</li></ul></section>'
        "</article></body></html>"
    ).encode()


def pdf_file(lines: Iterable[str], per_page: int = 60) -> bytes:
    """Return a PDF with `lines` of ASCII text, `per_page` of them on a page."""
    rows = list(lines)
    pages = [rows[at : at + per_page] for at in range(0, len(rows), per_page)] or [[]]
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for at, page in enumerate(pages):
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Contents {5 + 2 * at} 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        shown = " ".join(f"({_escaped(row)}) Tj T*" for row in page)
        content = f"BT /F1 10 Tf 40 780 Td 12 TL {shown} ET"
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    return _file(objects)


def _escaped(row: str) -> str:
    return row.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _file(objects: list[str]) -> bytes:
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode("ascii")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    return body + (
        f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer << /Size {size} /Root 1 0 R >>\n"
        f"startxref\n{len(body)}\n%%EOF\n"
    ).encode("ascii")
