// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <net/net_namespace.h>

#include "config.h"
#include "conns.h"
#include "drain.h"
#include "live.h"
#include "netlink.h"
#include "reclaim.h"
#include "sched.h"
#include "symbols.h"

#define VIP	0xc6336466

int live_init(struct kunit *test)
{
	struct lbdr_net *ln = live_net();

	KUNIT_ASSERT_EQ(test, lbdr_symbols_get_defrag(LBDR_V4), 0);
	KUNIT_ASSERT_EQ(test, lbdr_symbols_get_defrag(LBDR_V6), 0);
	KUNIT_ASSERT_TRUE(test, list_empty(&ln->service_list));
	KUNIT_ASSERT_EQ(test, atomic_read(&ln->n_servers), 0);
	return 0;
}

void live_exit(struct kunit *test)
{
	struct lbdr_net *ln = live_net();
	enum lbdr_family family;

	mutex_lock(&ln->config);
	lbdr_config_clear(ln);
	mutex_unlock(&ln->config);
	lbdr_reclaim_flush();
	for (family = 0; family < LBDR_FAMILIES; family++) {
		KUNIT_EXPECT_EQ(test, ln->n_services[family], 0);
		KUNIT_EXPECT_EQ(test, ln->n_marked[family], 0);
		KUNIT_EXPECT_EQ(test, ln->n_tunnels[family], 0);
	}
	/* The collector frees the connections of dead servers. */
	KUNIT_EXPECT_TRUE(test, conns_wait_for(!atomic_read(&ln->n_servers)));
	KUNIT_EXPECT_EQ(test, ln->nexthops.n, 0);
	KUNIT_EXPECT_FALSE(test, lbdr_drain_any(ln));
	KUNIT_EXPECT_TRUE(test, list_empty(&ln->domains.list));
}

struct lbdr_service_key live_key(u16 port)
{
	return (struct lbdr_service_key) {
		.addr.ip = htonl(VIP),
		.protocol = IPPROTO_TCP,
		.family = LBDR_V4,
		.port = htons(port),
	};
}

struct lbdr_flow live_flow(u8 protocol, u16 client_port, u16 port, u16 domain)
{
	struct lbdr_flow flow = {
		.family = LBDR_V4,
		.event = protocol == IPPROTO_TCP ? LBDR_EVENT_SYN : LBDR_EVENT_UDP,
		.v4.client = htonl(0xcb007101),
		.v4.vip = htonl(VIP),
		.v4.ports.cport = htons(client_port),
		.v4.ports.vport = htons(port),
		.v4.protocol = protocol,
	};

	lbdr_flow_set_domain(&flow, domain);
	return flow;
}

union nf_inet_addr live_addr(u32 n)
{
	return (union nf_inet_addr) { .ip = htonl(LIVE_NET + n) };
}

/* Commits what was staged unless @err is set, and ends the transaction. */
static int live_commit(struct lbdr_config *config, int err)
{
	if (!err)
		err = lbdr_config_commit(config);
	lbdr_config_end_single(config);
	return err;
}

int live_service_add(const struct lbdr_service_key *key, const char *sched)
{
	const struct lbdr_service_settings settings = {
		.prefix = key->family == LBDR_V4 ? 32 : 128,
	};
	const struct lbdr_sched_ops *ops = lbdr_sched_find(sched);
	const struct lbdr_sched of = { .ops = ops, .size = ops->size };
	struct lbdr_config *config = lbdr_config_begin_single(live_net(), NULL);

	if (IS_ERR(config))
		return PTR_ERR(config);
	return live_commit(config, lbdr_config_service_add(config, key, &of, &settings));
}

int live_service_del(const struct lbdr_service_key *key)
{
	struct lbdr_config *config = lbdr_config_begin_single(live_net(), NULL);
	struct lbdr_staged_service *staged;

	if (IS_ERR(config))
		return PTR_ERR(config);
	staged = lbdr_config_service(config, key);
	if (!IS_ERR(staged))
		lbdr_config_service_del(config, staged);
	return live_commit(config, PTR_ERR_OR_ZERO(staged));
}

struct lbdr_service *live_service(const struct lbdr_service_key *key)
{
	struct lbdr_service *service;

	lbdr_lock(live_net());
	service = lbdr_service_find(live_net(), key);
	lbdr_unlock(live_net());
	return service;
}

enum live_op { LIVE_ADD, LIVE_SET, LIVE_DEL };

