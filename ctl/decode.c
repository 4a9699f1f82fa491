// SPDX-License-Identifier: GPL-2.0
/*
 * Decodes messages of the kernel. Module and tool may have different versions:
 * sizes and presence of attributes are checked, and a message that fails is
 * malformed as a whole. Unknown attributes of newer modules are ignored.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/genetlink.h>

#include "lbctl.h"
#include "types_gen.h"

/* Where a level of attributes goes, and what each must be. */
struct level {
	const struct nlattr **attrs;
	const enum mnl_attr_data_type *types;
	unsigned int max;
};

#define LEVEL(set, attrs) \
	((struct level){ attrs, set##_types, ARRAY_SIZE(set##_types) - 1 })

static const enum mnl_attr_data_type family_types[CTRL_ATTR_FAMILY_ID + 1] = {
	[CTRL_ATTR_FAMILY_ID] = MNL_TYPE_U16,
};

static const enum mnl_attr_data_type
groups_types[CTRL_ATTR_MCAST_GROUPS + 1] = {
	[CTRL_ATTR_MCAST_GROUPS] = MNL_TYPE_NESTED,
};

static const enum mnl_attr_data_type
group_types[CTRL_ATTR_MCAST_GRP_ID + 1] = {
	[CTRL_ATTR_MCAST_GRP_NAME] = MNL_TYPE_NUL_STRING,
	[CTRL_ATTR_MCAST_GRP_ID] = MNL_TYPE_U32,
};

static const enum mnl_attr_data_type extack_types[NLMSGERR_ATTR_MSG + 1] = {
	[NLMSGERR_ATTR_MSG] = MNL_TYPE_NUL_STRING,
};

static int sort_attr(const struct nlattr *attr, void *data)
{
	unsigned int type = mnl_attr_get_type(attr);
	const struct level *level = data;

	if (type > level->max)
		return MNL_CB_OK;
	if (level->types[type] != MNL_TYPE_UNSPEC &&
	    mnl_attr_validate(attr, level->types[type]) < 0)
		return MNL_CB_ERROR;
	level->attrs[type] = attr;
	return MNL_CB_OK;
}

static bool sort_message(const struct nlmsghdr *nlh, struct level level)
{
	if (nlh->nlmsg_len < mnl_nlmsg_size(sizeof(struct genlmsghdr)))
		return false;
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), sort_attr,
			      &level) == MNL_CB_OK;
}

static bool sort_nest(const struct nlattr *nest, struct level level)
{
	return nest && mnl_attr_parse_nested(nest, sort_attr, &level) == MNL_CB_OK;
}

/*
 * An attribute whose value becomes a member of the object, of the C type of the
 * attribute's. A member whose attribute is absent is left as it is.
 */
struct field {
	__u16 attr;
	bool required;
	size_t offset;
};

static bool read_field(const struct level *level, const struct field *field, void *object)
{
	const struct nlattr *attr = level->attrs[field->attr];
	void *member = (char *)object + field->offset;

	if (!attr)
		return !field->required;
	switch (level->types[field->attr]) {
	case MNL_TYPE_FLAG:
		*(bool *)member = true;
		return true;
	case MNL_TYPE_U8:
		*(__u8 *)member = mnl_attr_get_u8(attr);
		return true;
	case MNL_TYPE_U32:
		*(__u32 *)member = mnl_attr_get_u32(attr);
		return true;
	case MNL_TYPE_U64:
		*(__u64 *)member = mnl_attr_get_u64(attr);
		return true;
	case MNL_TYPE_NUL_STRING:
		*(const char **)member = mnl_attr_get_str(attr);
		return true;
	default:
		return false;
	}
}

static bool read_fields(struct level level, const struct field *fields, size_t count,
			void *object)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (!read_field(&level, &fields[i], object))
			return false;
	}
	return true;
}

