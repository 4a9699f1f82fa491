#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: trixie backports
# CPUs: 2
"""`set-entry xdp eth0`: frames that the program takes are never seen by a socket of
eth0, so such a socket tells what is passed to PREROUTING. UML's kernel has no BTF."""
import contextlib
import fcntl
import functools
import json
import os
import socket
import struct

import bpf
import net
from net import (ACK, FIN, PSH, RST, SYN, Tap, addr, known_neighbours, lbctl, ok,
                 only, raw, tcp, udp)
from servers import configure, exchange, server, service
from test_entry import again, deaf_client, path
from test_reload import MODULE, reload

KERNELS = ("trixie", "backports")
# Of ethtool
SET_TX, SET_GRO, SET_FLAGS = 0x17, 0x2c, 0x26


def with_xdp(test):
    """A test for the kernels that have the entry."""
    @functools.wraps(test)
    def run():
        if net.LABEL not in KERNELS:
            raise net.Skip("this kernel does not have the entry xdp")
        test()
    return only(*KERNELS)(run)


def without_xdp(test):
    """A test for the kernels that do not have it."""
    @functools.wraps(test)
    def run():
        if net.LABEL in KERNELS:
            raise net.Skip("this kernel has the entry xdp")
        test()
    return only("uml", "kcsan")(run)


def ethtool(host, dev, command, value):
    """Sets a feature of a device; the initial namespace is no host."""
    with net.within(host) if host else contextlib.nullcontext():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    room = bytearray(struct.pack("II", command, value))
    where = (net.ctypes.c_char * len(room)).from_buffer(room)
    with sock:
        fcntl.ioctl(sock, 0x8946, struct.pack("16sP16x", dev.encode(),
                                              net.ctypes.addressof(where)))


def offload(dev, feature, value, host="director"):
    net.run("ip", "netns", "exec", host, "ethtool", "-K", dev, feature, value)


def keep_tags(dev):
    """A driver leaves the tags of VLANs in the frames."""
    for name in ("rxvlan", "rx-vlan-stag-hw-parse"):
        offload(dev, name, "off")


def told():
    row = json.loads(lbctl("list", "--info", "-j").stdout)[0]
    return row["entry"], row["devices"]


def counted():
    """Packets and bytes of all servers."""
    stats = [server["stats"] for one in json.loads(lbctl("list", "-j").stdout)
             for server in one["servers"]]
    return sum(one["in_packets"] for one in stats), sum(one["in_bytes"] for one in stats)


def users():
    with open("/sys/module/lbdr/refcnt", encoding="ascii") as file:
        return int(file.read())


def ready(peer):
    """A peer of a veth leaves no checksum and no VLAN tag to it, and polls for frames."""
    ethtool("", peer, SET_TX, 0)
    ethtool("", peer, SET_FLAGS, 0)
    ethtool("", peer, SET_GRO, 1)


@contextlib.contextmanager
def at_xdp(*options):
    ready("vdirector")
    keep_tags("eth0")
    lbctl("set-entry", "xdp", "eth0", "--force", *options)
    try:
        yield
    finally:
        lbctl("set-entry", "prerouting")
        lbctl("clear")


class Watch:
    """Sends frames and tells whether the program has taken them."""

    def __init__(self, stack):
        self.client, self.director, self.a = Tap("client"), Tap("director"), Tap("a")
        for tap in (self.client, self.director, self.a):
            stack.callback(tap.close)

    def send(self, frame, text, arrives=True):
        """Whether it was taken, and the frame that the server got. `text` is in it
        alone."""
        self.director.flush()
        self.a.flush()
        self.client.send(frame.ljust(60, b"\0"))
        came = []
        if arrives:
            came = self.a.wait(lambda f: text in f.ip and not f.outgoing)
            seen = [f for f in self.director.frames() if text in f.ip and not f.outgoing]
        else:
            seen = self.director.wait(lambda f: text in f.ip and not f.outgoing)
        return not seen, came[0] if came else None


@contextlib.contextmanager
def watching():
    with contextlib.ExitStack() as stack:
        stack.enter_context(at_xdp())
        stack.enter_context(deaf_client())
        stack.enter_context(known_neighbours("a"))
        yield Watch(stack)


def open_tcp(watch, version, sport):
    """Until the connection is established; what opens it is passed."""
    for flags, text in ((SYN, b"opens %d" % sport), (ACK, b"confirms %d" % sport)):
        taken, came = watch.send(raw(version, tcp(sport, 80, flags, text)), text)
        ok(not taken and came, "IPv%d: what %s a connection is passed" % (
            version, text.split()[0].decode()), (taken, came))


