# SPDX-License-Identifier: GPL-2.0
"""Echo servers on both real servers, and what tests do with them."""
import os
import selectors
import socket
import threading

import genl
import net
from net import VIP


class Servers(threading.Thread):
    """Echo on port 80 of both real servers, TCP and UDP, IPv4 and IPv6. A TCP
    connection begins with the server's letter, unless the servers are silent; a UDP
    answer, too."""

    silent = False

    def __init__(self, port=80, silent=False):
        super().__init__(daemon=True)
        self.select = selectors.DefaultSelector()
        self.silent = silent
        for host in "ab":
            for version in (4, 6):
                with net.within(host):
                    tcp = socket.socket(net.AF[version], socket.SOCK_STREAM)
                    udp = socket.socket(net.AF[version], socket.SOCK_DGRAM)
                for sock in (tcp, udp):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if version == 6:
                        sock.setsockopt(socket.IPPROTO_IPV6,
                                        socket.IPV6_V6ONLY, 1)
                    sock.bind((VIP[version], port))
                tcp.listen(200)
                self.select.register(tcp, selectors.EVENT_READ, ("accept", host))
                self.select.register(udp, selectors.EVENT_READ, ("udp", host))

    def run(self):
        while True:
            for key, events in self.select.select():
                try:
                    getattr(self, key.data[0])(key.fileobj, key.data[1], events)
                except OSError:
                    self.select.unregister(key.fileobj)
                    key.fileobj.close()

    def accept(self, sock, host, _):
        new = sock.accept()[0]
        new.setblocking(False)
        # What waits to be sent: a client that is gone does not hold up the others.
        self.select.register(new, selectors.EVENT_READ | selectors.EVENT_WRITE,
                             ("echo", bytearray(b"" if self.silent else host.encode())))

    def echo(self, sock, waiting, events):
        if events & selectors.EVENT_READ:
            data = sock.recv(65536)
            if not data:
                raise OSError("closed")
            waiting += data
        try:
            del waiting[:sock.send(waiting)]
        except BlockingIOError:
            pass
        if bool(waiting) != bool(events & selectors.EVENT_WRITE):
            self.select.modify(sock, selectors.EVENT_READ |
                               (selectors.EVENT_WRITE if waiting else 0),
                               ("echo", waiting))

    @staticmethod
    def udp(sock, host, _):
        data, peer = sock.recvfrom(65536)
        try:
            sock.sendto(host.encode() + data, peer)
        except OSError:
            pass # no way to who does not exist; for the others it goes on


def service(version, proto="-t"):
    return proto, ("%s:80" if version == 4 else "[%s]:80") % VIP[version]


def server(host, version):
    return net.addr(host, version) if version == 4 else \
        "[%s]" % net.addr(host, version)


def configure(version, servers, sched="rr", protocol=socket.IPPROTO_TCP):
    """One service, and nothing else. Not by the tool, which would be a process for
    each of them."""
    with net.within("director"):
        director = genl.Director()
    key = genl.key(VIP[version], 80, protocol)
    director.clear()
    director.add(key, sched=sched)
    for host, weight in servers:
        director.add_server(key, net.addr(host, version), weight)
    director.close()


def which(version=4, **more):
    """Connect, learn which server, and close."""
    sock = net.connect(version, **more)
    letter = sock.recv(1).decode()
    sock.close()
    return letter


def udp_socket(version):
    with net.within("client"):
        sock = socket.socket(net.AF[version], socket.SOCK_DGRAM)
    sock.settimeout(net.WAIT)
    sock.connect((VIP[version], 80))
    return sock


def end_of(sock):
    """What comes back when the client has nothing more to say."""
    sock.shutdown(socket.SHUT_WR)
    try:
        return sock.recv(1)
    except ConnectionResetError:
        return "reset"


def exchange(sock, size):
    """Send `size` random bytes and get them back; True when they are the same. The
    socket's timeout is for each piece: sendall() has it for all that it sends."""
    data = os.urandom(size)
    box = []

    def send():
        try:
            for at in range(0, size, 1 << 16):
                sock.sendall(data[at:at + (1 << 16)])
        except OSError:
            box.append("send failed")

    sender = threading.Thread(target=send)
    sender.start()
    back = bytearray()
    try:
        while len(back) < size:
            piece = sock.recv(1 << 16)
            if not piece:
                break
            back += piece
    except OSError:
        pass
    sender.join()
    return bytes(back) == data and not box


class Transfer:
    """Exchanges with the servers until told to stop. Bytes that come back are
    always the ones that were sent; `errors` are connections that broke."""

    def __init__(self, version=4, flows=4, timeout=30):
        self.stop, self.timeout = threading.Event(), timeout
        self.rounds = [0] * flows
        self.errors = []
        self.version = version
        self.threads = [threading.Thread(target=self.work, args=(i,))
                        for i in range(flows)]
        for thread in self.threads:
            thread.start()
        self.goes_on("begins")

    def work(self, index):
        sock = None
        while not self.stop.is_set():
            try:
                if not sock:
                    sock = net.connect(self.version, timeout=self.timeout)
                    sock.recv(1)
                if exchange(sock, 20000):
                    self.rounds[index] += 1
                    continue
                raise OSError("broken")
            except OSError as error:
                self.errors.append(str(error))
                if sock:
                    sock.close()
                sock = None
                self.stop.wait(0.05)
        if sock:
            sock.close()

    def goes_on(self, what):
        before = list(self.rounds)
        return net.ok(net.until(lambda: all(now > then for now, then
                                            in zip(self.rounds, before)), 40),
                      "IPv%d transfers: every one of %d %s"
                      % (self.version, len(before), what), self.errors)

    def end(self, whole=True):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        if whole:
            net.ok(not self.errors, "IPv%d transfers: none broke"
                   % self.version, self.errors)