#define READ(set, attrs, table, object) \
	read_fields(LEVEL(set, attrs), table##_fields, ARRAY_SIZE(table##_fields), object)

static bool read_endpoint(int family, const struct nlattr *address,
			  const struct nlattr *port, struct endpoint *at)
{
	size_t size = family == AF_INET ? 4 : 16;

	if (!address || !port || mnl_attr_get_payload_len(address) != size)
		return false;
	at->family = family;
	memcpy(at->address, mnl_attr_get_payload(address), size);
	at->port = ntohs(mnl_attr_get_u16(port));
	return true;
}

/* A server's, of any family: the length tells it. */
static bool read_server_at(const struct nlattr *address, const struct nlattr *port,
			   struct endpoint *at)
{
	int family = address && mnl_attr_get_payload_len(address) == 4 ? AF_INET :
									 AF_INET6;

	return read_endpoint(family, address, port, at);
}

static bool read_family(const struct nlattr *attr, int *family)
{
	if (!attr)
		return false;
	*family = mnl_attr_get_u8(attr);
	return *family == AF_INET || *family == AF_INET6;
}

static bool read_protocol(const struct nlattr *attr, __u8 *protocol)
{
	if (!attr)
		return false;
	*protocol = mnl_attr_get_u8(attr);
	return protocol_of(*protocol)->number;
}

/* A name; empty where the attribute is not there. */
static bool read_name(const struct nlattr *attr, char *text, size_t size)
{
	const char *name = attr ? mnl_attr_get_str(attr) : "";

	if (strlen(name) >= size)
		return false;
	strcpy(text, name);
	return true;
}

static bool read_key(const struct nlattr **attrs, struct service_key *key)
{
	const struct nlattr *mark = attrs[LBDR_A_SERVICE_FWMARK];
	const struct nlattr *last = attrs[LBDR_A_SERVICE_LAST_PORT];

	if (!read_family(attrs[LBDR_A_SERVICE_FAMILY], &key->at.family) ||
	    !read_name(attrs[LBDR_A_SERVICE_VRF], key->vrf, IFNAMSIZ))
		return false;
	if (mark) {
		key->fwmark = mnl_attr_get_u32(mark);
		return key->fwmark;
	}
	if (!read_protocol(attrs[LBDR_A_SERVICE_PROTOCOL], &key->protocol) ||
	    !read_endpoint(key->at.family, attrs[LBDR_A_SERVICE_ADDRESS],
			   attrs[LBDR_A_SERVICE_PORT], &key->at))
		return false;
	key->at.last_port = last ? ntohs(mnl_attr_get_u16(last)) : 0;
	return true;
}

static bool read_nested_key(const struct nlattr *nest, struct service_key *key)
{
	const struct nlattr *attrs[LBDR_A_SERVICE_MAX + 1] = { NULL };

	return sort_nest(nest, LEVEL(service, attrs)) && read_key(attrs, key);
}

static bool read_timeouts(const struct nlattr *nest, struct timeouts *timeouts)
{
	const struct nlattr *attrs[LBDR_A_TIMEOUT_MAX + 1] = { NULL };
	size_t i;

	memset(timeouts, 0, sizeof(*timeouts));
	if (!sort_nest(nest, LEVEL(timeout, attrs)))
		return false;
	for (i = 1; i <= LBDR_A_TIMEOUT_MAX; i++) {
		timeouts->given[i] = attrs[i];
		if (attrs[i])
			timeouts->seconds[i] = mnl_attr_get_u32(attrs[i]);
	}
	return true;
}

static bool read_stats(const struct nlattr *nest, struct counters *stats)
{
	static const struct field stats_fields[] = {
		{ LBDR_A_STATS_CONNS, true, offsetof(struct counters, conns) },
		{ LBDR_A_STATS_IN_PACKETS, true, offsetof(struct counters, in_packets) },
		{ LBDR_A_STATS_IN_BYTES, true, offsetof(struct counters, in_bytes) },
	};
	const struct nlattr *attrs[LBDR_A_STATS_MAX + 1] = { NULL };

	return sort_nest(nest, LEVEL(stats, attrs)) && READ(stats, attrs, stats, stats);
}

static bool read_drop(const struct nlattr *nest, struct drop *drop)
{
	static const struct field drop_fields[] = {
		{ LBDR_A_DROP_REASON, true, offsetof(struct drop, reason) },
		{ LBDR_A_DROP_PACKETS, true, offsetof(struct drop, packets) },
	};
	const struct nlattr *attrs[LBDR_A_DROP_MAX + 1] = { NULL };

	return sort_nest(nest, LEVEL(drop, attrs)) && READ(drop, attrs, drop, drop);
}

/* Reasons of a later module that do not fit are left out. */
static bool read_service_drops(const struct nlmsghdr *nlh,
			       struct service *service)
{
	struct service_drop *to = service->drops;
	const struct nlattr *attr;
	struct drop drop;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != LBDR_A_SERVICE_DROP)
			continue;
		if (!read_drop(attr, &drop))
			return false;
		if (to == service->drops + SERVICE_DROPS_MAX ||
		    strlen(drop.reason) >= sizeof(to->reason))
			continue;
		strcpy(to->reason, drop.reason);
		to++->packets = drop.packets;
	}
	service->nr_drops = to - service->drops;
	return true;
}

