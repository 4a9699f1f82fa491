// SPDX-License-Identifier: GPL-2.0
/*
 * Next hops and L3 domains of the initial namespace. The namespace has no service, so
 * only the tests add next hops. Its only device is lo, which is up, so loopback
 * addresses have a route and other addresses have none. The VRF devices are not
 * registered: only their name and ifindex are used.
 */
#include <kunit/static_stub.h>
#include <kunit/test.h>
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <net/net_namespace.h>

#include "domain.h"
#include "lbdr.h"
#include "lbdr_kunit.h"
#include "nexthop.h"
#include "peers.h"
#include "server.h"
#include "stats.h"

#define VRF_IFINDEX	0x7ffffff0
/* More than nexthop.c visits in one hold of the lock */
#define CROWD		200
#define THREADS		4
#define THREAD_TURNS	1000

struct nexthop_case {
	const char		*name;
	enum lbdr_family	family;
	union nf_inet_addr	local;
	union nf_inet_addr	absent;
};

static const struct nexthop_case nexthop_cases[] = {
	{
		.name = "IPv4",
		.family = LBDR_V4,
		.local.ip = cpu_to_be32(0x7f000001),
		.absent.ip = cpu_to_be32(0xcb007109),
	}, {
		.name = "IPv6",
		.family = LBDR_V6,
		.local.ip6[3] = cpu_to_be32(1),
		.absent.ip6 = { cpu_to_be32(0x20010db8), 0, 0, cpu_to_be32(9) },
	},
};

static void nexthop_case_name(const struct nexthop_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(nexthop, nexthop_cases, nexthop_case_name);

static struct lbdr_net *nexthop_net(void)
{
	return lbdr_net(&init_net);
}

static int nexthop_init(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, nexthop_net()->nexthops.n, 0);
	return 0;
}

static void nexthop_exit(struct kunit *test)
{
	struct lbdr_nexthops *nexthops = &nexthop_net()->nexthops;
	u32 i, n_macs = 0;

	for (i = 0; i < 1 << LBDR_NEXTHOP_MAC_BITS; i++)
		n_macs += !hlist_empty(&nexthops->macs[i]);
	KUNIT_EXPECT_EQ(test, nexthops->n, 0);
	KUNIT_EXPECT_EQ(test, nexthops->n_routes, 0);
	KUNIT_EXPECT_EQ(test, n_macs, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&nexthop_net()->domains.list));
	rcu_barrier();
}

static struct lbdr_nexthop *nexthop_lookup(const struct nexthop_case *c,
					   const union nf_inet_addr *addr,
					   u16 domain)
{
	struct lbdr_nexthop *nexthop;

	rcu_read_lock();
	nexthop = lbdr_nexthop_lookup(nexthop_net(), c->family, addr, domain);
	rcu_read_unlock();
	return nexthop;
}

/* Callers may compare the returned pointer, but must not dereference it. */
static const struct lbdr_route *nexthop_route(struct lbdr_nexthop *nexthop,
					      bool *local, u8 *why)
{
	const struct lbdr_route *route;

	rcu_read_lock();
	route = lbdr_nexthop_route(nexthop);
	*local = route->local;
	*why = route->why;
	rcu_read_unlock();
	return route;
}

static struct lbdr_nexthop *nexthop_sibling(struct lbdr_nexthop *first,
					    u16 domain)
{
	struct lbdr_nexthop *nexthop;

	local_bh_disable();
	rcu_read_lock();
	nexthop = lbdr_nexthop_in_domain(first, domain);
	rcu_read_unlock();
	local_bh_enable();
	return nexthop;
}

/* Offers a neighbour for a route. Returns the one that the cached route keeps then. */
static struct neighbour *nexthop_kept(struct lbdr_nexthop *nexthop,
				      const struct lbdr_route *route,
				      struct neighbour *neigh)
{
	struct lbdr_route *cached;

