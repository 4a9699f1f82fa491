// SPDX-License-Identifier: GPL-2.0
/*
 * Source addresses that no client can have.
 *
 * A server's answer to a multicast, broadcast, loopback or zero address would go nowhere,
 * and an answer to an address of the director would come here. Only packets without a
 * connection are checked: the packets of a connection have passed the check of its first
 * one. A link-local client is one of the servers on its link only.
 *
 * For IPv4 the kernel's answer is a lookup in the table of local routes, which costs more
 * than the choice of a server. So a filter of two bitmaps is asked first: one has a bit for
 * the hash of each address that is local or a broadcast address, the other one for the
 * first bits of each prefix of such addresses (`ip route add local PREFIX dev lo`), and of
 * the prefixes whose addresses are no client's by themselves. If neither bit is set, the
 * address is a unicast address of another host. If one is set, the lookup decides: hashes
 * collide, and bits stay set when addresses are removed.
 *
 * The notifier of routes sets the bits. It cannot be registered by the transaction that
 * makes the first service, since registration takes RTNL on some kernels, and dumps all
 * routes. A work item does this; until it has, and in VRFs, whose tables are others, each
 * source is looked up.
 */
#include <linux/hash.h>
#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/fib_notifier.h>
#include <net/ip_fib.h>
#include <net/route.h>

#include "flow.h"
#include "lbdr.h"
#include "nexthop.h"
#include "server.h"
#include "source.h"

static void lbdr_source_mark(struct lbdr_sources *sources, u32 addr, int len)
{
	u32 first = addr >> (32 - LBDR_SOURCE_PREFIX_BITS), i;

	if (len == 32) {
		set_bit(hash_32(addr, LBDR_SOURCE_HOST_BITS), sources->hosts);
		return;
	}
	for (i = 0; i < 1 << max(LBDR_SOURCE_PREFIX_BITS - len, 0); i++)
		set_bit(first + i, sources->prefixes);
}

/* inet_addr_type() reads the local table; without rules it holds the main one, too. */
static int lbdr_source_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct lbdr_sources *sources = container_of(nb, struct lbdr_sources, nb);
	const struct fib_notifier_info *info = ptr;
	const struct fib_entry_notifier_info *entry;

	if (info->family != AF_INET || (event != FIB_EVENT_ENTRY_REPLACE &&
					event != FIB_EVENT_ENTRY_APPEND &&
					event != FIB_EVENT_ENTRY_ADD))
		return NOTIFY_DONE;
	entry = container_of(info, struct fib_entry_notifier_info, info);
	if (entry->tb_id != RT_TABLE_LOCAL && entry->tb_id != RT_TABLE_MAIN)
		return NOTIFY_DONE;
	switch (entry->type) {
	case RTN_LOCAL:
	case RTN_BROADCAST:
	case RTN_ANYCAST:
	case RTN_MULTICAST:
		lbdr_source_mark(sources, entry->dst, entry->dst_len);
	}
	return NOTIFY_DONE;
}

static void lbdr_source_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work), struct lbdr_net,
					   source_work);
	struct lbdr_sources *sources = ln->sources_mem;

	if (rcu_access_pointer(ln->sources))
		return;
	/* It fails if routes change all the time while they are dumped. */
	if (register_fib_notifier(ln->net, &sources->nb, NULL, NULL))
		queue_delayed_work(lbdr_wq_of(ln), &ln->source_work, HZ);
	else
		rcu_assign_pointer(ln->sources, sources);
}

/**
 * lbdr_source_watch() - Have local addresses watched from now on
 * @ln: the namespace, which gets an IPv4 service
 *
 * Without memory for the filter, sources are looked up.
 *
 * Context: process, lbdr_net.config held.
 */
