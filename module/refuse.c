// SPDX-License-Identifier: GPL-2.0
/*
 * Refusal of new connections: when no server is available, the client gets an ICMP
 * error, a TCP RST, or no answer.
 */
#include <linux/icmpv6.h>
#include <net/icmp.h>

#include "flow.h"
#include "icmp.h"
#include "lbdr.h"
#include "refuse.h"
#include "symbols.h"

/**
 * lbdr_refuse_type() - Get the answer that the protocol of a flow allows
 * @flow: flow of the connection's first packet
 * @refuse: enum lbdr_refuse, as configured
 *
 * Context: any.
 * Return: enum lbdr_refuse: LBDR_REFUSE_ICMP instead of LBDR_REFUSE_RESET for protocols
 * other than TCP, which have no RST.
 */
u8 lbdr_refuse_type(const struct lbdr_flow *flow, u8 refuse)
{
	bool tcp = lbdr_flow_protocol(flow) == IPPROTO_TCP;

	return refuse == LBDR_REFUSE_RESET && !tcp ? LBDR_REFUSE_ICMP : refuse;
}

/**
 * lbdr_refuse() - Answer a client whose connection is refused
 * @ln: the namespace
 * @skb: the connection's first packet; the caller frees it
 * @flow: flow of the packet
 * @refuse: enum lbdr_refuse, as configured; LBDR_REFUSE_RESET requires that
 *	lbdr_symbols_get_reset() has succeeded
 *
 * The ICMP error is port unreachable, as a host without a listener on the port answers
 * (RFC 1122, 3.2.2.1) and as ip_vs does. A TCP client gives up at once only on a RST
 * (RFC 9293, 3.10.7.1).
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_refuse(struct lbdr_net *ln, struct sk_buff *skb,
		 const struct lbdr_flow *flow, u8 refuse)
{
	refuse = lbdr_refuse_type(flow, refuse);
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