bool decode_service(const struct nlmsghdr *nlh, struct service *service)
{
	static const struct field service_fields[] = {
		{ LBDR_A_SERVICE_SCHED_FLAGS, true, offsetof(struct service, sched_flags) },
		{ LBDR_A_SERVICE_SCHED_SIZE, false, offsetof(struct service, mh_size) },
		{ LBDR_A_SERVICE_REFUSE, true, offsetof(struct service, refuse) },
		{ LBDR_A_SERVICE_STRAY, true, offsetof(struct service, stray) },
		{ LBDR_A_SERVICE_FLAGS, true, offsetof(struct service, flags) },
		{ LBDR_A_SERVICE_PERSIST, true, offsetof(struct service, persist) },
		{ LBDR_A_SERVICE_PERSIST_PREFIX, true, offsetof(struct service, prefix) },
		{ LBDR_A_SERVICE_SERVERS, true, offsetof(struct service, servers) },
		{ LBDR_A_SERVICE_HOLD, false, offsetof(struct service, hold) },
		{ LBDR_A_SERVICE_TABLE_DIGEST, false, offsetof(struct service, digest) },
	};
	const struct nlattr *attrs[LBDR_A_SERVICE_MAX + 1] = { NULL };

	memset(service, 0, sizeof(*service));
	return sort_message(nlh, LEVEL(service, attrs)) &&
	       read_key(attrs, &service->key) &&
	       attrs[LBDR_A_SERVICE_SCHEDULER] &&
	       read_name(attrs[LBDR_A_SERVICE_SCHEDULER], service->scheduler,
			 sizeof(service->scheduler)) &&
	       READ(service, attrs, service, service) &&
	       read_timeouts(attrs[LBDR_A_SERVICE_TIMEOUT], &service->timeouts) &&
	       read_stats(attrs[LBDR_A_SERVICE_STATS], &service->stats) &&
	       read_service_drops(nlh, service);
}

static bool read_server(const struct nlattr **attrs, struct server *server)
{
	static const struct field server_fields[] = {
		{ LBDR_A_SERVER_WEIGHT, true, offsetof(struct server, weight) },
		{ LBDR_A_SERVER_UPPER, true, offsetof(struct server, upper) },
		{ LBDR_A_SERVER_LOWER, true, offsetof(struct server, lower) },
		{ LBDR_A_SERVER_FORWARD, true, offsetof(struct server, forward) },
		{ LBDR_A_SERVER_TUNNEL, false, offsetof(struct server, tunnel.type) },
		{ LBDR_A_SERVER_TUNNEL_FLAGS, false, offsetof(struct server, tunnel.flags) },
		{ LBDR_A_SERVER_TUNNEL_TTL, false, offsetof(struct server, tunnel.ttl) },
		{ LBDR_A_SERVER_TUNNEL_DF, false, offsetof(struct server, tunnel.df) },
		{ LBDR_A_SERVER_ACTIVE, true, offsetof(struct server, active) },
		{ LBDR_A_SERVER_INACTIVE, true, offsetof(struct server, inactive) },
		{ LBDR_A_SERVER_PERSISTENT, true, offsetof(struct server, persistent) },
		{ LBDR_A_SERVER_OVERLOADED, false, offsetof(struct server, overloaded) },
		{ LBDR_A_SERVER_UNREACHABLE, false, offsetof(struct server, unreachable) },
		{ LBDR_A_SERVER_DRAIN, false, offsetof(struct server, draining) },
		{ LBDR_A_SERVER_HOLD, false, offsetof(struct server, hold) },
		{ LBDR_A_SERVER_IFINDEX, false, offsetof(struct server, ifindex) },
	};

	if (!read_nested_key(attrs[LBDR_A_SERVER_SERVICE], &server->service) ||
	    !read_server_at(attrs[LBDR_A_SERVER_ADDRESS],
			    attrs[LBDR_A_SERVER_PORT], &server->at) ||
	    !READ(server, attrs, server, server) || !tunnel_decode(attrs, server))
		return false;
	/* Of a range only the first port is reported. */
	server->at.last_port = server->service.at.last_port;
	return read_stats(attrs[LBDR_A_SERVER_STATS], &server->stats);
}

