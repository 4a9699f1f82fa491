# SPDX-License-Identifier: GPL-2.0
"""Echo servers on both real servers, and what tests do with them."""
import os
import selectors
import socket
import threading

import net
from net import VIP, lbctl


class Servers(threading.Thread):
    """Echo on port 80 of both real servers, TCP and UDP, IPv4 and IPv6. A TCP
    connection begins with the server's letter, a UDP answer too."""

    def __init__(self):
        super().__init__(daemon=True)
        self.select = selectors.DefaultSelector()
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
                    sock.bind((VIP[version], 80))
                tcp.listen(200)
                self.select.register(tcp, selectors.EVENT_READ, ("accept", host))
                self.select.register(udp, selectors.EVENT_READ, ("udp", host))

    def run(self):
        while True:
            for key, _ in self.select.select():
                kind, host = key.data
                sock = key.fileobj
                try:
                    if kind == "accept":
                        new = sock.accept()[0]
                        new.sendall(host.encode())
                        self.select.register(new, selectors.EVENT_READ,
                                             ("echo", host))
                    elif kind == "udp":
                        data, peer = sock.recvfrom(65536)
                        sock.sendto(host.encode() + data, peer)
                    else:
                        data = sock.recv(65536)
                        if data:
                            sock.setblocking(True)
                            sock.sendall(data)
                        else:
                            raise OSError
                except OSError:
                    self.select.unregister(sock)
                    sock.close()


def service(version, proto="-t"):
    return proto, ("%s:80" if version == 4 else "[%s]:80") % VIP[version]


def server(host, version):
    return net.addr(host, version) if version == 4 else \
        "[%s]" % net.addr(host, version)


def configure(version, servers, sched="rr", proto="-t"):
    lbctl("clear")
    lbctl("add-service", *service(version, proto), "-s", sched)
    for host, weight in servers:
        lbctl("add-server", *service(version, proto), "-r",
              server(host, version), "-w", str(weight))


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


def exchange(sock, size):
    """Send `size` random bytes and get them back; True when they are the same."""
    data = os.urandom(size)
    box = []

    def send():
        try:
            sock.sendall(data)
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
