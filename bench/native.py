# SPDX-License-Identifier: MIT
"""Wall-clock figures: this kernel, one core for the servers, one for the load.

Rounds: each round measures every stack once, so that what else the machine does
meanwhile falls on all of them. A figure is the median of its rounds.
"""
import re
import resource
import socket
import ssl
import statistics
import subprocess
import time

from servers import BUILD, Stack, make_files

PEERS = ["nginx-stream", "hitch", "haproxy", "stunnel"]
LOAD_CPU = "1"


def run(*command):
    return subprocess.run(["taskset", "-c", LOAD_CPU, *command], check=True,
                          capture_output=True, text=True).stdout


def url(stack, page):
    return f"http{'s' if stack.tls else ''}://127.0.0.1:{stack.port}/{page}"


def keepalive(stack, page, seconds):
    out = run("wrk", "-t1", "-c32", f"-d{seconds}s", url(stack, page))
    if re.search(r"Socket errors|Non-2xx", out):
        raise SystemExit(f"bench: {stack.name}: {out}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])


def transfer(stack, *options):
    speed = run("curl", "-sSkf", "-o", "/dev/null", "-H", "Expect:", "-w",
                "%{speed_download} %{speed_upload}", *options).split()
    return max(float(x) for x in speed) / 1e6


def download(stack):
    return transfer(stack, url(stack, "100m"))


def upload(stack):
    return transfer(stack, "-T", stack.top + "/www/100m", url(stack, "up/file"))


def context():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    return c


def dial(stack, ctx, session=None):
    s = socket.create_connection(("127.0.0.1", stack.port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ctx.wrap_socket(s, session=session) if stack.tls else s


def get(s, page="100"):
    s.sendall(f"GET /{page} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    data = b""
    while not data.endswith(b"\0" * 100):
        more = s.recv(16384)
        if not more:
            raise SystemExit("bench: the server has closed the connection")
        data += more


def full_handshakes(stack, n):
    """(connections a second, microseconds of server CPU for each)"""
    before = stack.cpu_ns()
    out = run("ab", "-q", "-n", str(n), "-c", "16", url(stack, "100"))
    if not re.search(r"Failed requests:\s+0\b", out):
        raise SystemExit(f"bench: {stack.name}: {out}")
    us = (stack.cpu_ns() - before) / n / 1000
    return float(re.search(r"Requests per second:\s+([\d.]+)", out)[1]), us


def resumed_handshakes(stack, n):
    """The same; each takes up the session of the one before."""
    ctx, session = context(), None
    s = dial(stack, ctx)
    get(s)
    session = s.session
    before, begin = stack.cpu_ns(), time.monotonic()
    for _ in range(n):
        s.close()
        s = dial(stack, ctx, session)
        if not s.session_reused:
            raise SystemExit(f"bench: {stack.name} has not resumed")
        get(s)
        session = s.session
    took = time.monotonic() - begin
    s.close()
    return n / took, (stack.cpu_ns() - before) / n / 1000


def idle_memory(stack, n):
    """Bytes for each of n connections that have made one request"""
    ctx = context()
    warm = dial(stack, ctx)
    get(warm)
    before, open_ = stack.memory(), []
    for _ in range(n):
        open_.append(dial(stack, ctx))
        get(open_[-1])
    used = (stack.memory() - before) / n
    for s in [warm, *open_]:
        s.close()
    return used


def busy_p99(stack, idle, n):
    """Microseconds that 99 of 100 requests take at most, among idle ones"""
    ctx = context()
    others = [dial(stack, ctx) for _ in range(idle)]
    busy, times = dial(stack, ctx), []
    get(busy)
    for _ in range(n):
        begin = time.perf_counter()
        get(busy)
        times.append(time.perf_counter() - begin)
    for s in [busy, *others]:
        s.close()
    return statistics.quantiles(times, n=100)[98] * 1e6


def hook(what, preload):
    env = {"PATH": "/usr/bin:/bin"}
    if preload:
        env.update(LD_PRELOAD=BUILD + "/libktlshim.so", **preload)
    return float(subprocess.run([BUILD + "/bench/hook", what, "3000000"], env=env,
                                check=True, capture_output=True, text=True).stdout)


def start_up(preload):
    env = {"PATH": "/usr/bin:/bin"}
    if preload:
        env.update(LD_PRELOAD=BUILD + "/libktlshim.so", **preload)
    begin = time.perf_counter()
    for _ in range(100):
        subprocess.run(["/bin/true"], env=env, check=True)
    return (time.perf_counter() - begin) * 10  # ms each


class Native:
    def __init__(self, top, results, short):
        self.top, self.results, self.short = top, results, short
        self.rounds = 3 if short else 7
        make_files(top, ["100", "16k", "100m"])
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        # a relayed connection takes two descriptors of the helper
        self.many = min(300 if short else 10000, (limit - 200) // 2)

    def stacks(self, names, **how):
        backend = Stack(self.top, "plain").start()
        made = [backend]
        for name in names:
            if name != "plain":
                made.append(Stack(self.top, name, backend=backend if name in PEERS
                                  else None, **how).start())
        return {s.name: s for s in made}

    def measure(self, figure, stacks, function, *args, names=None):
        """function(stack, *args) gives one figure, or several"""
        seen = {}
        for _ in range(self.rounds):
            for name in names or stacks:
                got = function(stacks[name], *args)
                for i, value in enumerate(got if isinstance(got, tuple) else (got,)):
                    seen.setdefault((name, i), []).append(value)
        for (name, i), values in seen.items():
            self.results.add("native", figure if not isinstance(figure, tuple)
                             else figure[i], name, values)

    def all(self):
        tls = ["ktlshim", "nginx", *PEERS]
        s = self.stacks(tls)
        self.measure("keep-alive 100 B, requests/s", s, keepalive, "100",
                     2 if self.short else 4)
        self.measure("keep-alive 16 KB, requests/s", s, keepalive, "16k",
                     2 if self.short else 4)
        self.measure("100 MB down, MB/s", s, download)
        self.measure("100 MB up, MB/s", s, upload)
        self.handshakes(s, "P-256")
        self.measure("request on a busy connection, 100 others, p99 us", s, busy_p99,
                     100, 1000, names=["ktlshim", "nginx"])
        self.measure(f"request on a busy connection, {self.many} others, p99 us", s,
                     busy_p99, self.many, 1000,
                     names=["ktlshim", "nginx"])
        self.end(s)
        s = self.stacks(tls, kind="rsa")
        self.handshakes(s, "RSA-2048")
        self.end(s)
        s = self.stacks([n for n in tls], tickets=True)
        self.measure(("resumed, connections/s", "resumed, server us/connection"), s,
                     resumed_handshakes, 300, names=tls)
        self.end(s)
        self.memory(tls)
        self.small()

    def handshakes(self, s, key):
        self.measure((f"full handshakes {key}, connections/s",
                      f"full handshakes {key}, server us/connection"), s,
                     full_handshakes, 1000 if self.short else 3000,
                     names=[n for n in s if n != "plain"])

    def memory(self, tls):
        """Fresh processes: what was freed before would be used again"""
        for name in ["plain", *tls]:
            s = self.stacks([name])
            self.results.add("native", "memory of an idle connection, bytes", name,
                             [idle_memory(s[name], 300 if self.short else 1000)])
            self.end(s)

    def small(self):
        """The library where it has nothing to do"""
        on = {"KTLSHIM_CERT": self.top + "/ec.crt", "KTLSHIM_KEY": self.top + "/ec.key"}
        for _ in range(self.rounds):
            for name, env in (("without", None), ("with", on)):
                for what in ("/dev/zero", "socket"):
                    self.results.add("native", f"read() of {what}, ns", name,
                                     [hook(what, env)])
                self.results.add("native", "start of /bin/true, ms", name, [start_up(env)])

    def end(self, stacks):
        for s in reversed(stacks.values()):
            s.stop()
