# SPDX-License-Identifier: GPL-2.0
"""Just enough generic netlink to say wrong things to the module."""
import errno
import os
import socket
import struct
from collections import namedtuple

NLMSG_ERROR, NLMSG_DONE = 2, 3
F_REQUEST, F_ACK, F_DUMP = 1, 4, 0x300
F_DUMP_INTR = 0x10
NESTED = 0x8000

(INFO_GET, INFO_SET, SCHED_GET, SERVICE_GET, SERVICE_NEW, SERVICE_SET,
 SERVICE_DEL, SERVER_GET, SERVER_NEW, SERVER_SET, SERVER_DEL, CONN_GET, CONN_DEL,
 ZERO, FLUSH, SERVICE_NEW_NTF, SERVICE_SET_NTF, SERVICE_DEL_NTF, SERVER_NEW_NTF,
 SERVER_SET_NTF, SERVER_DEL_NTF, INFO_SET_NTF, ZERO_NTF, FLUSH_NTF, BATCH_BEGIN,
 BATCH_COMMIT, BATCH_ABORT, CONN_COUNT, TRACE, CONN_ADD,
 SYNC_GET, SYNC_SET, SYNC_KEY_SET) = range(1, 34)
(FAMILY, PROTOCOL, ADDRESS, PORT, LAST_PORT, FWMARK, SCHEDULER, SCHED_FLAGS,
 SCHED_SIZE, REFUSE, STRAY, FLAGS, FLAGS_MASK, PERSIST, PERSIST_PREFIX, TIMEOUT,
 STATS, SERVERS, VRF, SERVICE_BATCH, ALL_NAMESPACES, SERVICE_HOLD,
 SERVICE_WITH_HELD, SERVICE_DROP, SERVICE_PAD, TABLE_DIGEST) = range(1, 27)
(SERVER_SERVICE, SERVER_ADDRESS, SERVER_PORT, SERVER_DRAIN, SERVER_WEIGHT,
 SERVER_UPPER, SERVER_LOWER, SERVER_FORWARD, SERVER_ACTIVE, SERVER_INACTIVE,
 SERVER_PERSISTENT, SERVER_OVERLOADED, SERVER_STATS, SERVER_IFINDEX,
 SERVER_BATCH, SERVER_HOLD, SERVER_WITH_HELD, SERVER_TUNNEL, SERVER_TUNNEL_PORT,
 SERVER_TUNNEL_FLAGS, SERVER_TUNNEL_FLAGS_MASK, SERVER_TUNNEL_TTL, SERVER_TUNNEL_DF,
 SERVER_TUNNEL_SOURCE, SERVER_TUNNEL_SOURCE_PREFIX, SERVER_UNREACHABLE) = range(1, 27)
(INFO_VERSION, INFO_SERVICES, INFO_CONNS, INFO_CONN_MAX, INFO_DROP, INFO_TIMEOUT,
 INFO_ENTRY, INFO_DEVICE, INFO_BATCH) = range(1, 10)
SCHED_NAME = 1
BATCH_COMMANDS, BATCH_ID = 1, 2
(CONN_FAMILY, CONN_PROTOCOL, CONN_CLIENT_ADDRESS, CONN_CLIENT_PORT,
 CONN_CLIENT_PREFIX, CONN_VIRTUAL_ADDRESS, CONN_VIRTUAL_PORT, CONN_SERVER_ADDRESS,
 CONN_SERVER_PORT, CONN_STATE, CONN_EXPIRES, CONN_KILLED, CONN_SERVICE,
 CONN_FWMARK, CONN_IDLE, CONN_IDLE_MIN, CONN_IDLE_MAX, CONN_WITH_SERVICE, COUNT,
 CONN_RESIZED, CONN_VRF, CONN_FLAGS) = range(1, 23)
(TRACE_FAMILY, TRACE_PROTOCOL, TRACE_CLIENT_ADDRESS, TRACE_CLIENT_PORT,
 TRACE_VIRTUAL_ADDRESS, TRACE_VIRTUAL_PORT, TRACE_MARK, TRACE_MAC, TRACE_DATA,
 TRACE_VERDICT, TRACE_REASON, TRACE_REFUSE, TRACE_SERVICE, TRACE_PERSIST, TRACE_BY,
 TRACE_STATE, TRACE_EXPIRES, TRACE_OVER, TRACE_REMEMBERED,
 TRACE_REMEMBERED_EXPIRES, TRACE_SCHEDULER, TRACE_RANDOM, TRACE_HASHES_PORT,
 TRACE_FIRST, TRACE_SERVER, TRACE_KEEP, TRACE_SERVERS, TRACE_OPEN, TRACE_QUIESCED,
 TRACE_DRAINING, TRACE_OVERLOADED, TRACE_VRF, TRACE_UNREACHABLE) = range(1, 34)

