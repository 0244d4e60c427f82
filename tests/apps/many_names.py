# SPDX-License-Identifier: MIT
"""Handshakes under many names.

    many_names.py PORT NAMES COUNT

COUNT connections, one after the other, each asks for one of h1.example to
hNAMES.example (see mkcerts.c), which one is always the same, and must get its
certificate; each reads to the end.
"""
import random
import socket
import ssl
import sys

port, names, count = map(int, sys.argv[1:])
choice = random.Random(1)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
for _ in range(count):
    host = b"h%d.example" % choice.randint(1, names)
    with socket.create_connection(("127.0.0.1", port), 60) as tcp:
        with context.wrap_socket(tcp, server_hostname=host.decode()) as tls:
            if host not in tls.getpeercert(True):
                sys.exit(f"another certificate than that of {host.decode()}")
            if tls.recv(100) != b"hi\n":
                sys.exit("no greeting")
            tls.recv(100)
