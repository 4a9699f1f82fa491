// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/lbdr.yaml */
/* YNL-GEN kernel source */
/* To regenerate run: module/netlink_gen.sh */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <linux/lbdr.h>

/* Integer value ranges */
static struct netlink_range_validation lbdr_a_timeout_syn_recv_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_timeout_established_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_timeout_fin_wait_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_timeout_time_wait_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_timeout_close_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_timeout_udp_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_timeout_sctp_init_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_timeout_sctp_established_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_timeout_sctp_shutdown_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_timeout_sctp_closed_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_service_sched_size_range __ro_after_init = {
	.min	= LBDR_SCHED_SIZE_MIN,
	.max	= LBDR_SCHED_SIZE_MAX,
};

static struct netlink_range_validation lbdr_a_service_persist_range __ro_after_init = {
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_service_hold_range __ro_after_init = {
	.min	= 1ULL,
	.max	= LBDR_TIMEOUT_MAX,
};

static struct netlink_range_validation lbdr_a_server_weight_range __ro_after_init = {
	.max	= LBDR_WEIGHT_MAX,
};

static struct netlink_range_validation lbdr_a_server_hold_range __ro_after_init = {
	.min	= 1ULL,
	.max	= LBDR_TIMEOUT_MAX,
};

/* Common nested types */
const struct nla_policy lbdr_service_key_nl_policy[LBDR_A_SERVICE_VRF + 1] = {
	[LBDR_A_SERVICE_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_SERVICE_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_SERVICE_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[LBDR_A_SERVICE_LAST_PORT] = NLA_POLICY_MIN(NLA_BE16, 2),
	[LBDR_A_SERVICE_FWMARK] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVICE_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
};

const struct nla_policy lbdr_timeout_nl_policy[LBDR_A_TIMEOUT_SCTP_CLOSED + 1] = {
	[LBDR_A_TIMEOUT_SYN_RECV] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_timeout_syn_recv_range),
	[LBDR_A_TIMEOUT_ESTABLISHED] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_timeout_established_range),
	[LBDR_A_TIMEOUT_FIN_WAIT] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_timeout_fin_wait_range),
	[LBDR_A_TIMEOUT_TIME_WAIT] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_timeout_time_wait_range),
	[LBDR_A_TIMEOUT_CLOSE] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_timeout_close_range),
	[LBDR_A_TIMEOUT_UDP] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_timeout_udp_range),
	[LBDR_A_TIMEOUT_SCTP_INIT] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_timeout_sctp_init_range),
	[LBDR_A_TIMEOUT_SCTP_ESTABLISHED] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_timeout_sctp_established_range),
	[LBDR_A_TIMEOUT_SCTP_SHUTDOWN] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_timeout_sctp_shutdown_range),
	[LBDR_A_TIMEOUT_SCTP_CLOSED] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_timeout_sctp_closed_range),
};

