# SPDX-License-Identifier: MIT
"""A plain ASGI program: GET gives a file below $WWW, POST gives the body back."""
import os


async def application(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError(scope["type"])
    if scope["method"] == "POST":
        body, more = b"", True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
    else:
        with open(os.environ["WWW"] + scope["path"], "rb") as f:
            body = f.read()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"text/plain"),
                            (b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
