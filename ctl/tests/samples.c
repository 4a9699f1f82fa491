// SPDX-License-Identifier: GPL-2.0
/*
 * Messages as the kernel sends them, one of each kind, and what decode.c has to read in
 * them.
 */
#include <arpa/inet.h>
#include <string.h>

#include <linux/genetlink.h>

#include "samples.h"

static void put_stats(struct nlmsghdr *nlh, __u16 type)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put_u64(nlh, LBDR_A_STATS_CONNS, 11);
	mnl_attr_put_u64(nlh, LBDR_A_STATS_IN_PACKETS, 12);
	mnl_attr_put_u64(nlh, LBDR_A_STATS_IN_BYTES, 13);
	mnl_attr_nest_end(nlh, nest);
}

static const struct service_key sample_key = {
	.protocol = IPPROTO_TCP,
	.at = {
		.family = AF_INET,
		.address = { 192, 0, 2, 63 },
		.port = 80,
	},
};

static const struct service_key range_key = {
	.protocol = IPPROTO_SCTP,
	.at = {
		.family = AF_INET6,
		.address = { 0x20, 0x01, 0x0d, 0xb8, [15] = 63 },
		.port = 8000,
		.last_port = 8999,
	},
	.vrf = "red",
};

static const struct service_key mark_key = {
	.fwmark = 0x80000001,
	.at = { .family = AF_INET6 },
};

static const struct timeouts sample_timeouts = {
	.seconds = { 0, 1, 7200, 3, 4, 5, 6, 7, 8, 9, 10 },
	.given = {
		false, true, true, true, true, true, true, true, true, true,
		true,
	},
};

static bool same_timeouts(const struct timeouts *timeouts)
{
	return !memcmp(timeouts, &sample_timeouts, sizeof(*timeouts));
}

static void put_drop(struct nlmsghdr *nlh, __u16 type, const char *reason,
		     __u64 packets)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put_strz(nlh, LBDR_A_DROP_REASON, reason);
	mnl_attr_put_u64(nlh, LBDR_A_DROP_PACKETS, packets);
	mnl_attr_nest_end(nlh, nest);
}

static void put_service(struct nlmsghdr *nlh, const struct service_key *key)
{
	nl_put_service(nlh, key);
	mnl_attr_put_strz(nlh, LBDR_A_SERVICE_SCHEDULER, "mh");
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_SCHED_FLAGS,
			 LBDR_SCHED_FLAG_PORT);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_SCHED_SIZE, 1009);
	mnl_attr_put_u8(nlh, LBDR_A_SERVICE_REFUSE, LBDR_REFUSE_DROP);
	mnl_attr_put_u8(nlh, LBDR_A_SERVICE_STRAY, LBDR_STRAY_RESET);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_FLAGS,
			 LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_PERSIST, 600);
	mnl_attr_put_u8(nlh, LBDR_A_SERVICE_PERSIST_PREFIX, 24);
	nl_put_timeouts(nlh, LBDR_A_SERVICE_TIMEOUT, &sample_timeouts);
	put_stats(nlh, LBDR_A_SERVICE_STATS);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_SERVERS, 2);
	put_drop(nlh, LBDR_A_SERVICE_DROP, "no-server", 3);
	put_drop(nlh, LBDR_A_SERVICE_DROP, "evicted", 5);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_HOLD, 8);
	mnl_attr_put_u64(nlh, LBDR_A_SERVICE_TABLE_DIGEST, 21);
}

static bool get_service(const struct nlmsghdr *nlh,
			const struct service_key *key, bool *right)
{
	struct service service;

	if (!decode_service(nlh, &service))
		return false;
	*right = !service_key_compare(&service.key, key) &&
		 !strcmp(service.scheduler, "mh") && service.servers == 2 &&
		 service.hold == 8 && service.digest == 21 &&
		 service.sched_flags == LBDR_SCHED_FLAG_PORT &&
		 service.mh_size == 1009 &&
		 service.refuse == LBDR_REFUSE_DROP &&
		 service.stray == LBDR_STRAY_RESET &&
		 service.flags == LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT &&
		 service.persist == 600 && service.prefix == 24 &&
		 same_timeouts(&service.timeouts) &&
		 service.stats.conns == 11 && service.stats.in_bytes == 13 &&
		 service.nr_drops == 2 &&
		 !strcmp(service.drops[0].reason, "no-server") &&
		 service.drops[0].packets == 3 &&
		 !strcmp(service.drops[1].reason, "evicted") &&
		 service.drops[1].packets == 5;
	return true;
}

