/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks of a plain packet that the fast path (fast.c) and the entries ingress and XDP
 * share. None of them knows whether the packet is in an skb or in an xdp_buff.
 */
#ifndef _LBDR_FAST_CHECK_H
#define _LBDR_FAST_CHECK_H

#include <linux/jump_label.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "conn.h"
#include "flow.h"
#include "server.h"

/* The parameter fast_path */
DECLARE_STATIC_KEY_TRUE(lbdr_fast_on);

bool lbdr_fast_renew(struct lbdr_net *ln, struct lbdr_conn *conn);

/*
 * Validates a header that the IP layer has not seen, as ip_rcv_core()
 * (net/ipv4/ip_input.c) does; 20 bytes are readable. @room: bytes from the header to the
 * end of the frame. Returns the length of a TCP or UDP packet without options that is no
 * fragment, else 0.
 */
static __always_inline u32 lbdr_fast_len4(const struct iphdr *iph, u32 room)
{
	u32 len = ntohs(iph->tot_len);

	if (unlikely(iph->version != 4 || iph->ihl != 5 || ip_is_fragment(iph)) ||
	    (iph->protocol != IPPROTO_TCP && iph->protocol != IPPROTO_UDP))
		return 0;
	if (unlikely(len < sizeof(*iph) || len > room || ip_fast_csum((const u8 *)iph, 5)))
		return 0;
	return len;
}

/*
 * The IPv6 counterpart, see ip6_rcv_core() (net/ipv6/ip6_input.c). Payload length 0 is a
 * jumbogram, or a GSO packet above 64 KiB.
 */
static __always_inline u32 lbdr_fast_len6(const struct ipv6hdr *hdr, u32 room)
{
	u32 len = ntohs(hdr->payload_len) + sizeof(*hdr);

	if (hdr->version != 6 ||
	    (hdr->nexthdr != IPPROTO_TCP && hdr->nexthdr != IPPROTO_UDP))
		return 0;
	return len == sizeof(*hdr) || len > room ? 0 : len;
}

/*
 * Instead of a state, for packets that open or end a connection: a SYN is plain only if it
 * has no connection. At ingress and in XDP none of them is.
 */
#define LBDR_FAST_SYN	LBDR_CONN_STATES
#define LBDR_FAST_FIN	(LBDR_CONN_STATES + 1)
#define LBDR_FAST_RST	(LBDR_CONN_STATES + 2)

/* @wanted: from lbdr_fast_ports(). Returns true if the packet may change nothing. */
static __always_inline bool lbdr_fast_steady(u32 wanted)
{
	return wanted != LBDR_CONN_STATE_NONE && likely(wanted < LBDR_FAST_SYN);
}

/*
 * Reads the ports of a plain packet. @data: begins at the network header, whose length
 * @thoff is; @linear of its @len bytes are readable. Returns the only state in which the
 * packet changes nothing, LBDR_FAST_SYN, LBDR_FAST_FIN, LBDR_FAST_RST, or
 * LBDR_CONN_STATE_NONE for what does not belong here. What is malformed is not plain:
 * lbdr_parse_transport() says why.
 */
static __always_inline u32 lbdr_fast_ports(const void *data, u32 linear, u32 len, bool gso,
					   u32 thoff, u8 protocol, union lbdr_ports *ports)
{
	const void *header = data + thoff;
	u32 need;

	if (protocol == IPPROTO_TCP) {
		const struct tcphdr *th = header;
		u32 wanted = LBDR_CONN_STATE_ESTABLISHED;

		if (unlikely(linear < thoff + sizeof(*th)))
			return LBDR_CONN_STATE_NONE;
		if (unlikely(tcp_flag_word(th) &
			     (TCP_FLAG_RST | TCP_FLAG_SYN | TCP_FLAG_FIN))) {
			if (th->rst)
				wanted = LBDR_FAST_RST;
			else if (!th->syn)
				wanted = LBDR_FAST_FIN;
			else if (!th->fin && !th->ack)
				wanted = LBDR_FAST_SYN;
			else
				return LBDR_CONN_STATE_NONE;
		}
		need = th->doff * 4;
		if (unlikely(need < sizeof(*th) || thoff + need > len))
			return LBDR_CONN_STATE_NONE;
		memcpy(ports, th, sizeof(*ports));
		return wanted;
	}
	if (protocol == IPPROTO_UDP) {
		const struct udphdr *uh = header;

		if (unlikely(linear < thoff + sizeof(*uh)))
			return LBDR_CONN_STATE_NONE;
		need = ntohs(uh->len);
		if (unlikely(need < sizeof(*uh) || thoff + need > len) && !gso)
			return LBDR_CONN_STATE_NONE;
		memcpy(ports, uh, sizeof(*ports));
		return LBDR_CONN_STATE_UDP;
	}
	return LBDR_CONN_STATE_NONE;
}

/*
 * Returns true if packets in @state change nothing in the connection, and no packet of
 * its server needs a look (removed, held, sends packets back).
 */
static __always_inline bool lbdr_fast_conn(const struct lbdr_conn *conn, u32 state)
{
	return likely(READ_ONCE(conn->state) == state) &&
	       likely(!READ_ONCE(conn->server->checked));
}

/*
 * Renews the stamp of a connection, four times a second at most. Returns false if it has
 * expired, or a template is to be renewed as well.
 */
static __always_inline bool lbdr_fast_stamp(struct lbdr_net *ln, struct lbdr_conn *conn)
{
	return likely(lbdr_conn_age(conn) <= LBDR_CONN_STAMP_GRAIN) ||
	       lbdr_fast_renew(ln, conn);
}

#endif /* _LBDR_FAST_CHECK_H */
