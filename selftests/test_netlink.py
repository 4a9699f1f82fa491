#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
# Also on: bookworm
"""What the netlink interface refuses, and that a refusal changes nothing."""
import errno
import os
import struct

import genl
import net
from genl import (ADDRESS, FAMILY, FLUSH, INFO_GET, NESTED, PORT, PROTOCOL,
                  SCHEDULER, SERVER_ADDRESS, SERVER_DEL, SERVER_FORWARD,
                  SERVER_GET, SERVER_NEW, SERVER_SERVICE, SERVER_SET,
                  SERVER_WEIGHT, SERVICE_DEL, SERVICE_GET, SERVICE_NEW,
                  SERVICE_SET, ZERO, CONN_GET, SCHED_GET, Genl, Refused, attr,
                  be16, key, server, u32, u8)
from net import ok

V4, V6 = bytes([192, 168, 1, 63]), bytes.fromhex("20010db8000100000000000000000063")


def socket_there(**more):
    with net.within("director"):
        return Genl(**more)


def everything(sock):
    return sock.dump(SERVICE_GET), sock.dump(SERVER_GET)


def k(family=2, protocol=6, address=V4, port=80, more=b""):
    """A key with any of its parts wrong, or left out by None."""
    out = b""
    if family is not None:
        out += u8(FAMILY, family)
    if protocol is not None:
        out += u8(PROTOCOL, protocol)
    if address is not None:
        out += attr(ADDRESS, address)
    if port is not None:
        out += be16(PORT, port)
    return out + more


# What is wrong, the operation, its attributes, the errno.
WRONG_KEYS = [
    ("no attribute", b"", errno.EINVAL),
    ("no family", k(family=None), errno.EINVAL),
    ("no protocol", k(protocol=None), errno.EINVAL),
    ("no address", k(address=None), errno.EINVAL),
    ("no port", k(port=None), errno.EINVAL),
    ("family 0", k(family=0), errno.ERANGE),
    ("family 3", k(family=3), errno.EAFNOSUPPORT),
    ("family 255", k(family=255), errno.ERANGE),
    ("protocol ICMP", k(protocol=1), errno.ERANGE),
    ("protocol ESP", k(protocol=50), errno.EINVAL),
    ("protocol 0", k(protocol=0), errno.ERANGE),
    ("a range that begins with 0", k(port=0, more=be16(genl.LAST_PORT, 9)),
     errno.ERANGE),
    ("a range of one port", k(more=be16(genl.LAST_PORT, 80)), errno.ERANGE),
    ("a range that goes down", k(more=be16(genl.LAST_PORT, 79)), errno.ERANGE),
    ("fwmark 0", u8(FAMILY, 2) + u32(genl.FWMARK, 0), errno.ERANGE),
    ("a fwmark without a family", u32(genl.FWMARK, 1), errno.EINVAL),
    ("a fwmark and a port", k(protocol=None, address=None,
                              more=u32(genl.FWMARK, 1)), errno.EINVAL),
    ("a fwmark of two bytes", u8(FAMILY, 2) + attr(genl.FWMARK, b"\0\1"),
     errno.EINVAL),
    ("an IPv6 address in an IPv4 service", k(address=V6), errno.EAFNOSUPPORT),
    ("an IPv4 address in an IPv6 service", k(family=10), errno.EAFNOSUPPORT),
    ("an address of 3 bytes", k(address=V4[:3]), errno.EAFNOSUPPORT),
    ("an address of 17 bytes", k(family=10, address=V6 + b"x"), errno.ERANGE),
    ("an empty address", k(address=b""), errno.EAFNOSUPPORT),
    ("a multicast VIP", k(address=b"\xe0\0\0\1"), errno.EINVAL),
    ("the broadcast address", k(address=b"\xff" * 4), errno.EINVAL),
    ("the zero address", k(address=b"\0" * 4), errno.EINVAL),
    ("a loopback VIP", k(address=b"\x7f\0\0\1"), errno.EINVAL),
    ("IPv6 loopback", k(family=10, address=b"\0" * 15 + b"\1"), errno.EINVAL),
    ("an IPv6 multicast VIP", k(family=10, address=b"\xff\2" + b"\0" * 14),
     errno.EINVAL),
    ("a link-local VIP", k(family=10, address=b"\xfe\x80" + b"\0" * 13 + b"\1"),
     errno.EINVAL),
    ("a mapped IPv4 address", k(family=10, address=b"\0" * 10 + b"\xff\xff" + V4),
     errno.EINVAL),
    ("a family of two bytes", attr(FAMILY, b"\2\0") + k(family=None),
     errno.EINVAL),
    ("a port of one byte", k(port=None) + attr(PORT, b"P"), errno.EINVAL),
    ("an empty port", k(port=None) + attr(PORT, b""), errno.EINVAL),
    ("an unknown attribute", k(more=u32(100, 1)), errno.EINVAL),
    ("an attribute of type 0", k(more=u32(0, 1)), errno.EINVAL),
    ("an attribute cut short", k()[:-3], errno.EINVAL),
    ("bytes behind the last attribute", k(more=b"\1\0\0"), errno.EINVAL),
    ("an attribute longer than the message", k(more=struct.pack("=HH", 400, 1)),
     errno.EINVAL),
    ("what is only reported", k(more=u32(genl.SERVERS, 1)), errno.EINVAL),
]

