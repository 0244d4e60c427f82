#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client of greeter.py, upgraded, that says more or less than it should.

    starttls.py CA MODE[,MODE...] PROTOCOL:PORT...

start     STARTTLS, then a line inside TLS: its answer must be the first thing
bytes     the same, every byte before TLS in a segment of its own
tls       TLS at once; prints what became of it
inject1   a command behind STARTTLS, in the same segment
inject2   the same in a segment of its own, after the answer to STARTTLS
login     name and password before TLS, then STARTTLS: the answer must refuse
long      a line (a message, a tag) without end: must be ended by the server
silent    nothing: must be ended by the server

inject1 and inject2 send a ClientHello next; the handshake must fail.
"""
import socket
import ssl
import sys

EVIL = b"evil command\r\n"


def ldap(op):
    return b"\x30" + bytes([3 + len(op)]) + b"\x02\x01\x01" + op


LDAP_START = ldap(b"\x77\x18\x80\x16" b"1.3.6.1.4.1.1466.20037")
LDAP_BIND = ldap(b"\x60\x10\x02\x01\x03\x04\x02cn\x80\x07" b"secret1")
XMPP_OPEN = (b"<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:"
             b"client' xmlns:stream='http://etherx.jabber.org/streams' "
             b"version='1.0'>")
XMPP_START = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

# what ends the greeting; what is said before; what ends its answer; what starts
# TLS; what ends the answer; a login, and the answer to that; something long
PROTOCOLS = {
    "smtp": (b"ESMTP\r\n", b"EHLO c.example\r\n", b"250 STARTTLS\r\n",
             b"STARTTLS\r\n", b"start TLS\r\n",
             b"AUTH PLAIN AHVzZXIAc2VjcmV0MQ==\r\n", b"530 5.7.0", b"x" * 2000),
    "imap": (b"ready\r\n", b"a CAPABILITY\r\n", b"a OK Done\r\n",
             b"b STARTTLS\r\n", b"now\r\n",
             b"c LOGIN user secret1\r\n", b"c NO [PRIVACYREQUIRED]",
             b"x" * 2000),
    "pop3": (b"ready\r\n", b"CAPA\r\n", b"\r\n.\r\n", b"STLS\r\n", b"now\r\n",
             b"USER user\r\nPASS secret1\r\n", b"-ERR Must", b"x" * 2000),
    "ftp": (b"ready\r\n", b"FEAT\r\n", b"211 End\r\n", b"AUTH TLS\r\n",
            b"start TLS\r\n", b"USER user\r\nPASS secret1\r\n", b"530 Must",
            b"x" * 2000),
    "postgres": (b"", b"\0\0\0\x08\x04\xd2\x16\x30", b"N",
                 b"\0\0\0\x08\x04\xd2\x16\x2f", b"S",
                 b"\0\0\0\x16\0\x03\0\0user\0secret1\0\0", b"C28000\0",
                 b"\0\0\0\x7f\0\x03\0\0" + b"x" * 5000),
    "ldap": (b"", b"", b"", LDAP_START, b"20037", LDAP_BIND,
             b"StartTLS is required", b"\x30\x82\x20\0" + b"x" * 8192),
    "xmpp": (b"", XMPP_OPEN, b"</stream:features>", XMPP_START,
             b"-tls'/>", b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' "
             b"mechanism='PLAIN'>secret1</auth>", b"policy-violation",
             b"<" + b"x" * 5000),
}


class Client:
    def __init__(self, ca, mode, protocol, port):
        self.steps = PROTOCOLS[protocol]
        self.tcp = socket.create_connection(("localhost", int(port)), 30)
        self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.single = mode == "bytes"
        self.context = ssl.create_default_context(cafile=ca)
        # also when the answer to a ClientHello is something else
        self.context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)

    def send(self, data):
        if not self.single:
            self.tcp.sendall(data)
        for byte in data if self.single else b"":
            self.tcp.sendall(bytes([byte]))

    def until(self, end):
        """What comes, to its end and not a byte further."""
        got = b""
        while not got.endswith(end):
            byte = self.tcp.recv(1)
            if not byte:
                sys.exit("end of stream, after %r; wanted %r" % (got, end))
            got += byte

    def begin(self):
        greeting, said, answer = self.steps[:3]
        self.until(greeting)
        self.send(said)
        self.until(answer)

    def start(self):
        self.begin()
        self.send(self.steps[3])
        self.until(self.steps[4])

    def shake_hands(self):
        return self.context.wrap_socket(self.tcp, server_hostname="localhost",
                                        suppress_ragged_eofs=False)

    def talk(self):
        with self.shake_hands() as tls:
            tls.sendall(b"hello\r\n")
            got = b""
            while not got.endswith(b"\n"):
                got += tls.recv(100) or sys.exit("no answer")
            if got != b"heard hello\r\n":
                sys.exit("not the first thing: %r" % got)
            tls.unwrap()

    def must_fail(self):
        try:
            with self.shake_hands() as tls:
                tls.sendall(b"hello\r\n")
                sys.exit("it shakes hands, and then %r" % tls.recv(100))
        except (ssl.SSLError, ConnectionError) as error:
            print(error)

    def until_end(self, reset=False):
        got = b""
        try:
            while True:
                piece = self.tcp.recv(4096)
                if not piece:
                    return got
                got += piece
        except ConnectionError:
            return got if reset else sys.exit("reset after %r" % got)


def run(ca, mode, protocol, port):
    c = Client(ca, mode, protocol, port)
    start, answer, login, refusal, long = c.steps[3:]
    if mode in ("start", "bytes"):
        c.start()
        c.talk()
    elif mode == "tls":
        try:
            c.talk()
            print("TLS")
        except (ssl.SSLError, ConnectionError):
            print("no TLS")
    elif mode == "inject1":
        c.begin()
        c.send(start + EVIL)
        c.until(answer)
        c.must_fail()
    elif mode == "inject2":
        c.start()
        c.send(EVIL)
        c.must_fail()
    elif mode == "login":
        if protocol not in ("postgres", "ldap"):
            c.begin()
        c.send(login)
        c.until(refusal)
        if protocol in ("postgres", "xmpp"):
            c.until_end()
            return
        c.send(start)
        c.until(answer)
        c.talk()
    elif mode == "long":
        c.until(c.steps[0])
        c.send(long)
        c.until_end(reset=True)
    elif mode == "silent":
        c.until_end()


def main():
    ca, modes, *targets = sys.argv[1:]
    for target in targets:
        for mode in modes.split(","):
            print(mode, target, flush=True)
            run(ca, mode, *target.split(":"))


if __name__ == "__main__":
    main()
