// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: the key of a service from attributes, and back. Each row is a set of attributes
 * that the policy lets through, with the error and a part of its sentence.
 */
#include <kunit/test.h>
#include <linux/in.h>
#include <net/netlink.h>
#include <net/net_namespace.h>

#include "lbdr.h"
#include "netlink.h"
#include "service.h"

#define HAS(name)	BIT(LBDR_A_SERVICE_##name)
#define KEY		(HAS(FAMILY) | HAS(PROTOCOL) | HAS(ADDRESS) | HAS(PORT))
#define RANGE		(KEY | HAS(LAST_PORT))
#define MARK		(HAS(FAMILY) | HAS(FWMARK))

#define TCP		IPPROTO_TCP

/* @len: of @addr; @mark: of a fwmark service */
struct key_case {
	const char	*name;
	u32		has;
	u8		family;
	u8		protocol;
	u8		len;
	u8		addr[16];
	u16		port;
	u16		last;
	u32		mark;
	int		err;
	const char	*sentence;
};

static const struct key_case key_cases[] = {
	{ "TCP, IPv4", KEY, AF_INET, TCP, 4, { 192, 0, 2, 1 }, 80 },
	{ "UDP, IPv6", KEY, AF_INET6, IPPROTO_UDP, 16, { 0x20, 1, [15] = 1 }, 53 },
	{ "SCTP", KEY, AF_INET, IPPROTO_SCTP, 4, { 192, 0, 2, 1 }, 80 },
	{ "all ports", KEY, AF_INET, TCP, 4, { 192, 0, 2, 1 }, 0 },
	{ "range", RANGE, AF_INET6, TCP, 16, { 0x20, 1, [15] = 1 }, 1, 65535 },
	{ "fwmark", MARK, AF_INET, 0, 0, {}, 0, 0, 7 },
	{ "nothing", 0, 0, 0, 0, {}, 0, 0, 0, -EINVAL, "requires family" },
	{ "no family", KEY & ~HAS(FAMILY), 0, TCP, 4, { 192, 0, 2, 1 }, 80, 0, 0, -EINVAL,
	  "requires family" },
	{ "no protocol", KEY & ~HAS(PROTOCOL), AF_INET, 0, 4, { 192, 0, 2, 1 }, 80, 0, 0, -EINVAL,
	  "requires family" },
	{ "no address", KEY & ~HAS(ADDRESS), AF_INET, TCP, 0, {}, 80, 0, 0, -EINVAL,
	  "requires family" },
	{ "no port", KEY & ~HAS(PORT), AF_INET, TCP, 4, { 192, 0, 2, 1 }, 0, 0, 0, -EINVAL,
	  "requires family" },
	{ "family only", HAS(FAMILY), AF_INET, 0, 0, {}, 0, 0, 0, -EINVAL, "requires family" },
	{ "other family", KEY, AF_UNIX, TCP, 4, { 192, 0, 2, 1 }, 80, 0, 0, -EAFNOSUPPORT,
	  "invalid family" },
	{ "ICMP", KEY, AF_INET, IPPROTO_ICMP, 4, { 192, 0, 2, 1 }, 80, 0, 0, -EINVAL,
	  "invalid protocol" },
	{ "fwmark with a port", MARK | HAS(PORT), AF_INET, 0, 0, {}, 80, 0, 7, -EINVAL,
	  "a fwmark service has no" },
	{ "fwmark with a last port", MARK | HAS(LAST_PORT), AF_INET, 0, 0, {}, 0, 80, 7,
	  -EINVAL, "a fwmark service has no" },
	{ "fwmark with an address", MARK | HAS(ADDRESS), AF_INET, 0, 4, { 192, 0, 2, 1 }, 0, 0,
	  7, -EINVAL, "a fwmark service has no" },
	{ "IPv6 address, IPv4", KEY, AF_INET, TCP, 16, { 0x20, 1, [15] = 1 }, 80, 0, 0,
	  -EAFNOSUPPORT, "invalid address" },
	{ "IPv4 address, IPv6", KEY, AF_INET6, TCP, 4, { 192, 0, 2, 1 }, 80, 0, 0, -EAFNOSUPPORT,
	  "invalid address" },
	{ "address of 5 bytes", KEY, AF_INET, TCP, 5, { 192, 0, 2, 1 }, 80, 0, 0, -EAFNOSUPPORT,
	  "invalid address" },
	{ "multicast, IPv4", KEY, AF_INET, TCP, 4, { 224, 0, 0, 1 }, 80, 0, 0, -EINVAL,
	  "must be unicast" },
	{ "broadcast", KEY, AF_INET, TCP, 4, { 255, 255, 255, 255 }, 80, 0, 0, -EINVAL,
	  "must be unicast" },
	{ "loopback, IPv4", KEY, AF_INET, TCP, 4, { 127, 0, 0, 1 }, 80, 0, 0, -EINVAL,
	  "must be unicast" },
	{ "no address, IPv4", KEY, AF_INET, TCP, 4, { 0, 0, 0, 0 }, 80, 0, 0, -EINVAL,
	  "must be unicast" },
	{ "multicast, IPv6", KEY, AF_INET6, TCP, 16, { 0xff, 2, [15] = 1 }, 80, 0, 0, -EINVAL,
	  "must be unicast" },
	{ "link-local, IPv6", KEY, AF_INET6, TCP, 16, { 0xfe, 0x80, [15] = 1 }, 80, 0, 0, -EINVAL,
	  "must be unicast" },
	{ "loopback, IPv6", KEY, AF_INET6, TCP, 16, { 0, 0, [15] = 1 }, 80, 0, 0, -EINVAL,
	  "must be unicast" },
	{ "range of one", RANGE, AF_INET, TCP, 4, { 192, 0, 2, 1 }, 80, 80, 0, -ERANGE,
	  "invalid range" },
	{ "range backwards", RANGE, AF_INET, TCP, 4, { 192, 0, 2, 1 }, 80, 79, 0, -ERANGE,
	  "invalid range" },
	{ "range from 0", RANGE, AF_INET, TCP, 4, { 192, 0, 2, 1 }, 0, 80, 0, -ERANGE,
	  "invalid range" },
};