WRONG_SERVICES = [
    ("an unknown scheduler", k(more=attr(SCHEDULER, b"nonsense\0")), errno.ENOENT),
    ("an empty scheduler", k(more=attr(SCHEDULER, b"\0")), errno.ENOENT),
    ("a scheduler's name of 16 bytes", k(more=attr(SCHEDULER, b"r" * 16 + b"\0")),
     errno.EINVAL),
    ("an option of another scheduler", k(more=attr(SCHEDULER, b"rr\0") +
                                         u32(genl.SCHED_FLAGS, 1)), errno.EINVAL),
    ("an unknown option of sh", k(more=attr(SCHEDULER, b"sh\0") +
                                  u32(genl.SCHED_FLAGS, 4)), errno.EINVAL),
    ("a table's size for sh", k(more=attr(SCHEDULER, b"sh\0") +
                                u32(genl.SCHED_SIZE, 65537)), errno.EINVAL),
    ("a way to refuse that does not exist", k(more=u8(genl.REFUSE, 3)),
     errno.ERANGE),
    ("strays that go where nothing is", k(more=u8(genl.STRAY, 4)), errno.ERANGE),
    ("a mask of options without options", k(more=u32(genl.FLAGS_MASK, 1)),
     errno.EINVAL),
    ("a transaction of number 0", k(more=u32(genl.SERVICE_BATCH, 0)),
     errno.ERANGE),
    ("a VRF of 16 letters", k(more=attr(genl.VRF, b"r" * 16 + b"\0")),
     errno.EINVAL),
    ("an option that does not exist", k(more=u32(genl.FLAGS, 16)), errno.EINVAL),
    ("such an option, picked out", k(more=u32(genl.FLAGS, 16) +
                                     u32(genl.FLAGS_MASK, 16)), errno.EINVAL),
    ("single packets of TCP", k(more=u32(genl.FLAGS, 1)), errno.EINVAL),
    ("persistence beyond its limit", k(more=u32(genl.PERSIST, 2000001)),
     errno.ERANGE),
    ("a persistence prefix of 0", k(more=u8(genl.PERSIST_PREFIX, 0)),
     errno.ERANGE),
    ("a persistence prefix of 33", k(more=u8(genl.PERSIST_PREFIX, 33)),
     errno.ERANGE),
    ("a timeout beyond its limit",
     k(more=attr(genl.TIMEOUT | NESTED, u32(2, 2000001))), errno.ERANGE),
    ("a timeout of no state", k(more=attr(genl.TIMEOUT | NESTED, u32(11, 1))),
     errno.EINVAL),
    ("timeouts that are not nested", k(more=attr(genl.TIMEOUT, u32(2, 1))),
     errno.EINVAL),
    ("scheduler's options of two bytes", k(more=attr(genl.SCHED_FLAGS, b"\0\0")),
     errno.EINVAL),
    ("a table of 0 slots", k(more=attr(SCHEDULER, b"mh\0") +
     u32(genl.SCHED_SIZE, 0)), errno.ERANGE),
    ("a table of 241 slots", k(more=attr(SCHEDULER, b"mh\0") +
     u32(genl.SCHED_SIZE, 241)), errno.ERANGE),
    ("a table of 65535 slots", k(more=attr(SCHEDULER, b"mh\0") +
     u32(genl.SCHED_SIZE, 65535)), errno.ERANGE),
    ("a table of 262147 slots", k(more=attr(SCHEDULER, b"mh\0") +
     u32(genl.SCHED_SIZE, 262147)), errno.ERANGE),
    ("a table of 4294967291 slots", k(more=attr(SCHEDULER, b"mh\0") +
     u32(genl.SCHED_SIZE, 4294967291)), errno.ERANGE),
    ("a scheduler's name without its end", k(more=attr(SCHEDULER, b"rr")),
     errno.EINVAL),
]


