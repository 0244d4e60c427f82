# SPDX-License-Identifier: MIT
"""slow_reader.py - a TLS client that reads nothing until it is all over

  slow_reader.py PORT CAFILE LOG COMBINATION...

One connection to tests/apps/filler for each COMBINATION (see there), whose
output is in LOG. Reads only when the server has filled the connection and let
go of it, first a little at a time. Every byte that the server was told is
accepted must come, then close_notify, then FIN. The last line is "N of N".
"""
import os
import re
import socket
import ssl
import sys
import time

PORT, CA, LOG = int(sys.argv[1]), sys.argv[2], sys.argv[3]
PERIOD = bytes((i * 2654435761 >> 24) & 255 for i in range(65521))
LIMIT_S = 100
SLOW_BYTES = 60000


def report(pattern):
    """What the server says by a line that matches, when it does."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        with open(LOG, encoding="ascii", errors="replace") as f:
            found = re.search(pattern, f.read(), re.MULTILINE)
        if found:
            return found
        time.sleep(0.01)
    raise SystemExit(f"the server does not say {pattern}")


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def await_end(number):
    """Return: how many bytes the server has been told are accepted."""
    total, pid = map(int, report(rf"^total {number} (\d+) (\d+)$").groups())
    if not pid:
        report(rf"^ended {number}$")
    end = time.monotonic() + LIMIT_S
    while pid and not gone(pid):
        if time.monotonic() > end:
            raise SystemExit("the server does not end")
        time.sleep(0.01)
    return total


def connect():
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    raw.settimeout(LIMIT_S)
    raw.connect(("127.0.0.1", PORT))
    context = ssl.create_default_context(cafile=CA)
    # Python's default takes any FIN for a close_notify
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return context.wrap_socket(raw, server_hostname="localhost",
                               suppress_ragged_eofs=False)


def read_all(conn):
    """Return: all bytes, and how the stream ended."""
    got = bytearray()
    try:
        while True:
            piece = conn.recv(3000)
            if not piece:
                break
            got += piece
            if len(got) < SLOW_BYTES:
                time.sleep(0.001)
            elif len(got) < SLOW_BYTES + 3000:
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        with socket.socket(fileno=os.dup(conn.fileno())) as raw:
            raw.settimeout(LIMIT_S)
            behind = raw.recv(1)
        return got, "bytes behind close_notify" if behind else "close_notify"
    except OSError as e:
        return got, str(e)


def one(number, combination):
    with connect() as conn:
        if ":unread:" in combination:
            conn.sendall(b"u" * 3000)
        total = await_end(number)
        got, end = read_all(conn)
    want = (PERIOD * (total // len(PERIOD) + 1))[:total]
    good = got == want and total > 0 and end == "close_notify"
    if not good:
        same = len(os.path.commonprefix([bytes(got), want]))
        print(f"{combination}: {len(got)} bytes of {total}, {same} of them "
              f"right, then {end}", flush=True)
    return good


def main():
    combinations = sys.argv[4:]
    good = sum(one(i, c) for i, c in enumerate(combinations))
    print(f"{good} of {len(combinations)}")
    sys.exit(good != len(combinations))


main()
