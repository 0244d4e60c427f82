# SPDX-License-Identifier: MIT
"""give_back.py PORT: a server that knows no TLS. It reads to the end of what a
client sends, or to "that is all", gives all of it back, and closes."""
import socketserver
import sys


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        data = bytearray()
        while not data.endswith(b"that is all\n"):
            piece = self.request.recv(65536)
            if not piece:
                break
            data += piece
        self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
