// SPDX-License-Identifier: GPL-2.0
/*
 * Directors that are each other's real servers.
 *
 * Where two machines are director and real server at once, the one that has the
 * VIP sends some connections to the other. That one must serve them, and not
 * schedule them once more: it might choose the first one, and the packet would
 * go back and forth until its TTL is used up. What tells such a packet is the MAC
 * that it comes from: that of one of the service's servers. A server has no
 * other business with the VIP than its own traffic, which never leaves it.
 *
 * The MACs are the neighbours' and may change, so packets look into a snapshot
 * of (service, MAC), built anew a moment after servers or neighbours have
 * changed. A server's neighbour that nobody has asked for yet is asked for then,
 * as long as the table of neighbours has few entries; beyond that it is known from
 * the first packet on that is sent to it. Only packets that begin a connection
 * look.
 */
#include <linux/etherdevice.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <net/addrconf.h>
#include <net/arp.h>
#include <net/ndisc.h>
#include <net/netevent.h>
#include <net/route.h>

#include "flow.h"
#include "lbdr.h"
#include "peers.h"
#include "route.h"
#include "server.h"
#include "service.h"
#include "stats.h"

/* Changes come in bursts; many servers take longer to look at. */
#define RENEW_DELAY(n)	(HZ / 10 + msecs_to_jiffies((n) / 100))

/* Routes to servers that no packet went to yet that are looked up at a time */
#define RENEW_ROUTES	4096

struct lbdr_peer {
	const struct lbdr_service	*service;
	u64				mac;
};

/**
 * struct lbdr_peers - who the servers of each service are; immutable
 * @rcu: frees it
 * @n: how many
 * @bits: of the hash
 * @slots: by hash, and further on from there; without service where there is
 *	none, and more than half of them are
 */
struct lbdr_peers {
	struct rcu_head		rcu;
	u32			n;
	u32			bits;
	struct lbdr_peer	slots[];
};

/* A MAC as a number; ether_addr_to_u64() would go byte by byte. */
static u64 lbdr_peers_number(const u8 *mac)
{
	u64 number = 0;

	memcpy(&number, mac, ETH_ALEN);
	return number;
}

static u32 lbdr_peers_hash(const struct lbdr_peers *peers,
			   const struct lbdr_service *service, u64 mac)
{
	return hash_64(mac ^ hash_ptr(service, 64), peers->bits);
}

static void lbdr_peers_insert(struct lbdr_peers *peers,
			      const struct lbdr_service *service, u64 mac)
{
	u32 mask = (1U << peers->bits) - 1;
	u32 at = lbdr_peers_hash(peers, service, mac);

	while (peers->slots[at].service)
		at = (at + 1) & mask;
	peers->slots[at].service = service;
	peers->slots[at].mac = mac;
	peers->n++;
}

/*
 * Asks for a server's MAC. Not once the kernel may collect neighbours (gc_thresh1):
 * it would drop those that are in use for ones that nobody needs yet.
 */
static void lbdr_peers_ask(const struct lbdr_server *server,
			   struct net_device *dev)
{
	struct neigh_table *table = server->family == LBDR_V4 ? &arp_tbl :
								&nd_tbl;
	struct neighbour *neigh;

	if (atomic_read(&table->entries) >= READ_ONCE(table->gc_thresh1))
		return;
	neigh = __neigh_create(table, &server->addr, dev, false);
	if (!IS_ERR(neigh))
		neigh_event_send(neigh, NULL);
}

/* The server's MAC, or 0 while it is unknown. */
static u64 lbdr_peers_mac(struct lbdr_server *server, u32 *routes)
{
	const struct lbdr_route *route;
	struct net_device *dev;
	struct neighbour *neigh;
	u8 mac[ETH_ALEN];
	enum lbdr_drop why;

	if (!rcu_access_pointer(server->route)) {
		if (!*routes)
			return 0;
		--*routes;
	}
	route = lbdr_route_get(server, server->family, NULL, &why);
	if (!route || route->local)
		return 0;
	dev = dst_dev_rcu(route->dst);
	if (dev->type != ARPHRD_ETHER)
		return 0;
	neigh = server->family == LBDR_V4 ?
		__ipv4_neigh_lookup_noref(dev, (__force u32)server->addr.ip) :
		__ipv6_neigh_lookup_noref(dev, &server->addr.in6);
	if (!neigh) {
		lbdr_peers_ask(server, dev);
		return 0;
	}
	if (!(READ_ONCE(neigh->nud_state) & NUD_VALID))
		return 0;
	neigh_ha_snapshot(mac, neigh, dev);
	return lbdr_peers_number(mac);
}

static void lbdr_peers_update_work(struct work_struct *work)
{
	struct lbdr_net *ln = container_of(to_delayed_work(work),
					   struct lbdr_net, peers_work);
	struct lbdr_service *service;
	struct lbdr_server *server;
	struct lbdr_peers *peers;
	u32 n = 0, routes = RENEW_ROUTES, bits;
	u64 mac;

	mutex_lock(&ln->lock);
	list_for_each_entry(service, &ln->service_list, list)
		n += service->n_servers;
	bits = order_base_2(2 * n + 2);
	peers = kvzalloc(struct_size(peers, slots, 1UL << bits),
			 GFP_KERNEL_ACCOUNT);
	if (!peers) {
		/* What is there is better than nothing. */
		mutex_unlock(&ln->lock);
		return;
	}
	peers->bits = bits;
	list_for_each_entry(service, &ln->service_list, list) {
		list_for_each_entry(server, &service->servers, list) {
			local_bh_disable();
			rcu_read_lock();
			mac = lbdr_peers_mac(server, &routes);
			rcu_read_unlock();
			local_bh_enable();
			if (mac)
				lbdr_peers_insert(peers, service, mac);
		}
		cond_resched();
	}
	peers = rcu_replace_pointer(ln->peers, peers,
				    lockdep_is_held(&ln->lock));
	mutex_unlock(&ln->lock);
	if (peers)
		kvfree_rcu(peers, rcu);
}

