// SPDX-License-Identifier: GPL-2.0
/*
 * Fragments: reassembly of datagrams to a VIP.
 *
 * Only the first fragment of a datagram has ports, so a service is known for the whole
 * datagram only. lbdr has the kernel reassemble those whose destination may be a VIP, and
 * leaves all other fragments alone. The hook of nf_defrag would reassemble all of them,
 * and costs each packet of the namespace some 40 instructions, 100 by IPv6. It is enabled
 * while the namespace has fwmark services: rules that set marks by ports must see whole
 * datagrams, whatever their destination is. Conntrack enables it as well.
 *
 * Rules that come before lbdr (raw) have seen the fragments, of which the later ones have
 * no ports. A datagram would go around them, so it passes the hook point once more, from
 * the beginning and as a whole. Such a rule sees the fragments and the datagram. A
 * datagram that is whole passes no second time.
 *
 * The queues and their limits are those of the kernel (net.ipv4.ipfrag_*,
 * net.netfilter.nf_conntrack_frag6_*), and the same that conntrack uses: a datagram of
 * which one half came before conntrack was enabled is reassembled as well.
 */
#include <linux/netfilter.h>
#include <net/ip.h>
#include <net/ipv6_frag.h>

#include "flow.h"
#include "frag.h"
#include "lbdr.h"
#include "stats.h"
#include "symbols.h"

/* Returns 0 if the datagram is whole, -EINPROGRESS if its fragments wait, or an error. */
static int lbdr_frag_gather4(struct sk_buff *skb, const struct nf_hook_state *state)
{
	u32 user = state->hook == NF_INET_LOCAL_OUT ? IP_DEFRAG_CONNTRACK_OUT :
						      IP_DEFRAG_CONNTRACK_IN;
	int err = ip_defrag(state->net, skb, user);

	/* As nf_defrag does: it may be fragmented again although DF is set. */
	if (!err)
		skb->ignore_df = 1;
	return err;
}

/*
 * As above; but 0 is returned, too, for what cannot be put together: a fragment whose length
 * is no multiple of 8, for example. That is still a fragment.
 */
static int lbdr_frag_gather6(struct sk_buff *skb, const struct nf_hook_state *state)
{
	u32 user = state->hook == NF_INET_LOCAL_OUT ? IP6_DEFRAG_CONNTRACK_OUT :
						      IP6_DEFRAG_CONNTRACK_IN;

	return lbdr_defrag_gather6(state->net, skb, user);
}

/**
 * lbdr_frag_reassemble() - Keep a fragment, or send its datagram on
 * @ln: the namespace
 * @skb: a fragment to an address that may be a VIP
 * @family: its family
 * @state: state of the hook
 *
 * A fragment that the kernel cannot put together is counted and accepted.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: a verdict.
 */
unsigned int lbdr_frag_reassemble(struct lbdr_net *ln, struct sk_buff *skb,
				  enum lbdr_family family,
				  const struct nf_hook_state *state)
{
	struct lbdr_flow flow;
	int err;

	err = family == LBDR_V4 ? lbdr_frag_gather4(skb, state) :
				  lbdr_frag_gather6(skb, state);
	/* IPv4 has freed what it refuses, IPv6 has not. */
	if (err)
		return err == -EINPROGRESS || family == LBDR_V4 ? NF_STOLEN : NF_DROP;
	if (family == LBDR_V6 && lbdr_parse6(skb, &flow) == LBDR_PARSED_FRAGMENT) {
		lbdr_drop(ln, NULL, LBDR_PASS_FRAGMENT);
		return NF_ACCEPT;
	}
	NF_HOOK(state->pf, state->hook, state->net, state->sk, skb, state->in, state->out,
		state->okfn);
	return NF_STOLEN;
}
