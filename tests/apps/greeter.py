#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A plaintext daemon that greets and then answers each line it hears.

    greeter.py [-q] PORT GREETING [PORT GREETING]...

GREETING may have Python's backslash escapes; each | in it is a pause. The answer
to a line is "heard " and the line. What is heard goes to the file "heard". With -q
a client that does not wait for the greeting is sent away, as some mail servers do.
"""
import select
import socket
import sys
import threading
import time


def serve(conn, greeting, quiet):
    # time enough for who does not wait
    if quiet and select.select([conn], [], [], 0.3)[0]:
        conn.sendall(b"554 you do not wait\r\n")
        conn.close()
        return
    for i, piece in enumerate(greeting.split(b"|")):
        if i:
            time.sleep(0.05)
        conn.sendall(piece)
    with open("heard", "ab", 0) as heard, conn, conn.makefile("rb") as lines:
        for line in lines:
            heard.write(line)
            conn.sendall(b"heard " + line)


def main():
    args = sys.argv[1:]
    quiet = args[0] == "-q"
    args = args[quiet:]
    listeners = {}
    # the first comes last: whoever sees it open finds all of them
    for port, greeting in reversed(list(zip(args[::2], args[1::2]))):
        listeners[socket.create_server(("127.0.0.1", int(port)))] = (
            greeting.encode().decode("unicode_escape").encode("latin-1"))
    while True:
        for listener in select.select(listeners, [], [])[0]:
            threading.Thread(target=serve, daemon=True, args=(
                listener.accept()[0], listeners[listener], quiet)).start()


if __name__ == "__main__":
    main()
