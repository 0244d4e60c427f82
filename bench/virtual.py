# SPDX-License-Identifier: MIT
"""Direct connections: instructions, counted by a virtual machine's clock.

This runs inside the machine (bench.py starts it there): one CPU, one instruction
a nanosecond, so CPU time is the same whatever else the host does. What a request
costs is what all processes of the server have used for it, helper included.

    virtual.py DIRECTORY ROUNDS SCALE    each line is JSON: [figure, server, value]

With 1 MB two processes of one server differ by up to 3 per cent, each of them always
the same, and it is not the server's doing. So there are rounds here as well, each with
fresh servers.
"""
import json
import sys

import figures as fig
from processes import raise_limit
from servers import Client, Stack, make_files

STACKS = {"plain": {}, "nginx": {}, "nginx-ktls": {}, "ktlshim": {},
          "ktlshim-rx-kernel": {"KTLSHIM_RX": "kernel"}}
WORK = [
    # figure, connections, command, before counting, how often in a short run
    (fig.V_100, 4, ("get", "100"), 16, 80),
    (fig.V_16K, 4, ("get", "16k"), 16, 24),
    (fig.V_SENDFILE, 1, ("get", "1m"), 2, 2),
    (fig.V_COPIED, 1, ("get", "copied/1m"), 2, 2),
    (fig.V_UPLOAD, 1, ("put", "up/file", 1 << 20), 1, 2),
]
CONNECTS = 32  # 16 at a time
FIRST, IDLE = 100, 1000
WITH_MEMORY = ["plain", "nginx", "ktlshim"]


def put(figure, name, value):
    print(json.dumps([figure, name, value]), flush=True)


def cost(stack, n, ask, *words):
    before = stack.cpu_ns()
    ask(*words)
    return (stack.cpu_ns() - before) / n


def work(stack, scale):
    for figure, connections, words, first, n in WORK:
        with Client(stack) as client:
            client.ask("open", connections)
            client.ask(*words, first)
            put(figure, stack.name, cost(stack, n * scale, client.ask, *words, n * scale))
    n = CONNECTS * scale
    with Client(stack) as client:
        put(fig.V_CONNECT, stack.name, cost(stack, n, client.ask, "connect", n, "full"))


def memory(stack):
    """Of each connection; before the work, or what that has freed would be used"""
    with Client(stack) as client:
        client.ask("idle", FIRST)
        before = stack.memory()
        client.ask("idle", IDLE)
        return (stack.memory() - before) / IDLE


def main(top, rounds, scale):
    raise_limit()
    make_files(top, ["100", "16k", "1m"])
    plain = None
    for n in range(rounds):
        for name, env in STACKS.items():
            with Stack(top, name, cpu=None, warm=8, env=env) as stack:
                if n == 0 and name in WITH_MEMORY:
                    used = memory(stack)
                    if name == "plain":
                        plain = used
                    else:
                        put(fig.V_MEMORY, name, used - plain)
                work(stack, scale)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
