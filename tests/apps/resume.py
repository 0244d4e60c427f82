# SPDX-License-Identifier: MIT
"""resume.py - a client that comes back, with Python's ssl

resume.py VERSION CA STEP...

A step is PORT, PORT/NAME, or "!COMMAND" for the shell. At each port it makes a
connection with the session of the one before, asks for /f by HTTP, and compares
what comes with ./www/f. Prints "new", "resumed" or "refused" for each; a "+"
behind it: with a ticket that it did not have before.
"""
import socket
import ssl
import subprocess
import sys

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context(version, ca):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    c.check_hostname = False
    c.load_verify_locations(ca)
    c.minimum_version = c.maximum_version = VERSIONS[version]
    return c


def fetch(c, port, name, session):
    s = socket.create_connection(("127.0.0.1", port), 60)
    with c.wrap_socket(s, server_hostname=name, session=session) as tls:
        tls.sendall(b"GET /f HTTP/1.0\r\n\r\n")
        got = b"".join(iter(lambda: tls.recv(65536), b""))
        with open("www/f", "rb") as f:
            assert got.partition(b"\r\n\r\n")[2] == f.read(), "other content"
        return tls.session, tls.session_reused


def main(version, ca, *steps):
    c = context(version, ca)
    # a session belongs to it; no step changes it
    session = None
    for step in steps:
        if step.startswith("!"):
            subprocess.run(["bash", "-c", step[1:]], check=True)
            continue
        port, _, name = step.partition("/")
        try:
            now, resumed = fetch(c, int(port), name or "localhost", session)
        except ssl.SSLError as e:
            print("refused", e, file=sys.stderr)
            print("refused")
            continue
        has_new = now.has_ticket and now != session
        print(("resumed" if resumed else "new") + "+" * has_new)
        session = now


main(*sys.argv[1:])
