# SPDX-License-Identifier: MIT
"""Wall-clock figures: this kernel, one core for the servers, one for the load.

Rounds: each round measures every server once, so that what else the machine does
meanwhile falls on all of them. A figure is the median of its rounds.
"""
import contextlib
import re
import statistics
import subprocess
import time
from typing import NamedTuple

import figures as fig
from processes import CPUS, LOAD_CPU, pinned, raise_limit
from servers import BUILD, Client, Stack, make_files


class Mode(NamedTuple):
    rounds: int
    seconds: int  # of each measurement of requests a second
    latency_s: float  # the same at half load
    handshakes: int
    idle: int  # connections
    idle_proxy: int  # the same where a proxy is in between
    tls: list  # servers beside plaintext nginx


TLS = ["ktlshim", "nginx", *fig.PEERS]
MODES = {"full": Mode(7, 4, 3, 3000, 10000, 10000, TLS),
         "short": Mode(3, 1, 1, 400, 10000, 1000, TLS),
         "tiny": Mode(1, 1, 0.2, 32, 20, 20, ["ktlshim"])}  # for the test
IDLE_S = 2


def run(*command):
    return subprocess.run([*pinned(LOAD_CPU), *command], check=True,
                          capture_output=True, text=True).stdout


def url(stack, page):
    return f"http{'s' if stack.tls else ''}://127.0.0.1:{stack.port}/{page}"


def keepalive(stack, page, seconds):
    out = run("wrk", "-t1", "-c32", f"-d{seconds}s", url(stack, page))
    if re.search(r"Socket errors|Non-2xx", out):
        stack.fail(out)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])


def transfer(*options):
    speed = run("curl", "-sSkf", "-o", "/dev/null", "-H", "Expect:", "-w",
                "%{speed_download} %{speed_upload}", *options).split()
    return max(float(x) for x in speed) / 1e6


def download(stack):
    return transfer(url(stack, "100m"))


def upload(stack):
    return transfer("-T", stack.top + "/www/100m", url(stack, "up/file"))


def half_load(stack, rate, seconds):
    """(p50, p99) of requests that are sent evenly over 16 connections

    Medians of quarters of a second, so that what stops the whole machine for
    some milliseconds is not taken for the server's.
    """
    with Client(stack) as client:
        client.ask("open", 16)
        client.ask("rate", "100", rate, 0.2)
        quarters = [client.ask("rate", "100", rate, 0.25)
                    for _ in range(max(1, round(seconds * 4)))]
    return tuple(map(statistics.median, zip(*quarters)))


def handshakes(stack, n, kind):
    """(connections a second, microseconds of server CPU for each)"""
    with Client(stack) as client:
        client.ask("connect", 16, kind)
        before = stack.cpu_ns()
        seconds, _ = client.ask("connect", n, kind)
        return n / seconds, (stack.cpu_ns() - before) / n / 1000


def p99(client):
    return statistics.median(client.ask("get", "100", 1000)[1] for _ in range(3))


