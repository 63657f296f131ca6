"""PDFs for the tests of the full text: written by hand, page by page."""

import zlib
from collections.abc import Sequence

_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
# Its spaces are declared so wide that the gaps between words seem to be none.
_WIDE_SPACES = (
    b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /FirstChar 32 /LastChar 122 /Widths [%s] >>"
    % (b" ".join([b"2000"] + [b"500"] * 90))
)
_TYPE3 = b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /Encoding /WinAnsiEncoding >>"
_IMAGE = (
    b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>\n"
    b"stream\n\xff\nendstream"
)
_NAMES = (
    b"/Font << /F1 3 0 R >> /ExtGState << /G0 << /ca 0 >> /G1 << /ca 1 >> /G2 << /BM /Screen >> >> "
    b"/ColorSpace << /C1 [/Separation /Gold /DeviceGray << /FunctionType 2 /Domain [0 1] /N 1 >>] >>"
)
_XOBJECTS = b"/XObject << /I1 4 0 R /X1 5 0 R /X2 6 0 R >>"
LINE = "Every room answers the same question with another echo and another error"


def prose(lines: int) -> list[str]:
    """Return lines of English, each with its number."""
    return [f"{LINE} {number}." for number in range(lines)]


def shown(lines: Sequence[str], *, before: str = "", size: float = 10, left: float = 40) -> bytes:
    """Return a content stream that shows `lines` from the top of the page down, after the operators `before`."""
    rows = " ".join(f"({line}) Tj T*" for line in lines)
    return f"q {before} BT /F1 {size:g} Tf {left:g} 780 Td 12 TL {rows} ET Q\n".encode("cp1252")


def glued(lines: Sequence[str]) -> bytes:
    """Return the same with a gap instead of each space between words: for `pdf` with `wide_spaces`."""
    rows = " ".join(f"[({') -300 ('.join(line.split())})] TJ T*" for line in lines)
    return f"q BT /F1 10 Tf 40 780 Td 12 TL {rows} ET Q\n".encode("cp1252")


def pdf(*pages: bytes, type3: bool = False, wide_spaces: bool = False, form: bytes = b"") -> bytes:
    """Return a PDF with one page for each content stream.

    /F1 is its font, /I1 an image of one pixel, /X1 the content `form` from 0 0 to 600 100, and /X2 the same as a group.
    /G0 paints nothing, /G1 all, /G2 makes dark colours vanish; /C1 is a space of one ink.
    """
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (len(pages), b" ".join(b"%d 0 R" % (7 + 2 * at) for at in range(len(pages)))),
        _TYPE3 if type3 else _WIDE_SPACES if wide_spaces else _FONT,
        _IMAGE,
        _form(form, b""),
        _form(form, b"/Group << /S /Transparency >>"),
    ]
    for at, content in enumerate(pages):
        packed = zlib.compress(content)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R /Resources << %s %s >> >>"
            % (8 + 2 * at, _NAMES, _XOBJECTS if b" Do" in content else b""),
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed),
        ]
    return _file(objects)


def _form(content: bytes, more: bytes) -> bytes:
    head = b"<< /Type /XObject /Subtype /Form /BBox [0 0 600 100] /Resources << %s >> " % _NAMES
    return head + b"%s /Length %d >>\nstream\n%s\nendstream" % (more, len(content), content)


def _file(objects: Sequence[bytes]) -> bytes:
    body, table = b"%PDF-1.4\n", b"0000000000 65535 f \n"
    for number, content in enumerate(objects, start=1):
        table += b"%010d 00000 n \n" % len(body)
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(body))
    return body + b"xref\n0 %d\n" % (len(objects) + 1) + table + trailer
