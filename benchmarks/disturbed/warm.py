"""Runs commands of the program one after another in one process: starting takes longer than most of them do.

Each line of the standard input is a list of arguments as JSON; each is answered with a line that tells the status, and
the last line that the command said. All that commands say goes to the standard error.
"""

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from bot.cli import main


def _call(arguments: list[str]) -> dict[str, object]:
    sys.argv = ["arxiv-daily", *arguments]
    said = StringIO()
    status: object = 0
    with redirect_stdout(said), redirect_stderr(said):
        try:
            main()
        except SystemExit as ended:
            status = ended.code
    print(said.getvalue(), file=sys.stderr, flush=True)
    return {"status": status, "said": "".join(said.getvalue().splitlines()[-1:])}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_call(json.loads(line))), flush=True)
