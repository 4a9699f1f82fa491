// SPDX-License-Identifier: GPL-2.0
/*
 * What a client is told when no server takes its connection: an ICMP error, a
 * TCP RST, or nothing.
 */
#include <linux/icmpv6.h>
#include <net/icmp.h>

#include "flow.h"
#include "icmp.h"
#include "lbdr.h"
#include "refuse.h"
#include "symbols.h"

/**
 * lbdr_refuse_as() - what a client can be told of what it is to be
 * @flow: of the connection's first packet
 * @refuse: enum lbdr_refuse
 *
 * Context: any.
 * Return: enum lbdr_refuse; nobody but TCP knows a RST.
 */
u8 lbdr_refuse_as(const struct lbdr_flow *flow, u8 refuse)
{
	bool tcp = lbdr_flow_protocol(flow) == IPPROTO_TCP;

	return refuse == LBDR_REFUSE_RESET && !tcp ? LBDR_REFUSE_ICMP : refuse;
}

/**
 * lbdr_refuse() - tell a client that no server takes its connection
 * @ln: the namespace
 * @skb: the connection's first packet; it is the caller's to free
 * @flow: of the packet
 * @refuse: enum lbdr_refuse; for LBDR_REFUSE_RESET lbdr_symbols_get_reset() has
 *	succeeded
 *
 * Port unreachable is what a host without the port would answer (RFC 1122,
 * 3.2.2.1), and what ip_vs does; TCP clients give up at once only when they are
 * told by RST (RFC 9293, 3.10.7.1).
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_refuse(struct lbdr_net *ln, struct sk_buff *skb,
		 const struct lbdr_flow *flow, u8 refuse)
{
	refuse = lbdr_refuse_as(flow, refuse);
	if (refuse == LBDR_REFUSE_DROP)
		return;
	if (refuse == LBDR_REFUSE_RESET)
		lbdr_send_reset(ln->net, skb, flow->family);
	else if (flow->family == LBDR_V4)
		lbdr_icmp4(ln->net, skb, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH,
			   0);
	else
		lbdr_icmp6(ln->net, skb, ICMPV6_DEST_UNREACH,
			   ICMPV6_PORT_UNREACH, 0);
}
