"""The limits of a process that opens a stranger's file, kept by the kernel."""

import resource
import sys


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Binds this process, and all that it starts, for the rest of its life."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))  # SIGXCPU, then SIGKILL
    if sys.platform != "darwin":  # macOS refuses this one
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
