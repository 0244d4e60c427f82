# SPDX-License-Identifier: MIT
"""keyupdate.py - KeyUpdates (RFC 8446 section 4.6.3) against a plain server

  keyupdate.py serve PORT      a server: two threads a connection, one sends
                               lines with rising numbers, one sums up what comes
  keyupdate.py serve_fionread|serve_peek PORT
                               an echo that looks, waits again, and reads
  keyupdate.py SCENARIO PORT [ARGUMENT...]

Scenarios change and flood and limit want tests/apps/select_echo at the PORT,
both wants `serve`, look one of the other two, duplex and end want
`serve_duplex`. A kernel that takes no new keys
ends the connection with the alert "internal error": change and limit print
"refused" then, else "changed".
"""
import array
import fcntl
import random
import select
import socket
import sys
import termios
import threading
import time
import zlib

from wireclient import Crafted

REFUSED = "tlsv1_alert_internal_error"
RANDOM = random.Random(4)


def _echo(c, data, what):
    """Return: False when the connection was refused new keys."""
    got = b""
    while len(got) < len(data):
        more, end = c.read_some(len(data) - len(got))
        got += more
        if end == REFUSED:
            assert data.startswith(got), f"{what}: wrong bytes"
            return False
        assert not end, f"{what}: {end} after {len(got)} of {len(data)}"
    assert got == data, f"{what}: wrong bytes"
    return True


