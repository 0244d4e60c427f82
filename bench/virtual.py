# SPDX-License-Identifier: MIT
"""Direct connections: instructions, counted by a virtual machine's clock.

This runs inside the machine (bench.py starts it there): one CPU, one instruction
a nanosecond, so CPU time is the same whatever else the host does. What a request
costs is what all processes of the server have used for it, helper included.
"""
import json
import subprocess
import sys

from servers import Stack, make_files

STACKS = [("plain", {}), ("nginx", {}), ("nginx-ktls", {}),
          ("ktlshim", {}), ("ktlshim-rx-kernel", {"KTLSHIM_RX": "kernel"})]


def ab(stack, page, n, *options):
    url = f"http{'s' if stack.tls else ''}://127.0.0.1:{stack.port}/{page}"
    out = subprocess.run(["ab", "-q", "-n", str(n), *options, url], check=True,
                         capture_output=True, text=True).stdout
    if "Failed requests:        0" not in out:
        raise SystemExit(f"bench: {stack.name}: {out}")


def put(stack, n):
    url = f"http{'s' if stack.tls else ''}://127.0.0.1:{stack.port}/up/file"
    for _ in range(n):
        subprocess.run(["curl", "-sSkf", "-o", "/dev/null", "-H", "Expect:", "-T",
                        stack.top + "/www/1m", url], check=True)


def cost(stack, function, n):
    before = stack.cpu_ns()
    function(stack, n)
    return (stack.cpu_ns() - before) / n


WORK = [
    # figure, how, how often
    ("100 B keep-alive, instructions/request",
     lambda s, n: ab(s, "100", n, "-k", "-c4"), 2000),
    ("16 KB keep-alive, instructions/request",
     lambda s, n: ab(s, "16k", n, "-k", "-c4"), 1000),
    ("1 MB with sendfile, instructions/request",
     lambda s, n: ab(s, "1m", n, "-k", "-c1"), 20),
    ("connect, request, close, instructions/connection",
     lambda s, n: ab(s, "100", n, "-c4"), 200),
    ("1 MB upload, instructions/upload", put, 10),
]


def main(top):
    make_files(top, ["100", "16k", "1m"])
    for name, env in STACKS:
        stack = Stack(top, name, cpu=None, env=env).start()
        for figure, function, n in WORK:
            function(stack, 4)  # the first pay for caches
            print(json.dumps([figure, name, cost(stack, function, n)]), flush=True)
        stack.stop()


main(sys.argv[1])