	rcu_read_lock();
	lbdr_nexthop_keep_neigh(nexthop, route, neigh);
	cached = rcu_dereference(nexthop->route);
	neigh = rcu_access_pointer(cached->neigh);
	rcu_read_unlock();
	return neigh;
}

/* The cached route keeps the last neighbour, with a reference, until it is freed itself. */
static void nexthop_neigh_test(struct kunit *test)
{
	const struct nexthop_case *c = test->param_value;
	static const struct lbdr_route other;
	const struct lbdr_route *route;
	struct neigh_table *table;
	struct neighbour *neigh[3];
	struct lbdr_nexthop *nexthop;
	bool local;
	u8 why;
	int i;

	table = kunit_kzalloc(test, sizeof(*table), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, table);
	table->gc_thresh2 = 1;
	for (i = 0; i < ARRAY_SIZE(neigh); i++) {
		neigh[i] = kunit_kzalloc(test, sizeof(*neigh[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, neigh[i]);
		refcount_set(&neigh[i]->refcnt, i < 2);
		neigh[i]->tbl = table;
	}
	nexthop = lbdr_nexthop_get(nexthop_net(), c->family, &c->local);
	KUNIT_ASSERT_NOT_NULL(test, nexthop);
	route = nexthop_route(nexthop, &local, &why);

	KUNIT_EXPECT_PTR_EQ(test, nexthop_kept(nexthop, &other, neigh[0]), NULL);
	KUNIT_EXPECT_EQ(test, refcount_read(&neigh[0]->refcnt), 1);
	KUNIT_EXPECT_PTR_EQ(test, nexthop_kept(nexthop, route, neigh[0]), neigh[0]);
	KUNIT_EXPECT_EQ(test, refcount_read(&neigh[0]->refcnt), 2);
	KUNIT_EXPECT_PTR_EQ(test, nexthop_kept(nexthop, route, neigh[1]), neigh[1]);
	KUNIT_EXPECT_EQ(test, refcount_read(&neigh[0]->refcnt), 1);
	/* One that is being freed */
	KUNIT_EXPECT_PTR_EQ(test, nexthop_kept(nexthop, route, neigh[2]), neigh[1]);
	KUNIT_EXPECT_EQ(test, refcount_read(&neigh[1]->refcnt), 2);

	/* The kernel needs the room. */
	atomic_inc(&table->gc_entries);
	KUNIT_EXPECT_PTR_EQ(test, nexthop_kept(nexthop, route, neigh[0]), neigh[1]);
	KUNIT_EXPECT_EQ(test, refcount_read(&neigh[0]->refcnt), 1);

	lbdr_nexthop_put(nexthop);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, refcount_read(&neigh[1]->refcnt), 1);
}

/* A packet is sent by the neighbour of its route only in these states. */
static void nexthop_neigh_state_test(struct kunit *test)
{
	static const struct {
		const char	*name;
		u8		state;
		unsigned int	len;
		bool		dead;
		bool		usable;
	} rows[] = {
		{ "reachable", NUD_REACHABLE, ETH_HLEN, false, true },
		{ "permanent", NUD_PERMANENT, ETH_HLEN, false, true },
		{ "of a device without ARP", NUD_NOARP, ETH_HLEN, false, true },
		{ "removed", NUD_REACHABLE, ETH_HLEN, true, false },
		{ "removed by a flush", NUD_NOARP, ETH_HLEN, true, false },
		{ "none", NUD_NONE, ETH_HLEN, false, false },
		{ "asked for", NUD_INCOMPLETE, ETH_HLEN, false, false },
		{ "to be confirmed", NUD_STALE, ETH_HLEN, false, false },
		{ "about to be confirmed", NUD_DELAY, ETH_HLEN, false, false },
		{ "being confirmed", NUD_PROBE, ETH_HLEN, false, false },
		{ "failed", NUD_FAILED, ETH_HLEN, false, false },
		{ "no header yet", NUD_REACHABLE, 0, false, false },
		{ "the shortest header", NUD_REACHABLE, 1, false, true },
		{ "a header of HH_DATA_MOD - 1", NUD_REACHABLE, HH_DATA_MOD - 1, false, true },
		{ "a header of HH_DATA_MOD", NUD_REACHABLE, HH_DATA_MOD, false, true },
		{ "a longer header", NUD_REACHABLE, HH_DATA_MOD + 1, false, false },
	};
	struct neighbour *neigh = kunit_kzalloc(test, sizeof(*neigh), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, neigh);
	KUNIT_EXPECT_FALSE(test, lbdr_neigh_is_usable(NULL));
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		neigh->nud_state = rows[i].state;
		neigh->dead = rows[i].dead;
		neigh->hh.hh_len = rows[i].len;
		KUNIT_EXPECT_EQ_MSG(test, lbdr_neigh_is_usable(neigh), rows[i].usable, "%s",
				    rows[i].name);
	}
}

