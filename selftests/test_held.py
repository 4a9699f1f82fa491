#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Which service a packet is for while services are held: a held one has what no other
one has, whatever the forms of both, and at each entry."""
import genl
from genl import u32
from ipvs import VIPS
from net import ACK, SYN, lbctl, ok
from test_services import MARK, mark_by_nft, nft
from test_tcp import Counting, Wire, flow, main, open_director, rips

UNMARKED = 99 # the client whose packets have no mark


def hold(director, key):
    director.do(genl.SERVICE_DEL, key + u32(genl.SERVICE_HOLD, 500))


def dropped(counting, count=1):
    return counting.grown() == {"server-held": count}


def forms(version):
    vip = VIPS[version][0]
    return [genl.key(vip, 80), genl.ports(80, 90, vip), genl.key(vip, 0),
            genl.marked(MARK, version)]


def test_order():
    """All four forms of a service match a packet; one after the other is held."""
    director, wire = open_director(), Wire()
    mark_by_nft()
    for version in (4, 6):
        keys = forms(version)
        for number, key in enumerate(keys):
            director.add(key, rips(version, number))
        old = flow(version, port=80)
        fates = [wire.send(old.tcp(SYN))]
        counting = Counting()
        for key in keys:
            hold(director, key)
            fates.append(wire.send(flow(version, port=80).tcp(SYN)))
        ok(fates == [0, 1, 2, 3, None] and dropped(counting),
           "IPv%d: the next form has the packets, and with all held none" % version,
           fates)
        got = [wire.send(flow(version, port=port, client=client).tcp(SYN))
               for port in (80, 85, 99) for client in (1, UNMARKED)]
        ok(got == [None] * 6 and dropped(counting, 6),
           "IPv%d: each is dropped and counted once, marked or not" % version, got)
        # From the last form to the first one, whose connection goes on.
        fates = []
        for number in (3, 2, 1, 0):
            director.add(keys[number], rips(version, number))
            fates.append(wire.send(flow(version, port=80).tcp(SYN)))
        fates.append(wire.send(old.tcp(ACK)))
        ok(fates == [3, 2, 1, 0, 0], "IPv%d: added again, each has what it had, and "
           "the connection goes on" % version, fates)
        for key in keys[:3]:
            hold(director, key)
        counting.grown()
        fates = [wire.send(flow(version, port=80, client=client).tcp(SYN))
                 for client in (1, UNMARKED)] + [wire.send(old.tcp(ACK))]
        ok(fates == [3, None, None] and dropped(counting, 2), "IPv%d: a mark's service "
           "has what is marked; the rest waits, and so does the connection" % version,
           fates)
        director.clear()
        fates = wire.send(flow(version, port=80).tcp(SYN))
        ok(fates == "reset" and not counting.grown(),
           "IPv%d: cleared, all is the director's own" % version, fates)
    nft("delete table inet marks")
    wire.close()
    director.close()


def test_input():
    """Behind the filter table, the hook of fwmark services comes first."""
    director, wire = open_director(), Wire()
    mark_by_nft()
    lbctl("set-entry", "input")
    for version in (4, 6):
        own, _, _, mark = forms(version)
        director.add(own, rips(version, 0))
        director.add(mark, rips(version, 3))
        counting, fates = Counting(), []
        for change in (lambda key: None, lambda key: hold(director, key)):
            change(mark)
            fates.append([wire.send(flow(version, port=80, client=client).tcp(SYN))
                          for client in (1, UNMARKED)])
        ok(fates == [[3, 0], [0, 0]] and not counting.grown(),
           "IPv%d: what a held mark's service had is the address's" % version, fates)
        hold(director, own)
        fates = [wire.send(flow(version, port=80, client=client).tcp(SYN))
                 for client in (1, UNMARKED)]
        ok(fates == [None, None] and dropped(counting, 2),
           "IPv%d: both held, both wait" % version, fates)
        director.add(mark, rips(version, 3))
        fates = [wire.send(flow(version, port=80, client=client).tcp(SYN))
                 for client in (1, UNMARKED)]
        ok(fates == [3, None] and dropped(counting),
           "IPv%d: the mark's service has what is marked" % version, fates)
        director.clear()
    lbctl("set-entry", "prerouting")
    nft("delete table inet marks")
    wire.close()
    director.close()


if __name__ == "__main__":
    main(globals())
