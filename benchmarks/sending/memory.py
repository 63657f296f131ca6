"""The peak memory of a process."""

import re
from pathlib import Path


def peak_megabytes() -> float:
    """Return the peak since the process's program began (Linux, proc(5): VmHWM); `ru_maxrss` includes its parent's."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise AssertionError("Linux tells the peak of each process")
    return int(found[1]) / 1024