static void make_service(struct nlmsghdr *nlh)
{
	put_service(nlh, &sample_key);
}

static bool read_service(const struct nlmsghdr *nlh, bool *right)
{
	return get_service(nlh, &sample_key, right);
}

static void make_range(struct nlmsghdr *nlh)
{
	put_service(nlh, &range_key);
}

static bool read_range(const struct nlmsghdr *nlh, bool *right)
{
	return get_service(nlh, &range_key, right);
}

static void make_marked(struct nlmsghdr *nlh)
{
	put_service(nlh, &mark_key);
}

static bool read_marked(const struct nlmsghdr *nlh, bool *right)
{
	return get_service(nlh, &mark_key, right);
}

static const struct endpoint sample_server = {
	.family = AF_INET6,
	.address = { 0x20, 0x01, 0x0d, 0xb8, [15] = 62 },
	.port = 8000,
	.last_port = 8999,
};

static void make_server(struct nlmsghdr *nlh)
{
	nl_put_service_of(nlh, LBDR_A_SERVER_SERVICE, &range_key);
	nl_put_address(nlh, LBDR_A_SERVER_ADDRESS, &sample_server);
	mnl_attr_put_u16(nlh, LBDR_A_SERVER_PORT, htons(8000));
	mnl_attr_put(nlh, LBDR_A_SERVER_DRAIN, 0, NULL);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_HOLD, 9);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_WEIGHT, 7);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_UPPER, 6);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_LOWER, 5);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_FORWARD, LBDR_FORWARD_DR);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_ACTIVE, 3);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_INACTIVE, 4);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_PERSISTENT, 8);
	mnl_attr_put(nlh, LBDR_A_SERVER_OVERLOADED, 0, NULL);
	mnl_attr_put(nlh, LBDR_A_SERVER_UNREACHABLE, 0, NULL);
	put_stats(nlh, LBDR_A_SERVER_STATS);
}

static bool read_server(const struct nlmsghdr *nlh, bool *right)
{
	struct server server;

	if (!decode_server(nlh, &server))
		return false;
	*right = !service_key_compare(&server.service, &range_key) &&
		 !memcmp(&server.at, &sample_server, sizeof(server.at)) &&
		 server.persistent == 8 && server.draining &&
		 server.hold == 9 &&
		 server.weight == 7 && server.active == 3 &&
		 server.inactive == 4 && server.upper == 6 &&
		 server.lower == 5 && server.overloaded &&
		 server.unreachable && !server.ifindex;
	return true;
}

/* Of another family than its service. */
static void make_tunneled(struct nlmsghdr *nlh)
{
	static const struct endpoint source = {
		.family = AF_INET6, .address = { 0x20, 0x01, 0x0d, 0xb8, 7 },
	};

	nl_put_service_of(nlh, LBDR_A_SERVER_SERVICE, &sample_key);
	nl_put_address(nlh, LBDR_A_SERVER_ADDRESS, &sample_server);
	mnl_attr_put_u16(nlh, LBDR_A_SERVER_PORT, htons(80));
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_WEIGHT, 7);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_UPPER, 0);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_LOWER, 0);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_FORWARD, LBDR_FORWARD_TUNNEL);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_ACTIVE, 3);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_INACTIVE, 4);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_PERSISTENT, 8);
	put_stats(nlh, LBDR_A_SERVER_STATS);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL, LBDR_TUNNEL_GUE);
	mnl_attr_put_u16(nlh, LBDR_A_SERVER_TUNNEL_PORT, htons(6080));
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_TUNNEL_FLAGS,
			 LBDR_TUNNEL_FLAG_CSUM);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL_TTL, 9);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL_DF, LBDR_TUNNEL_DF_CLEAR);
	nl_put_address(nlh, LBDR_A_SERVER_TUNNEL_SOURCE, &source);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX, 48);
}