def s(nest=True, address=b"\xc0\xa8\1\x3e", more=b"", service=None):
    body = key() if service is None else service
    return attr(SERVER_SERVICE | (NESTED if nest else 0), body) + \
        (attr(SERVER_ADDRESS, address) if address is not None else b"") + more


WRONG_SERVERS = [
    ("no service", attr(SERVER_ADDRESS, b"\xc0\xa8\1\x3e"), errno.EINVAL),
    ("a service that is not marked as nested", s(nest=False), errno.EINVAL),
    ("an empty service", s(service=b""), errno.EINVAL),
    ("a service cut short", s(service=key()[:-3]), errno.EINVAL),
    ("an unknown attribute in the service", s(service=key() + u32(100, 1)),
     errno.EINVAL),
    ("no address", s(address=None), errno.EINVAL),
    ("an address of five bytes", s(address=b"\xc0\xa8\1\x3e\0"), errno.EAFNOSUPPORT),
    ("a multicast address", s(address=b"\xe0\0\0\1"), errno.EINVAL),
    ("a service that does not exist", s(service=key(port=9999)), errno.ESRCH),
]

WRONG_WEIGHTS = [
    ("a weight of 65536", s(more=u32(SERVER_WEIGHT, 65536)), errno.ERANGE),
    ("a negative weight", s(more=u32(SERVER_WEIGHT, 1 << 32 - 1)), errno.ERANGE),
    ("a threshold of one byte", s(more=u8(genl.SERVER_UPPER, 1)), errno.EINVAL),
    ("a weight of one byte", s(more=u8(SERVER_WEIGHT, 1)), errno.EINVAL),
    ("tunnelling without a tunnel", s(more=u8(SERVER_FORWARD, 2)), errno.EINVAL),
    ("a forwarding method that does not exist", s(more=u8(SERVER_FORWARD, 3)),
     errno.ERANGE),
    ("a tunnel that does not exist", s(more=u8(genl.SERVER_TUNNEL, 4)), errno.ERANGE),
    ("a port of 0", s(more=u8(genl.SERVER_TUNNEL, 3) +
                      be16(genl.SERVER_TUNNEL_PORT, 0)), errno.ERANGE),
    ("a prefix of no bits", s(more=u8(genl.SERVER_TUNNEL, 1) +
                              u8(genl.SERVER_TUNNEL_SOURCE_PREFIX, 0)), errno.ERANGE),
    ("a source of 17 bytes", s(more=u8(genl.SERVER_TUNNEL, 1) +
                               attr(genl.SERVER_TUNNEL_SOURCE, bytes(17))), errno.ERANGE),
    ("local", s(more=u8(SERVER_FORWARD, 1)), errno.EOPNOTSUPP),
]

