# SPDX-License-Identifier: MIT
"""What the figures come to: tables, and what is aimed at."""
import re
from typing import NamedTuple

import figures as fig
from chart import chart
from figures import PEERS
from servers import TOP


class Aim(NamedTuple):
    part: str
    figure: str
    relation: str  # ">=" or "<="
    aim: float
    to: object = None  # these servers' best, or another figure of ours; else absolute
    server: str = "ktlshim"
    less: str = None  # the server whose figure is subtracted
    note: str = ""


AIMS = [
    Aim("native", fig.KEEP_100, ">=", 1.40, PEERS),
    Aim("native", fig.DOWN, ">=", 1.50, PEERS),
    Aim("native", fig.DOWN, ">=", 1.00, ["nginx"]),
    Aim("native", fig.UP, ">=", 1.50, PEERS),
    Aim("native", fig.FULL["ec"][1], "<=", 1.00, ["nginx"]),
    Aim("native", fig.FULL["rsa"][1], "<=", 1.00, ["nginx"]),
    Aim("native", fig.RESUMED[1], "<=", 1.00, ["nginx"]),
    Aim("native", fig.MEMORY_1000, "<=", 12 * 1024),
    Aim("native", fig.MEMORY_10000, "<=", 12 * 1024),
    Aim("native", fig.BUSY_10000, "<=", 1.50, fig.BUSY_100),
    Aim("native", fig.READ_ZERO, "<=", 5, server="with", less="without"),
    Aim("native", fig.READ_SOCKET, "<=", 5, server="with", less="without"),
    Aim("virtual", fig.V_100, "<=", 0.87, ["nginx-ktls"]),
    Aim("virtual", fig.V_100, "<=", 1.03, ["nginx"]),
    Aim("virtual", fig.V_16K, "<=", 0.90, ["nginx-ktls"]),
    Aim("virtual", fig.V_16K, "<=", 0.67, ["nginx"]),
    Aim("virtual", fig.V_SENDFILE, "<=", 0.95, ["nginx-ktls"]),
    Aim("virtual", fig.V_SENDFILE, "<=", 0.55, ["nginx"]),
    Aim("virtual", fig.V_CONNECT, "<=", 1.03, ["nginx"]),
    Aim("virtual", fig.V_CONNECT, "<=", 1.00, ["nginx"],
        note="; stands for a full handshake on direct connections"),
    Aim("virtual", fig.V_UPLOAD, "<=", 0.95, ["nginx"]),
    Aim("virtual", fig.V_MEMORY, "<=", 1024),
]


NOTES = """
TLS memory: what all processes, the helper included, have grown by (PSS) for each
connection after the first 100, when it has made one request, less what plaintext nginx
has. "10,000" are as many as the limit of open files allowed. Server us/connection: CPU
time of all processes. At half load requests are sent evenly, at half the rate that the
slowest without a proxy has reached; a time counts from when a request was due; p50 and
p99 of a quarter of a second, and of these the median. A read() is the least of ten.
Instructions: of all processes of the server, user and kernel."""


def number(x):
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:,.1f}" if abs(x) >= 10 else f"{x:,.2f}"


def table(figures):
    """A block for each figure, a line for each server"""
    lines = []
    for (part, figure), row in figures.items():
        proxy = fig.best(row, PEERS, fig.more_is_better(figure))
        ratios = [("to plain", "plain" in row), ("to nginx", "nginx" in row),
                  (f"to {proxy}", proxy)]
        lines.append(f"\n{part + ': ' + figure:64}" + "".join(
            f"{text if there else '':>16}" for text, there in ratios))
        for server, x in row.items():
            spread = f"{number(x.low)} .. {number(x.high)}" if x.n > 1 else ""
            lines.append((f"  {server:18}{number(x.median):>14}  {spread:30}" + "".join(
                f"{'' if r is None else f'{r:.2f}':>16}"
                for r in fig.against(row, figure, server))).rstrip())
    return "\n".join(lines) + "\n" + NOTES