def open_udp(watch, version, sport):
    for text in (b"first of %d" % sport, b"second of %d" % sport):
        taken, came = watch.send(raw(version, udp(sport, 80, text), 17), text)
        ok(not taken and came, "IPv%d: the %s datagram is passed" % (
            version, text.split()[0].decode()), (taken, came))


def frames(watch, version, proto):
    name = "IPv%d, %s: " % (version, "TCP" if proto == 6 else "UDP")
    sport = 7000 + version * 10 + proto
    configure(version, [("a", 1)], protocol=proto)
    (open_tcp if proto == 6 else open_udp)(watch, version, sport)
    size = (20 if version == 4 else 40) + (20 if proto == 6 else 8)
    for number, length in enumerate((1, 700, 1400)):
        text = b"plain %d" % number
        payload = text.ljust(length, b".")
        body = tcp(sport, 80, ACK, payload) if proto == 6 else udp(sport, 80, payload)
        frame = raw(version, body, proto)
        before = counted()
        taken, came = watch.send(frame, text)
        after = counted()
        ok(taken and came, name + "a packet with %d bytes is taken" % len(payload),
           (taken, came and came.data.hex()))
        if not came:
            continue
        ok(came.dst == net.mac("a") and came.src == net.mac("director") and
           came.ttl == 63, name + "MACs and TTL",
           (came.dst.hex(), came.src.hex(), came.ttl))
        sent = bytearray(frame[14:])
        if version == 4:
            ok(net.checksum(came.ip[:20]) == 0, name + "checksum of the header",
               came.ip[:20].hex())
            sent[8] -= 1
            sent[10:12] = came.ip[10:12]
        else:
            sent[7] -= 1
        ok(came.ip[:len(sent)] == bytes(sent), name + "the rest is as it was",
           (came.ip.hex(), sent.hex()))
        ok(after[0] - before[0] == 1 and after[1] - before[1] == size + len(payload),
           name + "the server's counters", (before, after, size + len(payload)))
    lbctl("clear")


@with_xdp
def test_frames():
    """Frames that are taken, byte by byte."""
    with watching() as watch:
        for version in (4, 6):
            for proto in (6, 17):
                frames(watch, version, proto)


def passed_frames(version, sport):
    """What, its text, and the frame, of one established connection. All of them reach the
    server; test_xdp_pass.py has those that do not."""
    def plain(text, flags=ACK, **more):
        return text, raw(version, tcp(sport, 80, flags, text), **more)

    nop = b"\x01\x01\x01\x01" if version == 4 else bytes([60, 6, 0, 1, 4, 0, 0, 0, 0])
    # The last ones close the connection.
    return [("options or an extension header", *plain(b"options", options=nop)),
            ("PSH is plain", *plain(b"push", ACK | PSH)),
            ("FIN", *plain(b"fin", FIN | ACK)),
            ("data behind FIN", *plain(b"late")),
            ("RST", *plain(b"reset", RST))]


def passed(watch, version):
    name, sport = "IPv%d: " % version, 7100 + version
    configure(version, [("a", 1)])
    open_tcp(watch, version, sport)
    for what, text, frame in passed_frames(version, sport):
        plain = "plain" in what
        taken, came = watch.send(frame, text)
        ok(taken == plain and came, name + what +
           (" is taken" if plain else " is passed"), (taken, came and came.data.hex()))
    lbctl("clear")


@with_xdp
def test_passed():
    """Frames that must go on to PREROUTING, which forwards them."""
    with watching() as watch:
        for version in (4, 6):
            passed(watch, version)


def judge(watch, version, taken, what, sport=7200):
    """A datagram of the connection is taken, or passed, and reaches the server."""
    judge.number += 1
    text = b"datagram %d." % judge.number
    was, came = watch.send(raw(version, udp(sport, 80, text), 17), text)
    ok(was == taken and came, "IPv%d: %s: %s" % (
        version, what, "taken" if taken else "passed, and forwarded"), (was, came))


judge.number = 0


