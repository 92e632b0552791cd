"""A TLS server that misbehaves in one way, below what an HTTP server would let its owner do.

    bad_server.py WAY KEY CERTIFICATE FOLDER

It listens on a free port of 127.0.0.1 and writes the number into FOLDER/port; for each request that it gets it makes a
file FOLDER/request-N. Frames of HTTP/2 (RFC 9113) are written by hand, so that they can be wrong.
"""

import itertools
import os
import socket
import ssl
import struct
import sys
import threading
import time

# Pipes that belong to other tests: whoever reads one to its end would wait for this server's.
os.closerange(3, 1 << 16)

WAY, KEY, CERTIFICATE, FOLDER = sys.argv[1:5]
DATA, HEADERS, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
OK = b"\x88"  # ":status: 200" of the static table
numbers = itertools.count(1)


def frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def literal(name, value):
    """A header field that goes into the peer's table, without Huffman coding."""

    def text(words):
        length = len(words)
        if length < 127:
            return bytes([length]) + words
        more, length = b"", length - 127
        while length >= 128:
            more, length = more + bytes([length % 128 + 128]), length // 128
        return b"\x7f" + more + bytes([length]) + words

    return b"\x40" + text(name) + text(value)


def flood(tls, piece, opening=b""):
    tls.sendall(opening)
    pieces = piece * max(1, 16384 // len(piece))
    while True:
        tls.sendall(pieces)


def answer(tls, stream):
    """What follows on a request."""
    if WAY == "goaway, not done":
        tls.sendall(frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0)))
    elif WAY == "goaway, done":
        tls.sendall(frame(GOAWAY, 0, 0, struct.pack(">II", stream, 0)))
    elif WAY == "goaway, angry":
        tls.sendall(frame(GOAWAY, 0, 0, struct.pack(">II", 0, 11) + b"calm down"))
    elif WAY == "reset":
        tls.sendall(frame(RESET, 0, stream, struct.pack(">I", 2)))
        time.sleep(60)
    elif WAY == "reset, refused":
        tls.sendall(frame(RESET, 0, stream, struct.pack(">I", 7)))
        time.sleep(60)
    elif WAY == "reset within the body":
        tls.sendall(frame(HEADERS, 4, stream, OK) + frame(DATA, 0, stream, b"part"))
        tls.sendall(frame(RESET, 0, stream, struct.pack(">I", 2)))
        time.sleep(60)
    elif WAY == "hang up within the body":
        tls.sendall(frame(HEADERS, 4, stream, OK) + frame(DATA, 0, stream, b"part"))
    elif WAY == "hang up before its length":
        length = literal(b"content-length", b"100")
        tls.sendall(frame(HEADERS, 4, stream, OK + length) + frame(DATA, 0, stream, b"part"))
    elif WAY == "frame beyond its limit, with a length":
        tls.sendall(frame(HEADERS, 4, stream, OK + literal(b"content-length", b"100")) + frame(DATA, 0, stream, b"part"))
        tls.sendall(b"\xff\xff\xff\x00\x00" + struct.pack(">I", stream) + b"x" * 65536)
        time.sleep(60)
    elif WAY == "flood of resets":
        flood(tls, b"".join(frame(RESET, 0, n, struct.pack(">I", 8)) for n in range(3, 2000, 2)))
    elif WAY == "flood of continuations":
        flood(tls, frame(CONTINUATION, 0, stream, literal(b"x", b"y")), frame(HEADERS, 0, stream, OK))
    elif WAY == "flood of empty continuations":
        flood(tls, frame(CONTINUATION, 0, stream), frame(HEADERS, 0, stream, OK))
    elif WAY == "flood of settings":
        flood(tls, frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)))
    elif WAY == "flood of pings":
        flood(tls, frame(PING, 0, 0, b"12345678"))
    elif WAY == "flood of empty data":
        flood(tls, frame(DATA, 0, stream), frame(HEADERS, 4, stream, OK))
    elif WAY == "flood of windows":
        flood(tls, frame(WINDOW, 0, 0, struct.pack(">I", 1)))
    elif WAY == "flood after an answer":
        tls.sendall(frame(HEADERS, 4, stream, OK) + frame(DATA, 1, stream, b"good"))
        time.sleep(0.1)
        flood(tls, frame(WINDOW, 0, 0, struct.pack(">I", 1)))
    elif WAY == "flood of hints":
        flood(tls, frame(HEADERS, 4, stream, literal(b":status", b"103")))
    elif WAY == "header bomb":
        # One field of 4 KB, and 16,000 bytes each of which stands for it again.
        tls.sendall(frame(HEADERS, 4, stream, OK + literal(b"x", b"y" * 4000) + b"\xbe" * 16000))
        time.sleep(60)
    elif WAY == "table of 4 GB":
        tls.sendall(frame(HEADERS, 4, stream, b"\x3f\xe1\xff\xff\xff\x0f" + OK))
        time.sleep(60)
    elif WAY == "frame beyond its limit":
        tls.sendall(frame(HEADERS, 4, stream, OK) + b"\xff\xff\xff\x00\x00" + struct.pack(">I", stream) + b"x" * 65536)
        time.sleep(60)
    elif WAY == "data beyond the window":
        flood(tls, frame(DATA, 0, stream, b"x" * 16384), frame(HEADERS, 4, stream, OK))
    elif WAY == "data before headers":
        tls.sendall(frame(DATA, 1, stream, b"hello"))
        time.sleep(60)
    elif WAY == "push":
        tls.sendall(frame(PUSH, 4, stream, struct.pack(">I", 2) + OK))
        time.sleep(60)
    elif WAY == "another stream":
        tls.sendall(frame(HEADERS, 5, 99, OK))
        time.sleep(60)
    elif WAY == "no status":
        tls.sendall(frame(HEADERS, 5, stream, literal(b"x", b"y")))
        time.sleep(60)
    elif WAY == "line breaks in a header":
        tls.sendall(frame(HEADERS, 5, stream, OK + literal(b"x", b"a\r\nset-cookie: b")))
        time.sleep(60)
    elif WAY == "two lengths":
        lengths = literal(b"content-length", b"5") + literal(b"content-length", b"3")
        tls.sendall(frame(HEADERS, 4, stream, OK + lengths) + frame(DATA, 1, stream, b"hello"))
        time.sleep(60)
    elif WAY == "more than its length":
        tls.sendall(frame(HEADERS, 4, stream, OK + literal(b"content-length", b"3")) + frame(DATA, 1, stream, b"hello"))
        time.sleep(60)
    elif WAY == "silence":
        time.sleep(60)
    elif WAY == "drip":
        tls.sendall(frame(HEADERS, 4, stream, OK))
        while True:
            tls.sendall(frame(DATA, 0, stream, b"."))
            time.sleep(0.05)
    elif WAY == "good":
        tls.sendall(frame(HEADERS, 4, stream, OK) + frame(DATA, 1, stream, b"good"))
        return
    else:
        raise SystemExit(f"no such way: {WAY}")
    # Closed while something is unread, it would be reset, and what was sent last might not arrive.
    tls.shutdown(socket.SHUT_WR)
    while tls.recv(65536):
        pass
    tls.close()


