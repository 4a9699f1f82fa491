// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of other kernel modules: nf_defrag reassembles fragments, nf_reject sends
 * TCP RSTs.
 *
 * The modules are loaded when the first service needs them, and their references are
 * kept until lbdr is unloaded. Plain references to the functions would make modprobe
 * load the modules, but insmod of lbdr.ko would fail, since it loads no other module.
 */
#include <linux/mutex.h>
#include <net/netfilter/ipv4/nf_defrag_ipv4.h>
#include <net/netfilter/ipv4/nf_reject.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>
#include <net/netfilter/ipv6/nf_reject.h>

#include "flow.h"
#include "icmp.h"
#include "symbols.h"

/*
 * Each pointer is set once, under lbdr_symbols_lock, before the first service that needs
 * it is added. Packets read the pointers without a lock: stored by release, loaded by
 * acquire, so that a packet that sees a pointer sees the module behind it. Nothing orders
 * a pointer before the setting of a service that needs it, so a packet may see the
 * setting first, and checks the pointer.
 */
static struct {
	typeof(nf_defrag_ipv4_enable)	*defrag4;
	typeof(nf_defrag_ipv4_disable)	*undefrag4;
	typeof(nf_defrag_ipv6_enable)	*defrag6;
	typeof(nf_defrag_ipv6_disable)	*undefrag6;
	typeof(nf_ct_frag6_gather)	*gather6;
	typeof(nf_send_reset)		*reset4;
	typeof(nf_send_reset6)		*reset6;
} lbdr_symbols __read_mostly;

/* Pairs with the release of LBDR_SYMBOL_GET(). */
#define LBDR_SYMBOL(member)	smp_load_acquire(&lbdr_symbols.member)

static DEFINE_MUTEX(lbdr_symbols_lock);	/* writers of lbdr_symbols */

/* Macros, since symbol_request() and symbol_put() turn their arguments into strings. */
#define LBDR_SYMBOL_GET(pointer, symbol)				\
	do {								\
		typeof(symbol) **at = (pointer);			\
									\
		lockdep_assert_held(&lbdr_symbols_lock);		\
		if (!*at)						\
			/* Pairs with LBDR_SYMBOL(). */			\
			smp_store_release(at, symbol_request(symbol));	\
	} while (0)

#define LBDR_SYMBOL_PUT(pointer, symbol)					\
	do {								\
		if (pointer)						\
			symbol_put(symbol);				\
	} while (0)

/**
 * lbdr_symbols_get_defrag() - Get the functions that reassemble fragments
 * @family: the family
 *
 * Context: process, may load a module; lbdr_net.lock is not held.
 * Return: 0, or -EOPNOTSUPP where the kernel has no nf_defrag.
 */
int lbdr_symbols_get_defrag(enum lbdr_family family)
{
	bool got;

	mutex_lock(&lbdr_symbols_lock);
	if (family == LBDR_V4) {
		LBDR_SYMBOL_GET(&lbdr_symbols.defrag4, nf_defrag_ipv4_enable);
		LBDR_SYMBOL_GET(&lbdr_symbols.undefrag4, nf_defrag_ipv4_disable);
		got = lbdr_symbols.defrag4 && lbdr_symbols.undefrag4;
	} else {
		LBDR_SYMBOL_GET(&lbdr_symbols.defrag6, nf_defrag_ipv6_enable);
		LBDR_SYMBOL_GET(&lbdr_symbols.undefrag6, nf_defrag_ipv6_disable);
		LBDR_SYMBOL_GET(&lbdr_symbols.gather6, nf_ct_frag6_gather);
		got = lbdr_symbols.defrag6 && lbdr_symbols.undefrag6 &&
		      lbdr_symbols.gather6;
	}
	mutex_unlock(&lbdr_symbols_lock);
	return got ? 0 : -EOPNOTSUPP;
}
EXPORT_SYMBOL_LBDR(lbdr_symbols_get_defrag);

/**
 * lbdr_symbols_get_reset() - Get the functions that send a TCP RST
 *
 * Context: process, may load a module; lbdr_net.lock is not held.
 * Return: 0, or -EOPNOTSUPP where the kernel has no nf_reject.
 */
