"""Runs a command; tells its wall seconds, peak memory and processor seconds.

    python -I -S spawn.py FILE COMMAND ...

A process of its own, and a small one: on Linux the peak that is accounted to a process begins with
that of the process which started it (setmax_mm_hiwater_rss in the kernel's fs/exec.c).
"""

import json
import os
import subprocess
import sys
import time

if __name__ == "__main__":
    began = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    peak = usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    with open(sys.argv[1], "w") as file:
        json.dump([seconds, peak, usage.ru_utime + usage.ru_stime], file)
    sys.exit(os.waitstatus_to_exitcode(status))