def states(watch, version):
    """What is around the connection decides, too. What is passed is forwarded, and the next
    frame is taken."""
    configure(version, [("a", 1)], protocol=17)
    open_udp(watch, version, 7200)
    judge(watch, version, True, "as it is usually")

    # Of an IPv6 route that is not locked, forwarding does not ask the MTU.
    route = [addr("a", version), "dev", "eth0", "mtu", "lock", "1300"]
    net.ip("director", "-%d" % version, "route", "add", *route)
    judge(watch, version, False, "a route that has changed")
    judge(watch, version, True, "once PREROUTING has looked it up again")
    net.ip("director", "-%d" % version, "route", "del", *route)
    judge(watch, version, False, "a route that has gone")
    judge(watch, version, True, "once it was looked up again")

    net.ip("director", "neigh", "replace", addr("a", version), "lladdr",
           ":".join("%02x" % byte for byte in net.mac("a")), "dev", "eth0", "nud", "stale")
    judge(watch, version, False, "a neighbour to be confirmed")
    net.ip("director", "neigh", "del", addr("a", version), "dev", "eth0")
    judge(watch, version, False, "no neighbour")
    net.ip("director", "neigh", "replace", addr("a", version), "lladdr",
           ":".join("%02x" % byte for byte in net.mac("a")), "dev", "eth0", "nud",
           "permanent")
    judge(watch, version, True, "a neighbour again")

    ethtool("", "vdirector", SET_GRO, 0)
    judge(watch, version, False, "a veth whose peer does not poll")
    ethtool("", "vdirector", SET_GRO, 1)
    judge(watch, version, True, "whose peer polls again")
    lbctl("clear")


@with_xdp
def test_states():
    with contextlib.ExitStack() as stack:
        stack.enter_context(at_xdp())
        stack.enter_context(deaf_client())
        watch = Watch(stack)
        for version in (4, 6):
            with known_neighbours("a"):
                states(watch, version)


@with_xdp
def test_path():
    """What other scripts ask of the usual entry."""
    with at_xdp():
        again(path.test_bystanders, path.test_frames, path.test_ttl, path.test_mtu,
              path.test_schedulers)


@with_xdp
def test_transfer():
    """Real TCP, whose segments are taken."""
    for version in (4, 6):
        with at_xdp(), known_neighbours("a"):
            configure(version, [("a", 1)])
            watch = Tap("director")
            with net.connect(version) as sock:
                good = sock.recv(1) == b"a" and exchange(sock, 1 << 20)
            seen = [f for f in watch.frames(5) if f.dport == 80 and not f.outgoing]
            watch.close()
            packets = counted()[0]
            ok(good and packets > 500, "IPv%d: a transfer of 1 MiB" % version,
               (good, packets))
            ok(0 < len(seen) < packets / 10, "IPv%d: nearly all of its packets are taken" %
               version, (len(seen), packets))


def refused(what, sentence, *words):
    before = told()
    done = lbctl("set-entry", *words, check=False)
    ok(done.returncode == 2 and sentence in done.stderr and done.stderr.count("\n") == 1 and
       told() == before, what + " is refused in words, and the entry stays",
       (done.returncode, done.stderr, told()))


