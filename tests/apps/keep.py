#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""keep.py - many TLS connections to an HTTP server at once

  keep.py PORT CAFILE N

Opens N connections, one after the other, says "ready", and takes a step for each
line of standard input: "get PATH SIZE", a request on each of them, answered by "ok".
When the input ends, so do the connections.
"""
import socket
import ssl
import sys

PORT, CA, N = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


def connect(context):
    sock = socket.create_connection(("127.0.0.1", PORT), 30)
    return context.wrap_socket(sock, server_hostname="localhost")


def get(conn, path, size):
    conn.sendall(f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    data = bytearray()
    while b"\r\n\r\n" not in data:
        data += conn.recv(65536) or sys.exit("the end")
    left = size - (len(data) - data.index(b"\r\n\r\n") - 4)
    while left > 0:
        left -= len(conn.recv(65536)) or sys.exit("the end")
    if left:
        sys.exit(f"{-left} bytes too many")


def main():
    context = ssl.create_default_context(cafile=CA)
    conns = [connect(context) for _ in range(N)]
    print("ready", flush=True)
    for line in sys.stdin:
        _, path, size = line.split()
        for conn in conns:
            get(conn, path, int(size))
        print("ok", flush=True)
    for conn in conns:
        conn.unwrap()
        conn.close()


main()