KUNIT_ARRAY_PARAM_DESC(key, key_cases, name);

/* In the order of lbdr_nl_put_key() */
static int put_attrs(struct sk_buff *msg, const struct key_case *c)
{
	int err = 0;

	if (c->has & HAS(FAMILY))
		err |= nla_put_u8(msg, LBDR_A_SERVICE_FAMILY, c->family);
	if (c->has & HAS(FWMARK))
		err |= nla_put_u32(msg, LBDR_A_SERVICE_FWMARK, c->mark);
	if (c->has & HAS(PROTOCOL))
		err |= nla_put_u8(msg, LBDR_A_SERVICE_PROTOCOL, c->protocol);
	if (c->has & HAS(ADDRESS))
		err |= nla_put(msg, LBDR_A_SERVICE_ADDRESS, c->len, c->addr);
	if (c->has & HAS(PORT))
		err |= nla_put_be16(msg, LBDR_A_SERVICE_PORT, htons(c->port));
	if (c->has & HAS(LAST_PORT))
		err |= nla_put_be16(msg, LBDR_A_SERVICE_LAST_PORT, htons(c->last));
	return err;
}

static void key_test(struct kunit *test)
{
	struct nlattr *attrs[LBDR_A_SERVICE_VRF + 1] = {}, *attr;
	struct lbdr_net *ln = lbdr_net(&init_net);
	const struct key_case *c = test->param_value;
	struct netlink_ext_ack extack = {};
	struct sk_buff *msg, *again;
	struct lbdr_service *service;
	int left;

	service = kunit_kzalloc(test, sizeof(*service), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, service);
	msg = alloc_skb(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	again = alloc_skb(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg || !again || put_attrs(msg, c)) {
		KUNIT_FAIL(test, "no memory");
		goto out;
	}
	attr = (struct nlattr *)msg->data;
	for (left = msg->len; nla_ok(attr, left); attr = nla_next(attr, &left))
		attrs[nla_type(attr)] = attr;

	/* Unused bytes are 0. */
	memset(&service->key, 0xff, sizeof(service->key));
	KUNIT_EXPECT_EQ(test, lbdr_nl_parse_key(ln, attrs, &service->key, &extack), c->err);
	KUNIT_EXPECT_EQ(test, lbdr_nl_has_key(attrs), !!c->has);
	if (c->err) {
		KUNIT_EXPECT_TRUE(test, extack._msg && strstr(extack._msg, c->sentence));
		goto out;
	}
	KUNIT_EXPECT_NULL(test, extack._msg);
	service->ln = ln;
	KUNIT_EXPECT_EQ(test, lbdr_nl_put_key(again, service), 0);
	KUNIT_EXPECT_EQ(test, again->len, msg->len);
	KUNIT_EXPECT_TRUE(test, again->len == msg->len &&
			  !memcmp(again->data, msg->data, msg->len));
out:
	kfree_skb(msg);
	kfree_skb(again);
}

static struct kunit_case key_test_cases[] = {
	KUNIT_CASE_PARAM(key_test, key_gen_params),
	{}
};

static struct kunit_suite key_suite = {
	.name		= "lbdr_netlink_key",
	.test_cases	= key_test_cases,
};

kunit_test_suites(&key_suite);