/* A thousand servers on ten addresses have ten next hops and ten routes. */
static void nexthop_shared_test(struct kunit *test)
{
	const struct nexthop_case *c = test->param_value;
	struct lbdr_nexthops *nexthops = &nexthop_net()->nexthops;
	union nf_inet_addr addr = c->absent;
	static struct lbdr_nexthop *got[1000];
	bool local;
	u32 i;
	u8 why;

	for (i = 0; i < ARRAY_SIZE(got); i++) {
		if (c->family == LBDR_V4)
			addr.ip = htonl(ntohl(c->absent.ip) + i % 10);
		else
			addr.ip6[3] = htonl(i % 10 + 1);
		got[i] = lbdr_nexthop_get(nexthop_net(), c->family, &addr);
		KUNIT_ASSERT_NOT_NULL(test, got[i]);
		KUNIT_EXPECT_PTR_EQ(test, got[i], got[i % 10]);
		nexthop_route(got[i], &local, &why);
	}
	KUNIT_EXPECT_EQ(test, nexthops->n, 10);
	KUNIT_EXPECT_EQ(test, nexthops->n_routes, 10);
	for (i = 0; i < ARRAY_SIZE(got) - 10; i++)
		lbdr_nexthop_put(got[i]);
	KUNIT_EXPECT_EQ(test, nexthops->n, 10);
	for (; i < ARRAY_SIZE(got); i++)
		lbdr_nexthop_put(got[i]);
}

/* A route stays cached until the FIB changes. */
static void nexthop_positive_test(struct kunit *test)
{
	const struct nexthop_case *c = test->param_value;
	const struct lbdr_route *route;
	struct lbdr_nexthop *nexthop;
	bool local;
	u8 why;

	nexthop = lbdr_nexthop_get(nexthop_net(), c->family, &c->local);
	KUNIT_ASSERT_NOT_NULL(test, nexthop);
	rcu_read_lock();
	route = nexthop_route(nexthop, &local, &why);
	KUNIT_EXPECT_TRUE(test, local);
	KUNIT_EXPECT_PTR_EQ(test, nexthop_route(nexthop, &local, &why), route);
	rt_genid_bump_all(&init_net);
	KUNIT_EXPECT_PTR_NE(test, nexthop_route(nexthop, &local, &why), route);
	KUNIT_EXPECT_TRUE(test, local);
	rcu_read_unlock();
	lbdr_nexthop_put(nexthop);
}

