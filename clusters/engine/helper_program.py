# mypy: ignore-errors
# ruff: noqa: SIM105  (contextlib would be one more module in the image)
"""What runs in the helper container of an engine: 169.254.170.2, as tasks see it. Standard library only; this file
itself is copied into the helper's image (clusters/engine/helper.py) and never imported here.

Its standard input and output are a tunnel to Slipway: nothing is decided here. Every connection becomes a channel;
each frame is the channel's number, a kind and a payload. Connections come

  local     to 169.254.170.2:80          credentials and metadata
  api       to 169.254.170.2:PORT        the console, for AWS_ENDPOINT_URL
  loopback  to 127.0.0.1:PORT            both, for tasks that share the host's network

and their source address is the kernel's word. Several installations share port 80 of one engine: whichever has it
looks at the first line, which names the installation, and hands the connection itself to the other's helper, so that
the other sees the source address with its own eyes.
"""

import json
import os
import queue
import socket
import struct
import sys
import threading
import time

ADDRESS = "169.254.170.2"
HEAD = struct.Struct(">IBI")
OPEN, DATA, END, PING, STATUS = 1, 2, 3, 4, 5
SILENCE = 30.0
MOST = 256  # connections at a time
MOST_HELD = 16 * 1024 * 1024  # bytes for a client that does not take them


class Tunnel:
    def __init__(self):
        self.out = os.fdopen(os.dup(1), "wb", buffering=0)
        self.lock = threading.Lock()
        self.channels = {}
        self.numbers = 0
        self.heard = time.monotonic()

    def send(self, channel, kind, payload=b""):
        frame = memoryview(HEAD.pack(channel, kind, len(payload)) + payload)
        with self.lock:
            while frame:
                frame = frame[self.out.write(frame) :]

    def open(self, connection, kind):
        """Serve a connection: it is ours from here on."""
        with self.lock:
            full = len(self.channels) >= MOST
            self.numbers += 1
            number = self.numbers
            if not full:
                self.channels[number] = Channel(self, number, connection)
        if full:
            connection.close()
            return
        told = {"kind": kind, "source": connection.getpeername()[0]}
        self.send(number, OPEN, json.dumps(told).encode())
        self.channels[number].start()

    def listen(self):
        """Frames from Slipway, until it goes away."""
        source = os.fdopen(0, "rb", buffering=0)
        rest = b""
        while True:
            data = source.read(65536)
            if not data:
                os._exit(0)
            self.heard = time.monotonic()
            rest += data
            while len(rest) >= HEAD.size:
                number, kind, length = HEAD.unpack_from(rest)
                if len(rest) < HEAD.size + length:
                    break
                payload = rest[HEAD.size : HEAD.size + length]
                rest = rest[HEAD.size + length :]
                if kind == PING:
                    self.send(0, PING)
                    continue
                channel = self.channels.get(number)
                if channel is not None:
                    channel.give(payload if kind == DATA else None)

    def watch(self):
        while True:
            time.sleep(5)
            if time.monotonic() - self.heard > SILENCE:
                os._exit(1)


class Channel:
    def __init__(self, tunnel, number, connection):
        self.tunnel, self.number, self.connection = tunnel, number, connection
        self.waiting = queue.Queue()
        self.held = 0
        connection.settimeout(None)

    def start(self):
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.write, daemon=True).start()

    def give(self, data):
        """For the client; None: that was all."""
        self.held += len(data or b"")
        self.waiting.put(None if self.held > MOST_HELD else data)

    def read(self):
        try:
            while data := self.connection.recv(65536):
                self.tunnel.send(self.number, DATA, data)
        except OSError:
            pass
        self.tunnel.send(self.number, END)

    def write(self):
        try:
            while (data := self.waiting.get()) is not None:
                self.connection.settimeout(30)
                self.connection.sendall(data)
                self.held -= len(data)
        except OSError:
            pass
        self.tunnel.channels.pop(self.number, None)
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.connection.close()
        self.tunnel.send(self.number, END)


def add_address():
    """169.254.170.2/32 on the loopback interface, by netlink; being there already is success."""
    address = socket.inet_aton(ADDRESS)
    attributes = b"".join(struct.pack("=HH", 8, kind) + address for kind in (1, 2))
    body = struct.pack("=BBBBI", socket.AF_INET, 32, 0, 254, socket.if_nametoindex("lo")) + attributes
    message = struct.pack("=IHHII", 16 + len(body), 20, 0x1 | 0x4 | 0x400, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(message)
        error = -struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if error not in (0, 17):
        raise OSError(error, os.strerror(error))


def bound(address, report):
    """A listening socket, as soon as the address is free."""
    while True:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(128)
            return listener
        except OSError as error:
            listener.close()
            report(f"{address[0]}:{address[1]}: {error.strerror}")
            time.sleep(1)


def own_name(installation):
    return f"\0slipway-local-{installation}"


def first_line(connection):
    """The request's first line, left unread."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        connection.settimeout(max(0.1, end - time.monotonic()))
        seen = connection.recv(2048, socket.MSG_PEEK)
        if not seen or b"\n" in seen or len(seen) >= 2048:
            return seen.partition(b"\n")[0].decode("latin-1")
        time.sleep(0.01)
    return ""


def route(tunnel, connection, installation):
    """To the installation that the path names; ours where it names none that is here."""
    try:
        parts = first_line(connection).split(" ")
        names = parts[1].split("/") if len(parts) > 1 else []
        meant = next((name.partition("-")[0] for name in names if "-" in name), installation)
        if meant != installation and meant.isalnum():
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
                    other.settimeout(2)
                    other.connect(own_name(meant))
                    socket.send_fds(other, [b"x"], [connection.fileno()])
                connection.close()
                return
            except OSError:
                pass  # not here: ours to refuse
        tunnel.open(connection, "local")
    except OSError:
        connection.close()


def accept(listener, work):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=work, args=(connection,), daemon=True).start()


def front(tunnel, installation):
    listener = bound((ADDRESS, 80), lambda why: None)
    tunnel.send(0, STATUS, b'{"front": true}')
    accept(listener, lambda connection: route(tunnel, connection, installation))


def handed_over(tunnel, installation):
    """Connections that the other installation's helper was asked for us."""
    while True:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(own_name(installation))
            break
        except OSError:
            listener.close()
            time.sleep(0.5)
    listener.listen(128)

    def take(link):
        with link:
            link.settimeout(2)
            _, descriptors, _, _ = socket.recv_fds(link, 1, 1)
        for descriptor in descriptors:
            connection = socket.socket(fileno=descriptor)
            if connection.getsockname() == (ADDRESS, 80):
                tunnel.open(connection, "local")
            else:
                connection.close()

    def safely(link):
        try:
            take(link)
        except OSError:
            pass

    accept(listener, safely)


def main():
    installation, port = sys.argv[1], int(sys.argv[2])
    os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
    tunnel = Tunnel()

    def report(why):
        tunnel.send(0, STATUS, json.dumps({"error": why}).encode())

    try:
        add_address()
    except OSError as error:
        report(f"{ADDRESS} cannot be added to the loopback interface: {error.strerror}")
        time.sleep(1)
        os._exit(1)

    def serve(address, kind):
        accept(bound(address, report), lambda connection: tunnel.open(connection, kind))

    for work in (
        lambda: handed_over(tunnel, installation),
        lambda: front(tunnel, installation),
        lambda: serve((ADDRESS, port), "api"),
        lambda: serve(("127.0.0.1", port), "loopback"),
        tunnel.watch,
    ):
        threading.Thread(target=work, daemon=True).start()
    tunnel.listen()


main()
