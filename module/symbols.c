// SPDX-License-Identifier: GPL-2.0
/*
 * What other modules of the kernel do for us: fragments are put together by
 * nf_defrag, and TCP RSTs are made by nf_reject.
 *
 * They are loaded when the first service needs them and kept until lbdr goes.
 * A plain reference to their functions would do as well for modprobe, but not
 * for insmod, which loads no other module.
 */
#include <linux/mutex.h>
#include <net/netfilter/ipv4/nf_defrag_ipv4.h>
#include <net/netfilter/ipv4/nf_reject.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>
#include <net/netfilter/ipv6/nf_reject.h>

#include "flow.h"
#include "symbols.h"

/* Each is set once, under the mutex, before the first service that needs it. */
static struct {
	typeof(nf_defrag_ipv4_enable)	*defrag4;
	typeof(nf_defrag_ipv4_disable)	*undefrag4;
	typeof(nf_defrag_ipv6_enable)	*defrag6;
	typeof(nf_defrag_ipv6_disable)	*undefrag6;
	typeof(nf_send_reset)		*reset4;
	typeof(nf_send_reset6)		*reset6;
} lbdr_symbols __read_mostly;

static DEFINE_MUTEX(lbdr_symbols_lock);

/* A macro, since symbol_put() makes a string of the symbol's name. */
#define LBDR_SYMBOL_PUT(pointer, symbol)					\
	do {								\
		if (pointer)						\
			symbol_put(symbol);				\
	} while (0)

/**
 * lbdr_symbols_get_defrag() - make ready to put a family's fragments together
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
		if (!lbdr_symbols.defrag4)
			lbdr_symbols.defrag4 =
				symbol_request(nf_defrag_ipv4_enable);
		if (!lbdr_symbols.undefrag4)
			lbdr_symbols.undefrag4 =
				symbol_request(nf_defrag_ipv4_disable);
		got = lbdr_symbols.defrag4 && lbdr_symbols.undefrag4;
	} else {
		if (!lbdr_symbols.defrag6)
			lbdr_symbols.defrag6 =
				symbol_request(nf_defrag_ipv6_enable);
		if (!lbdr_symbols.undefrag6)
			lbdr_symbols.undefrag6 =
				symbol_request(nf_defrag_ipv6_disable);
		got = lbdr_symbols.defrag6 && lbdr_symbols.undefrag6;
	}
	mutex_unlock(&lbdr_symbols_lock);
	return got ? 0 : -EOPNOTSUPP;
}

/**
 * lbdr_symbols_get_reset() - make ready to answer by TCP RST
 *
 * Context: process, may load a module; lbdr_net.lock is not held.
 * Return: 0, or -EOPNOTSUPP where the kernel has no nf_reject.
 */
int lbdr_symbols_get_reset(void)
{
	bool got;

	mutex_lock(&lbdr_symbols_lock);
	if (!lbdr_symbols.reset4)
		lbdr_symbols.reset4 = symbol_request(nf_send_reset);
	if (!lbdr_symbols.reset6)
		lbdr_symbols.reset6 = symbol_request(nf_send_reset6);
	got = lbdr_symbols.reset4 && lbdr_symbols.reset6;
	mutex_unlock(&lbdr_symbols_lock);
	return got ? 0 : -EOPNOTSUPP;
}

/**
 * lbdr_symbols_put_all() - give everything back
 *
 * Context: process, no packet is in a hook and no namespace has services.
 */
void lbdr_symbols_put_all(void)
{
	LBDR_SYMBOL_PUT(lbdr_symbols.defrag4, nf_defrag_ipv4_enable);
	LBDR_SYMBOL_PUT(lbdr_symbols.undefrag4, nf_defrag_ipv4_disable);
	LBDR_SYMBOL_PUT(lbdr_symbols.defrag6, nf_defrag_ipv6_enable);
	LBDR_SYMBOL_PUT(lbdr_symbols.undefrag6, nf_defrag_ipv6_disable);
	LBDR_SYMBOL_PUT(lbdr_symbols.reset4, nf_send_reset);
	LBDR_SYMBOL_PUT(lbdr_symbols.reset6, nf_send_reset6);
}

/**
 * lbdr_defrag_enable() - have a family's fragments put together from now on
 * @net: the namespace; those of everybody in it are
 * @family: the family, for which lbdr_symbols_get_defrag() has succeeded
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_defrag_enable(struct net *net, enum lbdr_family family)
{
	return family == LBDR_V4 ? lbdr_symbols.defrag4(net) :
				   lbdr_symbols.defrag6(net);
}

/**
 * lbdr_defrag_disable() - not on our account any more
 * @net: the namespace
 * @family: the family
 *
 * Context: process.
 */
void lbdr_defrag_disable(struct net *net, enum lbdr_family family)
{
	if (family == LBDR_V4)
		lbdr_symbols.undefrag4(net);
	else
		lbdr_symbols.undefrag6(net);
}

/**
 * lbdr_send_reset() - answer a TCP packet by RST
 * @net: the namespace
 * @skb: the packet at PREROUTING; it is the caller's to free
 * @family: of the packet
 *
 * Context: rcu_read_lock() held, BH off; lbdr_symbols_get_reset() has succeeded.
 */
void lbdr_send_reset(struct net *net, struct sk_buff *skb, enum lbdr_family family)
{
	if (family == LBDR_V4)
		lbdr_symbols.reset4(net, NULL, skb, NF_INET_PRE_ROUTING);
	else
		lbdr_symbols.reset6(net, NULL, skb, NF_INET_PRE_ROUTING);
}
