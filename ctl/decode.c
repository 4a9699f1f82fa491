// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the kernel's messages into structures. Module and tool may be of
 * different versions, so nothing is believed: each attribute is checked for
 * its size, each that is needed for being there, and a message that does not
 * pass is called senseless as a whole. Unknown attributes are skipped: a newer
 * module may say more.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/genetlink.h>

#include "lbctl.h"

/* Where a level of attributes goes, and what each must be. */
struct level {
	const struct nlattr **attrs;
	const enum mnl_attr_data_type *types;
	unsigned int max;
};

static const enum mnl_attr_data_type stats_types[LBDR_A_STATS_MAX + 1] = {
	[LBDR_A_STATS_CONNS] = MNL_TYPE_U64,
	[LBDR_A_STATS_IN_PACKETS] = MNL_TYPE_U64,
	[LBDR_A_STATS_IN_BYTES] = MNL_TYPE_U64,
};

static const enum mnl_attr_data_type timeout_types[LBDR_A_TIMEOUT_MAX + 1] = {
	[LBDR_A_TIMEOUT_SYN_RECV] = MNL_TYPE_U32,
	[LBDR_A_TIMEOUT_ESTABLISHED] = MNL_TYPE_U32,
	[LBDR_A_TIMEOUT_FIN_WAIT] = MNL_TYPE_U32,
	[LBDR_A_TIMEOUT_TIME_WAIT] = MNL_TYPE_U32,
	[LBDR_A_TIMEOUT_CLOSE] = MNL_TYPE_U32,
	[LBDR_A_TIMEOUT_UDP] = MNL_TYPE_U32,
	[LBDR_A_TIMEOUT_SCTP_INIT] = MNL_TYPE_U32,
	[LBDR_A_TIMEOUT_SCTP_ESTABLISHED] = MNL_TYPE_U32,
	[LBDR_A_TIMEOUT_SCTP_SHUTDOWN] = MNL_TYPE_U32,
	[LBDR_A_TIMEOUT_SCTP_CLOSED] = MNL_TYPE_U32,
};

static const enum mnl_attr_data_type service_types[LBDR_A_SERVICE_MAX + 1] = {
	[LBDR_A_SERVICE_FAMILY] = MNL_TYPE_U8,
	[LBDR_A_SERVICE_PROTOCOL] = MNL_TYPE_U8,
	[LBDR_A_SERVICE_ADDRESS] = MNL_TYPE_BINARY,
	[LBDR_A_SERVICE_PORT] = MNL_TYPE_U16,
	[LBDR_A_SERVICE_LAST_PORT] = MNL_TYPE_U16,
	[LBDR_A_SERVICE_FWMARK] = MNL_TYPE_U32,
	[LBDR_A_SERVICE_SCHEDULER] = MNL_TYPE_NUL_STRING,
	[LBDR_A_SERVICE_SCHED_FLAGS] = MNL_TYPE_U32,
	[LBDR_A_SERVICE_SCHED_SIZE] = MNL_TYPE_U32,
	[LBDR_A_SERVICE_REFUSE] = MNL_TYPE_U8,
	[LBDR_A_SERVICE_STRAY] = MNL_TYPE_U8,
	[LBDR_A_SERVICE_FLAGS] = MNL_TYPE_U32,
	[LBDR_A_SERVICE_PERSIST] = MNL_TYPE_U32,
	[LBDR_A_SERVICE_PERSIST_PREFIX] = MNL_TYPE_U8,
	[LBDR_A_SERVICE_TIMEOUT] = MNL_TYPE_NESTED,
	[LBDR_A_SERVICE_STATS] = MNL_TYPE_NESTED,
	[LBDR_A_SERVICE_SERVERS] = MNL_TYPE_U32,
	[LBDR_A_SERVICE_VRF] = MNL_TYPE_NUL_STRING,
	[LBDR_A_SERVICE_HOLD] = MNL_TYPE_U32,
};

