#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A TLS client that writes and reads at the same time, and looks at the end.

    tls_client.py echo|redis 1.2|1.3 HOST PORT CAFILE FILE...
    tls_client.py hold       1.2|1.3 HOST PORT CAFILE

echo:  send each file, expect it back.
redis: SET and GET each file in one go, as vSIZE, then QUIT.
hold:  connect, print "open", stay until standard input ends.

One connection. It must end with close_notify and nothing behind.
"""
import select
import socket
import ssl
import sys

CHUNK = 65536


def connect(version, host, port, ca):
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    # an end of the stream without close_notify is an error, not an end
    return context.wrap_socket(
        socket.create_connection((host, int(port)), timeout=60),
        server_hostname=host, suppress_ragged_eofs=False)


def exchange(conn, data, want):
    """Send data and, at the same time, receive until want bytes are there."""
    out, got = memoryview(data), bytearray()
    conn.setblocking(False)
    while out or len(got) < want:
        progress = False
        if out:
            try:
                out = out[conn.send(out[:CHUNK]):]
                progress = True
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass
        try:
            piece = conn.recv(CHUNK)
            if not piece:
                sys.exit(f"the stream ended after {len(got)} of {want}")
            got += piece
            progress = True
        except ssl.SSLWantReadError:
            pass
        if not progress:
            ready = select.select([conn], [conn] if out else [], [], 60)
            if not any(ready):
                sys.exit(f"stuck: {len(out)} to send, {len(got)} of {want}")
    conn.settimeout(60)
    return bytes(got)


def bulk(data):
    return b"$%d\r\n%s\r\n" % (len(data), data)


def main():
    mode, version, host, port, ca, *files = sys.argv[1:]
    conn = connect(version, host, port, ca)
    if mode == "hold":
        print("open", flush=True)
        sys.stdin.read()
    for name in files:
        with open(name, "rb") as f:
            data = f.read()
        sent = wanted = data
        if mode == "redis":
            key = bulk(b"v%d" % len(data))
            sent = b"*3\r\n" + bulk(b"SET") + key + bulk(data)
            sent += b"*2\r\n" + bulk(b"GET") + key
            wanted = b"+OK\r\n" + bulk(data)
        if exchange(conn, sent, len(wanted)) != wanted:
            sys.exit(f"{name}: other bytes came back")
    if mode == "redis":
        if exchange(conn, b"QUIT\r\n", 5) != b"+OK\r\n" or conn.recv(1):
            sys.exit("more came than should")
    # says close_notify and waits for the server's: raises when it is missing
    raw = conn.unwrap()
    if raw.recv(1):
        sys.exit("something came behind close_notify")


if __name__ == "__main__":
    main()
