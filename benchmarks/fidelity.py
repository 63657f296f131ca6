"""The detection rate, the false alarms and the running time of the checks of translations.

    python benchmarks/fidelity.py [posts|pairs|planted|meaning|claims|speed|hostile …] [--abstracts 1000] [--show]

posts    every finding in the published posts' translations
pairs    the findings by kind in 250 real translations, the share of them that is refused without a true fault as judged
         by hand, and faults planted in them (benchmarks/simulated/pairs.py)
planted  1,000 abstracts in simulated translations (benchmarks/simulated/translation.py): clean ones, and ones with
         one fault planted; every fourth abstract was held back while the checks were tuned, and is counted apart
meaning  faults of meaning planted in real translations: those that the screens find, and those that a judge removes
         who is honest, or wrong in one case of ten; false alarms, and the tokens and the time that it takes
claims   labelled faulty claims in readings (benchmarks/labelled): those that are shown without a judge, and with one
         who is honest, or wrong in one case of ten; and the sound claims that are kept
speed    those abstracts checked on one core
hostile  long runs of one kind of characters, and how the time grows with their length

--show prints the planted faults that were missed and the clean texts that were flagged, of those not held back.
The papers are the real ones beside the checkout (tests/shared.py); without them only claims and hostile
can be measured.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
import structlog

from benchmarks.results import Result, run
from benchmarks.simulated.claims import claims
from benchmarks.simulated.hostile import hostile
from benchmarks.simulated.meaning import meaning
from benchmarks.simulated.pairs import pairs
from benchmarks.simulated.trial import MANY, planted, posts, speed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts: dict[str, Callable[[], Result]] = {
        "posts": posts,
        "pairs": lambda: pairs(show=asked.show),
        "planted": lambda: planted(asked.abstracts, show=asked.show),
        "meaning": lambda: meaning(show=asked.show),
        "claims": claims,
        "speed": lambda: speed(asked.abstracts),
        "hostile": hostile,
    }
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--abstracts", type=int, default=MANY)
    parser.add_argument(
        "--show", action="store_true", help="the faults that were missed, the clean texts flagged"
    )
    asked = parser.parse_args()
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
    if unknown := set(asked.parts) - parts.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    try:
        wanted = {part: parts[part] for part in asked.parts or list(parts)}
        run(wanted, limits=asked.abstracts == MANY)
    except pytest.skip.Exception as missing:
        parser.exit(1, f"{missing}\n")


if __name__ == "__main__":
    main()