def change(port):
    """Before, behind, and in the middle of data, of both kinds, cut anywhere."""
    c = Crafted(port)
    updates = 0
    for i in range(60):
        data = RANDOM.randbytes(RANDOM.choice((1, 100, 5000, 20000)))
        half = RANDOM.randrange(len(data))
        request = RANDOM.random() < 0.5
        wire = c.seal(data[:half]) + c.key_update(request) + c.seal(data[half:])
        updates += request
        c.send_cut(wire, RANDOM.choice((None, 1 + len(wire) // 3)))
        if not _echo(c, data, f"round {i}"):
            print("refused after", updates, "requests")
            return
    c.close_notify()
    assert c.read_all() == (b"", "close_notify")
    assert 0 < c.key_updates <= updates, f"{c.key_updates} of {updates}"
    print("changed", updates)


def flood(port):
    """Without a byte of data: ended; not before some, and at all."""
    c = Crafted(port)
    c.raw(c.seal(b"x"))
    assert c.read(1) == b"x"
    try:
        for _ in range(200):
            c.raw(c.key_update(False))
    except OSError:
        pass
    data, end = c.read_all()
    assert not data and end not in ("hang", "close_notify"), (data, end)
    print("ended:", end)


def limit(port, records):
    """Our KeyUpdates come by themselves."""
    c = Crafted(port)
    for i in range(8 * int(records)):
        data = RANDOM.randbytes(8192)
        c.raw(c.seal(data))
        if not _echo(c, data, f"record {i}"):
            assert i >= 2 * int(records) - 2, f"refused at record {i}"
            print("refused")
            return
    assert 3 <= c.key_updates <= 16, c.key_updates
    print("changed", c.key_updates)


def both(port):
    """The server's threads write and read while keys change."""
    c = Crafted(port)
    up = RANDOM.randbytes(400000)
    got, sent, asked = b"", 0, 0
    while b"end" not in got[-200:]:
        if sent < len(up):
            piece = up[sent:sent + 1000]
            sent += len(piece)
            c.raw(c.seal(piece) + c.key_update(True))
            asked += 1
            if sent == len(up):
                c.close_notify()
        more, end = c.read_some()
        assert not end, f"{end} after {len(got)} bytes, {sent} sent"
        got += more
    assert c.read_all() == (b"", "close_notify")
    lines = got.decode().split()
    assert lines[:-2] == [str(i) for i in range(len(lines) - 2)]
    assert lines[-2:] == ["end", str(zlib.adler32(up))], lines[-3:]
    print("done", asked, "requests,", c.key_updates, "answers,", len(got),
          "bytes")


DOWN, UP = 12_000_000, 6_000_000


def _whole_answer(c):
    got, end = c.read_all()
    assert (len(got), end) == (DOWN, "close_notify"), (len(got), end)


def duplex(port):
    """An answer is under way that we do not read; our new key and data get through."""
    c = Crafted(port)
    c.raw(c.seal(b"begin"))
    time.sleep(1)  # nothing to be seen from here when all buffers are full
    c.raw(c.key_update(True))
    piece = bytes(16384)
    for _ in range(UP // len(piece)):
        c.raw(c.seal(piece))
    c.close_notify()
    _whole_answer(c)
    assert c.key_updates <= 1, c.key_updates  # direct: one send() was under way
    print("done")


def end(port):
    """Data, a new key and the end in one piece while the answer is not read."""
    c = Crafted(port)
    c.raw(c.seal(b"begin"))
    time.sleep(1)
    c.raw(c.seal(b"more") + c.key_update(True) + c.seal_record(b"\1\0", kind=21))
    time.sleep(1)
    _whole_answer(c)  # TCP stays open
    print("done")


def _serve_duplex(conn):
    """12 MB, while another thread reads to the end."""
    conn.recv(1)
    writer = threading.Thread(target=conn.sendall, args=(bytes(DOWN),))
    writer.start()
    while conn.recv(70000):
        pass
    writer.join()
    conn.close()


def _serve_one(conn):
    done = []
    # how far to run ahead of what comes: else a slow client gets megabytes
    room = threading.Semaphore(100)

    def take():
        total = 1
        while data := conn.recv(70000):
            total = zlib.adler32(data, total)
            room.release()
        done.append(total)
        room.release()

    reader = threading.Thread(target=take)
    reader.start()
    number = 0
    while not done:
        room.acquire()
        conn.sendall(b"".join(b"%d\n" % i for i in range(number, number + 50)))
        number += 50
    reader.join()
    conn.sendall(b"end %d" % done[0])
    conn.close()


def look(port):
    """Data and new keys in one piece, for a server that looks before it reads."""
    c = Crafted(port)
    updates = 0
    for i in range(20):
        data = RANDOM.randbytes(RANDOM.choice((1, 100, 5000)))
        half = RANDOM.randrange(len(data))
        c.raw(c.seal(data[:half]) + c.key_update(False) + c.seal(data[half:]) +
              c.key_update(True))
        updates += 1
        assert _echo(c, data, f"round {i}")
    c.close_notify()
    assert c.read_all() == (b"", "close_notify")
    assert 0 < c.key_updates <= updates, f"{c.key_updates} of {updates}"
    print("changed", updates)


def _there(conn, how):
    if how == "peek":
        return len(conn.recv(100000, socket.MSG_PEEK))
    there = array.array("i", [0])
    fcntl.ioctl(conn, termios.FIONREAD, there)
    return there[0]


def _looked_at(conn, how):
    """What is seen is still there for whoever waits then."""
    waits = select.epoll()
    waits.register(conn, 0)

    def wait():
        waits.modify(conn, select.EPOLLIN | select.EPOLLONESHOT)
        assert waits.poll(10), "nothing to be read"

    conn.setblocking(False)
    while True:
        wait()
        try:
            n = _there(conn, how)
        except BlockingIOError:
            continue  # a KeyUpdate
        if n:
            wait()
        data = conn.recv(n or 1)
        if not data:
            break
        conn.sendall(data)
    conn.close()


def _serve(port, each, *args):
    listener = socket.create_server(("127.0.0.1", int(port)))
    while True:
        threading.Thread(target=each,
                         args=(listener.accept()[0], *args)).start()


def serve(port):
    _serve(port, _serve_one)


def serve_duplex(port):
    _serve(port, _serve_duplex)


def serve_fionread(port):
    _serve(port, _looked_at, "fionread")


def serve_peek(port):
    _serve(port, _looked_at, "peek")


if __name__ == "__main__":
    globals()[sys.argv[1]](*[int(a) for a in sys.argv[2:]])
