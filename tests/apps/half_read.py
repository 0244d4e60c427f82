# SPDX-License-Identifier: MIT
"""half_read.py - a server of one connection that executes another program in mid-record

  half_read.py PORT    reads 10 bytes, then executes itself with the connection as
                       standard input, which waits for the rest with epoll, and
                       echoes it, up to a newline
"""
import os
import select
import socket
import sys


def rest():
    waits = select.epoll()
    waits.register(0, select.EPOLLIN)
    data = b""
    while not data.endswith(b"\n"):
        if not waits.poll(10):
            data += b"nothing to be read\n"
            break
        data += os.read(0, 1000)
    os.write(0, data)


def serve(port):
    conn = socket.create_server(("127.0.0.1", port)).accept()[0]
    assert len(conn.recv(10)) == 10
    os.dup2(conn.fileno(), 0)
    os.execv(sys.executable, [sys.executable, "-B", __file__, "rest"])


if sys.argv[1] == "rest":
    rest()
else:
    serve(int(sys.argv[1]))
