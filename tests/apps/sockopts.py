# SPDX-License-Identifier: MIT
"""sockopts.py - the client of tests/apps/sockopts: does as it is told

  sockopts.py PORT plain|tls HOST LOG

The first line tells the server both addresses as the client sees them. Then the
server says: "send N" bytes, "end" the stream, "reset" the connection, "pause"
reading until LOG, its output, says so. After the server's end come 5 bytes more.
"""
import socket
import struct
import sys
import time

from wireclient import TIMEOUT, Client


class Plain:
    """What Client is, without TLS."""

    def __init__(self, port, host):
        self.sock = socket.create_connection((host, port), TIMEOUT)

    def send(self, data):
        self.sock.sendall(data)

    def read_some(self):
        data = self.sock.recv(65536)
        return data, None if data else "eof"

    def close_notify(self):
        pass

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()


def wait_for_line(log, word):
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        with open(log, encoding="ascii") as f:
            if word in f.read():
                return
        time.sleep(0.05)
    raise SystemExit(f"{log}: no '{word}'")


def obey(c, command, sent, log):
    """Return: how many bytes have been sent, or None: the connection is gone."""
    word = command.split()
    if word[0] == b"send":
        count = int(word[1])
        c.send(bytes((sent + i) % 251 for i in range(count)))
        return sent + count
    if word[0] == b"end":
        c.close_notify()
        c.sock.shutdown(socket.SHUT_WR)
    elif word[0] == b"pause":
        wait_for_line(log, "the pause ends")
    elif word[0] == b"reset":
        c.reset()
        return None
    else:
        raise SystemExit(f"the server says {command!r}")
    return sent


def main():
    port, how, host, log = sys.argv[1:]
    make = Client if how == "tls" else Plain
    c = make(int(port), host=host)
    own, peer = c.sock.getsockname(), c.sock.getpeername()
    c.send(f"{own[0]} {own[1]} {peer[0]} {peer[1]}\n".encode())
    text, end, sent = b"", None, 0
    while not end:
        data, end = c.read_some()
        text = (text + data).lstrip(b"#x")
        while b"\n" in text:
            line, text = text.split(b"\n", 1)
            sent = obey(c, line, sent, log)
            if sent is None:
                return
            text = text.lstrip(b"#x")
    try:
        c.send(b"later")
        c.close_notify()
        c.sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the server has closed, or we have


main()
