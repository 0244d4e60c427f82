# SPDX-License-Identifier: MIT
"""bench.py - ktlshim measured against its peers, in one run

    bench/run [--short] [--only native|virtual] [--out DIR] [--report TSV]

native: wall clock on this kernel, where everything is relayed if it has no kTLS.
virtual: instructions in a virtual machine whose kernel has kTLS (direct).

DIR (default: bench/ of the build directory) gets figures.tsv, ratios.tsv and
chart.svg. A figure alone says nothing, this machine may be busy: look at ratios.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from native import Native
from report import chart, ratios, table
from servers import BUILD, TOP


class Results:
    """{(part, figure): {stack: [values]}} in the order of their coming"""

    def __init__(self):
        self.all = {}

    def add(self, part, figure, stack, values):
        seen = self.all.setdefault((part, figure), {}).setdefault(stack, [])
        seen += values
        print(f"{part}  {figure:52} {stack:18} {statistics.median(seen):12.1f}",
              file=sys.stderr, flush=True)

    def write(self, path):
        with open(path, "w") as f:
            f.write("part\tfigure\tserver\tmedian\tmin\tmax\tn\n")
            for (part, figure), stacks in self.all.items():
                for stack, v in stacks.items():
                    f.write(f"{part}\t{figure}\t{stack}\t{statistics.median(v):.2f}"
                            f"\t{min(v):.2f}\t{max(v):.2f}\t{len(v)}\n")


def medians(path):
    """A written file: {(part, figure): {stack: median}}"""
    figures = {}
    with open(path) as f:
        for line in f.read().splitlines()[1:]:
            part, figure, stack, median = line.split("\t")[:4]
            figures.setdefault((part, figure), {})[stack] = float(median)
    return figures


def virtual(results):
    command = [TOP + "/tests/vm/run", "--virtual-time", "--kernel", "6.12",
               "--timeout", "3000", "--env", "KTLSHIM_BUILD=" + BUILD, "--",
               "python3", "-B", TOP + "/bench/virtual.py", "/tmp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as machine:
        for line in machine.stdout:
            if line.startswith("["):
                figure, stack, value = json.loads(line)
                results.add("virtual", figure, stack, [value])
            else:
                sys.stderr.write(line)
    if machine.returncode:
        raise SystemExit(f"bench: the virtual machine ended with {machine.returncode}")


def main():
    p = argparse.ArgumentParser(prog="bench/run")
    p.add_argument("--short", action="store_true", help="under five minutes")
    p.add_argument("--only", choices=["native", "virtual"])
    p.add_argument("--out", default=BUILD + "/bench", metavar="DIR")
    p.add_argument("--report", metavar="TSV", help="of an earlier run: measure nothing")
    args = p.parse_args()
    os.makedirs(args.out, exist_ok=True)
    tsv = args.report or args.out + "/figures.tsv"
    if not args.report:
        results = Results()
        top = tempfile.mkdtemp(prefix="ktlshim-bench.", dir="/dev/shm")
        os.chmod(top, 0o755)
        try:
            if args.only != "virtual":
                Native(top, results, args.short).all()
        finally:
            shutil.rmtree(top)
        if args.only != "native":
            virtual(results)
        results.write(tsv)
    figures = medians(tsv)
    chart(figures, args.out + "/chart.svg")
    print(table(figures))
    print()
    met = ratios(figures, args.out + "/ratios.tsv")
    return 0 if met else 1


sys.exit(main())