(SYNC_ROLE, SYNC_ENABLED, SYNC_DEVICE, SYNC_ADDRESS, SYNC_PORT, SYNC_ID, SYNC_TTL,
 SYNC_MAX_LEN, SYNC_PENDING, SYNC_STATS, SYNC_KEY, SYNC_KEY_ID, SYNC_KEYS, SYNC_SYNCED,
 SYNC_PEER) = range(1, 16)
SYNC_ROLES = ("master", "backup", "peers")
# Behind the pad.
SYNC_COUNTERS = ("", "", "sent-datagrams", "sent-records", "send-errors", "dropped",
                 "received-datagrams", "received-records", "added", "updated",
                 "adopted", "pending-full", "own", "stale", "refused", "skipped",
                 "bad", "foreign")


def attr(kind, value):
    data = struct.pack("=HH", len(value) + 4, kind) + value
    return data + b"\0" * (-len(data) % 4)


def u8(kind, value):
    return attr(kind, struct.pack("=B", value))


def u32(kind, value):
    return attr(kind, struct.pack("=I", value))


def be16(kind, value):
    return attr(kind, struct.pack("!H", value))


def parse(data):
    """Attributes as a list of (type without flags, value)."""
    out = []
    while len(data) >= 4:
        size, kind = struct.unpack("=HH", data[:4])
        if size < 4 or size > len(data):
            raise ValueError("an attribute of length %d" % size)
        out.append((kind & 0x3fff, data[4:size]))
        data = data[(size + 3) & ~3:]
    return out


# NL_POLICY_TYPE_ATTR_...
POLICY_FACTS = {1: "type", 2: "min", 3: "max", 4: "min", 5: "max", 6: "min_len",
                7: "max_len", 8: "policy", 9: "max_type", 12: "mask"}


class Refused(Exception):
    def __init__(self, code, sentence):
        super().__init__("%s: %s" % (errno.errorcode.get(code, code), sentence))
        self.code, self.sentence = code, sentence


class Genl:
    """A socket in the namespace that the calling thread is in."""

    def __init__(self, buffer=None, port_id=0, name=b"lbdr"):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.settimeout(20)
        for option in (10, 11, 12):     # CAP_ACK, EXT_ACK, GET_STRICT_CHK
            self.sock.setsockopt(270, option, 1)
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        try:
            self.sock.bind((port_id, 0))
        except OSError:
            self.sock.close()
            raise
        self.seq = 0
        family = dict(parse(self.ask(16, 3, attr(2, name + b"\0"))[0]))
        self.family = struct.unpack("=H", family[1])[0]
        if 7 in family:
            group = dict(parse(parse(family[7])[0][1]))
            self.group = struct.unpack("=I", group[2])[0]

    def send(self, family, command, body, flags):
        self.seq += 1
        self.sock.send(struct.pack("=IHHII", 20 + len(body), family,
                                   F_REQUEST | flags, self.seq, 0) +
                       struct.pack("=BBH", command, 1, 0) + body)

    def receive(self):
        """(type, flags, seq, body) of each message of one datagram."""
        data, out = self.sock.recv(1 << 16), []
        while len(data) >= 16:
            size, kind, flags, seq, _ = struct.unpack("=IHHII", data[:16])
            out.append((kind, flags, seq, data[16:size]))
            data = data[(size + 3) & ~3:]
        return out

    def ask(self, family, command, body=b"", flags=F_ACK):
        """The replies' attributes; Refused when the kernel refuses."""
        self.send(family, command, body, flags)
        self.torn = False
        replies = []
        while True:
            for kind, bits, seq, data in self.receive():
                if seq != self.seq:
                    continue
                self.torn |= bool(bits & F_DUMP_INTR)
                if kind == NLMSG_DONE or kind == NLMSG_ERROR:
                    code = -struct.unpack("=i", data[:4])[0]
                    # A request that failed is quoted by its header alone.
                    rest = data[20:] if kind == NLMSG_ERROR else data[4:]
                    words = dict(parse(rest)) if bits & 0x200 else {}
                    sentence = words.get(1, b"\0")[:-1].decode()
                    if code:
                        raise Refused(code, sentence)
                    return replies
                replies.append(data[4:])

    def do(self, command, body=b""):
        return self.ask(self.family, command, body)

    def dump(self, command, body=b""):
        return self.ask(self.family, command, body, F_DUMP)

    def policies(self):
        """What the kernel reports of the family's policies: command -> (policy of
        do, policy of dump), and policy -> attribute -> {what: value}."""
        commands, policies = {}, {}
        for reply in self.ask(16, 10, attr(1, struct.pack("=H", self.family)),
                              F_DUMP):
            row = dict(parse(reply))
            for command, which in parse(row.get(9, b"")):
                which = dict(parse(which))
                commands[command] = tuple(number(which[way]) if way in which else
                                          None for way in (1, 2))
            for index, body in parse(row.get(8, b"")):
                for kind, facts in parse(body):
                    policies.setdefault(index, {})[kind] = {
                        POLICY_FACTS[fact]: number(value)
                        for fact, value in parse(facts) if fact in POLICY_FACTS}
        return commands, policies

    def schedulers(self):
        """The names of the module's schedulers, in the order of its table."""
        return [dict(parse(reply))[SCHED_NAME][:-1].decode()
                for reply in self.dump(SCHED_GET)]

    def listen(self):
        self.sock.setsockopt(270, 1, self.group)

    def close(self):
        self.sock.close()


