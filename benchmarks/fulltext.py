"""The share of a PDF's text that is extracted, and its cost: our extraction compared with pypdf's own.

    python benchmarks/fulltext.py [papers|glued …] [--quick]

papers   the real papers beside the checkout (tests/shared.py)
glued    a made paper whose fonts give wrong widths, so that pypdf misses the spaces between its words

Per paper and extractor: the share of letters in runs of 19 or more, the share of the four-word sequences that
pdftotext (of poppler-utils) finds, processor time, and peak memory. Words that are broken at a line's end are
joined on all sides; references are kept. Each extraction is a separate process.
"""

import argparse
import json
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
from pypdf import PdfReader

from benchmarks.results import Result, run, unmet
from digest.core.models import NoTextReason
from digest.fulltext.cleanup import glued_share, plain_characters
from digest.fulltext.pdf_worker import WorkerLimits, read_pages, unglued
from tests import pdfs
from tests.shared import shared_data

EXTRACTORS = ("pypdf", "today")
_LIMITS = WorkerLimits(1 << 30, 50, 1_000_000)
_MOST_SECONDS = 60
_LEAST_RECALL = 0.9
_KIBIBYTES = 1024
_QUICK = ("2103.15348v2_copy_protected.pdf", "2410.10779v1_short.pdf")
_LOCKED = "2206.01062_pg3_password.pdf"


@dataclass(frozen=True)
class Extraction:
    """The result of one extractor on one paper."""

    glued: float
    recall: float
    seconds: float
    mebibytes: float

    def __str__(self) -> str:
        return f"glued {self.glued:5.3f}  recall {self.recall:5.3f}  {self.seconds:5.1f} s  {self.mebibytes:4.0f} MiB"


@dataclass(frozen=True)
class Extractions(Result):
    """The papers by name, each with the result of every extractor."""

    papers: dict[str, dict[str, Extraction]]
    glued: bool = False

    def median(self, extractor: str) -> float:
        return statistics.median(each[extractor].recall for each in self.papers.values())

    @property
    def undone(self) -> list[str]:
        return [
            f"{name}: {extractor} gave no text"
            for name, made in self.papers.items()
            for extractor in EXTRACTORS
            if extractor not in made
        ]

    @property
    def broken(self) -> list[str]:
        better = all(made["today"].glued <= made["pypdf"].glued + 0.001 for made in self.papers.values())
        return unmet(
            (self.median("today") >= self.median("pypdf") - 0.005, "today's recall is below that of pypdf"),
            (better, "words run into each other that pypdf keeps apart"),
            (not self.glued or self.median("today") > 0.95, "words that run together are not taken apart"),
        )

    @property
    def missed(self) -> list[str]:
        today = [made["today"] for made in self.papers.values()]
        return unmet(
            (self.median("today") >= _LEAST_RECALL, f"the median recall is below {_LEAST_RECALL}"),
            (max(each.seconds for each in today) <= _MOST_SECONDS, f"over {_MOST_SECONDS} s for a paper"),
            (max(each.mebibytes for each in today) <= _KIBIBYTES, "over a gibibyte for a paper"),
        )

    def __str__(self) -> str:
        rows = [
            f"{name[:28]:28} {extractor:6} {made[extractor]}"
            for name, made in self.papers.items()
            for extractor in EXTRACTORS
        ]
        medians = " · ".join(f"{extractor} {self.median(extractor):.3f}" for extractor in EXTRACTORS)
        return "\n".join([*rows, f"median recall: {medians}"])


def papers(*, quick: bool) -> Extractions:
    """Return the real papers."""
    found = sorted(shared_data("pdf", "papers").glob("*.pdf"))
    chosen = [path for path in found if path.name != _LOCKED and (not quick or path.name in _QUICK)]
    return Extractions({path.name: extractions(path) for path in chosen})


def glued(*, quick: bool) -> Extractions:
    """Return the made paper."""
    pages = [
        pdfs.glued([f"Room {page}. {line}" for line in pdfs.prose(50)]) for page in range(2 if quick else 40)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "glued.pdf"
        path.write_bytes(pdfs.pdf(*pages, wide_spaces=True))
        return Extractions({path.name: extractions(path)}, glued=True)


def extractions(path: Path) -> dict[str, Extraction]:
    """Return the result of each extractor on the paper at `path`; those that fail are left out."""
    command = ["pdftotext", "-enc", "UTF-8", str(path), "-"]
    expected = shingles(
        subprocess.run(command, check=True, capture_output=True).stdout.decode(errors="replace")
    )
    made = {}
    for extractor in EXTRACTORS:
        command = [sys.executable, __file__, "--extract", extractor, str(path)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_MOST_SECONDS)
        if ended.returncode == 0:
            told: dict[str, Any] = json.loads(ended.stdout)
            text = told.pop("text")
            recall = len(expected & shingles(text)) / max(1, len(expected))
            made[extractor] = Extraction(glued_share(text), recall, **told)
    return made


def shingles(text: str) -> set[tuple[str, ...]]:
    """Return the sequences of four words, with words that a line's end broke in two joined."""
    words = re.findall(r"\w+", re.sub(r"-\s*\n\s*", "", plain_characters(text)).lower())
    return set(zip(words, words[1:], words[2:], words[3:], strict=False))


def extract(extractor: str, path: Path) -> str:
    """Return the text of all pages of the PDF at `path`; only text that is invisible on the page is left out."""
    reader = PdfReader(path)
    if reader.is_encrypted:
        reader.decrypt("")
    if extractor == "pypdf":
        return "\n".join(page.extract_text() for page in reader.pages)
    pages = read_pages(reader, _LIMITS.text_characters)
    if isinstance(pages, NoTextReason):
        raise SystemExit(pages)
    return "\n".join(page.text for page in unglued(pages, path, _LIMITS).read.values())


def tell(extractor: str, path: Path) -> None:
    """Print the result of `extract` and its cost as JSON."""
    text = extract(extractor, path)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    status = Path("/proc/self/status").read_text()  # the peak of getrusage starts at that of the parent
    told = {
        "text": text,
        "seconds": sum(each.ru_utime + each.ru_stime for each in used),
        "mebibytes": int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / _KIBIBYTES,
    }
    json.dump(told, sys.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts: dict[str, Callable[..., Result]] = {"papers": papers, "glued": glued}
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--quick", action="store_true", help="two short papers, and two pages")
    parser.add_argument("--extract", nargs=2, metavar=("EXTRACTOR", "PATH"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.extract:
        tell(asked.extract[0], Path(asked.extract[1]))
        return
    if unknown := set(asked.parts) - parts.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if shutil.which("pdftotext") is None:
        parser.exit(1, "pdftotext is not there: install poppler-utils\n")
    wanted: Sequence[str] = asked.parts or list(parts)
    try:
        run({name: partial(parts[name], quick=asked.quick) for name in wanted}, limits=not asked.quick)
    except pytest.skip.Exception as missing:
        parser.exit(1, f"{missing}\n")


if __name__ == "__main__":
    main()
