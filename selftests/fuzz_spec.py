# SPDX-License-Identifier: GPL-2.0
"""Random netlink messages from the specifications of the families.

Spec reads a specification: operations, attributes with their types and bounds, nests.
Draw makes messages of it, which depend on its random numbers only:

- valid ones: within all bounds, about a few services and servers, so that many of them
  exist already and the kernel accepts about half of the messages;
- nearly valid ones: a valid one with one to three faults, each of which a check of the
  kernel has to find, as a value beyond a bound, or an attribute in the wrong place;
- wild ones: random attributes, or random bytes.

What the types and bounds do not tell is in the tables below: which values belong
together, and how often what is optional is there.
"""
import json
import os
import socket
import struct

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NESTED = 0x8000
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}
FORMS = {1: "B", 2: "H", 4: "I", 8: "Q"}


def load(name):
    """A specification. The guest has the JSON that selftests/qemu/guest makes of it."""
    path = os.path.join(TOP, "Documentation/netlink/specs", name)
    if os.path.exists(path + ".json"):
        with open(path + ".json", encoding="utf-8") as file:
            return json.load(file)
    import yaml # not in the guest
    with open(path + ".yaml", encoding="utf-8") as file:
        return yaml.safe_load(file)


class Attr:
    """An attribute of a set. `key` names it in the tables: SET.NAME."""

    def __init__(self, number, row, home, spec):
        checks = {what: spec.consts.get(value, value)
                  for what, value in row.get("checks", {}).items()}
        self.number, self.name, self.key = number, row["name"], home + "." + row["name"]
        self.type = row["type"]
        self.nest = row.get("nested-attributes")
        self.multi = row.get("multi-attr", False)
        self.size = SIZES.get(self.type)
        self.form = ("!" if row.get("byte-order") == "big-endian" else "=") + \
            FORMS[self.size] if self.size else None
        self.low = checks.get("min", 0)
        self.high = checks.get("max", (1 << 8 * self.size) - 1 if self.size else None)
        self.length = checks.get("exact-len")
        self.longest = checks.get("max-len", self.length)
        if "enum" in row:
            number = spec.enums[row["enum"]]
            self.high = (1 << number) - 1 if row.get("enum-as-flags") else \
                min(self.high, number - 1)

    def pack(self, value):
        """The bytes of a value; bytes are taken as they are."""
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode() + b"\0"
        return struct.pack(self.form, value)


class Op:
    """An operation: the attributes that its do and its dump take, None without it."""

    def __init__(self, number, row):
        self.number, self.name, self.set = number, row["name"], row["attribute-set"]
        self.do = self.dump = None
        if "do" in row:
            self.do = row["do"].get("request", {}).get("attributes", [])
        if "dump" in row:
            self.dump = row["dump"].get("request", {}).get("attributes", [])
        self.requests = self.do is not None or self.dump is not None


class Spec:
    """A family."""

    def __init__(self, name):
        raw = load(name)
        self.name = raw["name"]
        self.consts, self.enums, self.sets = {}, {}, {}
        for row in raw.get("definitions", []):
            if row["type"] == "const":
                self.consts[row["name"]] = row["value"]
            else:
                self.enums[row["name"]] = len(row["entries"])
        for row in raw["attribute-sets"]:
            name, base = row["name"], row.get("subset-of")
            self.sets[name] = {
                each["name"]: self.sets[base][each["name"]] if base else
                Attr(number, each, name, self)
                for number, each in enumerate(row["attributes"], 1)}
        self.ops = [Op(number, row) for number, row in
                    enumerate(raw["operations"]["list"], 1)]


def serial(tree):
    """The bytes of a list of [type, bytes or list]."""
    out = []
    for kind, value in tree:
        if not isinstance(value, bytes):
            value = serial(value)
        out.append(struct.pack("=HH", len(value) + 4 & 0xffff, kind & 0xffff) + value +
                   b"\0" * (-len(value) % 4))
    return b"".join(out)