/* LBDR_CMD_INFO_SET - do */
static const struct nla_policy lbdr_info_set_nl_policy[LBDR_A_INFO_BATCH + 1] = {
	[LBDR_A_INFO_TIMEOUT] = NLA_POLICY_NESTED(lbdr_timeout_nl_policy),
	[LBDR_A_INFO_ENTRY] = NLA_POLICY_MAX(NLA_U8, 2),
	[LBDR_A_INFO_DEVICE] = { .type = NLA_NUL_STRING, .len = 15, },
	[LBDR_A_INFO_BATCH] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* LBDR_CMD_SERVICE_GET - do */
static const struct nla_policy lbdr_service_get_nl_policy[LBDR_A_SERVICE_WITH_HELD + 1] = {
	[LBDR_A_SERVICE_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_SERVICE_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_SERVICE_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[LBDR_A_SERVICE_LAST_PORT] = NLA_POLICY_MIN(NLA_BE16, 2),
	[LBDR_A_SERVICE_FWMARK] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVICE_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
	[LBDR_A_SERVICE_WITH_HELD] = { .type = NLA_FLAG, },
};

/* LBDR_CMD_SERVICE_NEW - do */
static const struct nla_policy lbdr_service_new_nl_policy[LBDR_A_SERVICE_BATCH + 1] = {
	[LBDR_A_SERVICE_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_SERVICE_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_SERVICE_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[LBDR_A_SERVICE_LAST_PORT] = NLA_POLICY_MIN(NLA_BE16, 2),
	[LBDR_A_SERVICE_FWMARK] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVICE_SCHEDULER] = { .type = NLA_NUL_STRING, .len = 15, },
	[LBDR_A_SERVICE_SCHED_FLAGS] = NLA_POLICY_MASK(NLA_U32, 0x3),
	[LBDR_A_SERVICE_SCHED_SIZE] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_service_sched_size_range),
	[LBDR_A_SERVICE_REFUSE] = NLA_POLICY_MAX(NLA_U8, 2),
	[LBDR_A_SERVICE_STRAY] = NLA_POLICY_MAX(NLA_U8, 3),
	[LBDR_A_SERVICE_FLAGS] = NLA_POLICY_MASK(NLA_U32, 0xf),
	[LBDR_A_SERVICE_FLAGS_MASK] = NLA_POLICY_MASK(NLA_U32, 0xf),
	[LBDR_A_SERVICE_PERSIST] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_service_persist_range),
	[LBDR_A_SERVICE_PERSIST_PREFIX] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
	[LBDR_A_SERVICE_TIMEOUT] = NLA_POLICY_NESTED(lbdr_timeout_nl_policy),
	[LBDR_A_SERVICE_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
	[LBDR_A_SERVICE_BATCH] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* LBDR_CMD_SERVICE_SET - do */
static const struct nla_policy lbdr_service_set_nl_policy[LBDR_A_SERVICE_BATCH + 1] = {
	[LBDR_A_SERVICE_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_SERVICE_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_SERVICE_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[LBDR_A_SERVICE_LAST_PORT] = NLA_POLICY_MIN(NLA_BE16, 2),
	[LBDR_A_SERVICE_FWMARK] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVICE_SCHEDULER] = { .type = NLA_NUL_STRING, .len = 15, },
	[LBDR_A_SERVICE_SCHED_FLAGS] = NLA_POLICY_MASK(NLA_U32, 0x3),
	[LBDR_A_SERVICE_SCHED_SIZE] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_service_sched_size_range),
	[LBDR_A_SERVICE_REFUSE] = NLA_POLICY_MAX(NLA_U8, 2),
	[LBDR_A_SERVICE_STRAY] = NLA_POLICY_MAX(NLA_U8, 3),
	[LBDR_A_SERVICE_FLAGS] = NLA_POLICY_MASK(NLA_U32, 0xf),
	[LBDR_A_SERVICE_FLAGS_MASK] = NLA_POLICY_MASK(NLA_U32, 0xf),
	[LBDR_A_SERVICE_PERSIST] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_service_persist_range),
	[LBDR_A_SERVICE_PERSIST_PREFIX] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
	[LBDR_A_SERVICE_TIMEOUT] = NLA_POLICY_NESTED(lbdr_timeout_nl_policy),
	[LBDR_A_SERVICE_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
	[LBDR_A_SERVICE_BATCH] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* LBDR_CMD_SERVICE_DEL - do */
static const struct nla_policy lbdr_service_del_nl_policy[LBDR_A_SERVICE_HOLD + 1] = {
	[LBDR_A_SERVICE_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_SERVICE_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_SERVICE_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[LBDR_A_SERVICE_LAST_PORT] = NLA_POLICY_MIN(NLA_BE16, 2),
	[LBDR_A_SERVICE_FWMARK] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVICE_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
	[LBDR_A_SERVICE_BATCH] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVICE_HOLD] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_service_hold_range),
};

/* LBDR_CMD_SERVER_GET - dump */
static const struct nla_policy lbdr_server_get_nl_policy[LBDR_A_SERVER_WITH_HELD + 1] = {
	[LBDR_A_SERVER_SERVICE] = NLA_POLICY_NESTED(lbdr_service_key_nl_policy),
	[LBDR_A_SERVER_WITH_HELD] = { .type = NLA_FLAG, },
};

/* LBDR_CMD_SERVER_NEW - do */
static const struct nla_policy lbdr_server_new_nl_policy[LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX + 1] = {
	[LBDR_A_SERVER_SERVICE] = NLA_POLICY_NESTED(lbdr_service_key_nl_policy),
	[LBDR_A_SERVER_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVER_PORT] = { .type = NLA_BE16, },
	[LBDR_A_SERVER_WEIGHT] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_server_weight_range),
	[LBDR_A_SERVER_UPPER] = { .type = NLA_U32, },
	[LBDR_A_SERVER_LOWER] = { .type = NLA_U32, },
	[LBDR_A_SERVER_FORWARD] = NLA_POLICY_MAX(NLA_U8, 2),
	[LBDR_A_SERVER_BATCH] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVER_TUNNEL] = NLA_POLICY_MAX(NLA_U8, 3),
	[LBDR_A_SERVER_TUNNEL_PORT] = NLA_POLICY_MIN(NLA_BE16, 1),
	[LBDR_A_SERVER_TUNNEL_FLAGS] = NLA_POLICY_MASK(NLA_U32, 0x3),
	[LBDR_A_SERVER_TUNNEL_FLAGS_MASK] = NLA_POLICY_MASK(NLA_U32, 0x3),
	[LBDR_A_SERVER_TUNNEL_TTL] = { .type = NLA_U8, },
	[LBDR_A_SERVER_TUNNEL_DF] = NLA_POLICY_MAX(NLA_U8, 2),
	[LBDR_A_SERVER_TUNNEL_SOURCE] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
};

