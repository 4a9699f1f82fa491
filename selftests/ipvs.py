# SPDX-License-Identifier: GPL-2.0
"""Two directors behind one face, and a wire on which their choices are seen.

Stock ip_vs and lbdr are given the same services and servers in turn. The servers
do not exist: each is a permanent neighbour of the director, so the MAC address
that a frame leaves for says which of them was chosen. All frames are made by hand
and come from many clients, behind the one host `client`.
"""
import itertools
import os
import select
import struct
import subprocess
import time
from collections import namedtuple

import genl
import net
from net import ACK, FIN, RST, SYN

SERVERS = 5
VIPS = {4: ["203.0.113.%d" % n for n in range(1, 9)],
        6: ["2001:db8:f::%x" % n for n in range(1, 9)]}
CLIENTS = {4: "198.51.100.%d", 6: "2001:db8:c::%x"}
PROTOCOL = {"tcp": 6, "udp": 17}
KIND = {4: b"\x08\x00", 6: b"\x86\xdd"}

# ip_vs remembers removed servers with their counts, and connections to them: every
# contest has a port of its own.
PORTS = itertools.count(1000)

# ip_vs lets the connection go that a SYN begins anew, and until the next tick of
# its timer packets may still find it (they do with Linux 7.3).
TICKS = 0.03

# Reset connections expire after ten seconds, and lc and similar schedulers count
# them: a comparison is valid when its steps after the first RST took less than
# PATIENCE seconds. On a busy machine they may take longer: then it is repeated.
PATIENCE = 8
ATTEMPTS = 4

# ip_vs's schedulers, each a module of its own, and the seconds after which one of its
# commands is said to hang.
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq",
              "fo", "ovf", "mh", "twos")
HUNG = 120

Service = namedtuple("Service", "version proto vip port")
Flow = namedtuple("Flow", "service client sport")


class Lost(Exception):
    """Nobody got a frame that somebody ought to have got."""


class StockFailed(net.Skip):
    """Stock ip_vs or its tool failed or hung: the comparison is skipped."""

    def __init__(self, reason):
        super().__init__("stock ip_vs: " + " ".join(reason.split()))


class CleanupHangs(Exception):
    """The kernel does not finish the cleanup of deleted namespaces."""


def failure(reason):
    """The exception for a command that failed or hung. Only if stock ip_vs executed it
    is the test skipped: lbdr_ipvs gets the same commands."""
    return StockFailed(reason) if loaded("ip_vs") else RuntimeError(reason)


def rip(number, version):
    return ("192.168.1.%d" if version == 4 else "2001:db8:1::%d") % (10 + number)


def rmac(number):
    return bytes([2, 0, 0, 0, 0, 10 + number])


def lay_wire():
    """What the reference deployment lacks: VIPs, servers and clients. ICMP is an
    answer here as any other, so its limits are off."""
    gateway = net.mac("client").hex(":")
    lines = []
    for version in (4, 6):
        lines += ["addr replace %s dev lo" % vip for vip in VIPS[version]]
        lines += ["neigh replace %s lladdr %s dev eth0 nud permanent" %
                  (rip(number, version), rmac(number).hex(":"))
                  for number in range(SERVERS)]
        lines += ["neigh replace %s lladdr %s dev eth0 nud permanent" %
                  (net.addr("client", version), gateway),
                  "route replace %s via %s" % (("198.51.100.0/24", "2001:db8:c::/64")
                                           [version == 6],
                                           net.addr("client", version))]
    net.batch("director", lines)
    with net.within("director"):
        net.write("/proc/sys/net/ipv4/icmp_ratemask", "0")
        net.write("/proc/sys/net/ipv6/icmp/ratelimit", "0")
    for name in ("icmp_msgs_per_sec", "icmp_msgs_burst"):
        for host in ("director", None):
            set_limit(host, "/proc/sys/net/ipv4/" + name)


def set_limit(host, path):
    """Of the whole kernel until 6.12, of a namespace after it."""
    try:
        if host:
            with net.within(host):
                net.write(path, "1000000")
        else:
            net.write(path, "1000000")
    except FileNotFoundError:
        pass


