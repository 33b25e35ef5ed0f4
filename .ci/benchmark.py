"""Turn what pytest-benchmark measured into the book's table: one line a package, the fastest first.

The shortest of the rounds counts: what else the machine did can only add to it.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from recohort.files import write_text

measured, table = map(Path, sys.argv[1:])
times = {}
for run in json.loads(measured.read_text(encoding="utf-8"))["benchmarks"]:
    package, cohorts = run["extra_info"]["package"], run["extra_info"]["cohorts"]
    times[package] = 1e6 * run["stats"]["min"] / cohorts
fastest = min(times.values())
rows = [
    f"{name},{version(name)},{time:.3g},{time / fastest:.2g}"
    if time < 1000
    else f"{name},{version(name)},{round(time, -2):.0f},{float(f'{time / fastest:.2g}'):.0f}"
    for name, time in sorted(times.items(), key=lambda item: item[1])
]
write_text(table, "\n".join(["Package,Version,Microseconds,Ratio", *rows]) + "\n")
