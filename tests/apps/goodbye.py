# SPDX-License-Identifier: MIT
"""goodbye.py - a TLS 1.3 client that has gone when its handshake is done

  goodbye.py PORT PID reset|close LINE BYTES

It sends its Finished, a line and BYTES, and resets or closes the connection, all
while the helper, PID, stands still: no ticket has been sent before, and none can be.
"""
import os
import signal
import socket
import struct
import sys
import time

from wireclient import Client


class Quick(Client):
    """Its second message waits: Finished."""

    def raw(self, data):
        if self.sends == 1:
            self.finished = data
        else:
            super().raw(data)


def is_stopped(thread):
    with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as stat:
        name, _, rest = stat.read().rpartition(")")
    return rest.split()[0] == "T" or "(iou-" in name  # a ring's, in the kernel


port, pid, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
client = Quick(port)
wire = client.finished + client.seal(sys.argv[4].encode() + b"\n" + bytes(int(sys.argv[5])))
os.kill(pid, signal.SIGSTOP)
try:
    while not all(is_stopped(t) for t in os.listdir(f"/proc/{pid}/task")):
        time.sleep(0.001)
    client.sock.sendall(wire)
    if how == "reset":
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
    client.sock.close()
finally:
    os.kill(pid, signal.SIGCONT)
