#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""killed.py - a server whose children are killed with their connections

usage: killed.py server PORT HOW ROUNDS
       killed.py client PORT HOW ROUNDS CA PID
       killed.py server PORT
       killed.py ask PORT CA PID

The server accepts three connections that it keeps, one of them in a message that
nobody receives yet; then each child accepts some and is killed with them. HOW:

    many    50 for a child
    spill   8, each sent in a message when 3 bytes of a record have been read

The client makes those connections. PID is the server's: in its table of shared
state (shim/share.h) the client sees that what the killed had is free again, and
that the three go on, and take just their own out of the table when they end.

`ask` makes one connection to a server that closes it at its end, and asks the
helper about it, rightly and wrongly, with descriptors that it takes from the
server (lib/proto.h, CONTROL_GONE).
"""
import ctypes
import errno
import os
import re
import signal
import socket
import ssl
import struct
import sys
import time

EACH = {"many": 50, "spill": 8}
MARK = {"many": 1024, "spill": 64}  # in use, when the library begins to look
LOOK = {"many": 100, "spill": 24}  # accepts until it has looked at each


def child(listener, how, not_its):
    for c in not_its:
        c.close()
    local = socket.socketpair()
    held = []
    for _ in range(EACH[how]):
        c = listener.accept()[0]
        held.append(c)
        if how == "spill":
            assert len(c.recv(3)) == 3
            socket.send_fds(local[0], [b"x"], [c.fileno()])
    os.kill(os.getpid(), signal.SIGKILL)


def echo(c):
    c.sendall(c.recv(100))
    c.recv(1)
    c.close()


def server(port, how, rounds):
    listener = socket.create_server(("127.0.0.1", port), backlog=100)
    kept, reset, sent = [listener.accept()[0] for _ in range(3)]
    kept.sendall(kept.recv(3))
    local = socket.socketpair()
    socket.send_fds(local[0], [b"x"], [sent.fileno()])
    sent.close()
    for _ in range(rounds):
        pid = os.fork()
        if not pid:
            child(listener, how, [kept, reset, *local])
        os.waitpid(pid, 0)
    echo(kept)
    echo(socket.socket(fileno=socket.recv_fds(local[1], 1, 1)[1][0]))
    try:
        reset.recv(1)
    except ConnectionResetError:
        reset.close()
    echo(listener.accept()[0])
    signal.pause()  # its table is still looked at


CONTROL = struct.Struct("=IIiIIBxxxiiI256sIQ")
CONTROL_GONE, SO_COOKIE, SETS = 6, 57, 16
SYS_PIDFD_GETFD = 438


def magic():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "../../lib/proto.h")) as f:
        return int(re.search(r"PROTO_MAGIC (0x\w+)u", f.read())[1], 16)


def take_sockets(pid):
    """Copies of the helper's control socket and of the one connection"""
    libc = ctypes.CDLL(None, use_errno=True)
    process, control, connection = os.pidfd_open(pid), None, None
    for name in os.listdir("/proc/%d/fd" % pid):
        fd = libc.syscall(SYS_PIDFD_GETFD, process, int(name), 0)
        try:
            s = socket.socket(fileno=fd)
        except OSError:
            os.close(fd)
            continue
        if s.type == socket.SOCK_SEQPACKET and int(name) >= 512:
            control = s
        elif s.type == socket.SOCK_STREAM and \
                not s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            connection = s
        else:
            s.close()
    os.close(process)
    return control, connection


def question(helper, cookies, length=None):
    """Return: status, the bits of those that are gone, who says so"""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(20)
    value = struct.pack("=%dQ" % len(cookies), *cookies)
    msg = CONTROL.pack(magic(), CONTROL_GONE, 0, 0, 0, 0, 0, 0,
                       len(value) if length is None else length, value, 0, 0)
    socket.send_fds(helper, [msg], [its.fileno()])
    its.close()
    answer = CONTROL.unpack(ours.recv(CONTROL.size + 1))
    ours.close()
    return answer[2], answer[-2], answer[-1]


def cookie_of(s):
    return struct.unpack("=Q", s.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]


