# SPDX-License-Identifier: MIT
"""receive.py - drives tests/apps/reader and checks what it reports

  receive.py PORT SCENARIO [ARGUMENT...]
  receive.py PORT each SCENARIO ARGUMENT...   once for each argument

Scenarios are the functions below without an underscore. Any surprise is an
AssertionError, and so exit code 1.
"""
import os
import random
import sys
import time
import zlib

from wireclient import Client, Crafted

PORT = int(sys.argv[1])
RANDOM = random.Random(int(os.environ.get("SEED", "1")))


def _open(how, size, make=Client, **more):
    c = make(PORT, **more)
    c.send(f"{how} {size}\n".encode())
    ok = c.read(3)
    assert ok == b"ok\n", f"{how} {size}: no ok but {ok!r}"
    c.sends = 0
    return c


def _report(c, what=""):
    text, end = c.read_all()
    assert end == "close_notify", f"{what}: after {text!r} came {end}"
    return dict(f.split("=", 1) for f in text.decode().split())


def _check(r, data, what):
    """Everything arrived, once, in order, and then a clean end."""
    assert int(r["bytes"]) == len(data), f"{what}: sent {len(data)}: {r}"
    assert int(r["sum"]) == zlib.adler32(data), f"{what}: wrong bytes: {r}"
    assert r["bad"] == "no", f"{what}: {r}"
    assert r["end"] == r["again"] == "eof", f"{what}: {r}"


def _data(n):
    return RANDOM.randbytes(n)


def _cut():
    return RANDOM.choice((1, 2, 3, 4, 5, 6, 16, 17, 21, 22, 100, 1448, 16384,
                          16405, 16406, 16407, 40000))


def matrix(how):
    """Read sizes against record sizes, cut anywhere."""
    for record, total in ((1, 80), (100, 2000), (16384, 50000)):
        for size in (1, 99, 16383, 16384, 16385, 70000):
            # a system call per byte is slow in user-mode Linux
            data = _data(16500 if size == 1 and record > 100 else total)
            c = _open(how, size)
            c.send(data, record, RANDOM.choice((None, _cut)))
            c.close_notify()
            _check(_report(c), data, f"{how} {size} of {record}")


def old_version(how):
    """TLS 1.2 has another record layout."""
    for size in (99, 16384, 70000):
        data = _data(50000)
        c = _open(how, size, version="1.2")
        c.send(data, 16384, _cut)
        c.close_notify()
        _check(_report(c), data, f"TLS 1.2 {how} {size}")


def wakeups(how, records=1):
    """A byte per segment, and a record per segment: how often is the server
    woken for nothing? Once per segment is the kernel's doing."""
    data = _data(records * 16384)
    for cut in (1, None):
        c = _open(how, 100)
        for i in range(0, len(data), 16384):
            c.send(data[i:i + 16384], cut=cut)
        sent = c.sends
        c.close_notify()
        r = _report(c)
        what = f"{how}, cut {cut}, {sent} segments"
        _check(r, data, what)
        empty = int(r["empty"])
        print(f"{what}: wakeups={r['wakeups']} empty={empty}")
        assert empty <= c.sends, f"{what}: {r}"
        # reads of 100 bytes that bring some: 164 a record, no more
        full = int(r["wakeups"]) - empty
        assert full <= records * 164 + 2, f"{what}: {r}"


def slow_record(how):
    """Nothing is lost or late when a record is half there for a while."""
    data = _data(3 * 16384)
    c = _open(how, 1000)
    wire = c.seal(data)
    for i in range(0, len(wire), 8203):
        c.raw(wire[i:i + 8203])
        time.sleep(0.02)
    c.close_notify()
    _check(_report(c), data, how)


def rcvtimeo():
    """200 ms without a whole record: EAGAIN in time, and nothing is lost."""
    data = _data(16384)
    c = _open("rcvtimeo", 1000)
    wire = c.seal(data)
    c.raw(wire[:100])
    time.sleep(0.7)
    c.raw(wire[100:])
    c.close_notify()
    r = _report(c)
    _check(r, data, "rcvtimeo")
    assert 2 <= int(r["timeouts"]) <= 4, r
    assert int(r["longest_ms"]) < 500, r


def rcvtimeo_trickle():
    """A peer that sends a byte now and then cannot hold a read for longer."""
    data = _data(1000)
    c = _open("rcvtimeo", 1000)
    wire = c.seal(data)
    for i in range(20):
        c.raw(wire[i:i + 1])
        time.sleep(0.1)
    c.raw(wire[20:])
    c.close_notify()
    r = _report(c)
    _check(r, data, "rcvtimeo")
    assert int(r["longest_ms"]) < 1000, r


def no_fin(how):
    """close_notify, and TCP stays open: that is the end all the same."""
    c = _open(how, 100)
    c.send(b"x" * 250)
    c.close_notify()
    _check(_report(c), b"x" * 250, how)
    # the report came although no FIN was sent: c.sock is still open
    assert c.sock.fileno() >= 0