static const enum mnl_attr_data_type server_types[LBDR_A_SERVER_MAX + 1] = {
	[LBDR_A_SERVER_SERVICE] = MNL_TYPE_NESTED,
	[LBDR_A_SERVER_ADDRESS] = MNL_TYPE_BINARY,
	[LBDR_A_SERVER_PORT] = MNL_TYPE_U16,
	[LBDR_A_SERVER_DRAIN] = MNL_TYPE_FLAG,
	[LBDR_A_SERVER_FORWARD] = MNL_TYPE_U8,
	[LBDR_A_SERVER_ACTIVE] = MNL_TYPE_U32,
	[LBDR_A_SERVER_INACTIVE] = MNL_TYPE_U32,
	[LBDR_A_SERVER_PERSISTENT] = MNL_TYPE_U32,
	[LBDR_A_SERVER_OVERLOADED] = MNL_TYPE_FLAG,
	[LBDR_A_SERVER_STATS] = MNL_TYPE_NESTED,
	[LBDR_A_SERVER_IFINDEX] = MNL_TYPE_U32,
	[LBDR_A_SERVER_HOLD] = MNL_TYPE_U32,
};

static const enum mnl_attr_data_type conn_types[LBDR_A_CONN_MAX + 1] = {
	[LBDR_A_CONN_FAMILY] = MNL_TYPE_U8,
	[LBDR_A_CONN_PROTOCOL] = MNL_TYPE_U8,
	[LBDR_A_CONN_CLIENT_ADDRESS] = MNL_TYPE_BINARY,
	[LBDR_A_CONN_CLIENT_PORT] = MNL_TYPE_U16,
	[LBDR_A_CONN_VIRTUAL_ADDRESS] = MNL_TYPE_BINARY,
	[LBDR_A_CONN_VIRTUAL_PORT] = MNL_TYPE_U16,
	[LBDR_A_CONN_SERVER_ADDRESS] = MNL_TYPE_BINARY,
	[LBDR_A_CONN_SERVER_PORT] = MNL_TYPE_U16,
	[LBDR_A_CONN_STATE] = MNL_TYPE_U8,
	[LBDR_A_CONN_EXPIRES] = MNL_TYPE_U32,
	[LBDR_A_CONN_KILLED] = MNL_TYPE_U32,
	[LBDR_A_CONN_FWMARK] = MNL_TYPE_U32,
	[LBDR_A_CONN_IDLE] = MNL_TYPE_U32,
	[LBDR_A_CONN_SERVICE] = MNL_TYPE_NESTED,
	[LBDR_A_CONN_COUNT] = MNL_TYPE_U32,
	[LBDR_A_CONN_RESIZED] = MNL_TYPE_FLAG,
	[LBDR_A_CONN_VRF] = MNL_TYPE_NUL_STRING,
};

static const enum mnl_attr_data_type trace_types[LBDR_A_TRACE_MAX + 1] = {
	[LBDR_A_TRACE_VERDICT] = MNL_TYPE_U8,
	[LBDR_A_TRACE_REASON] = MNL_TYPE_NUL_STRING,
	[LBDR_A_TRACE_REFUSE] = MNL_TYPE_U8,
	[LBDR_A_TRACE_SERVICE] = MNL_TYPE_NESTED,
	[LBDR_A_TRACE_PERSIST] = MNL_TYPE_U32,
	[LBDR_A_TRACE_BY] = MNL_TYPE_U8,
	[LBDR_A_TRACE_STATE] = MNL_TYPE_U8,
	[LBDR_A_TRACE_EXPIRES] = MNL_TYPE_U32,
	[LBDR_A_TRACE_OVER] = MNL_TYPE_FLAG,
	[LBDR_A_TRACE_REMEMBERED] = MNL_TYPE_NESTED,
	[LBDR_A_TRACE_REMEMBERED_EXPIRES] = MNL_TYPE_U32,
	[LBDR_A_TRACE_SCHEDULER] = MNL_TYPE_NUL_STRING,
	[LBDR_A_TRACE_RANDOM] = MNL_TYPE_FLAG,
	[LBDR_A_TRACE_HASHES_PORT] = MNL_TYPE_FLAG,
	[LBDR_A_TRACE_FIRST] = MNL_TYPE_NESTED,
	[LBDR_A_TRACE_SERVER] = MNL_TYPE_NESTED,
	[LBDR_A_TRACE_KEEP] = MNL_TYPE_U8,
	[LBDR_A_TRACE_SERVERS] = MNL_TYPE_U32,
	[LBDR_A_TRACE_OPEN] = MNL_TYPE_U32,
	[LBDR_A_TRACE_QUIESCED] = MNL_TYPE_U32,
	[LBDR_A_TRACE_DRAINING] = MNL_TYPE_U32,
	[LBDR_A_TRACE_OVERLOADED] = MNL_TYPE_U32,
};