bool decode_server(const struct nlmsghdr *nlh, struct server *server)
{
	const struct nlattr *attrs[LBDR_A_SERVER_MAX + 1] = { NULL };

	memset(server, 0, sizeof(*server));
	return sort_message(nlh, LEVEL(server, attrs)) && read_server(attrs, server);
}

/* Optional. */
static bool read_nested_server(const struct nlattr *nest, struct server *server)
{
	const struct nlattr *attrs[LBDR_A_SERVER_MAX + 1] = { NULL };

	return !nest || (sort_nest(nest, LEVEL(server, attrs)) && read_server(attrs, server));
}

/*
 * A template of a service by firewall mark has the mark, no protocol and no virtual
 * address.
 */
static bool read_virtual(const struct nlattr **attrs, struct service_key *key)
{
	const struct nlattr *protocol = attrs[LBDR_A_CONN_PROTOCOL];
	const struct nlattr *mark = attrs[LBDR_A_CONN_FWMARK];

	if (!read_family(attrs[LBDR_A_CONN_FAMILY], &key->at.family))
		return false;
	if (mark) {
		key->fwmark = mnl_attr_get_u32(mark);
		return key->fwmark && protocol && !mnl_attr_get_u8(protocol);
	}
	return read_protocol(protocol, &key->protocol) &&
	       read_endpoint(key->at.family,
			     attrs[LBDR_A_CONN_VIRTUAL_ADDRESS],
			     attrs[LBDR_A_CONN_VIRTUAL_PORT], &key->at);
}

bool decode_conn(const struct nlmsghdr *nlh, struct conn *conn)
{
	static const struct field conn_fields[] = {
		{ LBDR_A_CONN_STATE, true, offsetof(struct conn, state) },
		{ LBDR_A_CONN_EXPIRES, true, offsetof(struct conn, expires_ms) },
		{ LBDR_A_CONN_IDLE, true, offsetof(struct conn, idle_ms) },
		{ LBDR_A_CONN_FLAGS, false, offsetof(struct conn, flags) },
	};
	const struct nlattr *attrs[LBDR_A_CONN_MAX + 1] = { NULL };
	struct service_key *key = &conn->service;

	memset(conn, 0, sizeof(*conn));
	if (!sort_message(nlh, LEVEL(conn, attrs)) ||
	    !READ(conn, attrs, conn, conn) || !read_virtual(attrs, key) ||
	    !read_endpoint(key->at.family, attrs[LBDR_A_CONN_CLIENT_ADDRESS],
			   attrs[LBDR_A_CONN_CLIENT_PORT], &conn->client) ||
	    !read_server_at(attrs[LBDR_A_CONN_SERVER_ADDRESS],
			    attrs[LBDR_A_CONN_SERVER_PORT], &conn->server) ||
	    !read_name(attrs[LBDR_A_CONN_VRF], conn->vrf, sizeof(conn->vrf)))
		return false;
	conn->has_of = attrs[LBDR_A_CONN_SERVICE];
	return !conn->has_of ||
	       read_nested_key(attrs[LBDR_A_CONN_SERVICE], &conn->of);
}

bool decode_killed(const struct nlmsghdr *nlh, __u32 *killed)
{
	const struct nlattr *attrs[LBDR_A_CONN_MAX + 1] = { NULL };

	if (!sort_message(nlh, LEVEL(conn, attrs)) || !attrs[LBDR_A_CONN_KILLED])
		return false;
	*killed = mnl_attr_get_u32(attrs[LBDR_A_CONN_KILLED]);
	return true;
}