/* A negative answer stays cached until the FIB changes, and for one second at most. */
static void nexthop_negative_test(struct kunit *test)
{
	const struct nexthop_case *c = test->param_value;
	const struct lbdr_route *route, *again;
	struct lbdr_nexthop *nexthop;
	bool local;
	u8 why;

	nexthop = lbdr_nexthop_get(nexthop_net(), c->family, &c->absent);
	KUNIT_ASSERT_NOT_NULL(test, nexthop);
	rcu_read_lock();
	route = nexthop_route(nexthop, &local, &why);
	KUNIT_EXPECT_FALSE(test, local);
	KUNIT_EXPECT_EQ(test, why, LBDR_DROP_NO_ROUTE);
	KUNIT_EXPECT_PTR_EQ(test, nexthop_route(nexthop, &local, &why), route);
	rt_genid_bump_all(&init_net);
	again = nexthop_route(nexthop, &local, &why);
	KUNIT_EXPECT_PTR_NE(test, again, route);
	KUNIT_EXPECT_EQ(test, why, LBDR_DROP_NO_ROUTE);
	/* A negative answer is valid for one second at most. */
	((struct lbdr_route *)again)->stamp -= HZ;
	KUNIT_EXPECT_PTR_NE(test, nexthop_route(nexthop, &local, &why), again);
	rcu_read_unlock();
	lbdr_nexthop_put(nexthop);
}

/* The routes of a device that leaves are dropped. */
static void nexthop_device_test(struct kunit *test)
{
	const struct nexthop_case *c = test->param_value;
	struct lbdr_nexthops *nexthops = &nexthop_net()->nexthops;
	struct lbdr_nexthop *nexthop;
	bool local;
	u8 why;

	nexthop = lbdr_nexthop_get(nexthop_net(), c->family, &c->local);
	KUNIT_ASSERT_NOT_NULL(test, nexthop);
	nexthop_route(nexthop, &local, &why);
	KUNIT_EXPECT_EQ(test, nexthops->n_routes, 1);
	lbdr_nexthop_drop_dev(nexthop_net(), init_net.loopback_dev);
	KUNIT_EXPECT_EQ(test, nexthops->n_routes, 0);
	nexthop_route(nexthop, &local, &why);
	KUNIT_EXPECT_TRUE(test, local);
	lbdr_nexthop_put(nexthop);
}

/*
 * Among more routes than are visited in one hold of the lock, those of the device are
 * dropped, and those of another device in the same chain stay.
 */
static void nexthop_devices_test(struct kunit *test)
{
	struct lbdr_nexthops *nexthops = &nexthop_net()->nexthops;
	union nf_inet_addr addr = nexthop_cases[0].local;
	struct lbdr_nexthop **all;
	struct net_device *other;
	bool local;
	u32 i;
	u8 why;

	all = kunit_kcalloc(test, CROWD, sizeof(*all), GFP_KERNEL);
	other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, all);
	KUNIT_ASSERT_NOT_NULL(test, other);
	other->ifindex = VRF_IFINDEX;
	while (hash_32(other->ifindex, LBDR_NEXTHOP_DEV_BITS) !=
	       hash_32(init_net.loopback_dev->ifindex, LBDR_NEXTHOP_DEV_BITS))
		other->ifindex--;
	for (i = 0; i < CROWD; i++) {
		addr.ip = htonl(0x7f000001 + i);
		all[i] = lbdr_nexthop_get(nexthop_net(), LBDR_V4, &addr);
		KUNIT_ASSERT_NOT_NULL(test, all[i]);
		nexthop_route(all[i], &local, &why);
	}
	KUNIT_EXPECT_EQ(test, nexthops->n_routes, CROWD);
	lbdr_nexthop_drop_dev(nexthop_net(), other);
	KUNIT_EXPECT_EQ(test, nexthops->n_routes, CROWD);
	lbdr_nexthop_drop_dev(nexthop_net(), init_net.loopback_dev);
	KUNIT_EXPECT_EQ(test, nexthops->n_routes, 0);
	for (i = 0; i < CROWD; i++)
		lbdr_nexthop_put(all[i]);
}

static u32 nexthop_mtu(struct lbdr_nexthop *nexthop)
{
	u32 mtu;

	rcu_read_lock();
	mtu = lbdr_nexthop_path_mtu(nexthop, lbdr_nexthop_route(nexthop));
	rcu_read_unlock();
	return mtu;
}