WRONG_THRESHOLDS = [
    ("a lower threshold above the upper one",
     u32(genl.SERVER_UPPER, 3) + u32(genl.SERVER_LOWER, 4)),
    ("a lower threshold alone", u32(genl.SERVER_LOWER, 1)),
]

WRONG_FILTERS = [
    ("family 1", u8(genl.CONN_FAMILY, 1), errno.ERANGE),
    ("family 3", u8(genl.CONN_FAMILY, 3), errno.EAFNOSUPPORT),
    ("protocol 0", u8(genl.CONN_PROTOCOL, 0), errno.ERANGE),
    ("an address without a family", attr(genl.CONN_CLIENT_ADDRESS, V4),
     errno.EINVAL),
    ("an address of the other family", u8(genl.CONN_FAMILY, 10) +
     attr(genl.CONN_VIRTUAL_ADDRESS, V4), errno.EAFNOSUPPORT),
    ("a prefix without an address", u8(genl.CONN_CLIENT_PREFIX, 8),
     errno.EINVAL),
    ("a prefix of 33", u8(genl.CONN_FAMILY, 2) +
     attr(genl.CONN_CLIENT_ADDRESS, V4) + u8(genl.CONN_CLIENT_PREFIX, 33),
     errno.EINVAL),
    ("state 0", u8(genl.CONN_STATE, 0), errno.ERANGE),
    ("the state of the dead", u8(genl.CONN_STATE, 12), errno.ERANGE),
    ("a server's port", be16(genl.CONN_SERVER_PORT, 80), errno.EINVAL),
    ("what is only reported", u32(genl.CONN_EXPIRES, 1), errno.EINVAL),
    ("a mark, which is only reported", u32(genl.CONN_FWMARK, 1), errno.EINVAL),
    ("a service that is not nested", attr(genl.CONN_SERVICE, k()), errno.EINVAL),
    ("half of a service", attr(genl.CONN_SERVICE | NESTED, u8(genl.FAMILY, 2)),
     errno.EINVAL),
    ("an unknown attribute", u32(100, 1), errno.EINVAL),
]

WRONG_INFO = [
    ("ingress without a device", u8(genl.INFO_ENTRY, 2), errno.EINVAL),
    ("an entry that does not exist", u8(genl.INFO_ENTRY, 3), errno.ERANGE),
    ("a timeout of 0", attr(genl.INFO_TIMEOUT | NESTED, u32(1, 0)),
     errno.ERANGE),
    ("a timeout beyond its limit",
     attr(genl.INFO_TIMEOUT | NESTED, u32(10, 2000001)), errno.ERANGE),
    ("a timeout of a template", attr(genl.INFO_TIMEOUT | NESTED, u32(11, 1)),
     errno.EINVAL),
    ("what is only reported", u32(genl.INFO_CONN_MAX, 1), errno.EINVAL),
]

NAMES = {genl.CONN_DEL: "conn-del", genl.INFO_SET: "info-set",
         SERVICE_NEW: "service-new", SERVICE_SET: "service-set",
         SERVICE_DEL: "service-del", SERVER_NEW: "server-new",
         SERVER_SET: "server-set", SERVER_DEL: "server-del", ZERO: "zero",
         FLUSH: "flush", SERVICE_GET: "service-get", INFO_GET: "info-get",
         CONN_GET: "conn-get", SERVER_GET: "server-get", SCHED_GET: "sched-get"}