static bool read_tunneled(const struct nlmsghdr *nlh, bool *right)
{
	const struct tunnel *tunnel;
	struct server server;

	if (!decode_server(nlh, &server))
		return false;
	tunnel = &server.tunnel;
	*right = server.forward == LBDR_FORWARD_TUNNEL &&
		 server.at.family == AF_INET6 && server.at.port == 80 &&
		 tunnel->type == LBDR_TUNNEL_GUE && tunnel->port == 6080 &&
		 tunnel->flags == LBDR_TUNNEL_FLAG_CSUM && tunnel->ttl == 9 &&
		 tunnel->df == LBDR_TUNNEL_DF_CLEAR &&
		 tunnel->source.family == AF_INET6 &&
		 tunnel->source.address[4] == 7 && tunnel->source_prefix == 48;
	return true;
}

static void make_conn(struct nlmsghdr *nlh)
{
	mnl_attr_put_u8(nlh, LBDR_A_CONN_FAMILY, AF_INET);
	mnl_attr_put_u8(nlh, LBDR_A_CONN_PROTOCOL, IPPROTO_TCP);
	mnl_attr_put(nlh, LBDR_A_CONN_CLIENT_ADDRESS, 4, "\xc0\x00\x02\x65");
	mnl_attr_put_u16(nlh, LBDR_A_CONN_CLIENT_PORT, htons(40000));
	mnl_attr_put(nlh, LBDR_A_CONN_VIRTUAL_ADDRESS, 4, "\xc0\x00\x02\x3f");
	mnl_attr_put_u16(nlh, LBDR_A_CONN_VIRTUAL_PORT, htons(80));
	mnl_attr_put(nlh, LBDR_A_CONN_SERVER_ADDRESS, 4, "\xc0\x00\x02\x3e");
	mnl_attr_put_u16(nlh, LBDR_A_CONN_SERVER_PORT, htons(80));
	mnl_attr_put_u8(nlh, LBDR_A_CONN_STATE, LBDR_CONN_STATE_SYN_RECV);
	mnl_attr_put_u32(nlh, LBDR_A_CONN_EXPIRES, 59999);
	mnl_attr_put_u32(nlh, LBDR_A_CONN_IDLE, 1250);
}

static bool read_conn(const struct nlmsghdr *nlh, bool *right)
{
	struct conn conn;

	if (!decode_conn(nlh, &conn))
		return false;
	*right = !service_key_compare(&conn.service, &sample_key) &&
		 conn.idle_ms == 1250 && !conn.has_of && !*conn.vrf &&
		 conn.client.port == 40000 && conn.server.address[3] == 62 &&
		 conn.expires_ms == 59999 &&
		 conn.state == LBDR_CONN_STATE_SYN_RECV;
	return true;
}

/* What persistence remembers for a mark. */
static void make_template(struct nlmsghdr *nlh)
{
	mnl_attr_put_u8(nlh, LBDR_A_CONN_FAMILY, AF_INET);
	mnl_attr_put_u8(nlh, LBDR_A_CONN_PROTOCOL, 0);
	mnl_attr_put(nlh, LBDR_A_CONN_CLIENT_ADDRESS, 4, "\xc0\x00\x02\x00");
	mnl_attr_put_u16(nlh, LBDR_A_CONN_CLIENT_PORT, 0);
	mnl_attr_put_u32(nlh, LBDR_A_CONN_FWMARK, mark_key.fwmark);
	mnl_attr_put(nlh, LBDR_A_CONN_SERVER_ADDRESS, 4, "\xc0\x00\x02\x3e");
	mnl_attr_put_u16(nlh, LBDR_A_CONN_SERVER_PORT, 0);
	mnl_attr_put_u8(nlh, LBDR_A_CONN_STATE, LBDR_CONN_STATE_TEMPLATE);
	mnl_attr_put_u32(nlh, LBDR_A_CONN_EXPIRES, 299999);
	mnl_attr_put_u32(nlh, LBDR_A_CONN_IDLE, 1);
}