class Wire:
    """Frames to the director, and what became of each."""

    def __init__(self):
        self.tap = net.Tap("client")
        self.to = net.mac("director")
        self.own = net.mac("client")
        self.server = {rmac(number): number for number in range(SERVERS)}
        self.frames = {}

    def frame(self, flow, flags=SYN):
        version, proto, vip, port = flow.service
        body = net.tcp(flow.sport, port, flags) if proto == "tcp" else \
            net.udp(flow.sport, port)
        return self.to + self.own + KIND[version] + \
            net.packet(flow.client, vip, PROTOCOL[proto], body)

    def send(self, flow, flags=SYN):
        """What became of a frame: a server's number, "none" for port
        unreachable, "reset" for RST."""
        self.prepare(flow, flags)
        self.tap.send(self.frames[flow, flags])
        return self.wait(flow)[0]

    def prepare(self, flow, flags):
        """Both directors get the same frames, and to make one takes longer than to
        forward it."""
        if (flow, flags) not in self.frames:
            self.frames[flow, flags] = self.frame(flow, flags)

    def wait(self, flow, seconds=net.WAIT):
        """What became of the flow's frame, and what told so. Mostly it is there
        already: the director works while the sender is still in its system
        call."""
        end = time.monotonic() + seconds
        while True:
            try:
                frame = net.Frame(self.tap.sock.recv(2048))
            except BlockingIOError:
                left = end - time.monotonic()
                if left <= 0 or not select.select([self.tap.sock], [], [], left)[0]:
                    raise Lost("nothing became of %s" % (flow,)) from None
                continue
            fate = self.fate(frame, flow)
            if fate is not None:
                return fate, frame

    def fate(self, frame, flow):
        client = net.pack(flow.client)
        if frame.dst in self.server:
            mine = frame.saddr == client and frame.sport == flow.sport
            return self.server[frame.dst] if mine else None
        if frame.dst != self.own or frame.daddr != client:
            return None
        if frame.l4 == 6 and frame.flags & RST and frame.dport == flow.sport:
            return "reset"
        v4 = flow.service.version == 4
        if frame.l4 == (1 if v4 else 58):
            code, quoted = (frame.ip[20:22], frame.ip[28:]) if v4 else \
                (frame.ip[40:42], frame.ip[48:])
            ports = quoted[20:22] if v4 else quoted[40:42]
            if code == (b"\3\3" if v4 else b"\1\4") and \
                    ports == struct.pack("!H", flow.sport):
                return "none"
        return None

    def close(self):
        self.tap.close()


def wait_for_cleanup():
    """Return when the kernel has cleaned up the namespaces that were deleted
    before. It does so in the order of their deletion, and the other end of a
    namespace's veth goes with the namespace."""
    net.run("ip", "netns", "add", "sentinel")
    net.run("ip", "link", "add", "sentinel", "type", "veth", "peer", "name", "eth0",
            "netns", "sentinel")
    net.run("ip", "netns", "del", "sentinel")
    if not net.until(lambda: not os.path.exists("/sys/class/net/sentinel"), HUNG):
        raise CleanupHangs("not done after %d s" % HUNG)