void lbdr_source_watch(struct lbdr_net *ln)
{
	lockdep_assert_held(&ln->config);

	if (ln->sources_mem)
		return;
	ln->sources_mem = kvzalloc(sizeof(*ln->sources_mem), GFP_KERNEL_ACCOUNT);
	if (!ln->sources_mem)
		return;
	ln->sources_mem->nb.notifier_call = lbdr_source_event;
	/* What lbdr_source_is_bad4() need not look up */
	lbdr_source_mark(ln->sources_mem, 0, 8);
	lbdr_source_mark(ln->sources_mem, INADDR_LOOPBACK, 8);
	lbdr_source_mark(ln->sources_mem, INADDR_UNSPEC_GROUP, 4);
	lbdr_source_mark(ln->sources_mem, INADDR_BROADCAST, 32);
	queue_delayed_work(lbdr_wq_of(ln), &ln->source_work, 0);
}

static bool lbdr_source_is_bad4(const struct lbdr_net *ln,
				const struct net_device *dev, __be32 addr)
{
	return ipv4_is_loopback(addr) || ipv4_is_zeronet(addr) ||
	       ipv4_is_multicast(addr) || ipv4_is_lbcast(addr) ||
	       inet_addr_type_dev_table(ln->net, dev, addr) != RTN_UNICAST;
}

static enum lbdr_source lbdr_source_look_up6(const struct lbdr_net *ln,
					     const struct net_device *dev,
					     const struct in6_addr *addr)
{
	int type = ipv6_addr_type(addr);

	if (!(type & IPV6_ADDR_UNICAST) || (type & IPV6_ADDR_LOOPBACK) ||
	    ipv6_chk_addr(ln->net, addr, dev, 0))
		return LBDR_SOURCE_BAD;
	return type & IPV6_ADDR_LINKLOCAL ? LBDR_SOURCE_LINK_LOCAL : LBDR_SOURCE_GOOD;
}

/**
 * lbdr_source_look_up() - lbdr_source_check() by looking the address up
 * @ln: the namespace
 * @dev: input device of the packet, or NULL for any
 * @flow: flow of the packet
 *
 * Context: rcu_read_lock() held.
 * Return: as lbdr_source_check().
 */
noinline enum lbdr_source lbdr_source_look_up(const struct lbdr_net *ln,
					      const struct net_device *dev,
					      const struct lbdr_flow *flow)
{
	if (unlikely(flow->local))
		return LBDR_SOURCE_GOOD;
	if (flow->family == LBDR_V6)
		return lbdr_source_look_up6(ln, dev, &flow->v6.client);
	return lbdr_source_is_bad4(ln, dev, flow->v4.client) ? LBDR_SOURCE_BAD :
							       LBDR_SOURCE_GOOD;
}

/**
 * lbdr_source_off_link() - Check whether a server cannot answer a link-local client
 * @server: the server
 * @iif: ifindex of the device that the client's packet came by, 0 if it is unknown
 * @domain: L3 domain of the packet
 *
 * A router must not forward packets with a link-local source to other links
 * (RFC 4291, 2.5.6). On its own link, the director may.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: true if the server is on another link or in a tunnel; false if it has no route.
 */
bool lbdr_source_off_link(const struct lbdr_server *server, int iif, u16 domain)
{
	struct lbdr_nexthop *nexthop;
	const struct lbdr_route *route;

	if (rcu_access_pointer(server->tunnel))
		return true;
	nexthop = lbdr_nexthop_in_domain(server->nexthop, domain);
	if (!nexthop)
		return false;
	route = lbdr_nexthop_route(nexthop);
	return iif && route->link && route->link->ifindex != iif;
}

/**
 * lbdr_source_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_source_net_init(struct lbdr_net *ln)
{
	INIT_DELAYED_WORK(&ln->source_work, lbdr_source_work);
}

/**
 * lbdr_source_net_exit() - Stop watching, and free the filter
 * @ln: the namespace, which no packet reaches any more
 *
 * Context: process, may sleep; neither lbdr_net.config nor RTNL is held.
 */
void lbdr_source_net_exit(struct lbdr_net *ln)
{
	cancel_delayed_work_sync(&ln->source_work);
	if (rcu_access_pointer(ln->sources))
		unregister_fib_notifier(ln->net, &ln->sources_mem->nb);
	RCU_INIT_POINTER(ln->sources, NULL);
	kvfree(ln->sources_mem);
	ln->sources_mem = NULL;
}