/* LBDR_CMD_SERVER_SET - do */
static const struct nla_policy lbdr_server_set_nl_policy[LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX + 1] = {
	[LBDR_A_SERVER_SERVICE] = NLA_POLICY_NESTED(lbdr_service_key_nl_policy),
	[LBDR_A_SERVER_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVER_PORT] = { .type = NLA_BE16, },
	[LBDR_A_SERVER_WEIGHT] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_server_weight_range),
	[LBDR_A_SERVER_UPPER] = { .type = NLA_U32, },
	[LBDR_A_SERVER_LOWER] = { .type = NLA_U32, },
	[LBDR_A_SERVER_FORWARD] = NLA_POLICY_MAX(NLA_U8, 2),
	[LBDR_A_SERVER_BATCH] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVER_TUNNEL] = NLA_POLICY_MAX(NLA_U8, 3),
	[LBDR_A_SERVER_TUNNEL_PORT] = NLA_POLICY_MIN(NLA_BE16, 1),
	[LBDR_A_SERVER_TUNNEL_FLAGS] = NLA_POLICY_MASK(NLA_U32, 0x3),
	[LBDR_A_SERVER_TUNNEL_FLAGS_MASK] = NLA_POLICY_MASK(NLA_U32, 0x3),
	[LBDR_A_SERVER_TUNNEL_TTL] = { .type = NLA_U8, },
	[LBDR_A_SERVER_TUNNEL_DF] = NLA_POLICY_MAX(NLA_U8, 2),
	[LBDR_A_SERVER_TUNNEL_SOURCE] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
};

/* LBDR_CMD_SERVER_DEL - do */
static const struct nla_policy lbdr_server_del_nl_policy[LBDR_A_SERVER_HOLD + 1] = {
	[LBDR_A_SERVER_SERVICE] = NLA_POLICY_NESTED(lbdr_service_key_nl_policy),
	[LBDR_A_SERVER_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVER_PORT] = { .type = NLA_BE16, },
	[LBDR_A_SERVER_DRAIN] = { .type = NLA_FLAG, },
	[LBDR_A_SERVER_BATCH] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVER_HOLD] =
		NLA_POLICY_FULL_RANGE(NLA_U32, &lbdr_a_server_hold_range),
};

