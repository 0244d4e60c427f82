# SPDX-License-Identifier: MIT
"""Processes, ports and cores."""
import os
import random
import re
import resource
import socket
import subprocess
import time

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = CPUS[0], CPUS[-1]


def raise_limit():
    """As many open files as are allowed; returns that number."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return limit


def pinned(cpu):
    return [] if cpu is None else ["taskset", "-c", str(cpu)]


def free_port():
    """Below the ports that the kernel gives to clients"""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def is_there(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(seconds, what):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            found = [int(x) for x in f.read().split()]
    except FileNotFoundError:
        return []
    return found + [c for child in found for c in children(child)]


def holder(port):
    """Who has the listening socket: the helper, for an upgraded port."""
    out = subprocess.run(["ss", "-Hltnp", f"sport = :{port}"], capture_output=True,
                         text=True, check=True).stdout
    return [int(pid) for pid in re.findall(r"pid=(\d+)", out)]