int lbdr_symbols_get_reset(void)
{
	bool got;

	mutex_lock(&lbdr_symbols_lock);
	LBDR_SYMBOL_GET(&lbdr_symbols.reset4, nf_send_reset);
	LBDR_SYMBOL_GET(&lbdr_symbols.reset6, nf_send_reset6);
	got = lbdr_symbols.reset4 && lbdr_symbols.reset6;
	mutex_unlock(&lbdr_symbols_lock);
	return got ? 0 : -EOPNOTSUPP;
}

/**
 * lbdr_symbols_put_all() - Put all functions
 *
 * Context: process; module exit, when no namespace has services and no packet is in a
 * hook.
 */
void lbdr_symbols_put_all(void)
{
	LBDR_SYMBOL_PUT(lbdr_symbols.defrag4, nf_defrag_ipv4_enable);
	LBDR_SYMBOL_PUT(lbdr_symbols.undefrag4, nf_defrag_ipv4_disable);
	LBDR_SYMBOL_PUT(lbdr_symbols.defrag6, nf_defrag_ipv6_enable);
	LBDR_SYMBOL_PUT(lbdr_symbols.undefrag6, nf_defrag_ipv6_disable);
	LBDR_SYMBOL_PUT(lbdr_symbols.gather6, nf_ct_frag6_gather);
	LBDR_SYMBOL_PUT(lbdr_symbols.reset4, nf_send_reset);
	LBDR_SYMBOL_PUT(lbdr_symbols.reset6, nf_send_reset6);
}

/**
 * lbdr_defrag_enable() - Enable reassembly of fragments
 * @net: the namespace; affects all fragments in it, those of other traffic too
 * @family: the family, for which lbdr_symbols_get_defrag() has succeeded
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_defrag_enable(struct net *net, enum lbdr_family family)
{
	return family == LBDR_V4 ? LBDR_SYMBOL(defrag4)(net) :
				   LBDR_SYMBOL(defrag6)(net);
}

/**
 * lbdr_defrag_disable() - Undo lbdr_defrag_enable()
 * @net: the namespace; reassembly continues if another user has enabled it
 * @family: the family
 *
 * Context: process.
 */
void lbdr_defrag_disable(struct net *net, enum lbdr_family family)
{
	if (family == LBDR_V4)
		LBDR_SYMBOL(undefrag4)(net);
	else
		LBDR_SYMBOL(undefrag6)(net);
}

/**
 * lbdr_send_reset() - Send a TCP RST to the source of a packet
 * @net: the namespace
 * @skb: the packet, a TCP segment; the caller frees it. Its dst is replaced.
 * @family: family of the packet
 *
 * Sends nothing if there is no route to the source in the packet's L3 domain, or if this
 * CPU does not see yet that lbdr_symbols_get_reset() has succeeded.
 *
 * Context: rcu_read_lock() held, BH off.
 */
void lbdr_send_reset(struct net *net, struct sk_buff *skb, enum lbdr_family family)
{
	typeof(nf_send_reset) *reset = family == LBDR_V4 ?
				       LBDR_SYMBOL(reset4) :
				       LBDR_SYMBOL(reset6);

	/*
	 * The function takes the L3 domain from the device of the dst, which at LOCAL_IN need
	 * not be one of the VRF. It looks a client up in the default domain if there is no
	 * dst, and in older releases of Linux 6.1 and 6.12 always at PREROUTING, without a
	 * put of the dst. The checksum is verified at LOCAL_IN as at PREROUTING.
	 */
	if (likely(reset) && lbdr_icmp_set_dst(net, skb, family, IPPROTO_TCP))
		reset(net, NULL, skb, NF_INET_LOCAL_IN);
}

/**
 * lbdr_defrag_gather6() - Add an IPv6 fragment to its datagram
 * @net: the namespace
 * @skb: the fragment; the whole datagram if 0 is returned, unless it is no fragment that
 *	can be put together
 * @user: enum ip6_defrag_users
 *
 * Context: rcu_read_lock() held, BH off; the family IPv6 has services.
 * Return: 0, -EINPROGRESS if the datagram is not whole and @skb was kept, or another
 * negative error.
 */
int lbdr_defrag_gather6(struct net *net, struct sk_buff *skb, u32 user)
{
	typeof(nf_ct_frag6_gather) *gather = LBDR_SYMBOL(gather6);

	return likely(gather) ? gather(net, skb, user) : 0;
}