static const enum mnl_attr_data_type sched_types[LBDR_A_SCHED_MAX + 1] = {
	[LBDR_A_SCHED_NAME] = MNL_TYPE_NUL_STRING,
};

static const enum mnl_attr_data_type drop_types[LBDR_A_DROP_MAX + 1] = {
	[LBDR_A_DROP_REASON] = MNL_TYPE_NUL_STRING,
	[LBDR_A_DROP_PACKETS] = MNL_TYPE_U64,
};

static const enum mnl_attr_data_type batch_types[LBDR_A_BATCH_MAX + 1] = {
	[LBDR_A_BATCH_ID] = MNL_TYPE_U32,
};

static const enum mnl_attr_data_type info_types[LBDR_A_INFO_MAX + 1] = {
	[LBDR_A_INFO_VERSION] = MNL_TYPE_NUL_STRING,
	[LBDR_A_INFO_SERVICES] = MNL_TYPE_U32,
	[LBDR_A_INFO_CONNS] = MNL_TYPE_U32,
	[LBDR_A_INFO_CONN_MAX] = MNL_TYPE_U32,
	[LBDR_A_INFO_DROP] = MNL_TYPE_NESTED,
	[LBDR_A_INFO_TIMEOUT] = MNL_TYPE_NESTED,
	[LBDR_A_INFO_ENTRY] = MNL_TYPE_U8,
	[LBDR_A_INFO_DEVICE] = MNL_TYPE_NUL_STRING,
};

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
	/* Settings have their types in setting.c. */
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
	return mnl_attr_parse_nested(nest, sort_attr, &level) == MNL_CB_OK;
}

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
	return *protocol == IPPROTO_TCP || *protocol == IPPROTO_UDP ||
	       *protocol == IPPROTO_SCTP;
}

/* A device's name; empty where the attribute is not there. */
static bool read_vrf(const struct nlattr *attr, char *vrf)
{
	const char *name = attr ? mnl_attr_get_str(attr) : "";

	if (strlen(name) >= IFNAMSIZ)
		return false;
	strcpy(vrf, name);
	return true;
}

static bool read_key(const struct nlattr **attrs, struct service_key *key)
{
	const struct nlattr *mark = attrs[LBDR_A_SERVICE_FWMARK];
	const struct nlattr *last = attrs[LBDR_A_SERVICE_LAST_PORT];

	if (!read_family(attrs[LBDR_A_SERVICE_FAMILY], &key->at.family) ||
	    !read_vrf(attrs[LBDR_A_SERVICE_VRF], key->vrf))
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
	struct level level = { attrs, service_types, LBDR_A_SERVICE_MAX };

	return nest && sort_nest(nest, level) && read_key(attrs, key);
}

static bool read_timeouts(const struct nlattr *nest, struct timeouts *timeouts)
{
	const struct nlattr *attrs[LBDR_A_TIMEOUT_MAX + 1] = { NULL };
	struct level level = { attrs, timeout_types, LBDR_A_TIMEOUT_MAX };
	size_t i;

	memset(timeouts, 0, sizeof(*timeouts));
	if (!nest || !sort_nest(nest, level))
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
	const struct nlattr *attrs[LBDR_A_STATS_MAX + 1] = { NULL };
	struct level level = { attrs, stats_types, LBDR_A_STATS_MAX };

	if (!nest || !sort_nest(nest, level) || !attrs[LBDR_A_STATS_CONNS] ||
	    !attrs[LBDR_A_STATS_IN_PACKETS] || !attrs[LBDR_A_STATS_IN_BYTES])
		return false;
	stats->conns = mnl_attr_get_u64(attrs[LBDR_A_STATS_CONNS]);
	stats->in_packets = mnl_attr_get_u64(attrs[LBDR_A_STATS_IN_PACKETS]);
	stats->in_bytes = mnl_attr_get_u64(attrs[LBDR_A_STATS_IN_BYTES]);
	return true;
}

static __u32 read_hold(const struct nlattr *hold)
{
	return hold ? mnl_attr_get_u32(hold) : 0;
}

