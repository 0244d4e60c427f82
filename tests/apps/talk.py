#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""talk.py - one TLS connection of a line protocol, as told on standard input

usage: talk.py VERSION PORT CA <STEPS        VERSION is 1.2 or 1.3

Each line is a step; the text of `send` may have Python's backslash escapes:

    send TEXT        send TEXT and CR LF
    raw TEXT         send TEXT only
    file NAME        send what is in a file
    expect REGEX     read lines until one matches from its beginning
    body NAME        the next bytes are those of this file
    lines NAME       the next lines are those of this file, ended by CR LF
    until REGEX NAME as expect, and the lines before that are those of NAME
    save REGEX NAME  as expect; the lines before that become file NAME
    eof              the server ends with close_notify; anything before it is
                     passed over
    close            end the connection as a client should

Prints the lines that match. Exits 1 with a line on stderr when the
server does something else, is silent for 30 seconds or just drops the line.
"""
import re
import socket
import ssl
import sys


class Talk:
    def __init__(self, version, port, ca):
        context = ssl.create_default_context(cafile=ca)
        wanted = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
        context.minimum_version = context.maximum_version = wanted[version]
        tcp = socket.create_connection(("localhost", int(port)), 30)
        self.tls = context.wrap_socket(tcp, server_hostname="localhost",
                                       suppress_ragged_eofs=False)
        self.got = b""
        self.ended = False

    def more(self):
        data = self.tls.recv(65536)
        self.got += data
        self.ended = not data
        return bool(data)

    def line(self):
        while b"\n" not in self.got:
            if not self.more():
                raise ValueError("end of stream, then %r" % self.got[:200])
        line, _, self.got = self.got.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def expect(self, regex):
        before = []
        while True:
            line = self.line()
            if re.match(regex, line):
                print(line[:200], flush=True)
                return before
            before.append(line)

    def body(self, name):
        want = read(name)
        while len(self.got) < len(want):
            if not self.more():
                raise ValueError("end after %d of %d bytes" %
                                 (len(self.got), len(want)))
        if self.got[:len(want)] != want:
            raise ValueError("other bytes than those of " + name)
        self.got = self.got[len(want):]

    def same(self, lines, name):
        want = read(name).decode("latin-1").splitlines()
        if lines != want:
            raise ValueError("%d lines, not those %d of %s" %
                             (len(lines), len(want), name))

    def step(self, verb, rest):
        if verb == "send":
            self.tls.sendall(unescape(rest) + b"\r\n")
        elif verb == "raw":
            self.tls.sendall(unescape(rest))
        elif verb == "file":
            self.tls.sendall(read(rest))
        elif verb == "expect":
            self.expect(rest)
        elif verb == "body":
            self.body(rest)
        elif verb == "lines":
            count = len(read(rest).splitlines())
            self.same([self.line() for _ in range(count)], rest)
        elif verb == "until":
            regex, name = rest.rsplit(None, 1)
            self.same(self.expect(regex), name)
        elif verb == "save":
            regex, name = rest.rsplit(None, 1)
            write(name, self.expect(regex))
        elif verb == "eof":
            while not self.ended:
                self.more()
        elif verb == "close":
            try:
                self.tls.unwrap()
            except (ssl.SSLError, OSError):
                pass  # not everybody answers; some reset
            self.tls.close()
        else:
            raise ValueError("no step " + verb)




def unescape(text):
    return text.encode("latin-1", "backslashreplace").decode(
        "unicode_escape").encode("latin-1")


def read(name):
    with open(name, "rb") as f:
        return f.read()


def write(name, lines):
    with open(name, "w", encoding="latin-1") as f:
        f.writelines(line + "\n" for line in lines)


def main():
    talk = Talk(*sys.argv[1:4])
    for line in sys.stdin:
        verb, _, rest = line.rstrip("\n").lstrip("\t").partition(" ")
        if not verb:
            continue
        try:
            talk.step(verb, rest)
        except (ValueError, OSError) as e:
            sys.exit("talk: %s %s: %s: %s" %
                     (verb, rest[:80], type(e).__name__, e))


main()