# What the kernel reports of the bounds: command, attribute, attribute in it.
BOUNDS = [
    (SERVER_NEW, SERVER_WEIGHT, None, {"max": 65535}),
    (SERVER_SET, SERVER_WEIGHT, None, {"max": 65535}),
    (SERVER_NEW, SERVER_ADDRESS, None, {"max_len": 16}),
    (SERVER_NEW, SERVER_FORWARD, None, {"max": 2}),
    (SERVER_NEW, genl.SERVER_TUNNEL, None, {"max": 3}),
    (SERVER_SET, genl.SERVER_TUNNEL_FLAGS, None, {"mask": 3}),
    (SERVER_SET, genl.SERVER_TUNNEL_FLAGS_MASK, None, {"mask": 3}),
    (SERVER_SET, genl.SERVER_TUNNEL_DF, None, {"max": 2}),
    (SERVER_SET, genl.SERVER_TUNNEL_SOURCE, None, {"max_len": 16}),
    (SERVER_SET, genl.SERVER_TUNNEL_SOURCE_PREFIX, None, {"min": 1, "max": 128}),
    (SERVER_SET, genl.SERVER_BATCH, None, {"min": 1}),
    (SERVER_DEL, SERVER_SERVICE, FAMILY, {"min": 2, "max": 10}),
    (SERVER_DEL, genl.SERVER_HOLD, None, {"min": 1, "max": 2000000}),
    (SERVICE_DEL, genl.SERVICE_HOLD, None, {"min": 1, "max": 2000000}),
    (SERVER_DEL, SERVER_SERVICE, genl.VRF, {"max_len": 15}),
    (SERVICE_NEW, PROTOCOL, None, {"min": 6, "max": 132}),
    (SERVICE_NEW, genl.FWMARK, None, {"min": 1}),
    (SERVICE_NEW, SCHEDULER, None, {"max_len": 15}),
    (SERVICE_NEW, genl.SCHED_FLAGS, None, {"mask": 3}),
    (SERVICE_SET, genl.SCHED_SIZE, None, {"min": 251, "max": 262139}),
    (SERVICE_SET, genl.REFUSE, None, {"max": 2}),
    (SERVICE_SET, genl.STRAY, None, {"max": 3}),
    (SERVICE_SET, genl.FLAGS, None, {"mask": 15}),
    (SERVICE_SET, genl.FLAGS_MASK, None, {"mask": 15}),
    (SERVICE_SET, genl.PERSIST, None, {"max": 2000000}),
    (SERVICE_SET, genl.PERSIST_PREFIX, None, {"min": 1, "max": 128}),
    (SERVICE_SET, genl.TIMEOUT, 2, {"max": 2000000}),
    (SERVICE_SET, genl.SERVICE_BATCH, None, {"min": 1}),
    (genl.INFO_SET, genl.INFO_TIMEOUT, 10, {"max": 2000000}),
    (genl.INFO_SET, genl.INFO_ENTRY, None, {"max": 2}),
    (genl.INFO_SET, genl.INFO_DEVICE, None, {"max_len": 15}),
    (genl.CONN_DEL, genl.CONN_STATE, None, {"min": 1, "max": 11}),
    (genl.CONN_DEL, genl.CONN_CLIENT_PREFIX, None, {"max": 128}),
    (CONN_GET, genl.CONN_SERVICE, PROTOCOL, {"min": 6, "max": 132}),
    (genl.CONN_ADD, genl.CONN_FAMILY, None, {"min": 2, "max": 10}),
    (genl.CONN_ADD, genl.CONN_PROTOCOL, None, {"min": 6, "max": 132}),
    (genl.CONN_ADD, genl.CONN_CLIENT_ADDRESS, None, {"max_len": 16}),
    (genl.CONN_ADD, genl.CONN_VIRTUAL_ADDRESS, None, {"max_len": 16}),
    (genl.CONN_ADD, genl.CONN_SERVER_ADDRESS, None, {"max_len": 16}),
    (genl.CONN_ADD, genl.CONN_VRF, None, {"max_len": 15}),
    (genl.CONN_ADD, genl.CONN_STATE, None, {"min": 1, "max": 11}),
    (genl.CONN_ADD, genl.CONN_EXPIRES, None, {"min": 1}),
    (genl.CONN_ADD, genl.CONN_FLAGS, None, {"mask": 7}),
    (genl.CONN_ADD, genl.CONN_SERVICE, PROTOCOL, {"min": 6, "max": 132}),
    (genl.SYNC_SET, genl.SYNC_ROLE, None, {"max": 2}),
    (genl.SYNC_SET, genl.SYNC_ENABLED, None, {"max": 1}),
    (genl.SYNC_SET, genl.SYNC_DEVICE, None, {"max_len": 15}),
    (genl.SYNC_SET, genl.SYNC_ADDRESS, None, {"max_len": 16}),
    (genl.SYNC_SET, genl.SYNC_TTL, None, {"min": 1}),
    (genl.SYNC_SET, genl.SYNC_MAX_LEN, None, {"min": 128, "max": 8972}),
    (genl.SYNC_SET, genl.SYNC_KEY, None, {"min_len": 32, "max_len": 32}),
    (genl.SYNC_SET, genl.SYNC_KEY_ID, None, {"max": 1}),
    (genl.SYNC_KEY_SET, genl.SYNC_KEY, None, {"min_len": 32, "max_len": 32}),
    (genl.SYNC_KEY_SET, genl.SYNC_KEY_ID, None, {"max": 1}),
    (genl.TRACE, genl.TRACE_MAC, None, {"min_len": 6, "max_len": 6}),
    (genl.BATCH_COMMIT, genl.BATCH_ID, None, {"min": 1}),
]


