// SPDX-License-Identifier: GPL-2.0
/*
 * Fragments: reassembly of datagrams to a VIP.
 *
 * Only the first fragment of a datagram has ports, so a service is known for the whole
 * datagram only. lbdr has the kernel reassemble those whose destination may be a VIP, and
 * leaves all other fragments alone. The hook of nf_defrag would reassemble all of them, and
 * costs each packet of the namespace some 40 instructions, 100 by IPv6. It is enabled only
 * where rules in front of lbdr must see whole datagrams (lbdr_hook_needs_defrag()), and by
 * conntrack.
 *
 * Rules in the raw table come before lbdr. They have seen the fragments, and only the first
 * one has ports. So the datagram passes the hook point once more, from the beginning and as
 * a whole: such rules see the fragments and the datagram, and none can be evaded. A rule that
 * accepts by ports and drops the rest must accept fragments.
 *
 * Queues and limits are the kernel's (net.ipv4.ipfrag_*,
 * net.netfilter.nf_conntrack_frag6_*). The queues of the default L3 domain, and all those of
 * IPv4, are those of conntrack's default zone: a datagram whose first half came before
 * conntrack was enabled is reassembled as well. Fragments of different L3 domains never make
 * one datagram here. The hook of nf_defrag mixes IPv6 fragments of VRFs with the same
 * addresses; a rule before it can give each VRF a conntrack zone.
 */
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <net/ip.h>
#include <net/ipv6_frag.h>

#include "domain.h"
#include "flow.h"
#include "frag.h"
#include "lbdr.h"
#include "stats.h"
#include "symbols.h"

/* Returns 0 if the datagram is whole, -EINPROGRESS if its fragments wait, or an error. */
static int lbdr_frag_gather4(struct sk_buff *skb, const struct nf_hook_state *state)
{
	u32 user = IP_DEFRAG_CONNTRACK_IN;
	int err;

	/* Of a bridge and of the host they do not make one datagram. */
	if (nf_bridge_in_prerouting(skb))
		user = IP_DEFRAG_CONNTRACK_BRIDGE_IN;
	else if (state->hook == NF_INET_LOCAL_OUT)
		user = IP_DEFRAG_CONNTRACK_OUT;
	err = ip_defrag(state->net, skb, user);
	/* As nf_defrag does: it may be fragmented again although DF is set. */
	if (!err)
		skb->ignore_df = 1;
	return err;
}

/*
 * As lbdr_frag_gather4(). But it also returns 0 for a fragment that cannot be put together,
 * for example one whose length is no multiple of 8, and leaves it as it is.
 *
 * The kernel keys an IPv4 queue by the VRF, but an IPv6 queue only by addresses, id and
 * user. So each L3 domain has a user of its own. enum ip6_defrag_users has USHRT_MAX values
 * behind each of these users, as many as there are domains, LBDR_DOMAIN_UNKNOWN included.
 */
static int lbdr_frag_gather6(struct lbdr_net *ln, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	bool local = state->hook == NF_INET_LOCAL_OUT;
	u32 user = IP6_DEFRAG_CONNTRACK_IN;

	if (nf_bridge_in_prerouting(skb))
		user = IP6_DEFRAG_CONNTRACK_BRIDGE_IN;
	else if (local)
		user = IP6_DEFRAG_CONNTRACK_OUT;
	user += lbdr_domain_of_dev(ln, local ? skb_dst(skb)->dev : skb->dev);
	/* A fragment within a fragment: the stack drops it. */
	if (IP6CB(skb)->flags & IP6SKB_FRAGMENTED)
		return 0;
	return lbdr_defrag_gather6(state->net, skb, user);
}

/**
 * lbdr_frag_reassemble() - Keep a fragment, or send its datagram on
 * @ln: the namespace
 * @skb: a fragment to an address that may be a VIP
 * @family: its family
 * @state: state of the hook
 *
 * Fragments that overlap or exceed the kernel's limits are dropped. IPv6 fragments over the
 * limits are counted here.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a verdict; NF_ACCEPT for an IPv6 fragment that the kernel does not take.
 */
unsigned int lbdr_frag_reassemble(struct lbdr_net *ln, struct sk_buff *skb,
				  enum lbdr_family family,
				  const struct nf_hook_state *state)
{
	struct lbdr_flow flow;
	int err;

	err = family == LBDR_V4 ? lbdr_frag_gather4(skb, state) :
				  lbdr_frag_gather6(ln, skb, state);
	if (err == -EINPROGRESS)
		return NF_STOLEN;
	if (err) {
		/* IPv4 has freed and counted what it refuses (IpReasmFails), IPv6 has not. */
		if (family == LBDR_V4)
			return NF_STOLEN;
		/* Other errors: the fragment overlaps, or is here already. */
		if (err == -ENOMEM)
			lbdr_drop(ln, NULL, LBDR_DROP_MEMORY);
		return NF_DROP;
	}
	if (family == LBDR_V6 && lbdr_parse6(skb, &flow) == LBDR_PARSED_FRAGMENT)
		return NF_ACCEPT;
	NF_HOOK(state->pf, state->hook, state->net, state->sk, skb, state->in, state->out,
		state->okfn);
	return NF_STOLEN;
}
