# SPDX-License-Identifier: MIT
"""What is measured: the names of the figures, and the file that holds them."""
import statistics
import sys
from typing import NamedTuple

PEERS = ["nginx-stream", "hitch", "haproxy", "stunnel"]  # proxies, nginx behind them

# native: wall clock
KEEP_100 = "keep-alive 100 B, requests/s"
KEEP_16K = "keep-alive 16 KB, requests/s"
DOWN = "100 MB down, MB/s"
UP = "100 MB up, MB/s"
FULL = {kind: (f"full handshakes {key}, connections/s",
               f"full handshakes {key}, server us/connection")
        for kind, key in (("ec", "P-256"), ("rsa", "RSA-2048"))}
RESUMED = ("resumed, connections/s", "resumed, server us/connection")
HALF_LOAD = ("100 B at half load, p50 us", "100 B at half load, p99 us")
HALF_RATE = "half load: requests sent each second"
BUSY_100 = "request among 100 idle connections, p99 us"
BUSY_10000 = "request among 10,000 idle connections, p99 us"
MEMORY_1000 = "TLS memory of each of 1,000 idle connections, bytes"
MEMORY_10000 = "TLS memory of each of 10,000 idle connections, bytes"
IDLE_CPU = "CPU of 10,000 idle connections, us each second"
HELD = "idle connections that the limit of open files allowed"
READ_ZERO = "read() of /dev/zero, ns"
READ_SOCKET = "read() of an empty socket, ns"
START = "start of /bin/true, ms"

# virtual: instructions of all server processes
V_100 = "keep-alive 100 B, instructions/request"
V_16K = "keep-alive 16 KB, instructions/request"
V_SENDFILE = "1 MB with sendfile, instructions/request"
V_COPIED = "1 MB without sendfile, instructions/request"
V_UPLOAD = "1 MB upload, instructions/upload"
V_CONNECT = "connect, request, close, instructions/connection"
V_MEMORY = "TLS memory of an idle connection, bytes"


def more_is_better(figure):
    return figure.endswith(("requests/s", "MB/s", "connections/s"))


class Figure(NamedTuple):
    median: float
    low: float
    high: float
    n: int


class Results:
    """Values as they come; of each figure and server the median counts."""

    def __init__(self):
        self.values = {}  # {(part, figure): {server: [values]}}

    def add(self, part, figure, server, values):
        seen = self.values.setdefault((part, figure), {}).setdefault(server, [])
        seen += values
        print(f"{part}  {figure:56} {server:18} {statistics.median(seen):12,.1f}",
              file=sys.stderr, flush=True)

    def median(self, part, figure, server):
        return statistics.median(self.values[part, figure][server])

    def figures(self):
        return {key: {server: Figure(statistics.median(v), min(v), max(v), len(v))
                      for server, v in row.items()}
                for key, row in self.values.items()}


HEAD = ["part", "figure", "server", "median", "min", "max", "n", "to plain", "to nginx",
        "to best proxy"]


def read(path):
    """A file that write() has made: {(part, figure): {server: Figure}}"""
    figures = {}
    try:
        with open(path, encoding="utf-8") as f:
            head, *lines = f.read().splitlines() or [""]
        if head.split("\t")[:4] != HEAD[:4]:
            raise ValueError("no figures of bench/run")
        for line in lines:
            part, figure, server, *numbers = line.split("\t")[:7]
            median, low, high, n = (float(x) for x in numbers)
            figures.setdefault((part, figure), {})[server] = Figure(median, low, high,
                                                                    int(n))
    except (OSError, ValueError) as e:
        raise SystemExit(f"bench: {path}: {e}") from None
    return figures


def best(row, names, more):
    """Of these servers the one with the best figure: its name, or nothing"""
    there = [n for n in names if n in row]
    pick = max if more else min
    return pick(there, key=lambda n: row[n].median) if there else None


def against(row, figure, server):
    """Ratios to plaintext nginx, nginx's own TLS and the best proxy, or nothing"""
    others = ["plain", "nginx", best(row, PEERS, more_is_better(figure))]
    return [row[server].median / row[o].median if o in row and row[o].median else None
            for o in others]


def write(path, figures):
    with open(path, "w", encoding="utf-8") as f:
        f.write("\t".join(HEAD) + "\n")
        for (part, figure), row in figures.items():
            for server, x in row.items():
                ratios = "\t".join("" if r is None else f"{r:.3f}"
                                   for r in against(row, figure, server))
                f.write(f"{part}\t{figure}\t{server}\t{x.median:.2f}\t{x.low:.2f}"
                        f"\t{x.high:.2f}\t{x.n}\t{ratios}\n")