static bool read_template(const struct nlmsghdr *nlh, bool *right)
{
	struct conn conn;

	if (!decode_conn(nlh, &conn))
		return false;
	*right = conn.service.fwmark == mark_key.fwmark &&
		 !conn.service.protocol && conn.client.address[2] == 2 &&
		 conn.state == LBDR_CONN_STATE_TEMPLATE;
	return true;
}

/* Of a service that has a range of ports, as it was asked for. */
static void make_conn_of(struct nlmsghdr *nlh)
{
	make_conn(nlh);
	mnl_attr_put_strz(nlh, LBDR_A_CONN_VRF, "blue");
	nl_put_service_of(nlh, LBDR_A_CONN_SERVICE, &range_key);
}

static bool read_conn_of(const struct nlmsghdr *nlh, bool *right)
{
	struct conn conn;

	if (!decode_conn(nlh, &conn))
		return false;
	*right = conn.has_of && !service_key_compare(&conn.of, &range_key) &&
		 !strcmp(conn.vrf, "blue") && conn.client.port == 40000;
	return true;
}

static void make_count(struct nlmsghdr *nlh)
{
	mnl_attr_put_u32(nlh, LBDR_A_CONN_COUNT, 1000000);
	mnl_attr_put(nlh, LBDR_A_CONN_RESIZED, 0, NULL);
}

static bool read_count(const struct nlmsghdr *nlh, bool *right)
{
	bool resized;
	__u32 count;

	if (!decode_count(nlh, &count, &resized))
		return false;
	*right = count == 1000000 && resized;
	return true;
}

static void make_killed(struct nlmsghdr *nlh)
{
	mnl_attr_put_u32(nlh, LBDR_A_CONN_KILLED, 9);
}

static bool read_killed(const struct nlmsghdr *nlh, bool *right)
{
	__u32 killed;

	if (!decode_killed(nlh, &killed))
		return false;
	*right = killed == 9;
	return true;
}

static void put_traced(struct nlmsghdr *nlh, __u16 type)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	make_server(nlh);
	mnl_attr_nest_end(nlh, nest);
}

/* All that can be said of a packet, which is more than is said of any. */
static void make_trace(struct nlmsghdr *nlh)
{
	mnl_attr_put_u8(nlh, LBDR_A_TRACE_VERDICT, LBDR_TRACE_VERDICT_FORWARD);
	mnl_attr_put_strz(nlh, LBDR_A_TRACE_REASON, "stray");
	mnl_attr_put_u8(nlh, LBDR_A_TRACE_REFUSE, LBDR_REFUSE_RESET);
	nl_put_service_of(nlh, LBDR_A_TRACE_SERVICE, &range_key);
	mnl_attr_put_u32(nlh, LBDR_A_TRACE_PERSIST, 21);
	mnl_attr_put_u8(nlh, LBDR_A_TRACE_BY, LBDR_TRACE_BY_SCHEDULER);
	mnl_attr_put_u8(nlh, LBDR_A_TRACE_STATE, LBDR_CONN_STATE_CLOSE);
	mnl_attr_put_u32(nlh, LBDR_A_TRACE_EXPIRES, 22);
	mnl_attr_put(nlh, LBDR_A_TRACE_OVER, 0, NULL);
	put_traced(nlh, LBDR_A_TRACE_REMEMBERED);
	mnl_attr_put_u32(nlh, LBDR_A_TRACE_REMEMBERED_EXPIRES, 23);
	mnl_attr_put_strz(nlh, LBDR_A_TRACE_SCHEDULER, "mh");
	mnl_attr_put(nlh, LBDR_A_TRACE_RANDOM, 0, NULL);
	mnl_attr_put(nlh, LBDR_A_TRACE_HASHES_PORT, 0, NULL);
	put_traced(nlh, LBDR_A_TRACE_FIRST);
	put_traced(nlh, LBDR_A_TRACE_SERVER);
	mnl_attr_put_u8(nlh, LBDR_A_TRACE_KEEP, LBDR_TRACE_KEEP_STATELESS);
	mnl_attr_put_u32(nlh, LBDR_A_TRACE_SERVERS, 10);
	mnl_attr_put_u32(nlh, LBDR_A_TRACE_OPEN, 4);
	mnl_attr_put_u32(nlh, LBDR_A_TRACE_QUIESCED, 3);
	mnl_attr_put_u32(nlh, LBDR_A_TRACE_DRAINING, 2);
	mnl_attr_put_u32(nlh, LBDR_A_TRACE_OVERLOADED, 1);
	mnl_attr_put_u32(nlh, LBDR_A_TRACE_UNREACHABLE, 5);
}