@with_xdp
def test_refusals():
    lbctl("set-entry", "ingress", "eth0")
    net.batch("director", ["link add plain0 type dummy", "link set plain0 up",
                           "link add bond7 type bond",
                           "link add odd0 type veth peer name odd1",
                           "link set odd0 up mtu 9000", "link set odd1 up mtu 9000"])
    # The module of VLANs may be there, of an earlier test.
    keep_tags("odd0")
    keep_tags("eth0")
    refused("a veth without --force", "not supported without --force", "xdp", "eth0")
    refused("a device that is not there", "device 'nowhere' not found", "xdp", "nowhere",
            "--force")
    refused("a device without native XDP", "does not support", "xdp", "plain0")
    refused("a device whose MTU is too large", "MTU", "xdp", "odd0", "--force")
    net.batch("director", ["link set odd1 mtu 1500"])
    refused("a bond", "bond 'bond7' not supported", "xdp", "bond7")
    for kind, hint in (("bridge", "; hint: the entry ingress there"), ("vrf table 99", ""),
                       ("bond mode active-backup", "; hint: the entry ingress there")):
        net.batch("director", ["link add own0 type " + kind, "link set odd0 down",
                               "link set odd0 master own0"])
        refused("a device in a " + kind.split()[0],
                "'odd0' not supported with the entry xdp: %s 'own0' gets its packets%s\n" % (
                    kind.split()[0], hint), "xdp", "odd0", "--force")
        net.batch("director", ["link del own0"])
    net.batch("director", ["link add link odd0 name own0 type macvlan"])
    refused("a device below a macvlan", "macvlan 'own0' gets its packets\n", "xdp", "odd0",
            "--force")
    net.batch("director", ["link del own0", "link add link odd0 name own0 type vlan id 7"])
    for name in ("rx-vlan-stag-hw-parse", "rxvlan"):
        offload("odd0", name, "on")
        refused("a device that strips tags", "'odd0' strips the tags of VLANs; fix: ethtool -K "
                "odd0 rxvlan off rx-vlan-stag-hw-parse off\n", "xdp", "odd0", "--force")
        offload("odd0", name, "off")
    lbctl("set-entry", "xdp", "odd0", "--force")
    ok(told() == ("xdp", ["odd0"]), "a device that leaves them is not refused", told())
    lbctl("set-entry", "ingress", "eth0")
    net.batch("director", ["link del own0", "link del bond7"])
    # ip has another /sys in a namespace.
    os.makedirs("/tmp/bpf", exist_ok=True)
    net.run("mount", "-t", "bpf", "bpf", "/tmp/bpf")
    fd = bpf.program(bpf.returns(bpf.XDP_PASS))
    bpf.pin(fd, "/tmp/bpf/other")
    net.run("ip", "-n", "director", "link", "set", "odd0", "xdpdrv", "pinned",
            "/tmp/bpf/other")
    refused("a device with another program", "has another XDP program; fix: ip link set dev "
            "odd0 xdp off", "xdp", "odd0", "--force")
    net.run("ip", "-n", "director", "link", "set", "odd0", "xdp", "off")
    net.run("umount", "/tmp/bpf")
    os.close(fd)
    jit = "/proc/sys/net/core/bpf_jit_enable"
    net.write(jit, "0")
    refused("the entry without the JIT", "the BPF JIT is off; fix: sysctl", "xdp", "eth0",
            "--force")
    net.write(jit, "1")
    ethtool("", "vdirector", SET_GRO, 1)
    refused("the second of two devices", "plain0", "xdp", "eth0", "plain0", "--force")
    ok(users() == 0, "no program is left", users())
    done = lbctl("set-entry", "ingress", "eth0", "--force", check=False)
    ok("--force not supported" in done.stderr, "--force is for xdp only", done.stderr)
    done = lbctl("set-entry", "xdp", check=False)
    ok("devices are required with the entry xdp" in done.stderr, "devices are required",
       done.stderr)
    net.batch("director", ["link del plain0", "link del odd0"])
    lbctl("set-entry", "prerouting")
    net.run("modprobe", "-r", "bonding")


def diagnosed():
    """What the doctor says of the entry."""
    done = lbctl("doctor", "--verbose", "-j", check=False)
    return [(row["level"], row["finding"]) for row in json.loads(done.stdout)
            if row["check"] == "xdp"]


def found(what, level, *texts):
    rows = diagnosed()
    ok(len(rows) == len(texts) and all(row[0] == level and text in row[1] for row, text in
                                       zip(rows, texts)), "doctor: " + what, rows)


@with_xdp
def test_doctor():
    """What has changed since the entry was set."""
    configure(4, [("a", 1)])
    ok(not diagnosed(), "doctor: nothing of another entry", diagnosed())
    with at_xdp():
        found("the peer in another namespace", "unchecked", "the peer of eth0 not checked")
    configure(4, [("a", 1)])
    net.batch("director", ["link add odd0 type veth peer name odd1",
                           "link set odd0 up", "link set odd1 up"])
    keep_tags("odd0")
    lbctl("set-entry", "xdp", "odd0", "--force")
    found("a peer that leaves checksums", "problem", "odd1, the peer of odd0, leaves checksums")
    ethtool("director", "odd1", SET_TX, 0)
    ethtool("director", "odd1", SET_GRO, 0)
    found("a peer that does not poll", "warning", "odd1, the peer of odd0, takes no frames")
    ethtool("director", "odd1", SET_GRO, 1)
    found("as it should be", "ok", "taken at XDP of odd0")
    net.run("modprobe", "8021q")
    offload("odd0", "rxvlan", "on")
    found("tags in hardware, and 8021q that was loaded later", "warning",
          "odd0 strips the tags of VLANs, and 8021q is loaded")
    keep_tags("odd0")
    net.batch("director", ["link add own0 type bridge", "link set odd0 master own0"])
    found("a bridge", "warning", "bridge own0 gets the packets of odd0")
    net.batch("director", ["link del own0", "link add link odd0 name own0 type macvlan"])
    found("a macvlan", "warning", "macvlan own0 gets the packets of odd0")
    net.batch("director", ["link del own0", "link add link odd0 name own0 type vlan id 7",
                           "link set own0 up", "addr add 10.7.0.1/24 dev own0"])
    offload("odd0", "rx-vlan-stag-hw-parse", "on")
    found("tags in hardware", "warning", "odd0 strips the tags of VLANs")
    lbctl("add-server", *service(4), "-r", "10.7.0.2")
    keep_tags("odd0")
    rows = diagnosed()
    ok(("warning", "own0, a vlan to servers, sends no frames of others: packets to them are "
        "taken at prerouting") in rows, "doctor: a server behind a VLAN", rows)
    lbctl("set-entry", "prerouting")
    lbctl("clear")
    net.batch("director", ["link del odd0"])