static bool read_settings(const struct nlattr **attrs, struct service *service)
{
	if (!attrs[LBDR_A_SERVICE_REFUSE] || !attrs[LBDR_A_SERVICE_STRAY] ||
	    !attrs[LBDR_A_SERVICE_FLAGS] || !attrs[LBDR_A_SERVICE_PERSIST] ||
	    !attrs[LBDR_A_SERVICE_PERSIST_PREFIX] ||
	    !read_timeouts(attrs[LBDR_A_SERVICE_TIMEOUT], &service->timeouts))
		return false;
	service->refuse = mnl_attr_get_u8(attrs[LBDR_A_SERVICE_REFUSE]);
	service->stray = mnl_attr_get_u8(attrs[LBDR_A_SERVICE_STRAY]);
	service->flags = mnl_attr_get_u32(attrs[LBDR_A_SERVICE_FLAGS]);
	service->persist = mnl_attr_get_u32(attrs[LBDR_A_SERVICE_PERSIST]);
	service->prefix =
		mnl_attr_get_u8(attrs[LBDR_A_SERVICE_PERSIST_PREFIX]);
	return true;
}

bool decode_service(const struct nlmsghdr *nlh, struct service *service)
{
	const struct nlattr *attrs[LBDR_A_SERVICE_MAX + 1] = { NULL };
	struct level level = { attrs, service_types, LBDR_A_SERVICE_MAX };
	const struct nlattr *size;
	const char *scheduler;

	memset(service, 0, sizeof(*service));
	if (!sort_message(nlh, level) || !read_key(attrs, &service->key) ||
	    !attrs[LBDR_A_SERVICE_SCHEDULER] ||
	    !attrs[LBDR_A_SERVICE_SCHED_FLAGS] ||
	    !read_settings(attrs, service) ||
	    !attrs[LBDR_A_SERVICE_SERVERS] ||
	    !read_stats(attrs[LBDR_A_SERVICE_STATS], &service->stats))
		return false;
	scheduler = mnl_attr_get_str(attrs[LBDR_A_SERVICE_SCHEDULER]);
	if (strlen(scheduler) >= sizeof(service->scheduler))
		return false;
	memcpy(service->scheduler, scheduler, strlen(scheduler));
	service->sched_flags =
		mnl_attr_get_u32(attrs[LBDR_A_SERVICE_SCHED_FLAGS]);
	size = attrs[LBDR_A_SERVICE_SCHED_SIZE];
	service->mh_size = size ? mnl_attr_get_u32(size) : 0;
	service->servers = mnl_attr_get_u32(attrs[LBDR_A_SERVICE_SERVERS]);
	service->hold = read_hold(attrs[LBDR_A_SERVICE_HOLD]);
	return true;
}

static bool read_server(const struct nlattr **attrs, struct server *server)
{
	const struct nlattr *ifindex;

	if (!read_nested_key(attrs[LBDR_A_SERVER_SERVICE], &server->service) ||
	    !read_endpoint(server->service.at.family,
			   attrs[LBDR_A_SERVER_ADDRESS],
			   attrs[LBDR_A_SERVER_PORT], &server->at) ||
	    !settings_decode(attrs, server) || !attrs[LBDR_A_SERVER_FORWARD] ||
	    !attrs[LBDR_A_SERVER_PERSISTENT] ||
	    !attrs[LBDR_A_SERVER_ACTIVE] || !attrs[LBDR_A_SERVER_INACTIVE] ||
	    !read_stats(attrs[LBDR_A_SERVER_STATS], &server->stats))
		return false;
	server->forward = mnl_attr_get_u8(attrs[LBDR_A_SERVER_FORWARD]);
	server->active = mnl_attr_get_u32(attrs[LBDR_A_SERVER_ACTIVE]);
	server->inactive = mnl_attr_get_u32(attrs[LBDR_A_SERVER_INACTIVE]);
	server->persistent = mnl_attr_get_u32(attrs[LBDR_A_SERVER_PERSISTENT]);
	server->overloaded = attrs[LBDR_A_SERVER_OVERLOADED];
	server->draining = attrs[LBDR_A_SERVER_DRAIN];
	server->hold = read_hold(attrs[LBDR_A_SERVER_HOLD]);
	/* Its ports are the service's, of which one is told. */
	server->at.last_port = server->service.at.last_port;
	ifindex = attrs[LBDR_A_SERVER_IFINDEX];
	server->ifindex = ifindex ? mnl_attr_get_u32(ifindex) : 0;
	return true;
}

bool decode_server(const struct nlmsghdr *nlh, struct server *server)
{
	const struct nlattr *attrs[LBDR_A_SERVER_MAX + 1] = { NULL };
	struct level level = { attrs, server_types, LBDR_A_SERVER_MAX };

	memset(server, 0, sizeof(*server));
	return sort_message(nlh, level) && read_server(attrs, server);
}

