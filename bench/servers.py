# SPDX-License-Identifier: MIT
"""The servers that are compared: one plaintext nginx, and what gives it TLS.

All have one worker, the same certificate, and OpenSSL's choice of cipher. A
Stack is a set of processes; what it costs is what all of them cost, the
plaintext backend of a proxy included. Session tickets are off but where sessions
are resumed; hitch has no setting for them.
"""
import contextlib
import os
import re
import signal
import subprocess

from processes import (LOAD_CPU, SERVER_CPU, children, free_port, holder, is_open,
                       is_there, pinned, raise_limit, wait_until)

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("KTLSHIM_BUILD", TOP + "/build")
SIZES = {"100": 100, "16k": 16 << 10, "1m": 1 << 20, "100m": 100_000_000}


def make_files(top, sizes):
    """The pages that are fetched, and certificates."""
    os.makedirs(top + "/www/up", exist_ok=True)
    for name in sizes:
        with open(f"{top}/www/{name}", "wb") as f:
            f.truncate(SIZES[name])
    for kind, opts in (("ec", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
                       ("rsa", ["-newkey", "rsa:2048"])):
        subprocess.run(["openssl", "req", "-x509", *opts, "-nodes", "-days", "30",
                        "-keyout", f"{top}/{kind}.key", "-out", f"{top}/{kind}.crt",
                        "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                       check=True, stderr=subprocess.DEVNULL)
        with open(f"{top}/{kind}.pem", "w") as f:
            for part in ("key", "crt"):
                f.write(open(f"{top}/{kind}.{part}").read())


NGINX = """
daemon off; master_process on; worker_processes 1; pid {dir}/pid; {load}
error_log {dir}/error.log crit; worker_rlimit_nofile 50000;
events {{ worker_connections 24000; }}
"""
HTTP = """
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
  keepalive_timeout 600s; client_max_body_size 0; default_type text/plain;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{
    listen 127.0.0.1:{port} backlog=4096 {ssl}; root {top}/www;
    {tls}
    location /copied/ {{ sendfile off; alias {top}/www/; }}
    location /up/ {{ dav_methods PUT; client_body_buffer_size 128k; }}
  }}
}}
"""


class Client:
    """bench/client.c, with its connections to one server"""

    def __init__(self, stack):
        self.stack = stack
        self.process = subprocess.Popen(
            [*pinned(None if stack.cpu is None else LOAD_CPU), BUILD + "/bench/client",
             str(stack.port), "tls" if stack.tls else "plain"], text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def ask(self, *words):
        """The two numbers that it answers with"""
        try:
            print(*words, file=self.process.stdin)
            answer = self.process.stdout.readline().split()
        except BrokenPipeError:
            answer = []
        if len(answer) != 2:
            self.stack.fail(f"'{' '.join(map(str, words))}' fails: "
                            + self.process.stderr.read().strip())
        return float(answer[0]), float(answer[1])


class Stack:
    """Processes that serve one port; with: started, all pinned to one CPU."""

    def __init__(self, top, name, kind="ec", tickets=False, cpu=SERVER_CPU, backend=None,
                 warm=100, **how):
        self.top, self.name, self.cpu, self.backend = top, name, cpu, backend
        self.kind, self.tickets, self.warm, self.how = kind, tickets, warm, how
        self.process, self.pids = None, []
        self.port = free_port()
        self.dir = f"{top}/{name}-{self.port}"
        os.mkdir(self.dir)
        os.chmod(self.dir, 0o777)
        self.tls = name != "plain"

    def nginx(self, tls="", load="", body=HTTP):
        text = NGINX.format(dir=self.dir, load=load) + body.format(
            dir=self.dir, top=self.top, port=self.port, tls=tls,
            ssl="ssl" if tls else "", backend=self.backend and self.backend.port)
        with open(self.dir + "/conf", "w") as f:
            f.write("user root;\n" + text)
        return ["nginx", "-c", self.dir + "/conf", "-e", self.dir + "/error.log"]

    def ssl_lines(self, ktls=False):
        on = "on" if self.tickets else "off"
        return (f"ssl_certificate {self.top}/{self.kind}.crt;"
                f"ssl_certificate_key {self.top}/{self.kind}.key;"
                f"ssl_session_tickets {on}; ssl_session_cache off;"
                "ssl_protocols TLSv1.2 TLSv1.3;"
                + ("ssl_conf_command Options KTLS;" if ktls else ""))

    def command(self):
        pem, name = f"{self.top}/{self.kind}.pem", self.name
        backend = self.backend and f"127.0.0.1:{self.backend.port}"
        if name == "plain" or name.startswith("ktlshim"):
            return self.nginx()
        if name == "nginx":
            return self.nginx(self.ssl_lines())
        if name == "nginx-ktls":
            return self.nginx(self.ssl_lines(ktls=True))
        if name == "nginx-stream":
            return self.nginx(self.ssl_lines(), "load_module modules/ngx_stream_module.so;",
                              "stream {{ server {{ listen 127.0.0.1:{port} ssl backlog=4096;"
                              " {tls} proxy_pass 127.0.0.1:{backend}; }} }}\n")
        text, run = {
            "haproxy": (
                f"global\n maxconn {(raise_limit() - 100) // 2}\n nbthread 1\n tune.ssl.cachesize 0\n"
                " ssl-default-bind-options ssl-min-ver TLSv1.2"
                + ("" if self.tickets else " no-tls-tickets") +
                "\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 600s\n"
                " timeout server 600s\n"
                f"listen x\n bind 127.0.0.1:{self.port} ssl crt {pem} backlog 4096\n"
                f" server s {backend}\n",
                ["haproxy", "-db", "-f"]),
            "hitch": (
                f'frontend = {{ host = "127.0.0.1" port = "{self.port}" }}\n'
                f'backend = "[127.0.0.1]:{self.backend and self.backend.port}"\n'
                f'pem-file = "{pem}"\nworkers = 1\nbacklog = 4096\n'
                f'tls-protos = TLSv1.2 TLSv1.3\nuser = "root"\n',
                ["hitch", "--config"]),
            "stunnel": (
                f"foreground = yes\npid =\nsyslog = no\n"
                f"sslVersionMin = TLSv1.2\n"
                + ("" if self.tickets else "options = NO_TICKET\n") +
                f"[t]\naccept = 127.0.0.1:{self.port}\n"
                f"connect = {backend}\ncert = {pem}\n",
                ["stunnel4"]),
        }[name]
        with open(self.dir + "/conf", "w") as f:
            f.write(text)
        return run + [self.dir + "/conf"]

    def environment(self):
        env = dict(os.environ, **self.how.get("env", {}))
        if self.name.startswith("ktlshim"):
            env.update(LD_PRELOAD=BUILD + "/libktlshim.so",
                       KTLSHIM_CERT=f"{self.top}/{self.kind}.crt",
                       KTLSHIM_KEY=f"{self.top}/{self.kind}.key",
                       KTLSHIM_LOG=f"warn:{self.dir}/ktlshim.log")
            if not self.tickets:
                env["KTLSHIM_NUMTICKETS"] = "0"
        return env

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with open(self.dir + "/out", "w") as out:
            self.process = subprocess.Popen(
                pinned(self.cpu) + self.command(), env=self.environment(), stdout=out,
                stderr=out, stdin=subprocess.DEVNULL)
        up = lambda: is_open(self.port)
        if not wait_until(30, lambda: up() or self.process.poll() is not None) or not up():
            self.fail("does not start")
        # who has answered has all its processes
        with Client(self) as client:
            client.ask("connect", self.warm, "full")
            if self.tickets and self.tls:
                client.ask("connect", self.warm, "resumed")
            client.ask("open", 1)
            client.ask("get", "100", self.warm)
        self.pids = sorted({self.process.pid, *children(self.process.pid),
                            *holder(self.port)})

    def fail(self, what):
        """With its last words"""
        words = ""
        for name in ("out", "error.log", "ktlshim.log"):
            if os.path.exists(f"{self.dir}/{name}"):
                with open(f"{self.dir}/{name}", errors="replace") as f:
                    words += f.read()
        raise SystemExit(f"bench: {self.name}: {what}\n{words[-600:].strip()}")

    def stop(self):
        """All of them: a daemon that is killed leaves its children behind."""
        if not self.process:
            return
        pids = {*self.pids, *children(self.process.pid), *holder(self.port)}
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        if not wait_until(5, lambda: not any(map(is_there, pids))):
            for pid in filter(is_there, pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def all_pids(self):
        return self.pids + (self.backend.pids if self.backend else [])

    def cpu_ns(self):
        """CPU time so far of all its processes, threads that ended included.

        The kernel's sum is exact to a tick of 10 ms; while no thread ends, its
        scheduler knows nanoseconds.
        """
        total = 0
        for pid in self.all_pids():
            if self.name == "stunnel":
                with open(f"/proc/{pid}/stat") as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                total += (int(fields[11]) + int(fields[12])) * 10_000_000
                continue
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                    total += int(f.read().split()[0])
        return total

    def memory(self):
        """Bytes of memory, shared pages by halves (PSS)."""
        total = 0
        for pid in self.all_pids():
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M)[1])
        return total * 1024