bool decode_count(const struct nlmsghdr *nlh, __u32 *count, bool *resized)
{
	const struct nlattr *attrs[LBDR_A_CONN_MAX + 1] = { NULL };

	if (!sort_message(nlh, LEVEL(conn, attrs)) || !attrs[LBDR_A_CONN_COUNT])
		return false;
	*count = mnl_attr_get_u32(attrs[LBDR_A_CONN_COUNT]);
	*resized = attrs[LBDR_A_CONN_RESIZED];
	return true;
}

/* What comes with a service, and is not there without one. */
static bool read_traced(const struct nlattr **attrs, struct trace *trace)
{
	static const struct field traced_fields[] = {
		{ LBDR_A_TRACE_PERSIST, true, offsetof(struct trace, persist) },
		{ LBDR_A_TRACE_SERVERS, true, offsetof(struct trace, servers) },
		{ LBDR_A_TRACE_OPEN, true, offsetof(struct trace, open) },
		{ LBDR_A_TRACE_QUIESCED, true, offsetof(struct trace, quiesced) },
		{ LBDR_A_TRACE_DRAINING, true, offsetof(struct trace, draining) },
		{ LBDR_A_TRACE_OVERLOADED, true, offsetof(struct trace, overloaded) },
		{ LBDR_A_TRACE_UNREACHABLE, true,
		  offsetof(struct trace, unreachable) },
	};

	return read_nested_key(attrs[LBDR_A_TRACE_SERVICE], &trace->service) &&
	       READ(trace, attrs, traced, trace) &&
	       read_nested_server(attrs[LBDR_A_TRACE_REMEMBERED],
				  &trace->remembered) &&
	       read_nested_server(attrs[LBDR_A_TRACE_FIRST], &trace->first) &&
	       read_nested_server(attrs[LBDR_A_TRACE_SERVER], &trace->server);
}

bool decode_trace(const struct nlmsghdr *nlh, struct trace *trace)
{
	static const struct field trace_fields[] = {
		{ LBDR_A_TRACE_VERDICT, true, offsetof(struct trace, verdict) },
		{ LBDR_A_TRACE_REASON, false, offsetof(struct trace, reason) },
		{ LBDR_A_TRACE_REFUSE, false, offsetof(struct trace, refuse) },
		{ LBDR_A_TRACE_BY, false, offsetof(struct trace, by) },
		{ LBDR_A_TRACE_STATE, false, offsetof(struct trace, state) },
		{ LBDR_A_TRACE_EXPIRES, false, offsetof(struct trace, expires_ms) },
		{ LBDR_A_TRACE_OVER, false, offsetof(struct trace, over) },
		{ LBDR_A_TRACE_REMEMBERED_EXPIRES, false,
		  offsetof(struct trace, remembered_ms) },
		{ LBDR_A_TRACE_SCHEDULER, false, offsetof(struct trace, scheduler) },
		{ LBDR_A_TRACE_RANDOM, false, offsetof(struct trace, random) },
		{ LBDR_A_TRACE_HASHES_PORT, false, offsetof(struct trace, hashes_port) },
		{ LBDR_A_TRACE_KEEP, false, offsetof(struct trace, keep) },
	};
	const struct nlattr *attrs[LBDR_A_TRACE_MAX + 1] = { NULL };

	memset(trace, 0, sizeof(*trace));
	if (!sort_message(nlh, LEVEL(trace, attrs)) ||
	    !READ(trace, attrs, trace, trace))
		return false;
	trace->has_service = attrs[LBDR_A_TRACE_SERVICE];
	trace->has_refuse = attrs[LBDR_A_TRACE_REFUSE];
	trace->has_by = attrs[LBDR_A_TRACE_BY];
	trace->has_keep = attrs[LBDR_A_TRACE_KEEP];
	if (trace->has_service && !read_traced(attrs, trace))
		return false;
	/* A forwarded packet has a server. */
	return trace->verdict != LBDR_TRACE_VERDICT_FORWARD ||
	       trace->server.at.family;
}

