#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""proxy_client.py PORT CA WHAT...: clients with a PROXY header, for who.py

  ask ADDR         a client with that address: prints the server's answer
  many COUNT       so many without a header, one after the other; who.py gets one
  good             every kind of header, in one segment with the ClientHello, byte
                   by byte, and waiting in between: who is the client?
  bad              wrong headers, and none: each must be refused
  silent           a header and its half, then nothing: until the server closes
  untrusted ADDR   a good header from ADDR: must be refused
  hostile COUNT    so many of the above at random, at once; no answer expected
"""
import json
import random
import socket
import ssl
import struct
import sys
import time

PORT, CA = int(sys.argv[1]), sys.argv[2]
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
SRC, DST = ("203.0.113.9", 1234), ("198.51.100.1", 443)
SRC6, DST6 = ("2001:db8::9", 1234), ("2001:db8::1", 443)


def version1(src, dst):
    return ("PROXY TCP%d %s %s %d %d\r\n" % (6 if ":" in src[0] else 4, src[0],
                                             dst[0], src[1], dst[1])).encode()


def version2(src, dst, tlvs=b"", command=0x21, transport=1):
    family = socket.AF_INET6 if ":" in src[0] else socket.AF_INET
    rest = (socket.inet_pton(family, src[0]) + socket.inet_pton(family, dst[0]) +
            struct.pack("!HH", src[1], dst[1]) + tlvs)
    kind = (2 if ":" in src[0] else 1) << 4 | transport
    return SIGNATURE + struct.pack("!BBH", command, kind, len(rest)) + rest


# header, and who the client is then; None: the one who has connected
GOOD = [
    (version1(SRC, DST), SRC),
    (version1(SRC6, DST6), SRC6),
    (version2(SRC, DST), SRC),
    (version2(SRC, DST, transport=2), SRC),
    (version2(SRC6, DST6, b"\1\0\2h2\4\0\0\xe0\0\1x"), SRC6),
    (version2(("::ffff:" + SRC[0], SRC[1]), DST6), SRC),
    (version2(SRC, DST, b"\4\x0f\xe1" + bytes(0xfe1)), SRC),  # 4096 bytes
    (version2(SRC, DST, command=0x20), None),
    (SIGNATURE + b"\x20\0\0\0", None),
    (SIGNATURE + b"\x21\0\0\0", None),
    (SIGNATURE + b"\x21\x31\0\xd8" + bytes(216), None),
    (b"PROXY UNKNOWN\r\n", None),
]
BAD = [
    b"",
    b"\x16\x03\x01",
    b"GET / HTTP/1.0\r\n\r\n",
    b"PROXY TCP4 203.0.113.9 198.51.100.1 1234\r\n",
    b"PROXY TCP4 203.0.113.9 198.51.100.1 65536 443\r\n",
    b"PROXY TCP4 203.0.113.9 198.51.100.1 1234 443\n",
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    b"PROXY UNKNOWN\r\n" * 2,
    version2(SRC, DST, command=0x22),
    version2(SRC, DST, command=0x11),
    version2(SRC, DST, transport=3),
    version2(SRC, DST, b"\3\0\4\0\0\0\0"),
    version2(SRC, DST, b"\4\0\1"),
    version2(SRC, DST, b"\4\x0f\xe2" + bytes(0xfe2)),  # 4097 bytes
    version2(SRC, DST) * 2,
]


class Client:
    def __init__(self, source="127.0.0.1"):
        self.sock = socket.create_connection(("127.0.0.1", PORT), 60, (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = ssl.create_default_context(cafile=CA)
        self.come, self.go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.come, self.go, server_hostname="localhost")
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.hello = self.go.read()

    def until(self, call):
        while True:
            try:
                return call()
            except ssl.SSLWantReadError:
                self.sock.sendall(self.go.read())
                data = self.sock.recv(65536)
                if not data:
                    raise ConnectionError("closed") from None
                self.come.write(data)

    def ask(self):
        """The header and the ClientHello have been sent."""
        self.until(self.tls.do_handshake)
        self.tls.write(b"GET / HTTP/1.0\r\n\r\n")
        self.sock.sendall(self.go.read())
        text = b""
        while not text.endswith(b"}\n"):
            more = self.until(lambda: self.tls.read(65536))
            assert more, "close_notify after %r" % text
            text += more
        return json.loads(text.split(b"\r\n\r\n")[1])

    def is_refused(self):
        try:
            return self.sock.recv(1) == b""
        except ConnectionError:
            return True


def deliver(client, header, how):
    if how == "at once":
        client.sock.sendall(header + client.hello)
    elif how == "apart":
        client.sock.sendall(header)
        time.sleep(0.02)
        client.sock.sendall(client.hello)
    elif how == "then a flood":
        half = min(6, len(header) // 2)
        client.sock.sendall(header[:half])
        time.sleep(0.02)
        client.sock.sendall(header[half:] + b"\xff" * 100000)
    else:
        for byte in header[:300]:
            client.sock.sendall(bytes([byte]))
        client.sock.sendall(header[300:] + client.hello)


def seen(who, local):
    """By the daemon: an address of the listener's family."""
    if ":" in local:
        return [who[0] if ":" in who[0] else "::ffff:" + who[0], who[1]]
    return [who[0] if ":" not in who[0] else "192.0.0.8", who[1]]


def ask(source):
    client = Client()
    deliver(client, version2((source, 1234), DST6 if ":" in source else DST), "at once")
    print(client.ask())


def many(count):
    for _ in range(count):
        client = Client()
        client.sock.sendall(client.hello)
        assert client.ask()["header"]["src"] == list(client.sock.getsockname())


def good():
    for header, who in GOOD:
        for how in "at once", "apart", "bytes":
            client = Client()
            mine = client.sock.getsockname()
            deliver(client, header, how)
            got = client.ask()
            want = seen(who or mine, got["sock"][0])
            assert got["accept"][:2] == want, (header, how, got)
            assert got["peer"] == got["accept"], (header, how, got)
            assert got["sock"][0].endswith("127.0.0.1"), (header, how, got)
            assert got["sock"][1] == PORT, (header, how, got)
    print("%d headers" % len(GOOD))


def bad():
    for header in BAD:
        for how in "at once", "bytes", "then a flood":
            client = Client()
            try:
                deliver(client, header, how)
            except ConnectionError:  # it was refused before all was sent
                pass
            assert client.is_refused(), (header, how)
    print("%d headers" % len(BAD))


def silent():
    header = version2(SRC, DST)
    clients = [Client(), Client(), Client()]
    clients[1].sock.sendall(header[:20])
    clients[2].sock.sendall(header)
    for client in clients:
        assert client.is_refused()


def untrusted(source):
    for header in version1(SRC, DST), version2(SRC, DST):
        for how in "at once", "bytes":
            client = Client(source)
            try:
                deliver(client, header, how)
            except ConnectionError:
                pass
            assert client.is_refused(), (header, how)


def hostile(count):
    draw = random.Random(7)
    clients = []
    for _ in range(count):
        client = Client(draw.choice(["127.0.0.1", "127.0.0.2"]))
        header = draw.choice(BAD + [h for h, _ in GOOD])
        try:
            deliver(client, header[:draw.randrange(len(header) + 1)],
                    draw.choice(["at once", "bytes"]))
        except ConnectionError:
            pass
        clients.append(client)


getattr(sys.modules[__name__], sys.argv[3])(
    *(int(a) if a.isdigit() else a for a in sys.argv[4:]))
