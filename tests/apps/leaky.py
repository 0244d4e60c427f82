# SPDX-License-Identifier: MIT
"""leaky.py - a plain server of markers that things happen to

  leaky.py PORT MARKER flood      answers each request with markers for ever
  leaky.py PORT MARKER lost       executes itself, with the connection and the
                                  listener, behind the library's back and
                                  without it: that tries to accept, and floods
  leaky.py PORT MARKER stubborn   takes no failure for an answer
"""
import ctypes
import os
import socket
import sys
import threading
import time

SYS_EXECVE = 59


def flood(conn, marker):
    try:
        conn.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
        while True:
            conn.sendall(marker * 100)
            time.sleep(0.001)
    except OSError:
        pass


def serve(listener, marker):
    while True:
        conn = listener.accept()[0]
        conn.recv(65536)
        threading.Thread(target=flood, args=(conn, marker)).start()


def execute(*args):
    """By system call: no hook sees it."""
    words = [sys.executable, "-B", __file__, *args]
    argv = (ctypes.c_char_p * (len(words) + 1))(
        *[word.encode() for word in words])
    envp = (ctypes.c_char_p * 1)()
    ctypes.CDLL(None).syscall(SYS_EXECVE, argv[0], argv, envp)
    os._exit(1)


def lost(listener, marker):
    conn = listener.accept()[0]
    conn.recv(65536)
    for s in listener, conn:
        s.set_inheritable(True)
    execute(str(listener.fileno()), marker.decode(), "child",
            str(conn.fileno()))


def child(listener, marker, conn):
    assert "ktlshim" not in open("/proc/self/maps").read()
    try:
        socket.socket(fileno=listener).accept()
    except OSError as e:
        print("accept:", e.strerror, flush=True)
    flood(socket.socket(fileno=conn), marker)


def stubborn(port, marker):
    s = socket.socket()
    for step in (lambda: s.bind(("127.0.0.1", port)), lambda: s.listen(),
                 lambda: serve(s, marker), lambda: s.send(marker)):
        try:
            step()
        except OSError as e:
            print(e.strerror, flush=True)
    print("all tried", flush=True)
    while True:
        time.sleep(1)


def main(number, marker, how, *rest):
    number, marker = int(number), marker.encode()
    if how == "child":
        child(number, marker, int(rest[0]))
    elif how == "stubborn":
        stubborn(number, marker)
    else:
        listener = socket.create_server(("127.0.0.1", number))
        {"flood": serve, "lost": lost}[how](listener, marker)


main(*sys.argv[1:])