def schedulers():
    """The names of the schedulers of the module that is loaded."""
    sock = Genl()
    try:
        return sock.schedulers()
    finally:
        sock.close()


def key(address="192.168.1.63", port=80, protocol=6, vrf=None):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return u8(FAMILY, family) + u8(PROTOCOL, protocol) + \
        attr(ADDRESS, socket.inet_pton(family, address)) + be16(PORT, port) + \
        (attr(VRF, vrf.encode() + b"\0") if vrf else b"")


def server(address, service=None, *more):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return attr(SERVER_SERVICE | NESTED, key() if service is None else service) + \
        attr(SERVER_ADDRESS, socket.inet_pton(family, address)) + b"".join(more)


def nobody():
    """A child that has no privilege; returns in the child alone, the parent gets
    the child's exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    return None


# In words, by their numbers.
STATES = ("none", "syn-recv", "established", "fin-wait", "time-wait", "close",
          "udp", "sctp-init", "sctp-established", "sctp-shutdown", "sctp-closed",
          "template")
STRAYS = ("pass", "drop", "reset", "schedule")
ONE_PACKET, EXPIRE_QUIESCENT, SKIP_UNREACHABLE = 1, 2, 8

Conn = namedtuple("Conn", "protocol client cport vip vport server state expires")


def family(version):
    return socket.AF_INET if version == 4 else socket.AF_INET6


def ports(first, last, address, protocol=6):
    """The key of a range of ports."""
    return key(address, first, protocol) + be16(LAST_PORT, last)


def marked(mark, version=4):
    return u8(FAMILY, family(version)) + u32(FWMARK, mark)


def timeouts(seconds):
    """State -> seconds, as what an attribute TIMEOUT holds."""
    return b"".join(u32(STATES.index(state), value)
                    for state, value in seconds.items())


def settings(sched=None, stray=None, flags=None, persist=None, prefix=None,
             timeout=None, sched_flags=None, size=None):
    """What a service is to be like; what is None is left out."""
    out = b""
    if sched_flags is not None:
        out += u32(SCHED_FLAGS, sched_flags)
    if size is not None:
        out += u32(SCHED_SIZE, size)
    if sched is not None:
        out += attr(SCHEDULER, sched.encode() + b"\0")
    if stray is not None:
        out += u8(STRAY, STRAYS.index(stray))
    if flags is not None:
        out += u32(FLAGS, flags)
    if persist is not None:
        out += u32(PERSIST, persist)
    if prefix is not None:
        out += u8(PERSIST_PREFIX, prefix)
    if timeout is not None:
        out += attr(TIMEOUT | NESTED, timeouts(timeout))
    return out


def number(data):
    return struct.unpack("=" + {1: "B", 4: "I", 8: "Q"}[len(data)], data)[0]


def address_of(data):
    return socket.inet_ntop(family(4 if len(data) == 4 else 6), data)


def filter_of(version=None, protocol=None, client=None, cport=None, prefix=None,
              vip=None, vport=None, server=None, state=None, service=None,
              idle_min=None, idle_max=None, vrf=None):
    """Which connections are meant. The client's or virtual address brings its family
    along; the server's may be of another one."""
    out = b""
    for kind, address in ((CONN_CLIENT_ADDRESS, client),
                          (CONN_VIRTUAL_ADDRESS, vip),
                          (CONN_SERVER_ADDRESS, server)):
        if address:
            its = 6 if ":" in address else 4
            version = version if kind == CONN_SERVER_ADDRESS else its
            out += attr(kind, socket.inet_pton(family(its), address))
    if version:
        out += u8(CONN_FAMILY, family(version))
    if protocol:
        out += u8(CONN_PROTOCOL, protocol)
    if cport:
        out += be16(CONN_CLIENT_PORT, cport)
    if vport:
        out += be16(CONN_VIRTUAL_PORT, vport)
    if prefix is not None:
        out += u8(CONN_CLIENT_PREFIX, prefix)
    if state:
        out += u8(CONN_STATE, STATES.index(state))
    if service:
        out += attr(CONN_SERVICE | NESTED, service)
    if idle_min is not None:
        out += u32(CONN_IDLE_MIN, idle_min)
    if idle_max is not None:
        out += u32(CONN_IDLE_MAX, idle_max)
    if vrf:
        out += attr(CONN_VRF, vrf.encode() + b"\0")
    return out