/* The transaction that was opened, never 0. */
bool decode_batch(const struct nlmsghdr *nlh, __u32 *id)
{
	const struct nlattr *attrs[LBDR_A_BATCH_MAX + 1] = { NULL };

	if (!sort_message(nlh, LEVEL(batch, attrs)))
		return false;
	*id = attrs[LBDR_A_BATCH_ID] ? mnl_attr_get_u32(attrs[LBDR_A_BATCH_ID]) : 0;
	return *id;
}

bool decode_sched(const struct nlmsghdr *nlh, struct sched *sched)
{
	const struct nlattr *attrs[LBDR_A_SCHED_MAX + 1] = { NULL };

	if (!sort_message(nlh, LEVEL(sched, attrs)) || !attrs[LBDR_A_SCHED_NAME])
		return false;
	sched->name = mnl_attr_get_str(attrs[LBDR_A_SCHED_NAME]);
	return true;
}

/* A namespace has a timeout for every state. */
static bool all_given(const struct timeouts *timeouts)
{
	return !memchr(timeouts->given + 1, false, LBDR_A_TIMEOUT_MAX);
}

static bool read_choices(const struct nlattr **attrs,
			 const struct nlmsghdr *nlh, struct info *info)
{
	const struct nlattr *attr;

	if (!attrs[LBDR_A_INFO_ENTRY] ||
	    !read_timeouts(attrs[LBDR_A_INFO_TIMEOUT], &info->timeouts) ||
	    !all_given(&info->timeouts))
		return false;
	info->entry = mnl_attr_get_u8(attrs[LBDR_A_INFO_ENTRY]);
	/* That of a newer module is unknown. */
	if (info->entry >= ENTRY_XDP)
		info->entry = UINT8_MAX;
	info->n_devices = 0;
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == LBDR_A_INFO_DEVICE &&
		    info->n_devices < INGRESS_MAX)
			info->devices[info->n_devices++] =
				mnl_attr_get_str(attr);
	}
	return true;
}

/* What can be set, without the numbers; the rest of @info is 0. */
bool decode_choices(const struct nlmsghdr *nlh, struct info *info)
{
	const struct nlattr *attrs[LBDR_A_INFO_MAX + 1] = { NULL };

	memset(info, 0, sizeof(*info));
	return sort_message(nlh, LEVEL(info, attrs)) && read_choices(attrs, nlh, info);
}

/* Whose counters were set to 0: one service's, or those of all. */
bool decode_zero(const struct nlmsghdr *nlh, struct service_key *key,
		 bool *one)
{
	const struct nlattr *attrs[LBDR_A_SERVICE_MAX + 1] = { NULL };
	size_t i;

	memset(key, 0, sizeof(*key));
	if (!sort_message(nlh, LEVEL(service, attrs)))
		return false;
	*one = false;
	for (i = LBDR_A_SERVICE_FAMILY; i <= LBDR_A_SERVICE_FWMARK; i++)
		*one |= !!attrs[i];
	*one |= !!attrs[LBDR_A_SERVICE_VRF];
	return !*one || read_key(attrs, key);
}

/* Drop reasons are many of one attribute, each handed on in turn, and so are devices. */
bool decode_info(const struct nlmsghdr *nlh, struct info *info,
		 void (*each)(const struct drop *drop, void *data), void *data)
{
	static const struct field info_fields[] = {
		{ LBDR_A_INFO_VERSION, true, offsetof(struct info, version) },
		{ LBDR_A_INFO_SERVICES, true, offsetof(struct info, services) },
		{ LBDR_A_INFO_CONNS, true, offsetof(struct info, conns) },
		{ LBDR_A_INFO_CONN_MAX, true, offsetof(struct info, conn_max) },
		{ LBDR_A_INFO_SLOW_PACKETS, false, offsetof(struct info, slow_packets) },
	};
	const struct nlattr *attrs[LBDR_A_INFO_MAX + 1] = { NULL };
	const struct nlattr *attr;
	struct drop drop;

	memset(info, 0, sizeof(*info));
	if (!sort_message(nlh, LEVEL(info, attrs)) ||
	    !READ(info, attrs, info, info) || !read_choices(attrs, nlh, info))
		return false;
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != LBDR_A_INFO_DROP)
			continue;
		if (!read_drop(attr, &drop))
			return false;
		if (each)
			each(&drop, data);
	}
	return true;
}