@without_xdp
def test_unsupported():
    """A module without type information."""
    refused("the entry xdp", "Linux 6.12 or later is required", "xdp", "eth0", "--force")
    net.write("/tmp/rules", "set-entry xdp eth0 --force\nadd-service %s %s -s rr\n" %
              service(4))
    for verb in ("restore", "apply"):
        lbctl("clear")
        done = lbctl(verb, "/tmp/rules", check=False)
        ok(done.returncode == 3 and "warning: the entry is prerouting" in done.stderr and
           told() == ("prerouting", []) and len(json.loads(lbctl("list", "-j").stdout)) == 1,
           "%s of a file with it: the rest, and status 3" % verb, (done, told()))
    lbctl("clear")


@with_xdp
def test_shown():
    """How it is listed, saved and restored, and that the module stays."""
    with at_xdp():
        ok(told() == ("xdp", ["eth0"]), "list --info", told())
        ok(users() == 1, "the program holds the module", users())
        done = net.run("rmmod", "lbdr", check=False)
        ok(done.returncode and "in use" in done.stderr, "which cannot be unloaded",
           done.stderr)
        saved = lbctl("save").stdout
        ok(saved == "set-entry xdp eth0 --force\n", "save", saved)
        ok('lbdr_entry{entry="xdp"} 1' in lbctl("metrics").stdout, "metrics",
           [line for line in lbctl("metrics").stdout.split("\n") if "_entry" in line])
        lbctl("set-entry", "xdp", "eth0", "--force")
        ok(told() == ("xdp", ["eth0"]) and users() == 1, "the same once more", users())
        lbctl("set-entry", "input")
        ok(told() == ("input", []) and users() == 0, "another entry detaches it", users())
        for verb in ("restore", "apply"):
            lbctl("set-entry", "prerouting")
            net.write("/tmp/rules", saved)
            lbctl(verb, "/tmp/rules")
            ok(told() == ("xdp", ["eth0"]) and users() == 1, verb, (told(), users()))
            lbctl(verb, "/tmp/rules")
            ok(told() == ("xdp", ["eth0"]) and users() == 1, verb + " once more",
               (told(), users()))
        for verb in ("restore", "apply"):
            net.write("/tmp/rules", saved)
            lbctl(verb, "/tmp/rules")
            net.write("/tmp/rules", "set-entry xdp eth0 nowhere --force\n" +
                      "add-service %s %s -s rr\n" % service(4))
            done = lbctl(verb, "/tmp/rules", check=False)
            ok(done.returncode == 3 and "warning: the entry is prerouting" in done.stderr and
               told() == ("prerouting", []) and users() == 1 and
               len(json.loads(lbctl("list", "-j").stdout)) == 1,
               "%s with a device that is not there: the rest, status 3, and the device "
               "from before is at prerouting, too" % verb, (done, told(), users()))
            lbctl("clear")
        net.write("/tmp/rules", saved)
        lbctl("apply", "/tmp/rules")
        net.write("/tmp/rules", "set-entry prerouting\n")
        lbctl("apply", "/tmp/rules")
        ok(told() == ("prerouting", []) and users() == 0, "apply of another entry",
           (told(), users()))


@with_xdp
def test_reload():
    """The module is exchanged although the program holds it."""
    with at_xdp(), known_neighbours("a"):
        configure(4, [("a", 1)])
        with net.connect(4) as sock:
            sock.recv(1)
            done = reload(MODULE)
            ok(done.returncode == 0 and not done.stderr and told() == ("xdp", ["eth0"]),
               "reload-module keeps the entry", (done, told()))
            before = counted()[0]
            watch = Tap("director")
            good = exchange(sock, 100000)
            seen = [f for f in watch.frames() if f.dport == 80 and not f.outgoing]
            watch.close()
            packets = counted()[0] - before
            ok(good and packets > 50 and len(seen) < packets / 2,
               "and the connection, whose packets are taken again",
               (good, packets, len(seen)))


if __name__ == "__main__":
    net.main(globals())
