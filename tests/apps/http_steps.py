#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An HTTP client over TLS that does one step at a time, as it is told.

    http_steps.py 1.2|1.3 HOST PORT CAFILE <steps

One connection. Each line of standard input is a step, answered by a line "ok":

    get PATH FILE     a whole request; the answer is what is in FILE
    begin PATH FILE   a request, and the beginning of its answer
    finish            the rest of it
    end               the server ends the connection, with close_notify

When the input ends, so does the connection, cleanly on both sides.
"""
import socket
import ssl
import sys


def connect(version, host, port, ca):
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    raw = socket.socket()
    raw.settimeout(60)
    # so that a large answer does not fit into what lies between
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262144)
    raw.connect((host, int(port)))
    return context.wrap_socket(raw, server_hostname=host,
                               suppress_ragged_eofs=False)


class Client:
    def __init__(self, conn):
        self.conn = conn
        self.got = bytearray()
        self.wanted = b""
        self.ended = False

    def begin(self, path, name):
        with open(name, "rb") as f:
            self.wanted = f.read()
        self.conn.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"
                          .encode())
        while b"\r\n\r\n" not in self.got:
            self.receive()
        head, self.got = self.got.split(b"\r\n\r\n", 1)
        lines = head.decode().lower().split("\r\n")
        if " 200 " not in lines[0] + " ":
            sys.exit(f"{path}: {lines[0]}")
        if f"content-length: {len(self.wanted)}" not in lines:
            sys.exit(f"{path}: not {len(self.wanted)} bytes: {lines}")

    def finish(self):
        while len(self.got) < len(self.wanted):
            self.receive()
        if self.got != self.wanted:
            sys.exit("other bytes came")
        self.got = bytearray()

    def receive(self):
        piece = self.conn.recv(16384)
        if not piece:
            sys.exit(f"the stream ended after {len(self.got)}")
        self.got += piece

    def end(self):
        if self.conn.recv(1):
            sys.exit("more came instead of the end")
        self.ended = True

    def step(self, word, *args):
        if word == "get":
            self.begin(*args)
            self.finish()
        else:
            {"begin": self.begin, "finish": self.finish,
             "end": self.end}[word](*args)


def main():
    client = Client(connect(*sys.argv[1:]))
    for line in sys.stdin:
        client.step(*line.split())
        print("ok", flush=True)
    if client.ended:
        client.conn.close()
    else:
        client.conn.unwrap()


if __name__ == "__main__":
    main()