/* LBDR_CMD_CONN_GET - dump */
static const struct nla_policy lbdr_conn_get_nl_policy[LBDR_A_CONN_VRF + 1] = {
	[LBDR_A_CONN_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_CONN_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_CONN_CLIENT_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_CLIENT_PORT] = { .type = NLA_BE16, },
	[LBDR_A_CONN_CLIENT_PREFIX] = NLA_POLICY_MAX(NLA_U8, 128),
	[LBDR_A_CONN_VIRTUAL_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_VIRTUAL_PORT] = { .type = NLA_BE16, },
	[LBDR_A_CONN_SERVER_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_STATE] = NLA_POLICY_RANGE(NLA_U8, 1, 11),
	[LBDR_A_CONN_SERVICE] = NLA_POLICY_NESTED(lbdr_service_key_nl_policy),
	[LBDR_A_CONN_IDLE_MIN] = { .type = NLA_U32, },
	[LBDR_A_CONN_IDLE_MAX] = { .type = NLA_U32, },
	[LBDR_A_CONN_WITH_SERVICE] = { .type = NLA_FLAG, },
	[LBDR_A_CONN_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* LBDR_CMD_CONN_DEL - do */
static const struct nla_policy lbdr_conn_del_nl_policy[LBDR_A_CONN_VRF + 1] = {
	[LBDR_A_CONN_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_CONN_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_CONN_CLIENT_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_CLIENT_PORT] = { .type = NLA_BE16, },
	[LBDR_A_CONN_CLIENT_PREFIX] = NLA_POLICY_MAX(NLA_U8, 128),
	[LBDR_A_CONN_VIRTUAL_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_VIRTUAL_PORT] = { .type = NLA_BE16, },
	[LBDR_A_CONN_SERVER_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_STATE] = NLA_POLICY_RANGE(NLA_U8, 1, 11),
	[LBDR_A_CONN_SERVICE] = NLA_POLICY_NESTED(lbdr_service_key_nl_policy),
	[LBDR_A_CONN_IDLE_MIN] = { .type = NLA_U32, },
	[LBDR_A_CONN_IDLE_MAX] = { .type = NLA_U32, },
	[LBDR_A_CONN_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* LBDR_CMD_ZERO - do */
static const struct nla_policy lbdr_zero_nl_policy[LBDR_A_SERVICE_VRF + 1] = {
	[LBDR_A_SERVICE_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_SERVICE_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_SERVICE_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[LBDR_A_SERVICE_LAST_PORT] = NLA_POLICY_MIN(NLA_BE16, 2),
	[LBDR_A_SERVICE_FWMARK] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVICE_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* LBDR_CMD_FLUSH - do */
static const struct nla_policy lbdr_flush_nl_policy[LBDR_A_SERVICE_ALL_NAMESPACES + 1] = {
	[LBDR_A_SERVICE_BATCH] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_SERVICE_ALL_NAMESPACES] = { .type = NLA_FLAG, },
};

/* LBDR_CMD_BATCH_COMMIT - do */
static const struct nla_policy lbdr_batch_commit_nl_policy[LBDR_A_BATCH_ID + 1] = {
	[LBDR_A_BATCH_COMMANDS] = { .type = NLA_U32, },
	[LBDR_A_BATCH_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* LBDR_CMD_BATCH_ABORT - do */
static const struct nla_policy lbdr_batch_abort_nl_policy[LBDR_A_BATCH_ID + 1] = {
	[LBDR_A_BATCH_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* LBDR_CMD_CONN_COUNT - do */
static const struct nla_policy lbdr_conn_count_nl_policy[LBDR_A_CONN_VRF + 1] = {
	[LBDR_A_CONN_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_CONN_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_CONN_CLIENT_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_CLIENT_PORT] = { .type = NLA_BE16, },
	[LBDR_A_CONN_CLIENT_PREFIX] = NLA_POLICY_MAX(NLA_U8, 128),
	[LBDR_A_CONN_VIRTUAL_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_VIRTUAL_PORT] = { .type = NLA_BE16, },
	[LBDR_A_CONN_SERVER_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_STATE] = NLA_POLICY_RANGE(NLA_U8, 1, 11),
	[LBDR_A_CONN_SERVICE] = NLA_POLICY_NESTED(lbdr_service_key_nl_policy),
	[LBDR_A_CONN_IDLE_MIN] = { .type = NLA_U32, },
	[LBDR_A_CONN_IDLE_MAX] = { .type = NLA_U32, },
	[LBDR_A_CONN_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* LBDR_CMD_TRACE - do */
static const struct nla_policy lbdr_trace_nl_policy[LBDR_A_TRACE_VRF + 1] = {
	[LBDR_A_TRACE_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_TRACE_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_TRACE_CLIENT_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_TRACE_CLIENT_PORT] = NLA_POLICY_MIN(NLA_BE16, 1),
	[LBDR_A_TRACE_VIRTUAL_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_TRACE_VIRTUAL_PORT] = NLA_POLICY_MIN(NLA_BE16, 1),
	[LBDR_A_TRACE_MARK] = { .type = NLA_U32, },
	[LBDR_A_TRACE_MAC] = NLA_POLICY_EXACT_LEN(6),
	[LBDR_A_TRACE_DATA] = { .type = NLA_FLAG, },
	[LBDR_A_TRACE_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* LBDR_CMD_CONN_ADD - do */
static const struct nla_policy lbdr_conn_add_nl_policy[LBDR_A_CONN_FLAGS + 1] = {
	[LBDR_A_CONN_FAMILY] = NLA_POLICY_RANGE(NLA_U8, 2, 10),
	[LBDR_A_CONN_PROTOCOL] = NLA_POLICY_RANGE(NLA_U8, 6, 132),
	[LBDR_A_CONN_CLIENT_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_CLIENT_PORT] = { .type = NLA_BE16, },
	[LBDR_A_CONN_VIRTUAL_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_VIRTUAL_PORT] = { .type = NLA_BE16, },
	[LBDR_A_CONN_SERVER_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_CONN_STATE] = NLA_POLICY_RANGE(NLA_U8, 1, 11),
	[LBDR_A_CONN_EXPIRES] = NLA_POLICY_MIN(NLA_U32, 1),
	[LBDR_A_CONN_SERVICE] = NLA_POLICY_NESTED(lbdr_service_key_nl_policy),
	[LBDR_A_CONN_VRF] = { .type = NLA_NUL_STRING, .len = 15, },
	[LBDR_A_CONN_FLAGS] = NLA_POLICY_MASK(NLA_U32, 0x7),
};

/* LBDR_CMD_SYNC_SET - do */
static const struct nla_policy lbdr_sync_set_nl_policy[LBDR_A_SYNC_KEY_ID + 1] = {
	[LBDR_A_SYNC_ROLE] = NLA_POLICY_MAX(NLA_U8, 2),
	[LBDR_A_SYNC_ENABLED] = NLA_POLICY_MAX(NLA_U8, 1),
	[LBDR_A_SYNC_DEVICE] = { .type = NLA_NUL_STRING, .len = 15, },
	[LBDR_A_SYNC_ADDRESS] = { .type = NLA_BINARY, .len = 16, },
	[LBDR_A_SYNC_PORT] = NLA_POLICY_MIN(NLA_BE16, 1),
	[LBDR_A_SYNC_ID] = { .type = NLA_U8, },
	[LBDR_A_SYNC_TTL] = NLA_POLICY_MIN(NLA_U8, 1),
	[LBDR_A_SYNC_MAX_LEN] = NLA_POLICY_RANGE(NLA_U16, 128, 8972),
	[LBDR_A_SYNC_KEY] = NLA_POLICY_EXACT_LEN(32),
	[LBDR_A_SYNC_KEY_ID] = NLA_POLICY_MAX(NLA_U8, 1),
};

/* LBDR_CMD_SYNC_KEY - do */
static const struct nla_policy lbdr_sync_key_nl_policy[LBDR_A_SYNC_KEY_ID + 1] = {
	[LBDR_A_SYNC_KEY] = NLA_POLICY_EXACT_LEN(32),
	[LBDR_A_SYNC_KEY_ID] = NLA_POLICY_MAX(NLA_U8, 1),
};

/* Ops table for lbdr */
/* Commands without attributes */
static const struct nla_policy lbdr_nl_no_attrs_policy[] = {
	[1] = { .type = NLA_REJECT, },
};

static const struct genl_ops lbdr_nl_ops[] = {
	{
		.cmd		= LBDR_CMD_INFO_GET,
		.doit		= lbdr_nl_info_get_doit,
		.policy		= lbdr_nl_no_attrs_policy,
		.maxattr	= ARRAY_SIZE(lbdr_nl_no_attrs_policy) - 1,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_INFO_SET,
		.doit		= lbdr_nl_info_set_doit,
		.policy		= lbdr_info_set_nl_policy,
		.maxattr	= LBDR_A_INFO_BATCH,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_SCHED_GET,
		.dumpit		= lbdr_nl_sched_get_dumpit,
		.policy		= lbdr_nl_no_attrs_policy,
		.maxattr	= ARRAY_SIZE(lbdr_nl_no_attrs_policy) - 1,
	},
	{
		.cmd		= LBDR_CMD_SERVICE_GET,
		.doit		= lbdr_nl_service_get_doit,
		.dumpit		= lbdr_nl_service_get_dumpit,
		.policy		= lbdr_service_get_nl_policy,
		.maxattr	= LBDR_A_SERVICE_WITH_HELD,
	},
	{
		.cmd		= LBDR_CMD_SERVICE_NEW,
		.doit		= lbdr_nl_service_new_doit,
		.policy		= lbdr_service_new_nl_policy,
		.maxattr	= LBDR_A_SERVICE_BATCH,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_SERVICE_SET,
		.doit		= lbdr_nl_service_set_doit,
		.policy		= lbdr_service_set_nl_policy,
		.maxattr	= LBDR_A_SERVICE_BATCH,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_SERVICE_DEL,
		.doit		= lbdr_nl_service_del_doit,
		.policy		= lbdr_service_del_nl_policy,
		.maxattr	= LBDR_A_SERVICE_HOLD,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_SERVER_GET,
		.dumpit		= lbdr_nl_server_get_dumpit,
		.policy		= lbdr_server_get_nl_policy,
		.maxattr	= LBDR_A_SERVER_WITH_HELD,
	},
	{
		.cmd		= LBDR_CMD_SERVER_NEW,
		.doit		= lbdr_nl_server_new_doit,
		.policy		= lbdr_server_new_nl_policy,
		.maxattr	= LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_SERVER_SET,
		.doit		= lbdr_nl_server_set_doit,
		.policy		= lbdr_server_set_nl_policy,
		.maxattr	= LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_SERVER_DEL,
		.doit		= lbdr_nl_server_del_doit,
		.policy		= lbdr_server_del_nl_policy,
		.maxattr	= LBDR_A_SERVER_HOLD,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_CONN_GET,
		.start		= lbdr_nl_conn_get_start,
		.dumpit		= lbdr_nl_conn_get_dumpit,
		.done		= lbdr_nl_conn_get_done,
		.policy		= lbdr_conn_get_nl_policy,
		.maxattr	= LBDR_A_CONN_VRF,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_CONN_DEL,
		.doit		= lbdr_nl_conn_del_doit,
		.policy		= lbdr_conn_del_nl_policy,
		.maxattr	= LBDR_A_CONN_VRF,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_ZERO,
		.doit		= lbdr_nl_zero_doit,
		.policy		= lbdr_zero_nl_policy,
		.maxattr	= LBDR_A_SERVICE_VRF,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_FLUSH,
		.doit		= lbdr_nl_flush_doit,
		.policy		= lbdr_flush_nl_policy,
		.maxattr	= LBDR_A_SERVICE_ALL_NAMESPACES,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_BATCH_BEGIN,
		.doit		= lbdr_nl_batch_begin_doit,
		.policy		= lbdr_nl_no_attrs_policy,
		.maxattr	= ARRAY_SIZE(lbdr_nl_no_attrs_policy) - 1,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_BATCH_COMMIT,
		.doit		= lbdr_nl_batch_commit_doit,
		.policy		= lbdr_batch_commit_nl_policy,
		.maxattr	= LBDR_A_BATCH_ID,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_BATCH_ABORT,
		.doit		= lbdr_nl_batch_abort_doit,
		.policy		= lbdr_batch_abort_nl_policy,
		.maxattr	= LBDR_A_BATCH_ID,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_CONN_COUNT,
		.doit		= lbdr_nl_conn_count_doit,
		.policy		= lbdr_conn_count_nl_policy,
		.maxattr	= LBDR_A_CONN_VRF,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_TRACE,
		.doit		= lbdr_nl_trace_doit,
		.policy		= lbdr_trace_nl_policy,
		.maxattr	= LBDR_A_TRACE_VRF,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_CONN_ADD,
		.doit		= lbdr_nl_conn_add_doit,
		.policy		= lbdr_conn_add_nl_policy,
		.maxattr	= LBDR_A_CONN_FLAGS,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_SYNC_GET,
		.dumpit		= lbdr_nl_sync_get_dumpit,
		.policy		= lbdr_nl_no_attrs_policy,
		.maxattr	= ARRAY_SIZE(lbdr_nl_no_attrs_policy) - 1,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_SYNC_SET,
		.doit		= lbdr_nl_sync_set_doit,
		.policy		= lbdr_sync_set_nl_policy,
		.maxattr	= LBDR_A_SYNC_KEY_ID,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= LBDR_CMD_SYNC_KEY,
		.doit		= lbdr_nl_sync_key_doit,
		.policy		= lbdr_sync_key_nl_policy,
		.maxattr	= LBDR_A_SYNC_KEY_ID,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
};

static const struct genl_multicast_group lbdr_nl_mcgrps[] = {
	[LBDR_NLGRP_CONFIG] = { "config", },
};

struct genl_family lbdr_nl_family __ro_after_init = {
	.name		= LBDR_FAMILY_NAME,
	.version	= LBDR_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.ops		= lbdr_nl_ops,
	.n_ops		= ARRAY_SIZE(lbdr_nl_ops),
	.mcgrps		= lbdr_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(lbdr_nl_mcgrps),
};