static bool is_text(const char *text, const char *is)
{
	return text && !strcmp(text, is);
}

static bool is_traced(const struct server *server)
{
	return server->weight == 7 &&
	       !memcmp(&server->at, &sample_server, sizeof(server->at));
}

static bool read_trace(const struct nlmsghdr *nlh, bool *right)
{
	struct trace trace;

	if (!decode_trace(nlh, &trace))
		return false;
	*right = trace.verdict == LBDR_TRACE_VERDICT_FORWARD &&
		 is_text(trace.reason, "stray") &&
		 trace.has_refuse &&
		 trace.refuse == LBDR_REFUSE_RESET && trace.has_service &&
		 !service_key_compare(&trace.service, &range_key) &&
		 trace.persist == 21 && trace.has_by &&
		 trace.by == LBDR_TRACE_BY_SCHEDULER &&
		 trace.state == LBDR_CONN_STATE_CLOSE &&
		 trace.expires_ms == 22 && trace.over &&
		 is_traced(&trace.remembered) && trace.remembered_ms == 23 &&
		 is_text(trace.scheduler, "mh") &&
		 trace.random &&
		 trace.hashes_port && is_traced(&trace.first) &&
		 is_traced(&trace.server) && trace.has_keep &&
		 trace.keep == LBDR_TRACE_KEEP_STATELESS &&
		 trace.servers == 10 && trace.open == 4 &&
		 trace.quiesced == 3 && trace.draining == 2 &&
		 trace.overloaded == 1 && trace.unreachable == 5;
	return true;
}

static void make_sched(struct nlmsghdr *nlh)
{
	mnl_attr_put_strz(nlh, LBDR_A_SCHED_NAME, "rr");
}

static bool read_sched(const struct nlmsghdr *nlh, bool *right)
{
	struct sched sched;

	if (!decode_sched(nlh, &sched))
		return false;
	/* To the end: a string without one would be run over here. */
	*right = !strcmp(sched.name, "rr");
	return true;
}

static void make_info(struct nlmsghdr *nlh)
{
	int i;

	mnl_attr_put_strz(nlh, LBDR_A_INFO_VERSION, "0.1");
	mnl_attr_put_u32(nlh, LBDR_A_INFO_SERVICES, 1);
	mnl_attr_put_u32(nlh, LBDR_A_INFO_CONNS, 2);
	mnl_attr_put_u32(nlh, LBDR_A_INFO_CONN_MAX, 3);
	mnl_attr_put_u64(nlh, LBDR_A_INFO_SLOW_PACKETS, 1ULL << 32);
	nl_put_timeouts(nlh, LBDR_A_INFO_TIMEOUT, &sample_timeouts);
	mnl_attr_put_u8(nlh, LBDR_A_INFO_ENTRY, LBDR_ENTRY_INGRESS);
	mnl_attr_put_strz(nlh, LBDR_A_INFO_DEVICE, "eth0");
	mnl_attr_put_strz(nlh, LBDR_A_INFO_DEVICE, "eth1");
	for (i = 0; i < 3; i++)
		put_drop(nlh, LBDR_A_INFO_DROP, "reason", 5 + i);
}

