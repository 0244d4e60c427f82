#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http.server with uploads: put_server.py PORT ADDRESS DIRECTORY

PUT /NAME stores DIRECTORY/NAME; POST gives the body back. Both keep a
connection open between requests if the client likes it (HTTP/1.1).
"""
import http.server
import socket
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        left = int(self.headers["Content-Length"])
        while left:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                raise ConnectionError(f"{left} bytes are missing")
            left -= len(piece)
            yield piece

    def do_PUT(self):
        with open(self.translate_path(self.path), "wb") as f:
            f.writelines(self.body())
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        data = b"".join(self.body())
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET


def main():
    port, address, directory = sys.argv[1:]

    def handler(*args):
        Handler(*args, directory=directory)

    Server((address, int(port)), handler).serve_forever()


if __name__ == "__main__":
    main()