HALF_OPEN, RENEWED, SYNCED = 1, 2, 4


def saved(server, state, expires, flags=0, **which):
    """A connection to add; milliseconds, and the rest as for filter_of()."""
    return filter_of(server=server, state=state, **which) + u32(CONN_EXPIRES, expires) + \
        (u32(CONN_FLAGS, flags) if flags else b"")


VERDICTS = ("pass", "drop", "forward")
REFUSALS = ("icmp", "reset", "drop")
LEADERS = ("connection", "persistence", "scheduler")
KEEPS = ("connection", "evict", "stateless", "one-packet")


def question(client, vip, vport, protocol=6, cport=None, mark=None, mac=None,
             data=False, vrf=None):
    """A packet that there is not."""
    out = u8(TRACE_FAMILY, family(6 if ":" in vip else 4)) + \
        u8(TRACE_PROTOCOL, protocol) + be16(TRACE_VIRTUAL_PORT, vport)
    for kind, address in ((TRACE_CLIENT_ADDRESS, client),
                          (TRACE_VIRTUAL_ADDRESS, vip)):
        out += attr(kind, socket.inet_pton(family(6 if ":" in address else 4),
                                           address))
    if cport:
        out += be16(TRACE_CLIENT_PORT, cport)
    if mark:
        out += u32(TRACE_MARK, mark)
    if mac:
        out += attr(TRACE_MAC, mac)
    if data:
        out += attr(TRACE_DATA, b"")
    if vrf:
        out += attr(TRACE_VRF, vrf.encode() + b"\0")
    return out


def traced(reply):
    """What was said of it, in words; what was not said is not there."""
    row, out = dict(parse(reply)), {}
    for kind, name, words in (
            (TRACE_VERDICT, "verdict", VERDICTS), (TRACE_REFUSE, "refuse", REFUSALS),
            (TRACE_BY, "by", LEADERS), (TRACE_STATE, "state", STATES),
            (TRACE_KEEP, "keep", KEEPS)):
        if kind in row:
            out[name] = words[number(row[kind])]
    for kind, name in ((TRACE_REASON, "reason"), (TRACE_SCHEDULER, "scheduler")):
        if kind in row:
            out[name] = row[kind][:-1].decode()
    for kind, name in ((TRACE_SERVER, "server"), (TRACE_FIRST, "first"),
                       (TRACE_REMEMBERED, "remembered")):
        if kind in row:
            out[name] = address_of(dict(parse(row[kind]))[SERVER_ADDRESS])
    for kind, name in ((TRACE_OVER, "over"), (TRACE_RANDOM, "random"),
                       (TRACE_HASHES_PORT, "hashes_port")):
        if kind in row:
            out[name] = True
    if TRACE_SERVICE in row:
        out["service"] = row[TRACE_SERVICE]
        out["servers"] = tuple(number(row[kind]) for kind in (
            TRACE_SERVERS, TRACE_OPEN, TRACE_QUIESCED, TRACE_DRAINING,
            TRACE_OVERLOADED))
    return out