def exactly(tls, count):
    data = b""
    while len(data) < count:
        more = tls.recv(count - len(data))
        if not more:
            raise ConnectionError("the client has left")
        data += more
    return data


def seen():
    open(f"{FOLDER}/request-{next(numbers)}", "w").close()


def serve_frames(tls):
    exactly(tls, 24)
    limit = struct.pack(">HI", 3, 0) if WAY == "no streams" else b""
    tls.sendall(frame(SETTINGS, 0, 0, limit))
    while True:
        head = exactly(tls, 9)
        kind, flags, stream = head[3], head[4], struct.unpack(">I", head[5:])[0]
        exactly(tls, int.from_bytes(head[:3], "big"))
        if kind == SETTINGS and not flags & 1:
            tls.sendall(frame(SETTINGS, 1, 0))
        if kind == HEADERS:
            seen()
        if kind in (HEADERS, DATA) and flags & 1:
            answer(tls, stream)


def serve(client, context):
    if WAY == "no handshake":
        time.sleep(60)
    if WAY == "handshake of garbage":
        client.sendall(b"\x16\x03\x03\x40\x00" + os.urandom(16384))
        time.sleep(60)
    if WAY == "handshake that drips":
        for byte in itertools.cycle(b"\x16\x03\x03\x40\x00\x02"):
            client.sendall(bytes([byte]))
            time.sleep(0.05)
    tls = context.wrap_socket(client, server_side=True)
    if WAY == "HTTP/1 where HTTP/2 was agreed on":
        tls.recv(65536)
        seen()
        tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        time.sleep(60)
    serve_frames(tls)


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    if WAY.startswith("TLS"):
        version = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}[WAY]
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
    else:
        context.set_alpn_protocols(["h2"])

    def one(client):
        try:
            serve(client, context)
        except OSError:
            client.close()  # The client has left, as it should.

    listener = socket.create_server(("127.0.0.1", 0))
    with open(f"{FOLDER}/.port", "w") as file:
        file.write(str(listener.getsockname()[1]))
    os.rename(f"{FOLDER}/.port", f"{FOLDER}/port")
    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


main()
