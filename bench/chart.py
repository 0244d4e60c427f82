# SPDX-License-Identifier: MIT
"""The chart that the README shows: bars, in two panels side by side."""
from xml.sax.saxutils import escape

import figures as fig

PANELS = [
    ("native", "Relayed, wall clock", "a kernel without kTLS", [
        fig.KEEP_100, fig.KEEP_16K, fig.DOWN, fig.UP, fig.FULL["ec"][1],
        fig.HALF_LOAD[1], fig.MEMORY_1000]),
    ("virtual", "Direct, instructions of all server processes", "a kernel with kTLS", [
        fig.V_100, fig.V_16K, fig.V_SENDFILE, fig.V_COPIED, fig.V_UPLOAD, fig.V_CONNECT,
        fig.V_MEMORY]),
]
LABELS = {"plain": "nginx, no TLS", "nginx": "nginx TLS", "nginx-ktls": "nginx kTLS",
          "ktlshim-rx-kernel": "ktlshim, rx=kernel"}
PANEL, LABEL, BAR = 430, 130, 205
STYLE = """
 text { font: 12px system-ui, sans-serif; fill: #1f2328 }
 .panel { font-size: 15px; font-weight: 600 }
 .unit, .v { fill: #59636e; font-size: 11px }
 .figure, .ours { font-weight: 600 }
 .n { text-anchor: end }
 .page { fill: #ffffff; stroke: #d1d9e0 }
 .bar { fill: #afb8c1 } .bar.ours { fill: #0969da }
 @media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .unit, .v { fill: #9198a1 }
  .page { fill: #0d1117; stroke: #3d444d }
  .bar { fill: #656c76 } .bar.ours { fill: #4493f8 }
 }
"""


def text(x, y, kind, words):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(words)}</text>'


def group(x, y, figure, row):
    """The bars of one figure, each relative to the longest: what to draw, and where
    it ends"""
    name, _, unit = figure.rpartition(", ")
    wish = "more is better" if fig.more_is_better(figure) else "less is better"
    out = [f'<text x="{x}" y="{y}" class="figure">{escape(name)}'
           f'<tspan class="unit" font-weight="400" dx="6">{escape(unit)}, {wish}'
           "</tspan></text>"]
    y += 7
    longest = max(max(f.median for f in row.values()), 1e-9)
    for server, f in row.items():
        ours = " ours" if server.startswith("ktlshim") else ""
        width = max(BAR * f.median / longest, 1)
        value = f"{f.median:,.0f}" if f.median >= 10 else f"{f.median:.2f}"
        out += [text(x + LABEL - 6, y + 11, "n" + ours, LABELS.get(server, server)),
                f'<rect x="{x + LABEL}" y="{y + 1}" width="{width:.1f}" height="12" '
                f'rx="2" class="bar{ours}"/>',
                text(x + LABEL + width + 5, y + 11, "v", value)]
        y += 16
    return out, y + 20


def chart(figures, path):
    """One panel for each part that was measured"""
    out, x, bottom = [], 20, 0
    for part, title, where, names in PANELS:
        there = [n for n in names if (part, n) in figures]
        if not there:
            continue
        y = 30
        out += [text(x, y, "panel", title), text(x, y + 17, "unit", where)]
        y += 46
        for name in there:
            drawn, y = group(x, y, name, figures[part, name])
            out += drawn
        x, bottom = x + PANEL, max(bottom, y)
    width = max(x, 20 + PANEL)
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom}" '
                f'width="{width}" height="{bottom}" role="img" '
                'aria-label="ktlshim compared with other ways to give nginx TLS">\n'
                f"<style>{STYLE}</style>\n"
                f'<rect class="page" x="0.5" y="0.5" width="{width - 1}" '
                f'height="{bottom - 1}" rx="6"/>\n' + "\n".join(out) + "\n</svg>\n")