static void nexthop_learn(struct lbdr_nexthop *nexthop, u32 mtu)
{
	rcu_read_lock();
	lbdr_nexthop_learn_pmtu(nexthop, mtu);
	rcu_read_unlock();
}

/* A learned PMTU only shrinks, has a floor, expires, and goes with the route. */
static void nexthop_pmtu_test(struct kunit *test)
{
	const struct nexthop_case *c = test->param_value;
	u32 floor = c->family == LBDR_V4 ? 552 : 1280, whole;
	struct lbdr_nexthop *nexthop;

	nexthop = lbdr_nexthop_get(nexthop_net(), c->family, &c->local);
	KUNIT_ASSERT_NOT_NULL(test, nexthop);
	whole = nexthop_mtu(nexthop);
	KUNIT_ASSERT_GT(test, whole, 2000);

	nexthop_learn(nexthop, whole + 1);
	KUNIT_EXPECT_EQ(test, nexthop_mtu(nexthop), whole);
	nexthop_learn(nexthop, 1400);
	KUNIT_EXPECT_EQ(test, nexthop_mtu(nexthop), 1400);
	nexthop_learn(nexthop, 1500);
	KUNIT_EXPECT_EQ(test, nexthop_mtu(nexthop), 1400);
	nexthop_learn(nexthop, 0);
	KUNIT_EXPECT_EQ(test, nexthop_mtu(nexthop), floor);

	KUNIT_EXPECT_LE(test, nexthop->pmtu_expires - jiffies, 600 * HZ);
	nexthop->pmtu_expires = jiffies;
	KUNIT_EXPECT_EQ(test, nexthop_mtu(nexthop), whole);
	/* Jiffies that wrap do not make it valid again. */
	nexthop->pmtu_expires = jiffies + HZ;
	KUNIT_EXPECT_EQ(test, nexthop_mtu(nexthop), whole);

	nexthop_learn(nexthop, 1400);
	lbdr_nexthop_drop_dev(nexthop_net(), init_net.loopback_dev);
	KUNIT_EXPECT_EQ(test, nexthop_mtu(nexthop), whole);
	lbdr_nexthop_put(nexthop);

	/* Nothing is learned of an address without a route. */
	nexthop = lbdr_nexthop_get(nexthop_net(), c->family, &c->absent);
	KUNIT_ASSERT_NOT_NULL(test, nexthop);
	nexthop_learn(nexthop, 1400);
	KUNIT_EXPECT_EQ(test, nexthop->pmtu, 0);
	lbdr_nexthop_put(nexthop);
}

/* A route by an IPv4 exception is valid as long as the exception is. */
static void nexthop_excepted_test(struct kunit *test)
{
	const struct nexthop_case *c = &nexthop_cases[0];
	struct lbdr_nexthop *nexthop;
	struct lbdr_route *route;
	struct dst_entry *dst;

	nexthop = lbdr_nexthop_get(nexthop_net(), c->family, &c->local);
	KUNIT_ASSERT_NOT_NULL(test, nexthop);
	rcu_read_lock();
	route = (struct lbdr_route *)lbdr_nexthop_route(nexthop);
	dst = route->dst;
	KUNIT_EXPECT_FALSE(test, route->excepted);
	route->genid = ~route->failed;
	KUNIT_EXPECT_NULL(test, lbdr_nexthop_known_route(nexthop));
	route->excepted = true;
	KUNIT_EXPECT_PTR_EQ(test, lbdr_nexthop_known_route(nexthop), route);
	dst->expires = jiffies + HZ;
	KUNIT_EXPECT_PTR_EQ(test, lbdr_nexthop_known_route(nexthop), route);
	dst->expires = jiffies - 1;
	KUNIT_EXPECT_NULL(test, lbdr_nexthop_known_route(nexthop));
	dst->expires = 0;
	dst->obsolete = DST_OBSOLETE_DEAD;
	KUNIT_EXPECT_NULL(test, lbdr_nexthop_known_route(nexthop));
	dst->obsolete = DST_OBSOLETE_FORCE_CHK;
	rt_genid_bump_ipv4(&init_net);
	KUNIT_EXPECT_NULL(test, lbdr_nexthop_known_route(nexthop));
	rcu_read_unlock();
	lbdr_nexthop_put(nexthop);
}