def call_stock(command, stdin=None):
    """What a command of ip_vs answers, or of lbdr_ipvs if that is loaded. It may hang in
    the kernel, where no signal ends it: then do not wait for it. After a hang of stock
    ip_vs its other commands would hang, too."""
    if Ipvs.hung:
        raise StockFailed(Ipvs.hung)
    child = subprocess.Popen(command, stdin=subprocess.PIPE, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = child.communicate(stdin, timeout=HUNG)
    except subprocess.TimeoutExpired:
        child.kill()
        reason = "%s did not end in %d s" % (" ".join(command), HUNG)
        error = failure(reason)
        if isinstance(error, StockFailed):
            Ipvs.hung = reason
        raise error from None
    return subprocess.CompletedProcess(command, child.returncode, out, err)


class Ipvs:
    """Configured as its users do. A server is put at the head of a list, so the
    last one comes first."""

    name = "ip_vs"
    hung = None
    loaded = False

    @classmethod
    def load(cls):
        """Load ip_vs with all its schedulers. Otherwise ip_vs loads a scheduler at
        its first use, under its mutex; loading one waits for the cleanup of
        namespaces, which waits for the mutex: Linux 6.12 dead-locks."""
        if cls.loaded:
            return
        try:
            wait_for_cleanup()
        except CleanupHangs as reason:
            raise failure("the cleanup of namespaces hangs: %s" % reason) from None
        cls.loaded = True
        for module in ["ip_vs"] + ["ip_vs_" + sched for sched in SCHEDULERS]:
            call_stock(["modprobe", "-q", module])

    @classmethod
    def has(cls, sched):
        cls.load()
        return loaded("ip_vs_" + sched)

    def __init__(self):
        """A SYN on a connection in FIN_WAIT is to begin a new one, as in lbdr."""
        self.load()
        if not os.path.exists("/sys/module/ip_vs"):
            raise StockFailed("not in this kernel")
        with net.within("director"):
            net.write("/proc/sys/net/ipv4/vs/conn_reuse_mode", "3")

    @staticmethod
    def restore(lines):
        done = call_stock(["ip", "netns", "exec", "director", "ipvsadm", "-R"],
                          "\n".join(lines) + "\n")
        if done.returncode or done.stderr:
            raise failure("ipvsadm -R: status %d: %s" %
                          (done.returncode, done.stderr))

    @staticmethod
    def words(service, number=None, config=None):
        form = "%s:%d" if service.version == 4 else "[%s]:%d"
        words = "%s %s" % ({"tcp": "-t", "udp": "-u"}[service.proto],
                           form % (service.vip, service.port))
        if number is not None:
            words += " -r %s -g" % (form % (rip(number, service.version),
                                            service.port))
            words += " -w %d -x %d -y %d" % config
        return words

    def configure(self, services, sched, flags, servers):
        lines = []
        for service in services:
            lines.append("-A %s -s %s" % (self.words(service), sched))
            if flags:
                lines[-1] += " -b " + ",".join(sched + "-" + flag
                                               for flag in flags)
            lines += ["-a " + self.words(service, number, config) for
                      number, config in reversed(list(enumerate(servers)))
                      if config]
        self.restore(lines)

    def edit(self, services, number, config):
        self.restore(["-e " + self.words(service, number, config)
                      for service in services])

    def clear(self):
        self.restore(["-C"])

    @classmethod
    def unload(cls):
        cls.loaded = False
        names = [line.split()[0] for line in net.run("lsmod").stdout.splitlines()]
        mine = sorted((name for name in names if name.startswith("ip_vs")),
                      key=lambda name: name == "ip_vs")
        return not mine or net.until(
            lambda: not call_stock(["modprobe", "-r", *mine]).returncode)


def loaded(module):
    return os.path.exists("/sys/module/" + module)


def insert(check=True):
    """Load lbdr_ipvs.ko."""
    return net.run("insmod", os.environ["LBDR_KO"].replace("lbdr.ko", "lbdr_ipvs.ko"),
                   check=check)


class Loaded:
    """lbdr_ipvs.ko in the place of ip_vs, whose services keep it loaded. Other tests, and
    programs that were started before, load ip_vs. A hang of ip_vs skips the test; that it
    stays for another reason is a failure."""

    def __enter__(self):
        if loaded("ip_vs"):
            with net.within("director"):
                call_stock(["ipvsadm", "-C"])
        if not Ipvs.unload():
            raise RuntimeError("ip_vs cannot be unloaded")
        insert()
        return self

    def __exit__(self, *_):
        net.lbctl("clear")
        if loaded("lbdr_ipvs"):
            net.run("rmmod", "lbdr_ipvs")


class Lbdr:
    """Over one socket: a process takes its time in an emulated machine."""

    name = "lbdr"
    FLAGS = {"fallback": 1, "port": 2}

    def __init__(self):
        with net.within("director"):
            self.sock = genl.Genl()

    @staticmethod
    def key(service):
        return genl.key(service.vip, service.port, PROTOCOL[service.proto])

    def server(self, command, service, number, config):
        weight, upper, lower = config
        body = genl.server(rip(number, service.version), self.key(service),
                           genl.u32(genl.SERVER_WEIGHT, weight))
        if upper or lower or command == genl.SERVER_SET:
            body += genl.u32(genl.SERVER_UPPER, upper) + \
                genl.u32(genl.SERVER_LOWER, lower)
        self.sock.do(command, body)

    def configure(self, services, sched, flags, servers, reverse=False):
        bits = sum(self.FLAGS[flag] for flag in flags)
        for service in services:
            body = self.key(service) + \
                genl.attr(genl.SCHEDULER, sched.encode() + b"\0")
            if bits:
                body += genl.u32(genl.SCHED_FLAGS, bits)
            self.sock.do(genl.SERVICE_NEW, body)
            numbers = range(len(servers))
            for number in reversed(numbers) if reverse else numbers:
                config = servers[number]
                if config:
                    self.server(genl.SERVER_NEW, service, number, config)

    def add_many(self, service, number, batch):
        """So many servers that are not on the wire, several messages in a buffer.
        The last of each is acknowledged, and any that fails."""
        bodies = [genl.server("10.1.%d.%d" % divmod(n, 256), self.key(service),
                              genl.u32(genl.SERVER_WEIGHT, 1 + n % 7))
                  for n in range(number)]
        for at in range(0, number, batch):
            buffer, part = b"", bodies[at:at + batch]
            for body in part:
                self.sock.seq += 1
                flags = genl.F_REQUEST | (genl.F_ACK if body is part[-1] else 0)
                buffer += struct.pack("=IHHIIBBH", 20 + len(body),
                                      self.sock.family, flags, self.sock.seq, 0,
                                      genl.SERVER_NEW, 1, 0) + body
            self.sock.sock.send(buffer)
            for _, _, seq, data in self.sock.receive():
                code = struct.unpack("=i", data[:4])[0]
                if code or seq != self.sock.seq:
                    raise RuntimeError("server-new: %d" % code)

    def edit(self, services, number, config):
        for service in services:
            self.server(genl.SERVER_SET, service, number, config)

    def clear(self):
        self.sock.do(genl.FLUSH)

    def close(self):
        self.sock.close()


def main(names):
    """net.main() with lay_wire() and without the real servers. At the end no ip_vs
    is left to the next script, and none of its namespaces."""
    for host in "ab":
        del net.HOSTS[host]
    try:
        net.main(names, servers=False, setup=lay_wire)
    finally:
        try:
            # A hang of ip_vs may hold this up.
            if not Ipvs.hung:
                wait_for_cleanup()
            net.ok(Ipvs.unload(), "ip_vs is unloaded at the end")
        except StockFailed as reason:
            print("skip - unloading ip_vs: %s" % reason, flush=True)


def services(vips=1, protocols=("tcp", "udp")):
    port = next(PORTS)
    return [Service(version, proto, vip, port) for version in (4, 6)
            for proto in protocols for vip in VIPS[version][:vips]]


def client(service, number):
    return CLIENTS[service.version] % number


def scenario(rng, about, number, reuse=True, edits=()):
    """What clients do: a list of steps. A step is a frame, (flow, flags), or a
    change of a server, ("edit", number, config), that `edits` wants after so many
    connections of each service."""
    steps, opened, closed = [], [], []
    for turn in range(number):
        if turn in edits:
            steps.append(("edit",) + edits[turn])
        for service in about:
            flow = Flow(service, client(service, rng.randrange(1, 255)),
                        2000 + turn)
            if service.proto == "udp":
                steps += [(flow, 0)] * rng.choice((1, 1, 1, 2))
                continue
            again = [old for old in closed if old.service == service]
            if reuse and again and rng.random() < 0.25:
                flow = rng.choice(again)
                closed.remove(flow)
            steps.append((flow, SYN))
            end = rng.random()
            if end < 0.2:       # never established, and closed or not
                if end < 0.1:
                    steps.append((flow, FIN | ACK))
                    closed.append(flow)
                continue
            steps.append((flow, ACK))
            opened.append(flow)
        while opened and rng.random() < 0.4:
            flow = opened.pop(rng.randrange(len(opened)))
            steps.append((flow, rng.choice((FIN | ACK, RST))))
            closed.append(flow)
    return steps


def syns(about, number):
    """So many connections of each service, one client each, that stay open."""
    return [(Flow(service, client(service, 1 + n % 254), 2000 + n), SYN)
            for n in range(number) for service in about]


def firsts(steps, fates):
    """(step's number, service, fate) of each connection's first frame."""
    seen, out = set(), []
    for number, (step, fate) in enumerate(zip(steps, fates)):
        if step[0] == "edit":
            continue
        flow, flags = step
        if flags == SYN or flow not in seen:
            out.append((number, flow.service, fate))
        seen.add(flow)
    return out


def by_service(steps, fates):
    """Service -> what became of its connections, in their order."""
    out = {}
    for _, service, fate in firsts(steps, fates):
        out.setdefault(service, []).append(fate)
    return out


class Contest:
    """Gives both directors the same services, one after the other, and the same
    frames."""

    def __enter__(self):
        self.wire, self.lbdr, self.ipvs = Wire(), Lbdr(), None
        return self

    def __exit__(self, *_):
        self.wire.close()
        self.lbdr.close()

    def has_ipvs(self, sched):
        """Whether stock ip_vs takes part; says so where it does not."""
        if not Ipvs.has(sched):
            print("skip - %s beside ip_vs, which has it not on this kernel" % sched,
                  flush=True)
            return False
        self.ipvs = self.ipvs or Ipvs()
        return True

    def sides(self, sched):
        return [self.ipvs, self.lbdr] if self.has_ipvs(sched) else [self.lbdr]

    def alone(self, side, sched, about, servers, steps, flags=(), **more):
        """What becomes of each step on one side. A connection that was refused
        sends no more: its RST would not be answered."""
        fates, refused, begun = [], set(), set()
        for step in steps:
            if step[0] != "edit":
                self.wire.prepare(*step)
        side.configure(about, sched, flags, servers, **more)
        since = None
        try:
            for step in steps:
                if step[0] == "edit":
                    side.edit(about, *step[1:])
                    fates.append("edit")
                elif step[0] in refused:
                    fates.append("refused")
                else:
                    if step[1] & RST and since is None:
                        since = time.monotonic()
                    fates.append(self.wire.send(*step))
                    if fates[-1] == "none":
                        refused.add(step[0])
                    if side is self.ipvs and step[1] == SYN and step[0] in begun:
                        time.sleep(TICKS)
                    begun.add(step[0])
            self.spent = time.monotonic() - since if since else 0
        finally:
            side.clear()
        return fates

    def both(self, sched, about, servers, steps, flags=()):
        """What becomes of each step, at ip_vs and at lbdr. A repetition has ports of
        its own, as every contest. None, after a failure, if the machine was too slow each
        time: a script that failed is repeated when the machine is quiet."""
        for _ in range(ATTEMPTS):
            out, spent = [], []
            for side in (self.ipvs, self.lbdr):
                out.append(self.alone(side, sched, about, servers, steps, flags))
                spent.append(self.spent)
            if max(spent) <= PATIENCE:
                return out
            print("# %s: too slow for a comparison: %.1f s" % (sched, max(spent)),
                  flush=True)
            port = next(PORTS)
            steps = [step if step[0] == "edit" else (step[0]._replace(
                service=step[0].service._replace(port=port)), step[1])
                for step in steps]
            about = [service._replace(port=port) for service in about]
        net.ok(False, "%s: too slow for a comparison %d times" % (sched, ATTEMPTS))
        return None