static bool read_peer(const struct nlattr *nest, struct sync_peer *peer)
{
	static const struct field peer_fields[] = {
		{ LBDR_A_SYNC_PEER_STATE, true, offsetof(struct sync_peer, state) },
		{ LBDR_A_SYNC_PEER_DIFFERS, false, offsetof(struct sync_peer, differs) },
		{ LBDR_A_SYNC_PEER_CONNS, false, offsetof(struct sync_peer, conns) },
	};
	const struct nlattr *attrs[LBDR_A_SYNC_PEER_MAX + 1] = { NULL };
	const struct nlattr *stats[LBDR_A_SYNC_PEER_STATS_MAX + 1] = { NULL };
	size_t i;

	if (!sort_nest(nest, LEVEL(sync_peer, attrs)) ||
	    !READ(sync_peer, attrs, peer, peer) ||
	    !sort_nest(attrs[LBDR_A_SYNC_PEER_STATS], LEVEL(sync_peer_stats, stats)))
		return false;
	for (i = 0; i < SYNC_PEER_COUNTERS; i++) {
		if (!stats[LBDR_A_SYNC_PEER_STATS_PAD + 1 + i])
			return false;
		peer->counters[i] =
			mnl_attr_get_u64(stats[LBDR_A_SYNC_PEER_STATS_PAD + 1 + i]);
	}
	return true;
}

/* As many peers as addresses. */
static bool read_peers(const struct nlmsghdr *nlh, struct sync *sync)
{
	const struct nlattr *attr;
	size_t count = 0;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != LBDR_A_SYNC_PEER)
			continue;
		if (count == sync->n_addresses || !read_peer(attr, &sync->peers[count++]))
			return false;
	}
	return count == sync->n_addresses;
}

static bool read_counters(const struct nlattr *nest, __u64 *counters)
{
	const struct nlattr *attrs[LBDR_A_SYNC_STATS_MAX + 1] = { NULL };
	size_t i;

	if (!sort_nest(nest, LEVEL(sync_stats, attrs)))
		return false;
	for (i = 0; i < SYNC_COUNTERS; i++) {
		if (!attrs[LBDR_A_SYNC_STATS_PAD + 1 + i])
			return false;
		counters[i] = mnl_attr_get_u64(attrs[LBDR_A_SYNC_STATS_PAD + 1 + i]);
	}
	return true;
}

bool decode_sync(const struct nlmsghdr *nlh, struct sync *sync)
{
	static const struct field sync_fields[] = {
		{ LBDR_A_SYNC_ROLE, true, offsetof(struct sync, role) },
		{ LBDR_A_SYNC_ID, false, offsetof(struct sync, id) },
		{ LBDR_A_SYNC_TTL, false, offsetof(struct sync, ttl) },
		{ LBDR_A_SYNC_PENDING, true, offsetof(struct sync, pending) },
		{ LBDR_A_SYNC_SYNCED, false, offsetof(struct sync, synced) },
		{ LBDR_A_SYNC_KEY_ID, false, offsetof(struct sync, key_id) },
		{ LBDR_A_SYNC_KEYS, false, offsetof(struct sync, keys) },
	};
	const struct nlattr *attrs[LBDR_A_SYNC_MAX + 1] = { NULL };
	const struct nlattr *attr;

	memset(sync, 0, sizeof(*sync));
	if (!sort_message(nlh, LEVEL(sync, attrs)) || !READ(sync, attrs, sync, sync) ||
	    sync->role > LBDR_SYNC_ROLE_PEERS || !attrs[LBDR_A_SYNC_ENABLED] ||
	    !read_counters(attrs[LBDR_A_SYNC_STATS], sync->counters))
		return false;
	sync->enabled = mnl_attr_get_u8(attrs[LBDR_A_SYNC_ENABLED]);
	if (!sync->enabled)
		return true;
	if (!attrs[LBDR_A_SYNC_MAX_LEN] || !attrs[LBDR_A_SYNC_DEVICE])
		return false;
	sync->length = mnl_attr_get_u16(attrs[LBDR_A_SYNC_MAX_LEN]);
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != LBDR_A_SYNC_ADDRESS ||
		    sync->n_addresses == SYNC_PEERS)
			continue;
		if (!read_server_at(attr, attrs[LBDR_A_SYNC_PORT],
				    &sync->addresses[sync->n_addresses++]))
			return false;
	}
	return sync->n_addresses &&
	       (sync->role != LBDR_SYNC_ROLE_PEERS || read_peers(nlh, sync)) &&
	       read_name(attrs[LBDR_A_SYNC_DEVICE], sync->device, sizeof(sync->device));
}

