# SPDX-License-Identifier: MIT
"""process.py - what a client sees while processes hand its connection around

  process.py PORT CHECK [OPTION=VALUE...]

Checks are the functions below without an underscore. Any surprise is an
AssertionError, and so exit code 1.
"""
import collections
import random
import select
import sys
import time

from wireclient import TIMEOUT, Client

PORT = int(sys.argv[1])


def _lines(size):
    """Random, yet fit for fgets."""
    letters = b"0123456789abcdefghijklmnopqrstuvwxyz"
    data = bytearray(random.Random(size).choices(letters, k=size))
    data[63::64] = b"\n" * len(data[63::64])
    return bytes(data)


class _Client(Client):
    """ssl may take a bare FIN for close_notify; this one does not."""

    fin = False

    def fill(self):
        self.fin = not super().fill()
        return not self.fin

    def read_some(self, n=65536):
        data, end = super().read_some(n)
        return data, "eof" if end == "close_notify" and self.fin else end


class Talk:
    """A client that writes and reads at once, and compares."""

    def __init__(self, version=None):
        self.c = _Client(PORT, version=version)
        self.got = b""
        self.end = None

    def read(self):
        data, self.end = self.c.read_some()
        self.got += data

    def drain(self):
        """What has come in already."""
        self.c.sock.settimeout(0)
        try:
            while self.end is None:
                self.read()
        except BlockingIOError:
            pass
        self.c.sock.settimeout(TIMEOUT)

    def send(self, wire):
        wire = memoryview(wire)
        while wire:
            self.drain()
            assert self.end is None, f"{len(wire)} not sent: {self.end}"
            ready = select.select([self.c.sock], [self.c.sock], [],
                                  TIMEOUT)
            assert any(ready), f"stuck with {len(wire)} bytes to send"
            if ready[1]:
                wire = wire[self.c.sock.send(wire[:65536]):]

    def expect(self, want, what):
        while len(self.got) < len(want) and self.end is None:
            self.read()
        have, self.got = self.got[:len(want)], self.got[len(want):]
        _same(have, want, f"{what}, end: {self.end}")

    def finish(self, ends="close_notify"):
        """Nothing more comes, and then one of these ends, and FIN."""
        while self.end is None:
            self.read()
        assert not self.got, f"{len(self.got)} too many: {self.got[:80]!r}"
        assert self.end in ends.split(","), self.end
        if self.end == "close_notify":
            assert not self.c.input.pending, "more behind close_notify"
            assert self.c.sock.recv(1) == b"", "no FIN behind close_notify"
        self.c.sock.close()


def _same(have, want, what):
    if have == want:
        return
    at = next((i for i, (a, b) in enumerate(zip(have, want)) if a != b),
              min(len(have), len(want)))
    raise AssertionError(f"{what}: {len(have)} of {len(want)} bytes came, "
                         f"different at {at}: {have[at:at + 40]!r}")


def echo(size="60000", record="16384", steps="", reply="echo", tail="|eof",
         end="close_notify", close="yes", version=None, save=None):
    """Everything comes back, then `tail`, then the end.

    steps: SEND[~CUT]:EXPECT[:TEXT],... Send SEND bytes, and the first CUT of
    the next record's ciphertext; EXPECT bytes more must come back, and TEXT.
    Without, all is sent at once. reply: echo, none, or slow (a megabyte).
    """
    data, record, part = _lines(int(size)), int(record), b""
    talk, sent, back = Talk(version), 0, 0
    for step in steps.split(",") if steps else []:
        count, want, text = (step + ":").split(":")[:3]
        count, cut = ((count + "~0").split("~"))[:2]
        count, want, cut = int(count), int(want), int(cut)
        wire = part + talk.c.seal(data[sent:sent + count], record)
        sent += count
        if cut:
            part = talk.c.seal(data[sent:sent + record], record)
            sent += len(data[sent:sent + record])
        talk.send(wire + part[:cut])
        part = part[cut:]
        talk.expect(data[back:back + want], f"step {step}")
        talk.expect(text.encode(), f"text of step {step}")
        back += want
    talk.send(part + talk.c.seal(data[sent:], record))
    if save:
        with open(save, "wb") as f:
            f.write(data)
    if close == "yes":
        talk.drain()
        talk.c.close_notify()
    want = {"echo": data[back:], "none": b"", "slow": b"s" * 1000000}[reply]
    talk.expect(want + tail.encode(), "the rest")
    talk.finish(end)


def two(steps, first="|eof"):
    """A second client comes while the first is in the middle."""
    count = int(steps)
    data = _lines(60000)
    one = Talk()
    one.send(one.c.seal(data[:20000]))
    one.expect(data[:count], "first")
    other = Talk()
    one.send(one.c.seal(data[20000:]))
    one.c.close_notify()
    one.expect(data[count:] + first.encode(), "the first one's rest")
    one.finish()
    other.send(other.c.seal(data))
    other.c.close_notify()
    other.expect(data + b"|eof", "second")
    other.finish()


def counts(size="300000", record="1000"):
    """The server has counted each of the bytes."""
    data = random.Random(1).randbytes(int(size))
    talk = Talk()
    talk.send(talk.c.seal(data, int(record)))
    talk.c.close_notify()
    text, talk.end = talk.c.read_all()
    have = {i: int(n) for i, n in enumerate(text.split())}
    want = collections.Counter(data)
    wrong = {i: (have.get(i), want[i]) for i in range(256)
             if have.get(i) != want[i]}
    assert not wrong, f"sum {sum(have.values())} of {len(data)}: {wrong}"
    talk.finish()


def blocked(log):
    """Reads only after the server has told in its log how much it wrote."""
    before = len(_totals(log))
    talk, end = Talk(), time.monotonic() + TIMEOUT
    while len(_totals(log)) == before:
        assert time.monotonic() < end, "the server does not say how much"
        time.sleep(0.05)
    talk.expect(b"f" * _totals(log)[-1], "what was written")
    talk.finish()


def _totals(log):
    with open(log, encoding="ascii") as f:
        return [int(line.split()[1]) for line in f
                if line.startswith("total: ") and line.endswith("\n")]


def stuck():
    """Clients stop within a header and within a record; others are served."""
    data, waiting = _lines(3000), []
    for cut in (3, 1000, 5, 22):
        talk = Talk()
        wire = talk.c.seal(data, 2000)
        talk.send(wire[:cut])
        waiting.append((talk, wire[cut:]))
    for _ in range(3):
        talk = Talk()
        talk.send(talk.c.seal(data))
        talk.expect(data, "a client beside the stuck ones")
        talk.c.close_notify()
        talk.finish()
    for talk, rest in waiting:
        talk.send(rest)
        talk.expect(data, "one that was stuck")
        talk.c.close_notify()
        talk.finish()


if __name__ == "__main__":
    globals()[sys.argv[2]](**dict(o.split("=", 1) for o in sys.argv[3:]))
