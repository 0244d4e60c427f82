# SPDX-License-Identifier: MIT
"""wireclient.py - a TLS client whose bytes the test holds in its hand

Python's ssl works on memory here and the socket is ours, so ciphertext can be
cut, delayed, damaged or left out at will. `Crafted` seals its own records
(ssl offers none that are empty or padded): keys from the key log, AES-GCM from
libcrypto through ctypes.
"""
import ctypes
import hashlib
import hmac
import os
import socket
import ssl
import struct
import tempfile

TIMEOUT = 30  # a hang is a failure, not a wait


class Client:
    """One connection; after __init__ the handshake is done."""

    def __init__(self, port, version=None, host="127.0.0.1", keylog=None,
                 ciphers=None):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.load_verify_locations(os.environ["CERTS"] + "/ca.pem")
        # as Debian's python3 is built, any FIN would pass for close_notify
        ctx.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        if version == "1.2":
            ctx.maximum_version = ssl.TLSVersion.TLSv1_2
        if ciphers:
            ctx.set_ciphers(ciphers)
        if keylog:
            ctx.keylog_filename = keylog
        self.key_updates = 0  # of the server's
        ctx._msg_callback = self._on_message  # private, but what there is
        self.input, self.output = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = ctx.wrap_bio(self.input, self.output,
                                server_hostname="localhost")
        self.sock = socket.create_connection((host, port), TIMEOUT)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sends = 0
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.fill()
        self.flush()

    def _on_message(self, _conn, direction, _version, kind, message, _data):
        if direction == "read" and kind == 22 and message == 24:
            self.key_updates += 1

    def fill(self):
        """What the socket has, to ssl; False at its end."""
        data = self.sock.recv(65536)
        if not data:
            self.input.write_eof()
            return False
        self.input.write(data)
        return True

    def flush(self):
        self.raw(self.output.read())

    def raw(self, data):
        if data:
            self.sock.sendall(data)
            self.sends += 1

    def seal(self, data, record=16384):
        """The records of `data` as ciphertext, not sent."""
        for i in range(0, len(data), record):
            self.tls.write(data[i:i + record])
        return self.output.read()

    def send(self, data, record=16384, cut=None):
        """cut: None, a number of bytes per send, or a function giving one."""
        self.send_cut(self.seal(data, record), cut)

    def send_cut(self, wire, cut=None):
        while wire:
            n = len(wire) if cut is None else cut() if callable(cut) else cut
            self.raw(wire[:n])
            wire = wire[n:]

    def close_notify(self):
        """Sends it; TCP stays open and reading goes on."""
        try:
            self.tls.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLSyscallError):
            pass
        except ssl.SSLError as e:
            if "APPLICATION_DATA_AFTER" not in (e.reason or ""):
                raise
        self.flush()

    def read(self, n):
        """Exactly n bytes, or what there is before the end."""
        data = b""
        while len(data) < n:
            got, end = self.read_some(n - len(data))
            data += got
            if end:
                break
        return data

    def read_some(self, n=65536):
        """(data, None) or (b"", how it ended): close_notify, eof (without
        close_notify), reset, or the reason that ssl gives (an alert)."""
        while True:
            try:
                data = self.tls.read(n)
                return (data, None) if data else (b"", "close_notify")
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLZeroReturnError:
                return b"", "close_notify"
            except ssl.SSLEOFError:
                return b"", "eof"
            except ssl.SSLError as e:
                if "UNEXPECTED_EOF" in (e.reason or ""):
                    return b"", "eof"
                return b"", (e.reason or str(e)).lower()
            try:
                self.fill()
            except ConnectionResetError:
                return b"", "reset"
            except TimeoutError:
                return b"", "hang"

    def read_all(self):
        data, end = [], None
        while not end:
            got, end = self.read_some()
            data.append(got)
        return b"".join(data), end

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()


def client_hello():
    """The bytes of one, as ssl makes it."""
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    output = ssl.MemoryBIO()
    tls = ctx.wrap_bio(ssl.MemoryBIO(), output, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return output.read()


def expand_label(digest, secret, label, length):
    """HKDF-Expand-Label of RFC 8446 section 7.1, one block."""
    label = b"tls13 " + label
    info = struct.pack("!HB", length, len(label)) + label + b"\0\1"
    return hmac.new(secret, info, digest).digest()[:length]


class Crafted(Client):
    """TLS 1.3 whose outgoing records are all made by seal_record()."""

    def __init__(self, port):
        with tempfile.NamedTemporaryFile("r") as log:
            super().__init__(port, keylog=log.name)
            lines = [line.split() for line in log.read().splitlines()]
        secret = next(bytes.fromhex(line[2]) for line in lines
                      if line and line[0] == "CLIENT_TRAFFIC_SECRET_0")
        name = self.tls.cipher()[0]
        if not name.startswith("TLS_AES_"):
            raise SystemExit("no AES-GCM: " + name)
        self.digest = hashlib.sha384 if "SHA384" in name else hashlib.sha256
        self.size = size = 32 if "256_GCM" in name else 16
        self.use(secret)
        self.crypto = ctypes.CDLL("libcrypto.so.3")
        self.crypto.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
        cipher = getattr(self.crypto, f"EVP_aes_{8 * size}_gcm")
        cipher.restype = ctypes.c_void_p
        self.cipher = cipher()

    def use(self, secret):
        self.secret = secret
        self.key = expand_label(self.digest, secret, b"key", self.size)
        self.iv = expand_label(self.digest, secret, b"iv", 12)
        self.sequence = 0

    def key_update(self, request):
        """The record of one (RFC 8446 section 4.6.3); then the next key."""
        wire = self.seal_record(struct.pack("!IB", 0x18000001, request), 22)
        self.use(expand_label(self.digest, self.secret, b"traffic upd",
                              self.digest().digest_size))
        return wire

    def seal_record(self, data, kind=23, padding=0):
        plain = data + bytes([kind]) + bytes(padding)
        head = struct.pack("!BHH", 23, 0x303, len(plain) + 16)
        nonce = (int.from_bytes(self.iv, "big") ^ self.sequence)
        nonce = nonce.to_bytes(12, "big")
        self.sequence += 1
        c, out = self.crypto, ctypes.create_string_buffer(len(plain) + 16)
        tag, n = ctypes.create_string_buffer(16), ctypes.c_int()
        ctx = ctypes.c_void_p(c.EVP_CIPHER_CTX_new())
        kind = ctypes.c_void_p(self.cipher)
        ok = c.EVP_EncryptInit_ex(ctx, kind, None, self.key, nonce)
        ok &= c.EVP_EncryptUpdate(ctx, None, ctypes.byref(n), head, 5)
        ok &= c.EVP_EncryptUpdate(ctx, out, ctypes.byref(n), plain,
                                  len(plain))
        ok &= c.EVP_EncryptFinal_ex(ctx, None, ctypes.byref(n))
        ok &= c.EVP_CIPHER_CTX_ctrl(ctx, 0x10, 16, tag)  # GET_TAG
        c.EVP_CIPHER_CTX_free(ctx)
        if ok != 1:
            raise SystemExit("libcrypto does not seal")
        return head + out.raw[:len(plain)] + tag.raw

    def seal(self, data, record=16384):
        return b"".join(self.seal_record(data[i:i + record])
                        for i in range(0, len(data), record))

    def close_notify(self):
        self.raw(self.seal_record(b"\1\0", kind=21))