def reached(figures, aim):
    """(text of what is compared, value), or nothing if it was not measured"""
    row = figures.get((aim.part, aim.figure), {})
    if aim.server not in row:
        return None
    ours = row[aim.server].median
    if aim.less:
        return (f"{aim.server} - {aim.less}", ours - row[aim.less].median) \
            if aim.less in row else None
    if aim.to is None:
        return aim.server, ours
    if isinstance(aim.to, str):
        row, name = figures.get((aim.part, aim.to), {}), aim.server
        text = f"{name} / {name}, {aim.to}"
    else:
        name = fig.best(row, aim.to, aim.relation == ">=")
        text = f"{aim.server} / {name}"
    return (text, ours / row[name].median) if name in row and row[name].median else None


def aims(figures, path):
    """Print and write them. Return: were all that could be measured met?"""
    parts, met_all = {part for part, _ in figures}, True
    print("\nAims:")
    with open(path, "w", encoding="utf-8") as f:
        f.write("part\tfigure\tof\tvalue\trelation\taim\tmet\n")
        for aim in AIMS:
            if aim.part not in parts:
                continue
            got = reached(figures, aim)
            if got is None:
                print(f"{aim.part + ': ' + aim.figure:68} not measured")
                continue
            text, value = got
            met = value >= aim.aim if aim.relation == ">=" else value <= aim.aim
            met_all = met_all and met
            shown = [f"{x:.2f}" if x < 100 else f"{x:,.0f}" for x in (value, aim.aim)]
            print(f"{aim.part + ': ' + aim.figure:68} {text}: {shown[0]}, aim "
                  f"{aim.relation} {shown[1]}: {'MET' if met else 'MISSED'}{aim.note}")
            f.write(f"{aim.part}\t{aim.figure}\t{text}\t{value:.3f}\t{aim.relation}"
                    f"\t{aim.aim}\t{'met' if met else 'missed'}\n")
    return met_all


README = [("native", x) for x in (fig.KEEP_100, fig.KEEP_16K, fig.DOWN, fig.UP,
                                  fig.FULL["ec"][1], fig.HALF_LOAD[1], fig.MEMORY_10000)] \
    + [("virtual", x) for x in (fig.V_100, fig.V_16K, fig.V_SENDFILE, fig.V_UPLOAD,
                                fig.V_CONNECT, fig.V_MEMORY)]


def markdown(figures):
    """Our figure, and its ratio to the others'"""
    lines = ["| | ktlshim | to plaintext nginx | to nginx's own TLS | to the best proxy |",
             "|---|---:|---:|---:|---:|"]
    for part, figure in README:
        row = figures.get((part, figure), {})
        if "ktlshim" not in row:
            continue
        path = "relayed" if part == "native" else "direct"
        proxy = fig.best(row, PEERS, fig.more_is_better(figure))
        ratios = ["" if r is None else f"{r:.2f}"
                  for r in fig.against(row, figure, "ktlshim")]
        if proxy:
            ratios[2] += f" ({proxy})"
        lines.append(f"| {path}: {figure} | {number(row['ktlshim'].median)} | "
                     + " | ".join(ratios) + " |")
    return "\n".join(lines)


def into_readme(figures, top=TOP):
    """Chart and table, between two markers; the chart is a file beside it."""
    begin, end = "<!-- bench: begin -->", "<!-- bench: end -->"
    with open(top + "/README.md", encoding="utf-8") as f:
        text = f.read()
    block = f"{begin}\n![Speed, compared](doc/bench.svg)\n\n{markdown(figures)}\n{end}"
    text, n = re.subn(f"{begin}.*?{end}", lambda _: block, text, flags=re.S)
    if n != 1:
        raise SystemExit(f"bench: README.md has {n} pairs of {begin} and {end}, not one")
    chart(figures, top + "/doc/bench.svg")
    with open(top + "/README.md", "w", encoding="utf-8") as f:
        f.write(text)