def test_policies():
    """Each bound is in the policy, so that a program can ask for it."""
    sock = socket_there()
    commands, policies = sock.policies()
    wrong = []
    for command, kind, inner, want in BOUNDS:
        which = commands.get(command, (None, None))
        facts = policies.get(which[0] if which[0] is not None else which[1], {})
        facts = facts.get(kind, {})
        if inner is not None:
            facts = policies.get(facts.get("policy"), {}).get(inner, {})
        if {what: facts.get(what) for what in want} != want:
            wrong.append((command, kind, inner, want, facts))
    ok(not wrong, "CTRL_CMD_GETPOLICY has the %d bounds of operations" %
       len(BOUNDS), wrong)
    which = policies[commands[SERVER_SET][0]]
    ok(genl.SERVER_DRAIN not in which and SERVER_WEIGHT in which,
       "and an operation's policy has no attribute of another's", sorted(which))
    sock.close()


def refused(sock, command, body, want, what, ask=None):
    before = everything(sock)
    try:
        (ask or sock.do)(command, body)
        got = "it was taken"
    except Refused as error:
        got = "" if (error.code == want and error.sentence) else error
    after = everything(sock)
    if before != after:
        got = "it changed something"
    return ok(not got, "%s, %s: %s and a sentence, and nothing changes" %
              (NAMES[command], what, errno.errorcode[want]), got)