bool decode_family(const struct nlmsghdr *nlh, __u16 *id)
{
	const struct nlattr *attrs[CTRL_ATTR_FAMILY_ID + 1] = { NULL };

	if (!sort_message(nlh, LEVEL(family, attrs)) || !attrs[CTRL_ATTR_FAMILY_ID])
		return false;
	*id = mnl_attr_get_u16(attrs[CTRL_ATTR_FAMILY_ID]);
	return true;
}

static bool read_group(const struct nlattr *nest, const char *name, __u32 *id)
{
	const struct nlattr *attrs[CTRL_ATTR_MCAST_GRP_ID + 1] = { NULL };

	if (!sort_nest(nest, LEVEL(group, attrs)) || !attrs[CTRL_ATTR_MCAST_GRP_NAME] ||
	    !attrs[CTRL_ATTR_MCAST_GRP_ID] ||
	    strcmp(mnl_attr_get_str(attrs[CTRL_ATTR_MCAST_GRP_NAME]), name))
		return false;
	*id = mnl_attr_get_u32(attrs[CTRL_ATTR_MCAST_GRP_ID]);
	return true;
}

/* The number of a family's group, by its name. */
bool decode_group(const struct nlmsghdr *nlh, const char *name, __u32 *id)
{
	const struct nlattr *attrs[CTRL_ATTR_MCAST_GROUPS + 1] = { NULL };
	const struct nlattr *group;

	if (!sort_message(nlh, LEVEL(groups, attrs)) || !attrs[CTRL_ATTR_MCAST_GROUPS])
		return false;
	mnl_attr_for_each_nested(group, attrs[CTRL_ATTR_MCAST_GROUPS]) {
		if (read_group(group, name, id))
			return true;
	}
	return false;
}

/**
 * decode_next() - is there a whole message, or another one, in a datagram?
 * @nlh: where it would begin
 * @left: bytes from there on, may be below 0
 *
 * mnl_nlmsg_ok() handles a length above INT_MAX as negative, so it fits, and
 * mnl_nlmsg_next() may not advance.
 *
 * Return: true when there is, and all of it.
 */
bool decode_next(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (__u32)left;
}

/*
 * An acknowledgment, or the end of a dump: an error number, then, in the
 * former, the request or its header, then what the kernel has to say.
 */
void decode_verdict(const struct nlmsghdr *nlh, struct nl_answer *answer)
{
	const struct nlattr *attrs[NLMSGERR_ATTR_MSG + 1] = { NULL };
	size_t size = mnl_nlmsg_get_payload_len(nlh);
	const char *payload = mnl_nlmsg_get_payload(nlh);
	const struct nlmsgerr *error = (const void *)payload;
	size_t skip;

	answer->sentence[0] = '\0';
	answer->error = EBADMSG;
	skip = sizeof(int);
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		skip = sizeof(*error);
		if (size < skip)
			return;
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			skip = sizeof(int) + MNL_ALIGN(error->msg.nlmsg_len);
	}
	if (size < skip || skip < sizeof(int))
		return;
	/* The kernel's error numbers are few, and negative. */
	if (error->error > 0 || error->error < -4095)
		return;
	answer->error = -error->error;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (mnl_attr_parse_payload(payload + skip, size - skip, sort_attr,
				   &LEVEL(extack, attrs)) == MNL_CB_OK &&
	    attrs[NLMSGERR_ATTR_MSG])
		snprintf(answer->sentence, sizeof(answer->sentence), "%s",
			 mnl_attr_get_str(attrs[NLMSGERR_ATTR_MSG]));
}
