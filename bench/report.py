# SPDX-License-Identifier: MIT
"""What the figures come to: a table, the ratios that are aimed at, a chart."""
from native import PEERS

# (part, figure, of whom, against whom, aim, "+" as high or "-" as low as that)
AIMS = [
    ("native", "keep-alive 100 B, requests/s", "ktlshim", PEERS, 1.40, "+"),
    ("native", "100 MB down, MB/s", "ktlshim", PEERS, 1.50, "+"),
    ("native", "100 MB down, MB/s", "ktlshim", ["nginx"], 1.00, "+"),
    ("native", "100 MB up, MB/s", "ktlshim", PEERS, 1.50, "+"),
    ("native", "full handshakes P-256, server us/connection", "ktlshim", ["nginx"],
     1.00, "-"),
    ("native", "full handshakes RSA-2048, server us/connection", "ktlshim", ["nginx"],
     1.00, "-"),
    ("native", "resumed, server us/connection", "ktlshim", ["nginx"], 1.00, "-"),
    ("virtual", "100 B keep-alive, instructions/request", "ktlshim", ["nginx-ktls"],
     0.87, "-"),
    ("virtual", "100 B keep-alive, instructions/request", "ktlshim", ["nginx"], 1.03, "-"),
    ("virtual", "16 KB keep-alive, instructions/request", "ktlshim", ["nginx-ktls"],
     0.90, "-"),
    ("virtual", "16 KB keep-alive, instructions/request", "ktlshim", ["nginx"], 0.67, "-"),
    ("virtual", "1 MB with sendfile, instructions/request", "ktlshim", ["nginx-ktls"],
     0.95, "-"),
    ("virtual", "1 MB with sendfile, instructions/request", "ktlshim", ["nginx"],
     0.55, "-"),
    ("virtual", "connect, request, close, instructions/connection", "ktlshim", ["nginx"],
     1.03, "-"),
    ("virtual", "1 MB upload, instructions/upload", "ktlshim", ["nginx"], 0.95, "-"),
]


def table(figures):
    """As text, servers as columns"""
    lines, stacks = [], []
    for row in figures.values():
        stacks += [s for s in row if s not in stacks]
    lines.append(f"{'':58}" + "".join(f"{s:>18}" for s in stacks))
    for (part, figure), row in figures.items():
        lines.append(f"{part + ': ' + figure:58}" + "".join(
            f"{row[s]:18,.1f}" if s in row else " " * 18 for s in stacks))
    return "\n".join(lines)


def best(figures, part, figure, names, sign):
    found = {n: figures[part, figure][n] for n in names if n in figures[part, figure]}
    name = (max if sign == "+" else min)(found, key=found.get)
    return name, found[name]


def ratios(figures, path):
    """Print and write them. Return: were all aims met?"""
    met = True
    with open(path, "w") as f:
        f.write("part\tfigure\tserver\tagainst\tratio\taim\tmet\n")
        for part, figure, who, whom, aim, sign in AIMS:
            if (part, figure) not in figures:
                continue
            name, value = best(figures, part, figure, whom, sign)
            ratio = figures[part, figure][who] / value
            ok = ratio >= aim if sign == "+" else ratio <= aim
            met = met and ok
            word = "at least" if sign == "+" else "at most"
            print(f"{part + ': ' + figure:58} {who} / {name}: {ratio:.2f}, aim "
                  f"{word} {aim:.2f}: {'met' if ok else 'MISSED'}")
            f.write(f"{part}\t{figure}\t{who}\t{name}\t{ratio:.3f}\t{aim}\t"
                    f"{'yes' if ok else 'no'}\n")
    return met


# What the README shows: figures where more is better, or less, as bars
CHART = [
    ("native", "keep-alive 100 B, requests/s"),
    ("native", "100 MB down, MB/s"),
    ("native", "100 MB up, MB/s"),
    ("native", "full handshakes P-256, server us/connection"),
    ("virtual", "100 B keep-alive, instructions/request"),
    ("virtual", "16 KB keep-alive, instructions/request"),
    ("virtual", "1 MB with sendfile, instructions/request"),
]


def chart(figures, path):
    """Bars, one group for each figure, each relative to its longest"""
    y, out = 10, []
    for key in CHART:
        if key not in figures:
            continue
        out.append(f'<text x="10" y="{y + 12}" class="t">{key[0]}: {key[1]}</text>')
        y += 20
        longest = max(figures[key].values())
        for stack, value in figures[key].items():
            ours = "o" if stack.startswith("ktlshim") else "b"
            width = 420 * value / longest
            out.append(f'<text x="150" y="{y + 11}" class="n">{stack}</text>'
                       f'<rect x="158" y="{y}" width="{width:.0f}" height="13" '
                       f'class="{ours}"/><text x="{164 + width:.0f}" y="{y + 11}" '
                       f'class="v">{value:,.0f}</text>')
            y += 17
        y += 12
    with open(path, "w") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="680" height="{y}" '
                'font-family="sans-serif" font-size="12"><style>.t{font-weight:bold}'
                '.n{text-anchor:end}.b{fill:#9aa7b5}.o{fill:#2563a8}'
                '.v{fill:#444;font-size:11px}</style>'
                f'<rect width="680" height="{y}" fill="white"/>' + "\n".join(out) +
                "</svg>\n")