static void sum_drop(const struct drop *drop, void *data)
{
	__u64 *sum = data;

	*sum += drop->packets + strlen(drop->reason);
}

static bool read_info(const struct nlmsghdr *nlh, bool *right)
{
	struct info info;
	__u64 sum = 0;

	if (!decode_info(nlh, &info, sum_drop, &sum))
		return false;
	*right = !strcmp(info.version, "0.1") && info.conn_max == 3 &&
		 info.slow_packets == 1ULL << 32 &&
		 info.entry == LBDR_ENTRY_INGRESS && info.n_devices == 2 &&
		 !strcmp(info.devices[1], "eth1") &&
		 same_timeouts(&info.timeouts) &&
		 sum == 5 + 6 + 7 + 3 * 6;
	return true;
}

static bool read_choices(const struct nlmsghdr *nlh, bool *right)
{
	struct info info;

	if (!decode_choices(nlh, &info))
		return false;
	*right = info.entry == LBDR_ENTRY_INGRESS && info.n_devices == 2 &&
		 !strcmp(info.devices[1], "eth1") &&
		 same_timeouts(&info.timeouts);
	return true;
}

static void make_choices(struct nlmsghdr *nlh)
{
	nl_put_timeouts(nlh, LBDR_A_INFO_TIMEOUT, &sample_timeouts);
	mnl_attr_put_u8(nlh, LBDR_A_INFO_ENTRY, LBDR_ENTRY_INGRESS);
	mnl_attr_put_strz(nlh, LBDR_A_INFO_DEVICE, "eth0");
	mnl_attr_put_strz(nlh, LBDR_A_INFO_DEVICE, "eth1");
}

static void make_zero(struct nlmsghdr *nlh)
{
	nl_put_service(nlh, &sample_key);
}

static bool read_zero(const struct nlmsghdr *nlh, bool *right)
{
	struct service_key key;
	bool one;

	if (!decode_zero(nlh, &key, &one))
		return false;
	*right = one && !service_key_compare(&key, &sample_key);
	return true;
}

static void make_batch(struct nlmsghdr *nlh)
{
	mnl_attr_put_u32(nlh, LBDR_A_BATCH_ID, 77);
}

static bool read_batch(const struct nlmsghdr *nlh, bool *right)
{
	__u32 id;

	if (!decode_batch(nlh, &id))
		return false;
	*right = id == 77;
	return true;
}

static void put_group(struct nlmsghdr *nlh, __u16 index, const char *name,
		      __u32 id)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, index);

	mnl_attr_put_strz(nlh, CTRL_ATTR_MCAST_GRP_NAME, name);
	mnl_attr_put_u32(nlh, CTRL_ATTR_MCAST_GRP_ID, id);
	mnl_attr_nest_end(nlh, nest);
}

static void make_group(struct nlmsghdr *nlh)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, CTRL_ATTR_MCAST_GROUPS);

	put_group(nlh, 1, "other", 7);
	put_group(nlh, 2, LBDR_MCGRP_CONFIG, 8);
	mnl_attr_nest_end(nlh, nest);
}

static bool read_group(const struct nlmsghdr *nlh, bool *right)
{
	__u32 id;

	if (!decode_group(nlh, LBDR_MCGRP_CONFIG, &id))
		return false;
	*right = id == 8;
	return true;
}

static void make_nothing(struct nlmsghdr *nlh)
{
	(void)nlh;
}

static bool read_nothing(const struct nlmsghdr *nlh, bool *right)
{
	struct service_key key;
	bool one;

	if (!decode_zero(nlh, &key, &one))
		return false;
	*right = !one;
	return true;
}