def cut_off(how, where):
    """FIN without close_notify: at a boundary, or within a record."""
    c = _open(how, 100)
    wire = c.seal(b"y" * 1000)
    c.raw(wire + (c.seal(b"z" * 1000)[:500] if where == "within" else b""))
    c.sock.shutdown(1)
    text, end = c.read_all()
    print(f"client: {text!r} {end}")


def reset(how):
    c = _open(how, 100)
    c.send(b"y" * 1000)
    c.reset()


def corrupted(how, version="1.3", size=100):
    """A bit is flipped: the client is told, the bytes before it arrive. It goes
    on waiting: the server must see the end by itself."""
    c = _open(how, int(size), version=version)
    good = c.seal(b"y" * 1000)
    bad = bytearray(c.seal(b"z" * 1000))
    bad[500] ^= 4
    c.raw(good + bad)
    text, end = c.read_all()
    print(f"client: {text!r} {end}")
    assert "bad_record_mac" in end, end
    try:
        assert c.sock.recv(1) == b""
    except ConnectionResetError:
        pass


def garbage(how):
    """Not a record at all, behind a good one."""
    c = _open(how, 100)
    c.raw(c.seal(b"y" * 1000) + b"GET / HTTP/1.0\r\n\r\n" * 10)
    text, end = c.read_all()
    print(f"client: {text!r} {end}")
    assert end != "close_notify" and end != "hang", end


def deaf(version, ciphers=None):
    """A bad record behind more than a server takes that only writes: it must see the
    end of that. Somewhere among these sizes is what a relay has read but
    not passed on when it finds the record."""
    told = set()
    for total in range(150000, 330000, 20000):
        c = _open("deaf", 3, version=version, ciphers=ciphers)
        good, bad = c.seal(b"y" * total), bytearray(c.seal(b"z" * 1000))
        bad[500] ^= 4
        c.raw(good + bad)
        c.sock.settimeout(0.4)
        until, end = time.monotonic() + 0.4, None
        while not end and time.monotonic() < until:
            end = c.read_some()[1]
        told.add(end)
        c.reset()
    print(*sorted(map(str, told)))


def shutwr():
    """The server ends its side first; ours goes on."""
    c = _open("shutwr", 1000)
    text, end = c.read_all()
    assert end == "close_notify", end
    assert text == b"s" * 1000, len(text)
    # its FIN as well, not only the alert
    assert c.sock.recv(1) == b""
    data = _data(100000)
    c.send(data, 16384, _cut)
    c.close_notify()
    print(f"bytes={len(data)} sum={zlib.adler32(data)}")


def unread():
    """The server closes with our bytes unread; its answer is not lost."""
    for n in (0, 1, 16384, 100000):
        c = _open("unread", 1)
        if n:
            c.send(_data(n))
        text, end = c.read_all()
        assert len(text) == 1000000, f"{n} unread: {len(text)}, {end}"
        assert text == b"u" * 1000000, f"{n} unread"
        assert end == "close_notify", f"{n} unread: {end}"
        c.sock.close()


def empty_records(how):
    """Records without data are no end of file, and cost no wake-up but one."""
    c = _open(how, 100, make=Crafted)
    c.raw(c.seal_record(b""))
    c.raw(c.seal_record(b"ab"))
    c.raw(c.seal_record(b"") * 1 + c.seal_record(b"", padding=16000))
    c.raw(c.seal_record(b"cd", padding=100))
    c.raw(c.seal_record(b"") + c.seal_record(b"e" * 16000, padding=384))
    c.raw(c.seal_record(b"", padding=16384))
    c.close_notify()
    r = _report(c)
    _check(r, b"abcd" + b"e" * 16000, how)
    assert int(r["empty"]) <= c.sends, r


def crafted(what):
    """Records that no honest client sends. Prints what the client was told."""
    c = _open("lt", 100, make=Crafted)
    c.raw(c.seal_record(b"good"))
    if what == "too_long":
        c.raw(c.seal_record(b"x" * 16385))
    elif what == "no_type":  # all padding, no content type
        c.raw(c.seal_record(b"", kind=0))
    elif what == "handshake":  # a ClientHello inside
        c.raw(c.seal_record(b"\1\0\0\4abcd", kind=22))
    elif what == "huge_header":
        c.raw(b"\x17\3\3\xff\xff" + b"x" * 1000)
    elif what == "plaintext_alert":  # anybody on the path could send it
        c.raw(b"\x15\3\3\0\2\1\0")
    text, end = c.read_all()
    print(f"client: {text!r} {end}")
    assert end not in ("close_notify", "hang"), end


def each(scenario, *arguments):
    for a in arguments:
        globals()[scenario](a)


globals()[sys.argv[2]](*sys.argv[3:])