def test_refusals():
    sock = socket_there()
    sock.do(SERVICE_NEW, key() + attr(SCHEDULER, b"rr\0"))
    sock.do(SERVER_NEW, server("192.168.1.64"))
    for command in (SERVICE_NEW, SERVICE_SET, SERVICE_DEL):
        for what, body, code in WRONG_KEYS:
            refused(sock, command, body, code, what)
    for command in (SERVICE_NEW, SERVICE_SET):
        for what, body, code in WRONG_SERVICES:
            refused(sock, command, body, code, what)
    for command in (SERVER_NEW, SERVER_SET, SERVER_DEL):
        for what, body, code in WRONG_SERVERS:
            refused(sock, command, body, code, what)
    for command in (SERVER_NEW, SERVER_SET):
        for what, body, code in WRONG_WEIGHTS:
            refused(sock, command, body, code, what)
    for what, more in WRONG_THRESHOLDS:
        refused(sock, SERVER_NEW, s(more=more), errno.ERANGE, what)
        refused(sock, SERVER_SET, server("192.168.1.64") + more, errno.ERANGE,
                what)
    refused(sock, SERVICE_DEL, k(more=attr(SCHEDULER, b"rr\0")), errno.EINVAL,
            "a scheduler that it does not take")
    refused(sock, SERVER_DEL, s(more=u32(SERVER_WEIGHT, 1)), errno.EINVAL,
            "a weight that it does not take")
    refused(sock, SERVER_SET, server("192.168.1.64", None,
                                     attr(genl.SERVER_DRAIN, b"")), errno.EINVAL,
            "drain, which it does not take")
    refused(sock, SCHED_GET, u8(1, 1), errno.EINVAL, "any attribute", sock.dump)
    refused(sock, SERVICE_GET, key(), errno.EINVAL, "a key", sock.dump)
    for what, body, code in WRONG_KEYS[1:5]:
        refused(sock, ZERO, body, code, what)
    for command in (FLUSH, INFO_GET):
        refused(sock, command, u8(1, 1), errno.EINVAL, "any attribute")
    for what, body, code in WRONG_FILTERS:
        refused(sock, CONN_GET, body, code, what, sock.dump)
        refused(sock, genl.CONN_DEL, body, code, what)
    for what, body, code in WRONG_INFO:
        refused(sock, genl.INFO_SET, body, code, what)
    refused(sock, SERVER_GET, s(address=None, service=key(port=9999)),
            errno.ESRCH, "a service that does not exist", sock.dump)
    refused(sock, SERVICE_NEW, key(), errno.EEXIST, "a service that exists")
    # The tool could not restore what it had listed.
    for letter in '\5"\\\u00fc':
        refused(sock, SERVICE_NEW, key(vrf="vrf" + letter), errno.EINVAL,
                "a VRF with %a" % letter)
    refused(sock, SERVICE_SET, key(port=81), errno.ESRCH, "one that does not")
    refused(sock, SERVICE_DEL, key(port=81), errno.ESRCH, "one that does not")
    refused(sock, SERVICE_GET, key(port=81), errno.ESRCH, "one that does not")
    refused(sock, ZERO, key(port=81), errno.ESRCH, "one that does not")
    refused(sock, SERVER_NEW, server("192.168.1.64"), errno.EEXIST,
            "a server that exists")
    refused(sock, SERVER_NEW, s(more=u8(genl.SERVER_TUNNEL_TTL, 9)), errno.EINVAL,
            "a TTL without a tunnel")
    refused(sock, SERVER_NEW, s(address=V6), errno.EAFNOSUPPORT,
            "an IPv6 address in an IPv4 service")
    refused(sock, SERVER_SET, server("192.168.1.65"), errno.ENOENT,
            "one that does not")
    refused(sock, SERVER_DEL, server("192.168.1.65"), errno.ENOENT,
            "one that does not")
    drain = attr(genl.SERVER_DRAIN, b"")
    one = server("192.168.1.64")
    refused(sock, SERVER_DEL, one + drain + u32(genl.SERVER_HOLD, 5), errno.EINVAL,
            "drain and hold")
    refused(sock, SERVER_DEL, one + u32(genl.SERVER_HOLD, 0), errno.ERANGE,
            "no hold time")
    sock.do(SERVER_DEL, one + u32(genl.SERVER_HOLD, 500))
    refused(sock, SERVER_SET, one, errno.ENOENT, "a held one")
    refused(sock, SERVER_DEL, one + drain, errno.ENOENT, "the drain of a held one")
    sock.do(SERVICE_DEL, key() + u32(genl.SERVICE_HOLD, 500))
    for command in (SERVICE_SET, SERVICE_GET, ZERO):
        refused(sock, command, key(), errno.ESRCH, "a held one")
    refused(sock, SERVER_NEW, one, errno.ESRCH, "a server for a held one")
    sock.do(FLUSH)
    sock.close()


