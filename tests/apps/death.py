# SPDX-License-Identifier: MIT
"""death.py - what a client sees while the helper dies

  death.py PORT KILL SCENARIO [ARGUMENT]

KILL is the helper's pid; it is killed in the middle of the scenario.
"""
import os
import signal
import sys
import time

from wireclient import Client

PORT, HELPER = int(sys.argv[1]), int(sys.argv[2])
DIRECT = os.environ["KTLSHIM_TEST_PATH"] == "direct"


def _kill():
    os.kill(HELPER, signal.SIGKILL)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            with open(f"/proc/{HELPER}/stat", encoding="ascii") as f:
                if f.read().rpartition(")")[2].split()[0] == "Z":
                    return
        except (FileNotFoundError, ProcessLookupError):
            return
        time.sleep(0.01)
    raise SystemExit("the helper does not die")


def _response(c):
    """One HTTP response with Content-Length: its body."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = c.read(1)
        assert byte, f"the connection ended after {head!r}"
        head += byte
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                  if line.lower().startswith(b"content-length:"))
    return c, length


def _get(c, path):
    c.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def download(path, file):
    """The helper dies in the middle of a response; then one more request."""
    with open(file, "rb") as f:
        want = f.read()
    c = Client(PORT)
    _get(c, path)
    _, length = _response(c)
    assert length == len(want)
    begin = c.read(1000)
    _kill()
    rest = c.read(length - len(begin))
    if not DIRECT:
        assert begin + rest != want, "all of it was relayed before"
        _, end = c.read_some()
        assert end in ("eof", "reset"), end
        return
    assert begin + rest == want, f"{len(begin + rest)} of {len(want)}"
    for _ in range(3):
        _get(c, path)
        _, length = _response(c)
        assert c.read(length) == want, "the next response"


def reader(how):
    """tests/apps/reader has the connection when the helper dies."""
    c = Client(PORT)
    c.send(f"{how} 100\n".encode())
    assert c.read(3) == b"ok\n"
    c.send(b"before")
    _kill()
    if DIRECT:
        c.send(b" and after" * 10000)
        c.close_notify()
        text, end = c.read_all()
        print(text.decode())
        assert b"bytes=100006 " in text and end == "close_notify", (text, end)
        return
    text, end = c.read_all()
    assert text == b"" and end in ("eof", "reset"), (text, end)


globals()[sys.argv[3]](*sys.argv[4:])
