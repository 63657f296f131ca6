"""How much memory a process took at its peak."""

import re
from pathlib import Path


def peak_megabytes() -> float:
    """Of this process since its program began (Linux, proc(5): VmHWM); `ru_maxrss` would hold what its parent had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise AssertionError("Linux tells the peak of each process")
    return int(found[1]) / 1024