/**
 * lbdr_peers_schedule_update() - servers have come or gone
 * @ln: the namespace
 *
 * Context: any.
 */
void lbdr_peers_schedule_update(struct lbdr_net *ln)
{
	const struct lbdr_peers *peers;
	u32 n = 0;

	rcu_read_lock();
	peers = rcu_dereference(ln->peers);
	if (peers)
		n = peers->n;
	rcu_read_unlock();
	queue_delayed_work(system_power_efficient_wq, &ln->peers_work,
			   RENEW_DELAY(n));
}

static __always_inline bool lbdr_peers_known(const struct lbdr_peers *peers,
					     const struct lbdr_service *service,
					     const u8 *address)
{
	u64 mac = lbdr_peers_number(address);
	u32 at, mask = (1U << peers->bits) - 1;

	for (at = lbdr_peers_hash(peers, service, mac);
	     peers->slots[at].service; at = (at + 1) & mask)
		if (peers->slots[at].service == service &&
		    peers->slots[at].mac == mac)
			return true;
	return false;
}

/**
 * lbdr_peers_is_server_mac() - whether a MAC is that of one of a service's servers
 * @ln: the namespace
 * @service: the service
 * @mac: the MAC
 *
 * Context: rcu_read_lock() held.
 */
bool lbdr_peers_is_server_mac(const struct lbdr_net *ln,
		    const struct lbdr_service *service, const u8 *mac)
{
	const struct lbdr_peers *peers = rcu_dereference(ln->peers);

	return peers && peers->n && lbdr_peers_known(peers, service, mac);
}

/**
 * lbdr_peers_skb_from_server() - whether a packet comes from one of its service's servers
 * @ln: the namespace
 * @skb: the packet
 * @service: the service
 *
 * Context: rcu_read_lock() held.
 */
bool lbdr_peers_skb_from_server(const struct lbdr_net *ln, const struct sk_buff *skb,
		     const struct lbdr_service *service)
{
	const struct lbdr_peers *peers = rcu_dereference(ln->peers);

	if (!peers || !peers->n || skb->dev->type != ARPHRD_ETHER ||
	    !skb_mac_header_was_set(skb))
		return false;
	return lbdr_peers_known(peers, service, eth_hdr(skb)->h_source);
}

/**
 * lbdr_peers_local() - whether this host would serve a packet itself
 * @net: the namespace
 * @dev: that the packet came by, or NULL
 * @flow: of the packet
 *
 * Context: rcu_read_lock() held.
 */
bool lbdr_peers_local(struct net *net, const struct net_device *dev,
		      const struct lbdr_flow *flow)
{
	return flow->family == LBDR_V4 ?
	       inet_addr_type_dev_table(net, dev, flow->v4.vip) == RTN_LOCAL :
	       ipv6_chk_addr(net, &flow->v6.vip, dev, 0);
}

/**
 * lbdr_peers_verdict() - what becomes of a packet that another director sent
 * @ln: the namespace
 * @skb: the packet
 * @flow: of the packet
 *
 * Where the VIP is not local there is nobody to serve it, and the stack would
 * send it back.
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: NF_ACCEPT or NF_DROP.
 */
unsigned int lbdr_peers_verdict(struct lbdr_net *ln, struct sk_buff *skb,
				const struct lbdr_flow *flow)
{
	bool local = lbdr_peers_local(ln->net, skb->dev, flow);

	lbdr_drop(ln, local ? LBDR_PASS_DIRECTOR : LBDR_DROP_LOOP);
	return local ? NF_ACCEPT : NF_DROP;
}

/* Softirq or process; a neighbour has changed, of a server perhaps. */
static int lbdr_peers_event(struct notifier_block *nb, unsigned long event,
			    void *ptr)
{
	const struct neighbour *neigh = ptr;
	struct lbdr_net *ln;

	if (event != NETEVENT_NEIGH_UPDATE)
		return NOTIFY_DONE;
	ln = lbdr_net(dev_net(neigh->dev));
	if (READ_ONCE(ln->n_services[LBDR_V4]) ||
	    READ_ONCE(ln->n_services[LBDR_V6]))
		lbdr_peers_schedule_update(ln);
	return NOTIFY_DONE;
}

static struct notifier_block lbdr_peers_notifier = {
	.notifier_call = lbdr_peers_event,
};

/**
 * lbdr_peers_net_init() - a namespace knows no servers yet
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_peers_net_init(struct lbdr_net *ln)
{
	INIT_DELAYED_WORK(&ln->peers_work, lbdr_peers_update_work);
}

/**
 * lbdr_peers_net_exit() - and will know none any more
 * @ln: the namespace, without services and hooks
 *
 * Context: process.
 */
void lbdr_peers_net_exit(struct lbdr_net *ln)
{
	cancel_delayed_work_sync(&ln->peers_work);
	kvfree(rcu_dereference_protected(ln->peers, true));
}

/**
 * lbdr_peers_init() - watch neighbours
 *
 * Context: process, every namespace has its director.
 * Return: 0 or a negative error.
 */
int lbdr_peers_init(void)
{
	return register_netevent_notifier(&lbdr_peers_notifier);
}

/**
 * lbdr_peers_exit() - watch no more
 *
 * Context: process.
 */
void lbdr_peers_exit(void)
{
	unregister_netevent_notifier(&lbdr_peers_notifier);
}