VIPS = {4: ("192.168.1.63", "192.168.1.163"), 6: ("2001:db8:1::63", "2001:db8:1::163")}
RIPS = {4: ("192.168.1.%d", 3), 6: ("2001:db8:1::%x", 3)}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
MARKS, RANGE = (7, 8), (1000, 1009)
# Of each protocol; templates have none.
STATES = {6: (1, 2, 3, 4, 5), 17: (6,), 132: (7, 8, 9, 10)}


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET,
                            address)


class Sense:
    """What the attributes of one message are about, so that they fit together."""

    def __init__(self, rng, batch):
        self.rng, self.batch = rng, batch
        self.version = rng.choice((4, 4, 6))
        # Most are about two services, which thus exist most of the time.
        rare = rng.random() < 0.3
        self.marked = rare and rng.random() < 0.2
        self.protocol = rng.choice((6, 17, 132)) if rare else 6
        self.vip = packed(VIPS[self.version][rare and rng.random() < 0.3])
        self.ranged = rare and not self.marked and rng.random() < 0.3
        self.port = RANGE[0] if self.ranged else 0 if rare and rng.random() < 0.3 else 80
        self.vrf = "vrf0" if rare and rng.random() < 0.2 else None
        self.mark = rng.choice(MARKS)
        self.tunnel = rng.choice((0, 0, 0, 0, 0, 0, 1, 2, 3))
        self.outer = rng.choice((4, 6)) if self.tunnel else self.version
        form, number = RIPS[self.outer]
        self.rip = packed(form % (200 + rng.randrange(number)) if rng.random() < 0.95 else
                          LOOPBACK[self.outer])
        self.scheduler = None
        self.template = rng.random() < 0.3
        self.role, self.enabled = rng.choice((0, 1, 2, 2)), rng.random() < 0.6

    @property
    def family(self):
        return 2 if self.version == 4 else 10

    def client(self):
        form, _ = RIPS[self.version]
        return packed(form % self.rng.randrange(1, 50))

    def bits(self):
        return self.rng.randrange(1, 33 if self.version == 4 else 129)


DEVICES = ("eth0", "d0", "d0", "nosuch")

