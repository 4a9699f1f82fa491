// SPDX-License-Identifier: GPL-2.0
/*
 * What a client is told when no server takes its connection: an ICMP error, a
 * TCP RST, or nothing.
 *
 * The RST is made by the kernel's own nf_reject modules, which are loaded when
 * the first service asks for it, and kept until lbdr goes: insmod alone, which
 * loads no other module, has to do for everybody else.
 */
#include <linux/icmpv6.h>
#include <linux/mutex.h>
#include <net/icmp.h>
#include <net/netfilter/ipv4/nf_reject.h>
#include <net/netfilter/ipv6/nf_reject.h>

#include "lbdr.h"

/* Set once, under the mutex, before the first service that needs them. */
static typeof(nf_send_reset) *lbdr_reset4;
static typeof(nf_send_reset6) *lbdr_reset6;
static DEFINE_MUTEX(lbdr_reset_lock);

/**
 * lbdr_refuse_prepare() - make ready for a way of refusing
 * @refuse: enum lbdr_refuse
 *
 * Context: process, may load a module; lbdr_net.lock is not held.
 * Return: 0, or -EOPNOTSUPP where the kernel does not have what it takes.
 */
int lbdr_refuse_prepare(u8 refuse)
{
	int err = 0;

	if (refuse != LBDR_REFUSE_RESET)
		return 0;
	mutex_lock(&lbdr_reset_lock);
	if (!lbdr_reset4)
		WRITE_ONCE(lbdr_reset4, symbol_request(nf_send_reset));
	if (!lbdr_reset6)
		WRITE_ONCE(lbdr_reset6, symbol_request(nf_send_reset6));
	if (!lbdr_reset4 || !lbdr_reset6)
		err = -EOPNOTSUPP;
	mutex_unlock(&lbdr_reset_lock);
	return err;
}

/**
 * lbdr_refuse_exit() - give back what lbdr_refuse_prepare() took
 *
 * Context: process, no packet is in a hook.
 */
void lbdr_refuse_exit(void)
{
	if (lbdr_reset4)
		symbol_put(nf_send_reset);
	if (lbdr_reset6)
		symbol_put(nf_send_reset6);
}

static void lbdr_refuse4(struct net *net, struct sk_buff *skb, bool reset)
{
	if (reset)
		READ_ONCE(lbdr_reset4)(net, NULL, skb, NF_INET_PRE_ROUTING);
	else
		lbdr_icmp4(net, skb, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
}

static void lbdr_refuse6(struct net *net, struct sk_buff *skb, bool reset)
{
	if (reset)
		READ_ONCE(lbdr_reset6)(net, NULL, skb, NF_INET_PRE_ROUTING);
	else
		lbdr_icmp6(net, skb, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH,
			   0);
}

/**
 * lbdr_refuse() - tell a client that no server takes its connection
 * @ln: the namespace
 * @skb: the connection's first packet; it is the caller's to free
 * @flow: of the packet
 * @refuse: enum lbdr_refuse, which has been prepared
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
	bool tcp = (flow->family == LBDR_V4 ? flow->v4.protocol :
					      flow->v6.protocol) == IPPROTO_TCP;
	bool reset = refuse == LBDR_REFUSE_RESET && tcp;

	if (refuse == LBDR_REFUSE_DROP)
		return;
	if (flow->family == LBDR_V4)
		lbdr_refuse4(ln->net, skb, reset);
	else
		lbdr_refuse6(ln->net, skb, reset);
}