/* One that there need not be. */
static bool read_nested_server(const struct nlattr *nest, struct server *server)
{
	const struct nlattr *attrs[LBDR_A_SERVER_MAX + 1] = { NULL };
	struct level level = { attrs, server_types, LBDR_A_SERVER_MAX };

	return !nest || (sort_nest(nest, level) && read_server(attrs, server));
}

/*
 * What persistence remembers for a service of a firewall mark has the mark, and
 * neither protocol nor virtual address.
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
	const struct nlattr *attrs[LBDR_A_CONN_MAX + 1] = { NULL };
	struct level level = { attrs, conn_types, LBDR_A_CONN_MAX };
	struct service_key *key = &conn->service;

	memset(conn, 0, sizeof(*conn));
	if (!sort_message(nlh, level) || !attrs[LBDR_A_CONN_STATE] ||
	    !attrs[LBDR_A_CONN_EXPIRES] || !read_virtual(attrs, key) ||
	    !read_endpoint(key->at.family, attrs[LBDR_A_CONN_CLIENT_ADDRESS],
			   attrs[LBDR_A_CONN_CLIENT_PORT], &conn->client) ||
	    !read_endpoint(key->at.family, attrs[LBDR_A_CONN_SERVER_ADDRESS],
			   attrs[LBDR_A_CONN_SERVER_PORT], &conn->server) ||
	    !attrs[LBDR_A_CONN_IDLE] ||
	    !read_vrf(attrs[LBDR_A_CONN_VRF], conn->vrf))
		return false;
	conn->state = mnl_attr_get_u8(attrs[LBDR_A_CONN_STATE]);
	conn->expires_ms = mnl_attr_get_u32(attrs[LBDR_A_CONN_EXPIRES]);
	conn->idle_ms = mnl_attr_get_u32(attrs[LBDR_A_CONN_IDLE]);
	conn->has_of = attrs[LBDR_A_CONN_SERVICE];
	return !conn->has_of ||
	       read_nested_key(attrs[LBDR_A_CONN_SERVICE], &conn->of);
}

bool decode_killed(const struct nlmsghdr *nlh, __u32 *killed)
{
	const struct nlattr *attrs[LBDR_A_CONN_MAX + 1] = { NULL };
	struct level level = { attrs, conn_types, LBDR_A_CONN_MAX };

	if (!sort_message(nlh, level) || !attrs[LBDR_A_CONN_KILLED])
		return false;
	*killed = mnl_attr_get_u32(attrs[LBDR_A_CONN_KILLED]);
	return true;
}

bool decode_count(const struct nlmsghdr *nlh, __u32 *count, bool *resized)
{
	const struct nlattr *attrs[LBDR_A_CONN_MAX + 1] = { NULL };
	struct level level = { attrs, conn_types, LBDR_A_CONN_MAX };

	if (!sort_message(nlh, level) || !attrs[LBDR_A_CONN_COUNT])
		return false;
	*count = mnl_attr_get_u32(attrs[LBDR_A_CONN_COUNT]);
	*resized = attrs[LBDR_A_CONN_RESIZED];
	return true;
}

static __u8 read_u8(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u8(attr) : 0;
}

static __u32 read_u32(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_u32(attr) : 0;
}

static const char *read_text(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_str(attr) : NULL;
}

/* What comes with a service, and is not there without one. */
static bool read_traced(const struct nlattr **attrs, struct trace *trace)
{
	if (!read_nested_key(attrs[LBDR_A_TRACE_SERVICE], &trace->service) ||
	    !attrs[LBDR_A_TRACE_PERSIST] || !attrs[LBDR_A_TRACE_SERVERS] ||
	    !attrs[LBDR_A_TRACE_OPEN] || !attrs[LBDR_A_TRACE_QUIESCED] ||
	    !attrs[LBDR_A_TRACE_DRAINING] || !attrs[LBDR_A_TRACE_OVERLOADED] ||
	    !read_nested_server(attrs[LBDR_A_TRACE_REMEMBERED],
				&trace->remembered) ||
	    !read_nested_server(attrs[LBDR_A_TRACE_FIRST], &trace->first) ||
	    !read_nested_server(attrs[LBDR_A_TRACE_SERVER], &trace->server))
		return false;
	trace->persist = mnl_attr_get_u32(attrs[LBDR_A_TRACE_PERSIST]);
	trace->servers = mnl_attr_get_u32(attrs[LBDR_A_TRACE_SERVERS]);
	trace->open = mnl_attr_get_u32(attrs[LBDR_A_TRACE_OPEN]);
	trace->quiesced = mnl_attr_get_u32(attrs[LBDR_A_TRACE_QUIESCED]);
	trace->draining = mnl_attr_get_u32(attrs[LBDR_A_TRACE_DRAINING]);
	trace->overloaded = mnl_attr_get_u32(attrs[LBDR_A_TRACE_OVERLOADED]);
	return true;
}