def idle(stack, many):
    """What idle connections cost, in a fresh server: {figure: value}

    Fresh, for what was freed before would be used again.
    """
    got = {}
    with Client(stack) as client:
        client.ask("open", 1)
        client.ask("get", "100", 1000)
        first = held = min(100, many // 2)
        client.ask("idle", first)
        before = stack.memory()
        got[fig.BUSY_100] = p99(client)

        def hold(n):
            nonlocal held
            client.ask("idle", n - held)
            held = n
            return (stack.memory() - before) / (n - first)

        got[fig.MEMORY_1000] = hold(min(1000, many))
        if many > 1000:
            got[fig.MEMORY_10000] = hold(many)
            got[fig.BUSY_10000] = p99(client)
            cpu = stack.cpu_ns()
            time.sleep(IDLE_S)
            got[fig.IDLE_CPU] = (stack.cpu_ns() - cpu) / 1000 / IDLE_S
        got[fig.HELD] = held
    return got


def library(preload, top):
    """Environment of a program with the library, or without"""
    env = {"PATH": "/usr/bin:/bin"}
    if preload:
        env.update(LD_PRELOAD=BUILD + "/libktlshim.so", KTLSHIM_CERT=top + "/ec.crt",
                   KTLSHIM_KEY=top + "/ec.key")
    return env


def hook(what, env):
    return float(subprocess.run(
        [*pinned(LOAD_CPU), BUILD + "/bench/hook", what, "1000000"], env=env, check=True,
        capture_output=True, text=True).stdout)


def start_up(env):
    begin = time.perf_counter()
    for _ in range(50):
        subprocess.run(["/bin/true"], env=env, check=True)
    return (time.perf_counter() - begin) * 1000 / 50


class Native:
    def __init__(self, top, results, mode):
        if len(CPUS) < 2:
            raise SystemExit("bench: server and load need a core each, and there is one;"
                             " --only virtual does without")
        self.top, self.results, self.mode = top, results, MODES[mode]
        make_files(top, ["100", "16k", "100m"])
        # a relayed connection takes two descriptors of the helper
        self.limit = (raise_limit() - 200) // 2
        self.tls = self.mode.tls

    def add(self, figure, name, value):
        self.results.add("native", figure, name, [value])

    @contextlib.contextmanager
    def stacks(self, names, **how):
        """All of them, running; proxies have the plaintext one behind them."""
        with contextlib.ExitStack() as running:
            backend = running.enter_context(Stack(self.top, "plain"))
            made = {"plain": backend}
            for name in names:
                if name != "plain":
                    made[name] = running.enter_context(Stack(
                        self.top, name, backend=backend if name in fig.PEERS else None,
                        **how))
            yield made

    def measure(self, figure, stacks, function, *args, names=None):
        """function(stack, *args) gives one figure, or several; A B A B"""
        seen = {}
        for _ in range(self.mode.rounds):
            for name in names or stacks:
                got = function(stacks[name], *args)
                for i, value in enumerate(got if isinstance(got, tuple) else (got,)):
                    seen.setdefault((name, i), []).append(value)
        for (name, i), values in seen.items():
            self.results.add("native", figure if not isinstance(figure, tuple)
                             else figure[i], name, values)

    def all(self):
        mode = self.mode
        with self.stacks(self.tls) as s:
            self.measure(fig.KEEP_100, s, keepalive, "100", mode.seconds)
            self.half_load(s)
            self.measure(fig.KEEP_16K, s, keepalive, "16k", mode.seconds)
            self.measure(fig.DOWN, s, download)
            self.measure(fig.UP, s, upload)
            self.measure(fig.FULL["ec"], s, handshakes, mode.handshakes, "full",
                         names=self.tls)
        with self.stacks(self.tls, kind="rsa") as s:
            self.measure(fig.FULL["rsa"], s, handshakes, mode.handshakes // 2, "full",
                         names=self.tls)
        with self.stacks(self.tls, tickets=True) as s:
            self.measure(fig.RESUMED, s, handshakes, mode.handshakes, "resumed",
                         names=self.tls)
        self.idle()
        self.small()

    def half_load(self, s):
        """Half of what the slower of the two reaches, which all can bear"""
        reached = lambda name: self.results.median("native", fig.KEEP_100, name)
        ours = [n for n in s if n not in fig.PEERS]
        proxy = sorted((n for n in s if n in fig.PEERS), key=reached)[-1:]
        rate = int(min(map(reached, ours)) / 2)
        self.add(fig.HALF_RATE, "all", rate)
        self.measure(fig.HALF_LOAD, s, half_load, rate, self.mode.latency_s,
                     names=[*ours, *proxy])

    def idle(self):
        """Memory is what all processes have grown by, less what plaintext nginx has."""
        mode, plain = self.mode, {}
        for name in ["plain", *self.tls]:
            many = min(mode.idle_proxy if name in fig.PEERS else mode.idle, self.limit)
            if name == "stunnel":  # a thread for each
                many = min(many, 1000)
            with self.stacks([name]) as s:
                got = idle(s[name], many)
            for figure in (fig.MEMORY_1000, fig.MEMORY_10000):
                if name == "plain":
                    plain[figure] = got.pop(figure, None)
                elif figure in got:
                    got[figure] -= plain[figure]
            for figure, value in got.items():
                self.add(figure, name, value)

    def small(self):
        """The library where it has nothing to do"""
        for _ in range(self.mode.rounds):
            for name in ("without", "with"):
                env = library(name == "with", self.top)
                self.add(fig.READ_ZERO, name, hook("/dev/zero", env))
                self.add(fig.READ_SOCKET, name, hook("socket", env))
                self.add(fig.START, name, start_up(env))