def test_privilege():
    sock = socket_there()
    sock.do(SERVICE_NEW, key())
    requests = [(SERVICE_NEW, key(port=81)), (SERVICE_SET, key()),
                (SERVICE_DEL, key()), (SERVER_NEW, server("192.168.1.64")),
                (SERVER_SET, server("192.168.1.64")),
                (SERVER_DEL, server("192.168.1.64")), (ZERO, b""), (FLUSH, b"")]
    before = everything(sock)
    with net.within("director"):
        status = genl.nobody()
        if status is None:
            taken = []
            other = Genl()
            for command, body in requests:
                try:
                    other.do(command, body)
                    taken.append(command)
                except Refused as error:
                    if error.code != errno.EPERM:
                        taken.append(command)
            try:
                other.dump(CONN_GET)
                taken.append(CONN_GET)
            except Refused:
                pass
            os._exit(len(taken))
    ok(status == 0 and everything(sock) == before, "without CAP_NET_ADMIN every "
       "change, and the list of connections, is refused by EPERM", status)
    status = None
    child = os.fork()
    if not child:
        # A user namespace of one's own, and a network namespace in it.
        try:
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            if net.LIBC.unshare(0x10000000 | 0x40000000):
                os._exit(77)
            other = Genl()
            other.do(SERVICE_NEW, key())
            os._exit(0 if len(other.dump(SERVICE_GET)) == 1 else 1)
        except BaseException:
            os._exit(2)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 77:
        print("skip - a user's own namespaces (this kernel does not allow them)")
    else:
        ok(status == 0, "in a network namespace of its own a user may", status)
    sock.do(FLUSH)
    sock.close()


def test_notifications():
    ear, sock = socket_there(), socket_there()
    ear.listen()
    steps = [(SERVICE_NEW, key()), (SERVICE_SET, key() + attr(SCHEDULER, b"rr\0")),
             (SERVER_NEW, server("192.168.1.64")),
             (SERVER_SET, server("192.168.1.64", None, u32(SERVER_WEIGHT, 7))),
             (SERVER_DEL, server("192.168.1.64")), (SERVICE_DEL, key())]
    heard = []
    for command, body in steps:
        sock.do(command, body)
        heard += [data[0] for _, _, _, data in ear.receive()]
    want = [genl.SERVICE_NEW_NTF, genl.SERVICE_SET_NTF, genl.SERVER_NEW_NTF,
            genl.SERVER_SET_NTF, genl.SERVER_DEL_NTF, genl.SERVICE_DEL_NTF]
    ok(heard == want, "each change is told to those who listen", heard)
    ear.close()
    sock.close()


def test_dumps():
    sock = socket_there()
    for port in range(1, 1001):
        sock.do(SERVICE_NEW, key(port=port))
    for last in (64, 62):
        sock.do(SERVER_NEW, server("192.168.1.%d" % last, key(port=500)))
    ports = [struct.unpack("!H", dict(genl.parse(row))[PORT])[0]
             for row in sock.dump(SERVICE_GET)]
    ok(ports == list(range(1, 1001)), "a dump has each of 1,000 services once, in "
       "the order of adding", len(ports))
    rows = [dict(genl.parse(row))[SERVER_ADDRESS][3]
            for row in sock.dump(SERVER_GET)]
    ok(rows == [64, 62], "and their servers", rows)
    ok([name for name in sock.dump(SCHED_GET)], "and the schedulers")
    # Changed between two messages of it.
    reader = socket_there()
    reader.send(reader.family, SERVICE_GET, b"", genl.F_DUMP)
    messages = reader.receive()
    sock.do(SERVICE_DEL, key(port=1000))
    marked = done = False
    while not done:
        for kind, flags, _, _ in reader.receive():
            marked |= bool(flags & genl.F_DUMP_INTR)
            done |= kind == genl.NLMSG_DONE
    ok(messages and marked, "a dump during which something changed says so")
    sock.do(FLUSH)
    ok(everything(sock) == ([], []), "flush leaves nothing")
    reader.close()
    sock.close()


net.main(globals(), servers=False)
