#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""who.py ADDRESS PORT [--header]: an HTTP server that tells who its client is

Plain sockets, one connection at a time, one response each: JSON with what
accept(), getpeername() and getsockname() have said; with --header also what a
PROXY header (version 1 or 2) before the request has, which must be there.
"""
import json
import socket
import struct
import sys

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TLVS = {1: "alpn", 2: "authority", 3: "crc32c", 5: "unique_id", 0x30: "netns"}
SUBS = {0x21: "version", 0x22: "cn", 0x23: "cipher", 0x24: "sig_alg", 0x25: "key_alg"}


def exactly(f, n):
    data = f.read(n)
    if len(data) != n:
        raise ValueError("cut off")
    return data


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def tlvs(data):
    while data:
        kind, n = struct.unpack("!BH", data[:3])
        if len(data) < 3 + n:
            raise ValueError("cut off")
        yield kind, data[3 : 3 + n]
        data = data[3 + n :]


def version2(fixed, rest):
    size = {0x11: 4, 0x21: 16}[fixed[13]]
    family = socket.AF_INET if size == 4 else socket.AF_INET6
    ports = struct.unpack("!HH", rest[2 * size : 2 * size + 4])
    out = {"version": 2, "command": fixed[12],
           "src": [socket.inet_ntop(family, rest[:size]), ports[0]],
           "dst": [socket.inet_ntop(family, rest[size : 2 * size]), ports[1]]}
    for kind, value in tlvs(rest[2 * size + 4 :]):
        if kind == 3:
            whole = (fixed + rest).replace(b"\3\0\4" + value, b"\3\0\4\0\0\0\0")
            out["crc32c"] = crc32c(whole) == struct.unpack("!I", value)[0]
        elif kind == 0x20:
            out["ssl"] = {"client": value[0],
                          "verify": struct.unpack("!I", value[1:5])[0]}
            for sub, text in tlvs(value[5:]):
                out["ssl"][SUBS[sub]] = text.decode()
        else:
            out[TLVS[kind]] = value.decode()
    return out


def read_header(f):
    begin = exactly(f, 6)
    if begin == b"PROXY ":
        line = begin + f.readline(102)
        word = line.decode("ascii").removesuffix("\r\n").split(" ")
        return {"version": 1, "family": word[1], "src": [word[2], int(word[4])],
                "dst": [word[3], int(word[5])], "bytes": len(line)}
    fixed = begin + exactly(f, 10)
    if fixed[:12] != SIGNATURE:
        raise ValueError("no header")
    rest = exactly(f, struct.unpack("!H", fixed[14:])[0])
    return version2(fixed, rest) | {"bytes": len(fixed + rest)}


def serve(conn, accepted, header):
    answer = {"accept": accepted, "peer": conn.getpeername(),
              "sock": conn.getsockname()}
    with conn.makefile("rb") as f:
        if header:
            answer["header"] = read_header(f)
        while f.readline().strip():
            pass
    body = (json.dumps(answer) + "\n").encode()
    conn.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.create_server((address, port), family=family, backlog=128,
                                    dualstack_ipv6=address == "::")
    while True:
        conn, accepted = listener.accept()
        with conn:
            try:
                serve(conn, accepted, "--header" in sys.argv)
            except (OSError, ValueError, KeyError) as e:
                print("%s: %r" % (accepted, e), flush=True)


main()