# Values that bounds do not give. Others are drawn within the bounds.
VALUES = {
    "service.family": lambda s: s.family, "service.protocol": lambda s: s.protocol,
    "service.address": lambda s: s.vip, "service.port": lambda s: s.port,
    "service.last-port": lambda s: RANGE[1], "service.fwmark": lambda s: s.mark,
    "service.vrf": lambda s: s.vrf or "vrf0", "service.batch": lambda s: s.batch or 1,
    "service.scheduler": lambda s: s.scheduler,
    # A large table takes a second to fill and to free.
    "service.sched-size": lambda s: s.rng.choice((251, 257)),
    "service.sched-flags": lambda s: s.rng.choice((0, 0, 1, 2, 3)),
    "service.flags": lambda s: s.rng.choice((0, 2, 4, 8, 14, 1)),
    "service.flags-mask": lambda s: s.rng.choice((2, 4, 8, 14)),
    "service.persist": lambda s: s.rng.choice((0, 300, 300, 300)),
    "service.persist-prefix": Sense.bits,
    "service.hold": lambda s: s.rng.choice((1, 100)),
    "server.address": lambda s: s.rip, "server.port": lambda s: s.port,
    "server.weight": lambda s: s.rng.choice((0, 1, 2, 3, 65535)),
    "server.upper": lambda s: s.rng.choice((0, 5, 100)),
    "server.lower": lambda s: s.rng.choice((0, 3)),
    "server.forward": lambda s: 2 if s.tunnel else 0,
    "server.batch": lambda s: s.batch or 1,
    "server.hold": lambda s: s.rng.choice((1, 100)),
    "server.tunnel": lambda s: s.tunnel, "server.tunnel-port": lambda s: 6080,
    "server.tunnel-flags": lambda s: 1 if s.tunnel > 1 and s.rng.random() < 0.5 else 0,
    "server.tunnel-flags-mask": lambda s: 1,
    "server.tunnel-source": lambda s: packed(RIPS[s.outer][0] % 70),
    # The source has no bits behind these.
    "server.tunnel-source-prefix": lambda s: s.rng.choice(
        (31, 32) if s.outer == 4 else (124, 127, 128)),
    "conn.family": lambda s: s.family, "conn.protocol": lambda s: s.protocol,
    "conn.client-address": Sense.client, "conn.virtual-address": lambda s: s.vip,
    "conn.client-port": lambda s: 1000 + s.rng.randrange(4),
    "conn.client-prefix": Sense.bits,
    "conn.virtual-port": lambda s: s.port or 443,
    "conn.server-address": lambda s: s.rip, "conn.vrf": lambda s: s.vrf or "vrf0",
    "conn.state": lambda s: 11 if s.template else s.rng.choice(STATES[s.protocol]),
    "conn.expires": lambda s: s.rng.choice((1000, 900000)),
    "conn.idle-min": lambda s: s.rng.choice((0, 1000)),
    "conn.idle-max": lambda s: s.rng.choice((1000, 100000)),
    "trace.family": lambda s: s.family, "trace.protocol": lambda s: s.protocol,
    "trace.client-address": Sense.client, "trace.virtual-address": lambda s: s.vip,
    "trace.virtual-port": lambda s: s.port or 443, "trace.vrf": lambda s: "vrf0",
    "trace.mark": lambda s: s.rng.choice((0, 7)),
    "info.entry": lambda s: s.rng.choice((0, 0, 1, 2)),
    "info.device": lambda s: s.rng.choice(DEVICES), "info.batch": lambda s: s.batch or 1,
    "batch.id": lambda s: s.batch or 1,
    "sync.role": lambda s: s.role, "sync.enabled": lambda s: int(s.enabled),
    "sync.device": lambda s: s.rng.choice(DEVICES),
    "sync.address": lambda s: packed("192.168.1.101" if s.role == 2 else "224.0.0.99"),
    "sync.key": lambda s: s.rng.randbytes(32),
    "svc.af": lambda s: s.family, "svc.protocol": lambda s: s.protocol,
    "svc.addr": lambda s: s.vip.ljust(s.rng.choice((4, 16)), b"\0"),
    "svc.port": lambda s: s.port, "svc.fwmark": lambda s: s.mark,
    "svc.sched-name": lambda s: s.scheduler,
    "svc.flags": lambda s: struct.pack("=II", s.rng.choice((0, 1, 4, 0x20, 0x18)),
                                       s.rng.choice((0, 0xffffffff))),
    "svc.timeout": lambda s: s.rng.choice((0, 300)),
    "svc.netmask": lambda s: s.rng.choice((0xffffffff, 0xffffff)) if s.version == 4 else
    s.rng.choice((64, 128)),
    "svc.pe-name": lambda s: "",
    "dest.addr": lambda s: s.rip.ljust(s.rng.choice((4, 16)), b"\0"),
    "dest.port": lambda s: s.port, "dest.addr-family": lambda s: 2 if s.outer == 4 else 10,
    "dest.fwd-method": lambda s: 2 if s.tunnel else s.rng.choice((3, 3, 3, 1)),
    "dest.weight": lambda s: s.rng.choice((0, 1, 5, 65535)),
    "dest.u-thresh": lambda s: s.rng.choice((0, 9)),
    "dest.l-thresh": lambda s: s.rng.choice((0, 0, 3)),
    "dest.tun-type": lambda s: max(s.tunnel - 1, 0), "dest.tun-port": lambda s: 6080,
    "dest.tun-flags": lambda s: s.rng.choice((0, 1)),
    "daemon.state": lambda s: s.rng.choice((1, 2)),
    "daemon.mcast-ifn": lambda s: s.rng.choice(DEVICES),
    "daemon.mcast-group": lambda s: 0xe0000063,
    "daemon.mcast-group6": lambda s: packed("ff02::9"),
}

