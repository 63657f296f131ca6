"""The losses of subscribers through kills, refusals and outages: nothing but what was in flight.

    python benchmarks/faults.py [--quick] [--seed 7] [sqlite|postgresql|refused|outage …]

sqlite      60 kills by SIGKILL while the program makes, publishes and delivers editions by both channels, beside a
postgresql  machine that nothing disturbs: what is lost, repeated and unknown, and whether the posts are alike
refused     a relay that refuses everybody for each of thirty reasons that are about us, a day each: to subscribers in
            four domains, and to a single one
outage      two days without the Git remote: who is served, and whether the posts are pushed afterwards

The program is the real one, in separate processes; arXiv, the model, Telegram and the relay are the strict fake
servers of the tests. This is a benchmark and no test because its figures are counted over many kills; the tests
run it at its small size.
"""

import argparse
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

# ruff: noqa: E402
from benchmarks.results import run


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("sqlite", "postgresql", "refused", "outage")
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--quick", action="store_true", help="few kills, and every fifth refusal")
    parser.add_argument("--seed", type=int, default=7, help="of the points at which the program is killed")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(parts):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    # Here, because the processes that are killed are forked, and import this file: they do not need the rest.
    import pytest  # noqa: PLC0415

    from benchmarks.disturbed import parts as sizes  # noqa: PLC0415

    chosen = sizes.quick(asked.seed) if asked.quick else sizes.full(asked.seed)
    wanted = asked.parts or parts
    try:
        run(
            {name: part for name, part in chosen.items() if name.split()[0] in wanted}, limits=not asked.quick
        )
    except pytest.skip.Exception as missing:
        parser.exit(1, f"{missing}\n")


if __name__ == "__main__":
    main()
