# SPDX-License-Identifier: MIT
"""hostile.py - clients that mean no good

  hostile.py PORT attack COUNT KIND...   COUNT clients of each kind at once
  hostile.py PORT hold COUNT KIND        the same; prints "ready", keeps them
                                         until its standard input ends
  hostile.py PORT request COUNT          honest HTTP requests, one by one
  hostile.py PORT kinds                  the names of all kinds
  hostile.py PORT echo                   an honest word, and the same back

attack waits until the server has closed every one of them and prints a line
for each kind: KIND closed after SHORTEST to LONGEST s. A client to which more
came than TLS records makes it fail. request prints the longest time it took.
"""
import random
import select
import socket
import struct
import sys
import time

from wireclient import Client, client_hello

PORT = int(sys.argv[1])
HELLO = client_hello()
RANDOM = random.Random(7)
SSLV2_HELLO = bytes.fromhex("802e0100020015000000100100800300800700c006004002"
                            "0080040080000004" + "ab" * 16)
GIVE_UP_S = 30

# What is sent right after connecting; nothing more is sent then.
SAYS = {
    "silent": lambda: b"",
    "random": lambda: RANDOM.randbytes(300),
    "http": lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "sslv2": lambda: SSLV2_HELLO,
    "huge": lambda: b"\x16\3\1\xff\xff" + b"x" * 5000,
    "claims": lambda: b"\x16\3\1\x40\0" + b"x",  # 16 KB are to come
    "alert": lambda: b"\x15\3\1\0\2\2\x28",
    "data": lambda: b"\x17\3\3\0\x20" + b"x" * 32,
    "empty": lambda: b"\x16\3\1\0\0" * 50,  # records with nothing in them
    "fragments": lambda: b"".join(b"\x16\3\1\0\1" + HELLO[i:i + 1]
                                  for i in range(5, 60)),
    "half": lambda: HELLO[:len(HELLO) // 2],
    "unfinished": lambda: HELLO,  # never answers the server's flight
    "trickle": lambda: HELLO[:1],
    "fin": lambda: b"",
    "fin-half": lambda: HELLO[:40],
    "fin-hello": lambda: HELLO,
    "rst": lambda: b"",
    "rst-half": lambda: HELLO[:40],
    "rst-hello": lambda: HELLO,
}
KINDS = [*SAYS, "rst-record", "vanish-record"]


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


def begin(kind):
    """One client up to its last word; None if it has vanished already."""
    if kind.endswith("-record"):  # a handshake, then half a record
        c = Client(PORT)
        c.raw(c.seal(b"GET / HTTP/1.0\r\n\r\n")[:20])
        if kind.startswith("rst"):
            c.reset()
        elif kind.startswith("vanish"):
            c.sock.close()
        else:
            return c.sock
        return None
    sock = socket.create_connection(("127.0.0.1", PORT), GIVE_UP_S)
    try:
        sock.sendall(SAYS[kind]())
        if kind.startswith("fin"):
            sock.shutdown(socket.SHUT_WR)
    except ConnectionError:
        pass  # it has been refused before all was said
    if kind.startswith("rst"):
        reset(sock)
        return None
    return sock


class Victim:
    """A client that waits for the server to close."""

    def __init__(self, kind):
        self.kind, self.got, self.took = kind, b"", None
        self.sent = 1
        self.sock = begin(kind)
        self.start = time.monotonic()

    def on_readable(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        self.got += data
        if not data:
            self.took = time.monotonic() - self.start
            self.sock.close()
        # alert or handshake: anything else was not said by TLS
        # records of the handshake, or the helper's own word to plain HTTP
        told = self.kind == "http" and b"a plain HTTP request" in self.got
        if self.got and not told and self.got[0] not in (0x15, 0x16):
            raise SystemExit(f"{self.kind}: got {self.got[:80]!r}")

    def trickle(self):
        """One more byte for each second."""
        want = 1 + int(time.monotonic() - self.start)
        try:
            self.sock.sendall(HELLO[self.sent:want])
        except ConnectionError:
            pass
        self.sent = want


def wait_closed(victims):
    end = time.monotonic() + GIVE_UP_S
    poll, by_fd = select.poll(), {}
    for v in victims:
        by_fd[v.sock.fileno()] = v
        poll.register(v.sock, select.POLLIN)
    while by_fd:
        if time.monotonic() > end:
            kinds = sorted({v.kind for v in by_fd.values()})
            raise SystemExit(f"{len(by_fd)} not closed: {kinds}")
        for fd, _ in poll.poll(100):
            by_fd[fd].on_readable()
            if by_fd[fd].took is not None:
                poll.unregister(fd)
                del by_fd[fd]
        for v in by_fd.values():
            if v.kind == "trickle":
                v.trickle()


def attack(count, *kinds):
    victims = [Victim(k) for _ in range(int(count)) for k in kinds or KINDS]
    victims = [v for v in victims if v.sock]
    wait_closed(victims)
    for kind in sorted({v.kind for v in victims}):
        took = [v.took for v in victims if v.kind == kind]
        print(f"{kind} closed after {min(took):.2f} to {max(took):.2f} s")


def hold(count, kind):
    victims = [begin(kind) for _ in range(int(count))]
    print("ready", flush=True)
    sys.stdin.read()
    del victims


def kinds():
    print(*KINDS, sep="\n")


def request(count):
    longest = 0
    for _ in range(int(count)):
        start = time.monotonic()
        c = Client(PORT)
        c.send(b"GET /index.txt HTTP/1.0\r\n\r\n")
        text, end = c.read_all()
        if b"hello over TLS\n" not in text or end != "close_notify":
            raise SystemExit(f"got {text!r}, then {end}")
        longest = max(longest, time.monotonic() - start)
    print(f"{longest:.3f}")


def echo():
    c = Client(PORT)
    c.send(b"hello")
    answer = c.read(5)
    if answer != b"hello":
        raise SystemExit(f"got {answer!r}")


globals()[sys.argv[2]](*sys.argv[3:])
