# SPDX-License-Identifier: MIT
"""The servers that are compared: one plaintext nginx, and what gives it TLS.

All have one worker, the same certificate, and OpenSSL's choice of cipher. A
Stack is a set of processes; what it costs is what all of them cost, the
plaintext backend of a proxy included.
"""
import os
import re
import signal
import socket
import subprocess
import time

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


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            found = [int(x) for x in f.read().split()]
    except FileNotFoundError:
        return []
    return found + [c for child in found for c in children(child)]


def holder(port):
    """Who has the listening socket: the helper, for an upgraded port."""
    out = subprocess.run(["ss", "-Hltnp", f"sport = :{port}"], capture_output=True,
                         text=True, check=True).stdout
    return [int(pid) for pid in re.findall(r"pid=(\d+)", out)]


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
    location /up/ {{ dav_methods PUT; client_body_buffer_size 128k; }}
  }}
}}
"""


class Stack:
    """Processes that serve one port; started pinned to one CPU."""

    def __init__(self, top, name, kind="ec", tickets=False, cpu=0, backend=None, **how):
        self.top, self.name, self.cpu, self.backend = top, name, cpu, backend
        self.kind, self.tickets, self.how = kind, tickets, how
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
                "global\n maxconn 9000\n nbthread 1\n tune.ssl.cachesize 0\n"
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

    def start(self):
        pin = ["taskset", "-c", str(self.cpu)] if self.cpu is not None else []
        with open(self.dir + "/out", "w") as out:
            self.process = subprocess.Popen(pin + self.command(), env=self.environment(),
                                            stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL)
        for _ in range(200):
            if is_open(self.port):
                break
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        if not is_open(self.port):
            raise SystemExit(f"bench: {self.name} does not start: " +
                             open(self.dir + "/out").read()[-400:])
        self.pids = sorted({self.process.pid, *children(self.process.pid),
                            *holder(self.port)})
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
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
