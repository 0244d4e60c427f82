# SPDX-License-Identifier: MIT
"""bench.py - ktlshim measured against its peers, in one run

    bench/run [--short] [--only native|virtual] [--out DIR]
    bench/run --report FIGURES.TSV [--readme] [--out DIR]

native: wall clock on this kernel, where everything is relayed if it has no kTLS.
virtual: instructions in a virtual machine whose kernel has kTLS (direct).

DIR (default: bench/ of the build directory) gets figures.tsv, aims.tsv and
chart.svg; --readme puts table and chart into README.md and doc/bench.svg. A figure
alone says nothing, this machine may be busy: look at ratios.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import figures
from chart import chart
from native import Native
from report import aims, into_readme, table
from servers import BUILD, TOP


def virtual(results, mode):
    """Return: has it worked?"""
    command = [TOP + "/tests/vm/run", "--virtual-time", "--kernel", "6.12",
               "--timeout", "3000", "--env", "KTLSHIM_BUILD=" + BUILD, "--",
               "python3", "-B", TOP + "/bench/virtual.py", "/tmp",
               *(["7", "3"] if mode == "full" else ["3", "1"])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as machine:
        try:
            for line in machine.stdout:
                if line.startswith("["):
                    figure, server, value = json.loads(line)
                    results.add("virtual", figure, server, [value])
                else:
                    sys.stderr.write(line)
        except BaseException:
            machine.terminate()  # it ends its guest
            raise
    if machine.returncode:
        print(f"bench: the virtual machine ended with {machine.returncode}, see above:"
              " no figures for direct connections. --only native does without it.",
              file=sys.stderr)
    return machine.returncode == 0


def measure(args, mode):
    """Return: the figures, and have all parts worked?"""
    results, worked = figures.Results(), True
    if args.only != "virtual":
        top = tempfile.mkdtemp(prefix="ktlshim-bench.",
                               dir=os.environ.get("TMPDIR", "/dev/shm"))
        os.chmod(top, 0o755)
        try:
            Native(top, results, mode).all()
        finally:
            shutil.rmtree(top)
    if args.only != "native":
        worked = virtual(results, mode)
    return results.figures(), worked


def arguments():
    p = argparse.ArgumentParser(prog="bench/run")
    p.add_argument("--short", action="store_true", help="under five minutes")
    p.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--only", choices=["native", "virtual"])
    p.add_argument("--out", default=BUILD + "/bench", metavar="DIR")
    p.add_argument("--report", metavar="TSV", help="of an earlier run: measure nothing")
    p.add_argument("--readme", action="store_true",
                   help="put table and chart into README.md and doc/bench.svg")
    return p.parse_args()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends what was started
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    worked = True
    if args.report:
        found = figures.read(args.report)
    else:
        found, worked = measure(args, "tiny" if args.tiny else
                                "short" if args.short else "full")
        if not found:
            return 1
        figures.write(args.out + "/figures.tsv", found)
    chart(found, args.out + "/chart.svg")
    if args.readme:
        into_readme(found)
    print(table(found))
    met = aims(found, args.out + "/aims.tsv")
    return 0 if met and worked else 1


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(130)