class Director(Genl):
    """The director of a namespace, without a process for every word."""

    def add(self, service, servers=(), **more):
        self.do(SERVICE_NEW, service + settings(**more))
        for address in servers:
            self.do(SERVER_NEW, server(address, service))

    def set(self, service, **more):
        self.do(SERVICE_SET, service + settings(**more))

    def digest(self, service):
        """Of the table of mh or sh, or None."""
        row = dict(parse(self.do(SERVICE_GET, service)[0]))
        return number(row[TABLE_DIGEST]) if TABLE_DIGEST in row else None

    def drops(self, service=None):
        """Drop reason -> count, of the packets of a service, or of the namespace."""
        command, kind = (SERVICE_GET, SERVICE_DROP) if service else (INFO_GET, INFO_DROP)
        rows = [dict(parse(value)) for each, value in
                parse(self.do(command, service or b"")[0]) if each == kind]
        return {row[2][:-1].decode(): number(row[3]) for row in rows}

    def add_server(self, service, address, weight):
        self.do(SERVER_NEW, server(address, service, u32(SERVER_WEIGHT, weight)))

    def weigh(self, service, address, weight):
        self.do(SERVER_SET, server(address, service, u32(SERVER_WEIGHT, weight)))

    def remove(self, service, address, drain=False):
        self.do(SERVER_DEL, server(address, service,
                                   attr(SERVER_DRAIN, b"") if drain else b""))

    def servers(self, service):
        """Address -> what there is to know of the server, in words."""
        out = {}
        for reply in self.dump(SERVER_GET, attr(SERVER_SERVICE | NESTED, service)):
            row = dict(parse(reply))
            stats = dict(parse(row[SERVER_STATS]))
            out[address_of(row[SERVER_ADDRESS])] = {
                "weight": number(row[SERVER_WEIGHT]),
                "active": number(row[SERVER_ACTIVE]),
                "inactive": number(row[SERVER_INACTIVE]),
                "persistent": number(row[SERVER_PERSISTENT]),
                "overloaded": SERVER_OVERLOADED in row,
                "unreachable": SERVER_UNREACHABLE in row,
                "draining": SERVER_DRAIN in row,
                "conns": number(stats[2]), "packets": number(stats[3]),
                "bytes": number(stats[4]),
            }
        return out

    def conns(self, **which):
        out = []
        replies = self.dump(CONN_GET, filter_of(**which))
        # The table was resized meanwhile: some may be told twice, or not at all.
        while self.torn:
            replies = self.dump(CONN_GET, filter_of(**which))
        for reply in replies:
            row = dict(parse(reply))
            out.append(Conn(
                number(row[CONN_PROTOCOL]), address_of(row[CONN_CLIENT_ADDRESS]),
                int.from_bytes(row[CONN_CLIENT_PORT], "big"),
                "mark %d" % number(row[CONN_FWMARK]) if CONN_FWMARK in row else
                address_of(row[CONN_VIRTUAL_ADDRESS]),
                int.from_bytes(row.get(CONN_VIRTUAL_PORT, b""), "big"),
                address_of(row[CONN_SERVER_ADDRESS]),
                STATES[number(row[CONN_STATE])],
                number(row[CONN_EXPIRES]) / 1000))
        return out

    def kill(self, **which):
        """How many connections were ended."""
        reply = dict(parse(self.do(CONN_DEL, filter_of(**which))[0]))
        return number(reply[CONN_KILLED])

    def count(self, **which):
        """How many connections there are. A table that is resized is counted
        again."""
        while True:
            reply = dict(parse(self.do(CONN_COUNT, filter_of(**which))[0]))
            if CONN_RESIZED not in reply:
                return number(reply[COUNT])

    def trace(self, *packet, **more):
        """What would become of a packet."""
        return traced(self.do(TRACE, question(*packet, **more))[0])

    def sync_start(self, role, device="eth0", group=0, addresses=(), more=b""):
        self.do(SYNC_SET, u8(SYNC_ROLE, SYNC_ROLES.index(role)) + u8(SYNC_ENABLED, 1) +
                attr(SYNC_DEVICE, device.encode() + b"\0") + u8(SYNC_ID, group) + more +
                b"".join(attr(SYNC_ADDRESS, socket.inet_pton(family(
                    6 if ":" in address else 4), address)) for address in addresses))

    def sync_stop(self, role):
        self.do(SYNC_SET, u8(SYNC_ROLE, SYNC_ROLES.index(role)) + u8(SYNC_ENABLED, 0))

    def sync(self):
        """The roles that run, and the counters."""
        rows = [dict(parse(reply)) for reply in self.dump(SYNC_GET)]
        counters = {SYNC_COUNTERS[kind]: number(value) for kind, value in
                    parse(rows[0][SYNC_STATS]) if len(value) == 8}
        counters["pending"] = number(rows[0][SYNC_PENDING])
        return {SYNC_ROLES[number(row[SYNC_ROLE])] for row in rows
                if number(row[SYNC_ENABLED])}, counters

    def info(self):
        return dict(parse(self.do(INFO_GET)[0]))

    def held(self):
        """Connections whose memory is not free yet."""
        return number(self.info()[INFO_CONNS])

    def set_timeouts(self, seconds):
        self.do(INFO_SET, attr(INFO_TIMEOUT | NESTED, timeouts(seconds)))

    def clear(self):
        """No service, and no connection of those that there were."""
        self.do(FLUSH)