/* The source address is that of the route, and is looked up again with the addresses. */
static void nexthop_source_test(struct kunit *test)
{
	const struct nexthop_case *c = test->param_value;
	const struct lbdr_route *route, *again;
	struct lbdr_nexthop *nexthop;

	nexthop = lbdr_nexthop_get(nexthop_net(), c->family, &c->local);
	KUNIT_ASSERT_NOT_NULL(test, nexthop);
	rcu_read_lock();
	route = lbdr_nexthop_route(nexthop);
	KUNIT_EXPECT_TRUE(test, nf_inet_addr_cmp(&route->source, &c->local));
	KUNIT_EXPECT_PTR_EQ(test, lbdr_nexthop_route(nexthop), route);
	if (c->family == LBDR_V6) {
		atomic_inc(&init_net.ipv6.dev_addr_genid);
		again = lbdr_nexthop_route(nexthop);
		KUNIT_EXPECT_PTR_NE(test, again, route);
		KUNIT_EXPECT_PTR_EQ(test, lbdr_nexthop_route(nexthop), again);
	}
	rcu_read_unlock();
	lbdr_nexthop_put(nexthop);
}

static struct net_device *nexthop_vrf(struct kunit *test, const char *name, u32 n)
{
	struct net_device *dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	strscpy(dev->name, name, sizeof(dev->name));
	dev->ifindex = VRF_IFINDEX + n;
	return dev;
}

/* A sibling is unlinked with its default domain's next hop or with the VRF device. */
static void nexthop_domain_test(struct kunit *test)
{
	const struct nexthop_case *c = test->param_value;
	struct net_device *red = nexthop_vrf(test, "red", 0);
	struct net_device *blue = nexthop_vrf(test, "blue", 1);
	struct lbdr_nexthop *first, *in_red, *in_blue;
	struct lbdr_net *ln = nexthop_net();
	int r, b;

	r = lbdr_domain_get_by_name(ln, "red");
	b = lbdr_domain_get_by_name(ln, "blue");
	KUNIT_ASSERT_GT(test, r, 0);
	KUNIT_ASSERT_GT(test, b, 0);
	KUNIT_EXPECT_NE(test, r, b);
	first = lbdr_nexthop_get(ln, c->family, &c->absent);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_EXPECT_PTR_EQ(test, nexthop_sibling(first, 0), first);
	/* A domain without a device has no next hops. */
	KUNIT_EXPECT_NULL(test, nexthop_sibling(first, r));

	lbdr_domain_add_dev(ln, red);
	lbdr_domain_add_dev(ln, blue);
	in_red = nexthop_sibling(first, r);
	in_blue = nexthop_sibling(first, b);
	KUNIT_ASSERT_NOT_NULL(test, in_red);
	KUNIT_ASSERT_NOT_NULL(test, in_blue);
	KUNIT_EXPECT_PTR_NE(test, in_red, first);
	KUNIT_EXPECT_PTR_NE(test, in_red, in_blue);
	KUNIT_EXPECT_PTR_EQ(test, nexthop_sibling(first, r), in_red);
	KUNIT_EXPECT_EQ(test, ln->nexthops.n, 3);

	lbdr_domain_del_dev(ln, red);
	KUNIT_EXPECT_NULL(test, nexthop_lookup(c, &c->absent, r));
	KUNIT_EXPECT_NULL(test, nexthop_sibling(first, r));
	KUNIT_EXPECT_PTR_EQ(test, nexthop_lookup(c, &c->absent, b), in_blue);
	lbdr_nexthop_put(first);
	KUNIT_EXPECT_NULL(test, nexthop_lookup(c, &c->absent, b));

	lbdr_domain_put(ln, b);
	lbdr_domain_del_dev(ln, blue);
	lbdr_domain_put(ln, r);
}