def wait_for(function, wanted):
    for _ in range(400):
        got = function()
        if got == wanted:
            return
        time.sleep(0.05)
    raise AssertionError("%r, not %r" % (got, wanted))


def one(port):
    listener = socket.create_server(("127.0.0.1", port))
    c = listener.accept()[0]
    c.sendall(c.recv(1))
    c.recv(1)
    c.close()
    signal.pause()


class Table:
    """The numbers at its beginning: struct table and struct share_state"""
    def __init__(self, pid):
        fds = "/proc/%d/fd/" % pid
        number, = [n for n in os.listdir(fds)
                   if self.name(fds + n).startswith("/memfd:ktlshim")]
        self.file = open(fds + number, "rb", buffering=0)

    @staticmethod
    def name(path):
        try:
            return os.readlink(path)
        except FileNotFoundError:  # closed just now
            return ""

    def read(self):
        self.file.seek(0)
        _, _, slots, chunks, _, _, look = struct.unpack("=QIiiiiI",
                                                        self.file.read(32))
        return {"many": slots, "spill": chunks, "slots": slots, "look": look}


class Client:
    def __init__(self, port, ca):
        self.port = port
        self.context = ssl.create_default_context(cafile=ca)
        self.context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        # cheap: a session is resumed without a signature
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.session = None

    def connect(self):
        tcp = socket.create_connection(("127.0.0.1", self.port), 30)
        tls = self.context.wrap_socket(tcp, server_hostname="localhost",
                                       suppress_ragged_eofs=False,
                                       session=self.session)
        self.session = tls.session
        return tls


def check_end(tls):
    """It still works, both ways, and ends with close_notify."""
    tls.sendall(b"the end")
    assert tls.recv(100) == b"the end"
    tls.sendall(b"x")
    assert tls.recv(100) == b""
    tls.close()


def client(port, how, rounds, ca, pid):
    make = Client(port, ca)
    kept, reset, sent = [make.connect() for _ in range(3)]
    kept.sendall(b"abc")
    assert kept.recv(3) == b"abc"
    table = Table(pid)
    reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
    reset.close()
    seen = []
    for _ in range(rounds):
        held = [make.connect() for _ in range(EACH[how])]
        for tls in held:
            if how == "spill":
                tls.sendall(bytes(100))
        for tls in held:  # ended by the child's death
            try:
                tls.recv(1)
            except OSError:
                pass
            tls.close()
        seen.append(table.read()[how])
    print(how, "in use:", *seen)
    most = MARK[how] + LOOK[how] + EACH[how]
    assert MARK[how] - EACH[how] <= max(seen) <= most, max(seen)
    assert min(seen[seen.index(max(seen)):]) <= LOOK[how] + EACH[how], seen
    # and nothing else changes now
    assert not table.read()["look"]
    before = table.read()["slots"]
    check_end(kept)
    check_end(sent)
    check_end(make.connect())  # and it has closed the third before
    wait_for(lambda: table.read()["slots"], before - 3)


def ask(port, ca, pid):
    tls = Client(port, ca).connect()
    tls.sendall(b"x")
    assert tls.recv(1) == b"x"
    helper, connection = take_sockets(pid)
    mine = cookie_of(connection)
    none = mine + 1000 * SETS
    status, gone, watcher = question(helper, [mine, none, none + 1, none])
    assert (status, gone) == (0, 0b1010) and watcher, (status, bin(gone))
    for length in (0, 1, 7, 9, 8 * 33, 2**31, 2**32 - 8, 2**32 - 1):
        assert question(helper, [mine], length)[0] == -errno.EINVAL, length
    # the server closes its own; this copy is one, too
    tls.sendall(b"x")
    wait_for(lambda: Table(pid).read()["slots"], 1)
    assert question(helper, [mine]) == (0, 0, watcher)
    connection.close()
    wait_for(lambda: question(helper, [mine]), (0, 1, watcher))
    assert question(helper, [mine] * 32) == (0, 2**32 - 1, watcher)


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        ask(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    elif len(sys.argv) == 3:
        one(int(sys.argv[2]))
    elif sys.argv[1] == "server":
        server(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
    else:
        client(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5],
               int(sys.argv[6]))