const struct kind kinds[] = {
	{ "service", make_service, read_service,
	  { LBDR_A_SERVICE_SCHED_SIZE, LBDR_A_SERVICE_DROP,
	    LBDR_A_SERVICE_HOLD, LBDR_A_SERVICE_TABLE_DIGEST } },
	{ "service with a range of ports", make_range, read_range,
	  { LBDR_A_SERVICE_SCHED_SIZE, LBDR_A_SERVICE_LAST_PORT,
	    LBDR_A_SERVICE_VRF, LBDR_A_SERVICE_DROP,
	    LBDR_A_SERVICE_HOLD, LBDR_A_SERVICE_TABLE_DIGEST } },
	{ "service by mark", make_marked, read_marked,
	  { LBDR_A_SERVICE_SCHED_SIZE, LBDR_A_SERVICE_DROP,
	    LBDR_A_SERVICE_HOLD, LBDR_A_SERVICE_TABLE_DIGEST } },
	{ "server", make_server, read_server,
	  { LBDR_A_SERVER_OVERLOADED, LBDR_A_SERVER_UNREACHABLE, LBDR_A_SERVER_DRAIN,
	    LBDR_A_SERVER_HOLD } },
	{ "server with a tunnel", make_tunneled, read_tunneled,
	  { LBDR_A_SERVER_TUNNEL_PORT, LBDR_A_SERVER_TUNNEL_FLAGS,
	    LBDR_A_SERVER_TUNNEL_TTL, LBDR_A_SERVER_TUNNEL_DF,
	    LBDR_A_SERVER_TUNNEL_SOURCE,
	    LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX } },
	{ "connection", make_conn, read_conn, { 0 } },
	{ "template by mark", make_template, read_template, { 0 } },
	{ "connection with its service", make_conn_of, read_conn_of,
	  { LBDR_A_CONN_SERVICE, LBDR_A_CONN_VRF } },
	{ "count of connections", make_count, read_count,
	  { LBDR_A_CONN_RESIZED } },
	{ "traced packet", make_trace, read_trace,
	  { LBDR_A_TRACE_REASON, LBDR_A_TRACE_REFUSE,
	    LBDR_A_TRACE_BY, LBDR_A_TRACE_STATE, LBDR_A_TRACE_EXPIRES,
	    LBDR_A_TRACE_OVER, LBDR_A_TRACE_REMEMBERED,
	    LBDR_A_TRACE_REMEMBERED_EXPIRES, LBDR_A_TRACE_SCHEDULER,
	    LBDR_A_TRACE_RANDOM, LBDR_A_TRACE_HASHES_PORT,
	    LBDR_A_TRACE_FIRST, LBDR_A_TRACE_KEEP } },
	{ "count of ended connections", make_killed, read_killed, { 0 } },
	{ "scheduler", make_sched, read_sched, { 0 } },
	{ "info", make_info, read_info,
	  { LBDR_A_INFO_DROP, LBDR_A_INFO_DEVICE, LBDR_A_INFO_SLOW_PACKETS } },
	{ "change of the director", make_choices, read_choices,
	  { LBDR_A_INFO_DEVICE } },
	{ "service whose counters are 0", make_zero, read_zero, { 0 } },
	{ "transaction", make_batch, read_batch, { 0 } },
	{ "message without attributes", make_nothing, read_nothing, { 0 } },
	{ "family with groups", make_group, read_group, { 0 } },
};

const size_t nr_kinds = ARRAY_SIZE(kinds);

/**
 * sample_make() - write a message of a kind
 * @kind: the kind
 * @buffer: of MESSAGE_ROOM bytes, zeroed
 *
 * Return: the length of the message.
 */
size_t sample_make(const struct kind *kind, void *buffer)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	nlh->nlmsg_type = NLMSG_MIN_TYPE;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct genlmsghdr));
	kind->make(nlh);
	return nlh->nlmsg_len;
}

const struct nlmsghdr *message_make(const char *name, __u8 command,
				    __u64 *buffer)
{
	struct genlmsghdr *genl;
	size_t i;

	memset(buffer, 0, MESSAGE_ROOM);
	for (i = 0; strcmp(kinds[i].name, name); i++)
		;
	sample_make(&kinds[i], buffer);
	genl = mnl_nlmsg_get_payload((void *)buffer);
	genl->cmd = command;
	return (void *)buffer;
}