static int live_stage_server(struct lbdr_config *config, enum live_op op,
			     const struct lbdr_service_key *key, enum lbdr_family family,
			     u32 n, const struct lbdr_server_settings *settings)
{
	const union nf_inet_addr addr = live_addr(n);
	struct lbdr_staged_service *service;
	struct lbdr_staged_server *server;

	service = lbdr_config_service(config, key);
	if (IS_ERR(service))
		return PTR_ERR(service);
	if (op == LIVE_ADD)
		return lbdr_config_server_add(config, service, family, &addr, settings);
	server = lbdr_config_server(config, service, family, &addr);
	if (IS_ERR(server))
		return PTR_ERR(server);
	if (op == LIVE_SET)
		return lbdr_config_server_set(config, server, settings);
	lbdr_config_server_del(config, service, server);
	return 0;
}

static int live_change_server(enum live_op op, const struct lbdr_service_key *key,
			      enum lbdr_family family, u32 n,
			      const struct lbdr_server_settings *settings)
{
	struct lbdr_config *config = lbdr_config_begin_single(live_net(), NULL);

	if (IS_ERR(config))
		return PTR_ERR(config);
	return live_commit(config, live_stage_server(config, op, key, family, n, settings));
}

int live_server_add(const struct lbdr_service_key *key, enum lbdr_family family, u32 n,
		    const struct lbdr_server_settings *settings)
{
	return live_change_server(LIVE_ADD, key, family, n, settings);
}

int live_server_set(const struct lbdr_service_key *key, enum lbdr_family family, u32 n,
		    const struct lbdr_server_settings *settings)
{
	return live_change_server(LIVE_SET, key, family, n, settings);
}

int live_server_del(const struct lbdr_service_key *key, enum lbdr_family family, u32 n)
{
	return live_change_server(LIVE_DEL, key, family, n, NULL);
}

struct lbdr_server *live_server(const struct lbdr_service_key *key,
				enum lbdr_family family, u32 n)
{
	const union nf_inet_addr addr = live_addr(n);
	struct lbdr_service *service = live_service(key);
	struct lbdr_server *server;

	if (!service)
		return NULL;
	lbdr_lock(live_net());
	server = lbdr_server_find(service, family, &addr);
	lbdr_unlock(live_net());
	return server;
}

static int live_put_attr(struct sk_buff *msg, const struct live_attr *attr)
{
	const __be16 port = htons(attr->value);
	const u8 byte = attr->value;

	if (attr->text)
		return nla_put_string(msg, attr->type, attr->text);
	switch (attr->len) {
	case 1:
		return nla_put(msg, attr->type, 1, &byte);
	case 2:
		return nla_put(msg, attr->type, 2, &port);
	default:
		return nla_put(msg, attr->type, attr->len, &attr->value);
	}
}

/* The service's key, or its key in a nest and the server's address */
static int live_put_key(struct sk_buff *msg, const struct lbdr_service *service,
			enum lbdr_family family, u32 n)
{
	const union nf_inet_addr addr = live_addr(n);
	struct nlattr *nest;
	int err;

	if (!n)
		return lbdr_nl_put_key(msg, service);
	nest = nla_nest_start(msg, LBDR_A_SERVER_SERVICE);
	if (!nest)
		return -EMSGSIZE;
	err = lbdr_nl_put_key(msg, service);
	nla_nest_end(msg, nest);
	return err ?: nla_put(msg, LBDR_A_SERVER_ADDRESS,
			      family == LBDR_V4 ? sizeof(addr.in) : sizeof(addr.in6), &addr);
}

void live_expect_refusal(struct kunit *test, const struct live_refusal *refusal,
			 const struct lbdr_service_key *key, enum lbdr_family family,
			 u32 n)
{
	struct nlattr *attrs[MAX((int)LBDR_A_SERVICE_MAX, (int)LBDR_A_SERVER_MAX) + 1] = {};
	struct netlink_ext_ack extack = {};
	struct genl_info info = { .attrs = attrs, .extack = &extack };
	const struct live_attr *attr;
	struct lbdr_service *service;
	struct nlattr *each;
	struct sk_buff *msg;
	int err, left;

	service = kunit_kzalloc(test, sizeof(*service), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, service);
	service->ln = live_net();
	service->key = *key;
	msg = alloc_skb(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, msg);
	err = live_put_key(msg, service, family, n);
	for (attr = refusal->attrs; attr->type; attr++)
		err |= live_put_attr(msg, attr);
	KUNIT_EXPECT_EQ(test, err, 0);
	each = (struct nlattr *)msg->data;
	for (left = msg->len; nla_ok(each, left); each = nla_next(each, &left))
		attrs[nla_type(each)] = each;
	genl_info_net_set(&info, &init_net);

	KUNIT_EXPECT_EQ(test, refusal->doit(NULL, &info), refusal->err);
	if (refusal->sentence)
		KUNIT_EXPECT_TRUE_MSG(test, extack._msg &&
				      strstr(extack._msg, refusal->sentence), "\"%s\"",
				      extack._msg ?: "");
	else
		KUNIT_EXPECT_NULL(test, extack._msg);
	kfree_skb(msg);
}