bool decode_trace(const struct nlmsghdr *nlh, struct trace *trace)
{
	const struct nlattr *attrs[LBDR_A_TRACE_MAX + 1] = { NULL };
	struct level level = { attrs, trace_types, LBDR_A_TRACE_MAX };

	memset(trace, 0, sizeof(*trace));
	if (!sort_message(nlh, level) || !attrs[LBDR_A_TRACE_VERDICT])
		return false;
	trace->has_service = attrs[LBDR_A_TRACE_SERVICE];
	if (trace->has_service && !read_traced(attrs, trace))
		return false;
	trace->verdict = mnl_attr_get_u8(attrs[LBDR_A_TRACE_VERDICT]);
	trace->reason = read_text(attrs[LBDR_A_TRACE_REASON]);
	trace->has_refuse = attrs[LBDR_A_TRACE_REFUSE];
	trace->refuse = read_u8(attrs[LBDR_A_TRACE_REFUSE]);
	trace->has_by = attrs[LBDR_A_TRACE_BY];
	trace->by = read_u8(attrs[LBDR_A_TRACE_BY]);
	trace->state = read_u8(attrs[LBDR_A_TRACE_STATE]);
	trace->expires_ms = read_u32(attrs[LBDR_A_TRACE_EXPIRES]);
	trace->over = attrs[LBDR_A_TRACE_OVER];
	trace->remembered_ms = read_u32(attrs[LBDR_A_TRACE_REMEMBERED_EXPIRES]);
	trace->scheduler = read_text(attrs[LBDR_A_TRACE_SCHEDULER]);
	trace->random = attrs[LBDR_A_TRACE_RANDOM];
	trace->hashes_port = attrs[LBDR_A_TRACE_HASHES_PORT];
	trace->has_keep = attrs[LBDR_A_TRACE_KEEP];
	trace->keep = read_u8(attrs[LBDR_A_TRACE_KEEP]);
	/* Nobody is forwarded to nobody. */
	return trace->verdict != LBDR_TRACE_VERDICT_FORWARD ||
	       trace->server.at.family;
}

/* The transaction that was opened, never 0. */
bool decode_batch(const struct nlmsghdr *nlh, __u32 *id)
{
	const struct nlattr *attrs[LBDR_A_BATCH_MAX + 1] = { NULL };
	struct level level = { attrs, batch_types, LBDR_A_BATCH_MAX };

	if (!sort_message(nlh, level))
		return false;
	*id = read_u32(attrs[LBDR_A_BATCH_ID]);
	return *id;
}

bool decode_sched(const struct nlmsghdr *nlh, struct sched *sched)
{
	const struct nlattr *attrs[LBDR_A_SCHED_MAX + 1] = { NULL };
	struct level level = { attrs, sched_types, LBDR_A_SCHED_MAX };

	if (!sort_message(nlh, level) || !attrs[LBDR_A_SCHED_NAME])
		return false;
	sched->name = mnl_attr_get_str(attrs[LBDR_A_SCHED_NAME]);
	return true;
}

static bool read_drop(const struct nlattr *nest, struct drop *drop)
{
	const struct nlattr *attrs[LBDR_A_DROP_MAX + 1] = { NULL };
	struct level level = { attrs, drop_types, LBDR_A_DROP_MAX };

	if (!sort_nest(nest, level) || !attrs[LBDR_A_DROP_REASON] ||
	    !attrs[LBDR_A_DROP_PACKETS])
		return false;
	drop->reason = mnl_attr_get_str(attrs[LBDR_A_DROP_REASON]);
	drop->packets = mnl_attr_get_u64(attrs[LBDR_A_DROP_PACKETS]);
	return true;
}

/* A namespace has a time-out for every state. */
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
	struct level level = { attrs, info_types, LBDR_A_INFO_MAX };

	memset(info, 0, sizeof(*info));
	return sort_message(nlh, level) && read_choices(attrs, nlh, info);
}