# How often an attribute is there, if not by shape(): 1 is what a valid message needs.
CHANCE = {"conn-add": 1, "trace": 1, "batch-commit": 1, "batch-abort": 1, "svc": 1,
          "dest": 1, "cmd": 1, "timeout": 0.3, "conn": 0.2, "sync.role": 1,
          "sync.enabled": 1, "sync.device": 1, "sync.key": 0.5, "sync.key-id": 0.5,
          "server.service": 1, "server.address": 1, "server.weight": 0.5, "daemon.state": 1,
          "daemon.mcast-ifn": 1, "daemon.sync-id": 1,
          # Not with others, or of no use in them.
          "service.all-namespaces": 0, "service.persist-prefix": 0.03,
          "trace.data": 0.2, "trace.client-port": 0.5,
          "trace.mark": 0.2, "trace.mac": 0.2, "trace.vrf": 0.05, "conn.flags": 0.2,
          "conn.vrf": 0.05, "svc.stats": 0.02, "svc.stats64": 0.02, "dest.stats": 0.02,
          "dest.stats64": 0.02, "dest.active-conns": 0.1, "dest.inact-conns": 0.1,
          "dest.persist-conns": 0.1, "svc.pe-name": 0.1}
OTHERWISE = 0.15


class Draw:
    """Messages of one family."""

    def __init__(self, rng, spec, schedulers):
        self.rng, self.spec = rng, spec
        # Its table has 65,537 slots by default, and family IPVS has no other.
        self.schedulers = [name for name in schedulers if spec.name == "lbdr" or
                           name != "mh"]

    def shape(self, op, attr, sense):
        """Whether an attribute of a valid message is there, by what it is about; None
        if that says nothing."""
        home, name = attr.key.split(".")
        if home in ("service", "svc"):
            if name in ("family", "af"):
                return True
            if name in ("protocol", "address", "addr", "port"):
                return not sense.marked
            if name == "fwmark":
                return sense.marked
            if name == "last-port":
                return sense.ranged
            if name == "vrf":
                return sense.vrf is not None and op.set != "conn"
            if name == "sched-size":
                return sense.scheduler == "mh"
            if name == "sched-flags":
                return sense.scheduler in ("mh", "sh") and self.rng.random() < 0.5
        if name == "batch":
            return bool(sense.batch) and self.rng.random() < 0.7
        if attr.key == "server.tunnel":
            return bool(sense.tunnel)
        if attr.key == "server.tunnel-port":
            return sense.tunnel == 3
        if attr.key.startswith("server.tunnel") and not sense.tunnel:
            return False
        if name.startswith("tun-"):
            return bool(sense.tunnel)
        if op.name == "sync-set" and name not in ("role", "enabled"):
            if not sense.enabled or name == "key-id":
                return False
            if name in ("key", "address"):
                return sense.role == 2
            if name in ("id", "max-len"):
                return False if sense.role == 2 else None
        if op.name == "conn-add":
            if name in ("protocol", "client-port", "virtual-address", "virtual-port"):
                return not sense.template
            if name == "service":
                return sense.template or sense.marked
        if home == "conn" and name == "family":
            return True
        if home == "conn" and name == "client-prefix":
            return False
        return None

    def value(self, op, attr, sense):
        """A valid value."""
        rng = self.rng
        if attr.nest:
            return self.tree(op, attr.nest, list(self.spec.sets[attr.nest]), sense)
        if attr.key in VALUES:
            return attr.pack(VALUES[attr.key](sense))
        if attr.size:
            high = min(attr.high, attr.low + 1000)
            return attr.pack(rng.choice((attr.low, high, rng.randint(attr.low, high))))
        if attr.type in ("flag", "pad"):
            return b""
        if attr.type == "string":
            return b"x" * rng.randrange(1, 8) + b"\0"
        return rng.randbytes(attr.length if attr.length is not None else
                             rng.choice((4, 16)))

    def tree(self, op, name, names, sense):
        out = []
        for each in names:
            attr = self.spec.sets[name][each]
            there = self.shape(op, attr, sense)
            if there is None:
                chance = CHANCE.get(attr.key)
                if chance is None:
                    chance = CHANCE.get(op.name, CHANCE.get(attr.key.split(".")[0],
                                                            OTHERWISE))
                there = chance == 1 or self.rng.random() < chance
            if there:
                out.append([attr.number | (NESTED if attr.nest else 0),
                            self.value(op, attr, sense)])
        return out

    def valid(self, op, dump, batch, commands):
        """The attributes of a valid message of an operation, as a tree."""
        sense = Sense(self.rng, batch)
        sense.scheduler = self.rng.choice(self.schedulers)
        names = op.dump if dump else op.do
        if op.name in ("zero", "get-service") and self.rng.random() < 0.3:
            return []
        if op.name == "service-get" and dump:
            names = []
        out = self.tree(op, op.set, names, sense)
        if op.name == "batch-commit":
            for each in out:
                if each[0] == 1:
                    each[1] = struct.pack("=I", commands)
        return out

    def nests(self, tree):
        """All lists of a tree, with itself."""
        out = [tree]
        for _, value in tree:
            if isinstance(value, list):
                out += self.nests(value)
        return out

    def damage(self, op, tree):
        """One fault."""
        rng = self.rng
        nest = rng.choice(self.nests(tree))
        kind = rng.randrange(10)
        if not nest or kind == 0:
            # One of the family's attributes, which the operation may not take.
            name = rng.choice(list(self.spec.sets))
            if name in ("drop", "stats") or not self.spec.sets[name]:
                name = op.set
            attr = rng.choice(list(self.spec.sets[name].values()))
            nest.append([attr.number, rng.randbytes(attr.size or rng.randrange(20))])
            return
        at = rng.randrange(len(nest))
        number, value = nest[at]
        if kind == 1:
            del nest[at]
        elif kind == 2:
            nest.insert(rng.randrange(len(nest) + 1), [number, value])
        elif kind == 3:
            nest[at][0] = number ^ rng.choice((NESTED, 0x4000))
        elif kind == 4:
            nest[at][0] = rng.choice((0, number + 1, number - 1, 0x3fff,
                                      rng.randrange(60)))
        elif kind == 5:
            nest[at][1] = [[number, value]]
        elif isinstance(value, list):
            nest[at][1] = serial(value)[:-rng.randrange(1, 9)] if kind == 6 else []
        elif kind == 6:
            nest[at][1] = value[:rng.randrange(len(value) + 1)]
        elif kind == 7:
            nest[at][1] = value + rng.randbytes(rng.choice((1, 3, 4, 16)))
        else:
            nest[at][1] = self.beyond(op, number & 0x3fff, value)

    def beyond(self, op, number, value):
        """A value of the same length that is at or behind a bound."""
        rng = self.rng
        for attr in self.spec.sets[op.set].values():
            if attr.number == number and attr.size == len(value):
                return attr.pack(rng.choice((
                    attr.low, attr.high, max(attr.low - 1, 0),
                    min(attr.high + 1, (1 << 8 * attr.size) - 1))))
        return rng.choice((b"\0", b"\xff", b"\x7f")) * len(value)

    def wild(self):
        """Bytes."""
        rng = self.rng
        if rng.random() < 0.3:
            return rng.randbytes(rng.randrange(100))
        tree = here = []
        for _ in range(rng.randrange(12)):
            if rng.random() < 0.2:
                here.append([rng.randrange(40) | NESTED, []])
                here = here[-1][1]
            else:
                here.append([rng.randrange(40), rng.randbytes(
                    rng.choice((0, 1, 2, 4, 4, 8, 16, 32)))])
        body = bytearray(serial(tree))
        if body and rng.random() < 0.5:
            body[rng.randrange(len(body))] = rng.randrange(256)
        return bytes(body)

    def body(self, kind, op, dump, batch, commands):
        """The attributes of a message: kind "valid", "near" or "wild"."""
        if kind == "wild":
            return self.wild()
        tree = self.valid(op, dump, batch, commands)
        if kind == "near":
            for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
                self.damage(op, tree)
        return serial(tree)