/* A name keeps its id while it is referenced; a freed id is not used again soon. */
static void domain_id_test(struct kunit *test)
{
	struct net_device *red = nexthop_vrf(test, "red", 0);
	struct lbdr_net *ln = nexthop_net();
	char name[IFNAMSIZ];
	int id, other;

	id = lbdr_domain_get_by_name(ln, "red");
	KUNIT_EXPECT_EQ(test, lbdr_domain_get_by_name(ln, "red"), id);
	KUNIT_EXPECT_EQ(test, ln->domains.n_bound, 2);
	lbdr_domain_add_dev(ln, red);
	lbdr_domain_put(ln, id);
	lbdr_domain_put(ln, id);
	KUNIT_EXPECT_EQ(test, ln->domains.n_bound, 0);
	KUNIT_ASSERT_EQ(test, lbdr_domain_name(ln, id, name), 0);
	KUNIT_EXPECT_STREQ(test, name, "red");
	lbdr_domain_del_dev(ln, red);
	KUNIT_EXPECT_NE(test, lbdr_domain_name(ln, id, name), 0);
	KUNIT_EXPECT_NE(test, lbdr_domain_name(ln, 0, name), 0);

	other = lbdr_domain_get_by_name(ln, "red");
	KUNIT_EXPECT_NE(test, other, id);
	lbdr_domain_put(ln, other);
}

struct nexthop_thread {
	const struct nexthop_case	*c;
	struct rnd_state		rnd;
	int				domain;
	u32				n;
	u32				mismatches;
	u32				failed;
};

/* Adds and removes references while packets of two domains use the next hops. */
static void nexthop_thread_run(void *arg)
{
	struct nexthop_thread *thread = arg;
	struct lbdr_nexthop *first, *nexthop;
	union nf_inet_addr addr;
	u32 turn;
	u16 domain;

	for (turn = 0; turn < THREAD_TURNS; turn++) {
		addr = lbdr_kunit_below(&thread->rnd, 2) ? thread->c->local :
							   thread->c->absent;
		first = lbdr_nexthop_get(nexthop_net(), thread->c->family, &addr);
		if (!first) {
			thread->failed++;
			continue;
		}
		domain = lbdr_kunit_below(&thread->rnd, 2) ? thread->domain : 0;
		local_bh_disable();
		rcu_read_lock();
		nexthop = lbdr_nexthop_in_domain(first, domain);
		if (nexthop) {
			lbdr_nexthop_route(nexthop);
			if (nexthop->key.domain != domain ||
			    memcmp(&nexthop->key.addr, &addr, sizeof(addr)))
				thread->mismatches++;
		}
		rcu_read_unlock();
		local_bh_enable();
		if (!thread->n && !(turn % 16))
			rt_genid_bump_all(&init_net);
		if (!thread->n && !(turn % 64))
			lbdr_nexthop_drop_dev(nexthop_net(), init_net.loopback_dev);
		lbdr_nexthop_put(first);
		cond_resched();
	}
}

