# SPDX-License-Identifier: MIT
"""A plain WSGI program: GET gives a file below $WWW, POST gives the body back."""
import os


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    else:
        with open(os.environ["WWW"] + environ["PATH_INFO"], "rb") as f:
            body = f.read()
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", str(len(body)))])
    return [body]