/* Whose counters were set to 0: one service's, or those of all. */
bool decode_zero(const struct nlmsghdr *nlh, struct service_key *key,
		 bool *one)
{
	const struct nlattr *attrs[LBDR_A_SERVICE_MAX + 1] = { NULL };
	struct level level = { attrs, service_types, LBDR_A_SERVICE_MAX };
	size_t i;

	memset(key, 0, sizeof(*key));
	if (!sort_message(nlh, level))
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
	const struct nlattr *attrs[LBDR_A_INFO_MAX + 1] = { NULL };
	struct level level = { attrs, info_types, LBDR_A_INFO_MAX };
	const struct nlattr *attr;
	struct drop drop;

	if (!sort_message(nlh, level) || !attrs[LBDR_A_INFO_VERSION] ||
	    !attrs[LBDR_A_INFO_SERVICES] || !attrs[LBDR_A_INFO_CONNS] ||
	    !attrs[LBDR_A_INFO_CONN_MAX] || !read_choices(attrs, nlh, info))
		return false;
	info->version = mnl_attr_get_str(attrs[LBDR_A_INFO_VERSION]);
	info->services = mnl_attr_get_u32(attrs[LBDR_A_INFO_SERVICES]);
	info->conns = mnl_attr_get_u32(attrs[LBDR_A_INFO_CONNS]);
	info->conn_max = mnl_attr_get_u32(attrs[LBDR_A_INFO_CONN_MAX]);

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

bool decode_family(const struct nlmsghdr *nlh, __u16 *id)
{
	const struct nlattr *attrs[CTRL_ATTR_FAMILY_ID + 1] = { NULL };
	struct level level = { attrs, family_types, CTRL_ATTR_FAMILY_ID };

	if (!sort_message(nlh, level) || !attrs[CTRL_ATTR_FAMILY_ID])
		return false;
	*id = mnl_attr_get_u16(attrs[CTRL_ATTR_FAMILY_ID]);
	return true;
}

static bool read_group(const struct nlattr *nest, const char *name, __u32 *id)
{
	const struct nlattr *attrs[CTRL_ATTR_MCAST_GRP_ID + 1] = { NULL };
	struct level level = { attrs, group_types, CTRL_ATTR_MCAST_GRP_ID };

	if (!sort_nest(nest, level) || !attrs[CTRL_ATTR_MCAST_GRP_NAME] ||
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
	struct level level = { attrs, groups_types, CTRL_ATTR_MCAST_GROUPS };
	const struct nlattr *group;

	if (!sort_message(nlh, level) || !attrs[CTRL_ATTR_MCAST_GROUPS])
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
 * mnl_nlmsg_ok() alone takes a length above INT_MAX for one below 0, which is less
 * than any that is left, and mnl_nlmsg_next() may stay where it is then.
 *
 * Return: true when there is, and all of it.
 */
bool decode_next(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (__u32)left;
}

/**
 * decode_run() - mnl_cb_run() for a datagram that is made of whole messages
 * @datagram: as it came
 * @size: of it
 * @asker: the port that asked
 * @seq: the question's number
 * @hear: called with each message
 * @data: its second argument
 *
 * Return: what mnl_cb_run() does; MNL_CB_ERROR with EBADMSG where a message is cut
 * short.
 */
int decode_run(const void *datagram, size_t size, unsigned int asker,
	       unsigned int seq, mnl_cb_t hear, void *data)
{
	const struct nlmsghdr *nlh = datagram;
	int left = size;

	while (decode_next(nlh, left))
		nlh = mnl_nlmsg_next(nlh, &left);
	if (left > 0) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	return mnl_cb_run(datagram, size, seq, asker, hear, data);
}

/*
 * An acknowledgment, or the end of a dump: an error number, then, in the
 * former, the request or its header, then what the kernel has to say.
 */
void decode_verdict(const struct nlmsghdr *nlh, struct nl_answer *answer)
{
	const struct nlattr *attrs[NLMSGERR_ATTR_MSG + 1] = { NULL };
	struct level level = { attrs, extack_types, NLMSGERR_ATTR_MSG };
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
				   &level) == MNL_CB_OK &&
	    attrs[NLMSGERR_ATTR_MSG])
		snprintf(answer->sentence, sizeof(answer->sentence), "%s",
			 mnl_attr_get_str(attrs[NLMSGERR_ATTR_MSG]));
}