static void nexthop_threads_test(struct kunit *test)
{
	const struct nexthop_case *c = test->param_value;
	struct net_device *red = nexthop_vrf(test, "red", 0);
	struct nexthop_thread threads[THREADS] = {};
	struct lbdr_net *ln = nexthop_net();
	int domain;
	u32 i;

	domain = lbdr_domain_get_by_name(ln, "red");
	KUNIT_ASSERT_GT(test, domain, 0);
	lbdr_domain_add_dev(ln, red);
	for (i = 0; i < THREADS; i++) {
		threads[i].c = c;
		threads[i].n = i;
		threads[i].domain = domain;
		lbdr_kunit_seed(test, &threads[i].rnd);
	}
	lbdr_kunit_threads(test, nexthop_thread_run, threads, sizeof(*threads),
			   THREADS);
	for (i = 0; i < THREADS; i++) {
		KUNIT_EXPECT_EQ(test, threads[i].mismatches, 0);
		KUNIT_EXPECT_EQ(test, threads[i].failed, 0);
	}
	lbdr_domain_del_dev(ln, red);
	lbdr_domain_put(ln, domain);
}

/* Finds the next hop once: another CPU renames the VRF, and removes it. */
static struct lbdr_nexthop *nexthop_gone(struct lbdr_net *ln, enum lbdr_family family,
					 const void *addr, u16 domain)
{
	struct lbdr_nexthop **left = kunit_get_current_test()->priv, *nexthop = *left;

	*left = NULL;
	return nexthop;
}

/* Whether a server has sent a packet is asked while its next hop in the VRF is removed. */
static void nexthop_renamed_test(struct kunit *test)
{
	const struct nexthop_case *c = test->param_value;
	struct lbdr_nexthop nexthop = { .key.family = c->family }, *left = &nexthop;
	struct lbdr_server server = { .family = c->family, .addr = c->absent };
	struct net_device *dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);
	struct sk_buff *skb = alloc_skb(ETH_HLEN, GFP_KERNEL);
	bool sent;

	KUNIT_ASSERT_NOT_NULL(test, dev);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	dev->type = ARPHRD_ETHER;
	skb->dev = dev;
	skb_reset_mac_header(skb);
	eth_random_addr(skb_put_zero(skb, ETH_HLEN) + ETH_ALEN);
	memcpy(&nexthop.mac, eth_hdr(skb)->h_source, ETH_ALEN);
	test->priv = &left;
	kunit_activate_static_stub(test, lbdr_nexthop_lookup, nexthop_gone);
	rcu_read_lock();
	sent = lbdr_peers_sent_by(nexthop_net(), skb, lbdr_peers_source(skb), &server,
				  1);
	rcu_read_unlock();
	kunit_deactivate_static_stub(test, lbdr_nexthop_lookup);
	kfree_skb(skb);
	KUNIT_EXPECT_NULL(test, left);
	KUNIT_EXPECT_FALSE(test, sent);
}

static struct kunit_case nexthop_test_cases[] = {
	KUNIT_CASE_PARAM(nexthop_shared_test, nexthop_gen_params),
	KUNIT_CASE_PARAM(nexthop_positive_test, nexthop_gen_params),
	KUNIT_CASE_PARAM(nexthop_neigh_test, nexthop_gen_params),
	KUNIT_CASE(nexthop_neigh_state_test),
	KUNIT_CASE_PARAM(nexthop_negative_test, nexthop_gen_params),
	KUNIT_CASE_PARAM(nexthop_device_test, nexthop_gen_params),
	KUNIT_CASE(nexthop_devices_test),
	KUNIT_CASE_PARAM(nexthop_pmtu_test, nexthop_gen_params),
	KUNIT_CASE(nexthop_excepted_test),
	KUNIT_CASE_PARAM(nexthop_source_test, nexthop_gen_params),
	KUNIT_CASE_PARAM(nexthop_domain_test, nexthop_gen_params),
	KUNIT_CASE_PARAM(nexthop_renamed_test, nexthop_gen_params),
	KUNIT_CASE(domain_id_test),
	KUNIT_CASE_PARAM(nexthop_threads_test, nexthop_gen_params),
	{}
};

static struct kunit_suite nexthop_suite = {
	.name		= "lbdr_nexthop",
	.init		= nexthop_init,
	.exit		= nexthop_exit,
	.test_cases	= nexthop_test_cases,
};

kunit_test_suites(&nexthop_suite);
