/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/lbdr.yaml */
/* YNL-GEN uapi header */
/* To regenerate run: module/netlink_gen.sh */

#ifndef _UAPI_LINUX_LBDR_H
#define _UAPI_LINUX_LBDR_H

#define LBDR_FAMILY_NAME	"lbdr"
#define LBDR_FAMILY_VERSION	1

#define LBDR_SCHED_NAME_LEN	16
#define LBDR_SERVER_MAX		4096
#define LBDR_WEIGHT_MAX		65535
#define LBDR_TIMEOUT_MAX	2000000
#define LBDR_SCHED_SIZE_MIN	251
#define LBDR_SCHED_SIZE_MAX	262139

/**
 * enum lbdr_forward - How packets reach a server.
 * @LBDR_FORWARD_DR: Direct routing. The destination MAC is set to the
 *   server's. In the packet only the TTL changes.
 * @LBDR_FORWARD_LOCAL: The server is the director itself. Reported only.
 * @LBDR_FORWARD_TUNNEL: IP tunnelling. The packet is encapsulated and routed
 *   to the server; the attribute tunnel has the type.
 */
enum lbdr_forward {
	LBDR_FORWARD_DR,
	LBDR_FORWARD_LOCAL,
	LBDR_FORWARD_TUNNEL,
};

/**
 * enum lbdr_tunnel - Encapsulation of packets to a server.
 * @LBDR_TUNNEL_NONE: No encapsulation, direct routing.
 * @LBDR_TUNNEL_IPIP: IP in IP, of any two families (RFC 2003, RFC 2473, RFC
 *   4213).
 * @LBDR_TUNNEL_GRE: GRE without key and sequence number (RFC 2784).
 * @LBDR_TUNNEL_GUE: Generic UDP encapsulation, version 0, without optional
 *   fields.
 */
enum lbdr_tunnel {
	LBDR_TUNNEL_NONE,
	LBDR_TUNNEL_IPIP,
	LBDR_TUNNEL_GRE,
	LBDR_TUNNEL_GUE,
};

/**
 * enum lbdr_tunnel_flag - Options of a tunnel.
 * @LBDR_TUNNEL_FLAG_CSUM: The outer header has a checksum over the packet. GRE
 *   and GUE only. GUE in IPv6 without it has a UDP checksum of 0 (RFC 6935).
 * @LBDR_TUNNEL_FLAG_REMCSUM: Remote checksum offload of GUE. Not supported,
 *   since the director cannot know whether the server's fou has it enabled.
 */
enum lbdr_tunnel_flag {
	LBDR_TUNNEL_FLAG_CSUM = 1,
	LBDR_TUNNEL_FLAG_REMCSUM = 2,
};

/**
 * enum lbdr_tunnel_df - Don't Fragment bit of an outer IPv4 header.
 * @LBDR_TUNNEL_DF_INHERIT: The bit of an inner IPv4 packet; not set if the
 *   inner packet is IPv6. A packet that has the bit, or is IPv6, is not
 *   fragmented.
 * @LBDR_TUNNEL_DF_SET: Set. An IPv4 packet without the bit that is larger than
 *   the MTU is still fragmented.
 * @LBDR_TUNNEL_DF_CLEAR: Not set. An encapsulated packet that is larger than
 *   the MTU is fragmented, with an outer IPv6 header too.
 */
enum lbdr_tunnel_df {
	LBDR_TUNNEL_DF_INHERIT,
	LBDR_TUNNEL_DF_SET,
	LBDR_TUNNEL_DF_CLEAR,
};

/**
 * enum lbdr_sched_flag - Options of the hash schedulers sh and mh.
 * @LBDR_SCHED_FLAG_FALLBACK: If the server is unavailable, choose another one
 *   by a further hash.
 * @LBDR_SCHED_FLAG_PORT: Include the client's port in the hash.
 */
enum lbdr_sched_flag {
	LBDR_SCHED_FLAG_FALLBACK = 1,
	LBDR_SCHED_FLAG_PORT = 2,
};

/**
 * enum lbdr_refuse - Answer to a client if no server is available.
 * @LBDR_REFUSE_ICMP: Send ICMP or ICMPv6 port unreachable.
 * @LBDR_REFUSE_RESET: Send TCP RST, or port unreachable for other protocols.
 * @LBDR_REFUSE_DROP: Send no answer.
 */
enum lbdr_refuse {
	LBDR_REFUSE_ICMP,
	LBDR_REFUSE_RESET,
	LBDR_REFUSE_DROP,
};

/**
 * enum lbdr_stray - Action on a stray packet: a TCP or SCTP packet that has no
 *   connection and does not start one.
 * @LBDR_STRAY_PASS: Pass the packet to the director's own stack, which answers
 *   by RST if the VIP is local.
 * @LBDR_STRAY_DROP: Drop the packet without an answer.
 * @LBDR_STRAY_RESET: Drop the packet and answer by TCP RST.
 * @LBDR_STRAY_SCHEDULE: Schedule the packet as a new connection, for failover
 *   from another director. Packets that end a connection are passed.
 */
enum lbdr_stray {
	LBDR_STRAY_PASS,
	LBDR_STRAY_DROP,
	LBDR_STRAY_RESET,
	LBDR_STRAY_SCHEDULE,
};

/**
 * enum lbdr_service_flag - Options of a service.
 * @LBDR_SERVICE_FLAG_ONE_PACKET: UDP only. Schedule each datagram separately.
 * @LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT: Persistence does not select a server of
 *   weight 0. The client gets another server.
 * @LBDR_SERVICE_FLAG_ACCEPT_TUNNELED: Packets that arrived through a tunnel
 *   device may start connections. Otherwise they are passed to the director's
 *   own stack, so that two directors which are tunnel servers of each other
 *   make no loop.
 * @LBDR_SERVICE_FLAG_SKIP_UNREACHABLE: No new connection gets a server whose
 *   neighbour cannot be resolved, while another server is reachable.
 */
enum lbdr_service_flag {
	LBDR_SERVICE_FLAG_ONE_PACKET = 1,
	LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT = 2,
	LBDR_SERVICE_FLAG_ACCEPT_TUNNELED = 4,
	LBDR_SERVICE_FLAG_SKIP_UNREACHABLE = 8,
};

/**
 * enum lbdr_entry - Hook at which packets enter the director.
 * @LBDR_ENTRY_PREROUTING: PREROUTING, before conntrack.
 * @LBDR_ENTRY_INPUT: LOCAL_IN, after the filter table.
 * @LBDR_ENTRY_INGRESS: PREROUTING, and for some devices also netdev ingress,
 *   where simple packets of existing connections are forwarded.
 */
enum lbdr_entry {
	LBDR_ENTRY_PREROUTING,
	LBDR_ENTRY_INPUT,
	LBDR_ENTRY_INGRESS,
};

/**
 * enum lbdr_conn_state - States of a connection. The director sees packets of
 *   the client only.
 * @LBDR_CONN_STATE_NONE: Initial state.
 * @LBDR_CONN_STATE_SYN_RECV: TCP, SYN seen.
 * @LBDR_CONN_STATE_ESTABLISHED: TCP, the client sent a segment after the SYN.
 * @LBDR_CONN_STATE_FIN_WAIT: TCP, the client sent FIN.
 * @LBDR_CONN_STATE_TIME_WAIT: TCP, FIN seen in state syn-recv.
 * @LBDR_CONN_STATE_CLOSE: TCP, the client sent RST.
 * @LBDR_CONN_STATE_UDP: UDP, a datagram was seen.
 * @LBDR_CONN_STATE_SCTP_INIT: SCTP, INIT seen.
 * @LBDR_CONN_STATE_SCTP_ESTABLISHED: SCTP, the client sent a packet after
 *   INIT.
 * @LBDR_CONN_STATE_SCTP_SHUTDOWN: SCTP, the client sent SHUTDOWN or SHUTDOWN
 *   ACK.
 * @LBDR_CONN_STATE_SCTP_CLOSED: SCTP, ABORT or SHUTDOWN COMPLETE seen.
 * @LBDR_CONN_STATE_TEMPLATE: Persistence template: the server of a client. The
 *   client port is 0.
 * @LBDR_CONN_STATE_DEAD: Removed from the table. Never reported.
 */
enum lbdr_conn_state {
	LBDR_CONN_STATE_NONE,
	LBDR_CONN_STATE_SYN_RECV,
	LBDR_CONN_STATE_ESTABLISHED,
	LBDR_CONN_STATE_FIN_WAIT,
	LBDR_CONN_STATE_TIME_WAIT,
	LBDR_CONN_STATE_CLOSE,
	LBDR_CONN_STATE_UDP,
	LBDR_CONN_STATE_SCTP_INIT,
	LBDR_CONN_STATE_SCTP_ESTABLISHED,
	LBDR_CONN_STATE_SCTP_SHUTDOWN,
	LBDR_CONN_STATE_SCTP_CLOSED,
	LBDR_CONN_STATE_TEMPLATE,
	LBDR_CONN_STATE_DEAD,
};

/**
 * enum lbdr_conn_flag - Properties of a connection besides its state.
 * @LBDR_CONN_FLAG_HALF_OPEN: Only one packet of the client was seen. Of the
 *   states udp and template, which do not tell.
 * @LBDR_CONN_FLAG_RENEWED: Packets have renewed the time stamp at least eight
 *   times. Such a connection is evicted last.
 * @LBDR_CONN_FLAG_SYNCED: Another director forwards the connection. It was
 *   received from it, and no packet has renewed it here since.
 */
enum lbdr_conn_flag {
	LBDR_CONN_FLAG_HALF_OPEN = 1,
	LBDR_CONN_FLAG_RENEWED = 2,
	LBDR_CONN_FLAG_SYNCED = 4,
};

/**
 * enum lbdr_sync_role - Roles of connection synchronisation. A director may
 *   have several.
 * @LBDR_SYNC_ROLE_MASTER: Sends its connections.
 * @LBDR_SYNC_ROLE_BACKUP: Receives connections and adds them.
 * @LBDR_SYNC_ROLE_PEERS: Sends its connections to other directors of lbdr and
 *   receives theirs, authenticated and encrypted.
 */
enum lbdr_sync_role {
	LBDR_SYNC_ROLE_MASTER,
	LBDR_SYNC_ROLE_BACKUP,
	LBDR_SYNC_ROLE_PEERS,
};

/**
 * enum lbdr_sync_peer_state - What is known of a peer.
 * @LBDR_SYNC_PEER_STATE_SILENT: Nothing that it has sealed was received for 3
 *   seconds.
 * @LBDR_SYNC_PEER_STATE_HELLO: It answers, but has not accepted this director
 *   yet.
 * @LBDR_SYNC_PEER_STATE_BULK: It sends all its connections.
 * @LBDR_SYNC_PEER_STATE_SYNCED: Its connections are known.
 */
enum lbdr_sync_peer_state {
	LBDR_SYNC_PEER_STATE_SILENT,
	LBDR_SYNC_PEER_STATE_HELLO,
	LBDR_SYNC_PEER_STATE_BULK,
	LBDR_SYNC_PEER_STATE_SYNCED,
};

/**
 * enum lbdr_trace_verdict - What the director would do with a packet.
 * @LBDR_TRACE_VERDICT_PASS: Pass the packet to the director's own stack.
 * @LBDR_TRACE_VERDICT_DROP: Drop the packet.
 * @LBDR_TRACE_VERDICT_FORWARD: Forward the packet to a server.
 */
enum lbdr_trace_verdict {
	LBDR_TRACE_VERDICT_PASS,
	LBDR_TRACE_VERDICT_DROP,
	LBDR_TRACE_VERDICT_FORWARD,
};

/**
 * enum lbdr_trace_by - What determines the server.
 * @LBDR_TRACE_BY_CONNECTION: The packet's connection.
 * @LBDR_TRACE_BY_TEMPLATE: The persistence template of the client.
 * @LBDR_TRACE_BY_SCHEDULER: The scheduler.
 */
enum lbdr_trace_by {
	LBDR_TRACE_BY_CONNECTION,
	LBDR_TRACE_BY_TEMPLATE,
	LBDR_TRACE_BY_SCHEDULER,
};

/**
 * enum lbdr_trace_keep - Whether a packet without a connection would start
 *   one.
 * @LBDR_TRACE_KEEP_CONNECTION: It would start a connection.
 * @LBDR_TRACE_KEEP_EVICT: It would start a connection and evict another one:
 *   the table is nearly full, or conn_rate is exceeded.
 * @LBDR_TRACE_KEEP_STATELESS: It would be forwarded without a connection for
 *   the same reason: the scheduler hashes.
 * @LBDR_TRACE_KEEP_ONE_PACKET: It would not: the service schedules each
 *   datagram.
 */
enum lbdr_trace_keep {
	LBDR_TRACE_KEEP_CONNECTION,
	LBDR_TRACE_KEEP_EVICT,
	LBDR_TRACE_KEEP_STATELESS,
	LBDR_TRACE_KEEP_ONE_PACKET,
};

enum {
	LBDR_A_TIMEOUT_SYN_RECV = 1,
	LBDR_A_TIMEOUT_ESTABLISHED,
	LBDR_A_TIMEOUT_FIN_WAIT,
	LBDR_A_TIMEOUT_TIME_WAIT,
	LBDR_A_TIMEOUT_CLOSE,
	LBDR_A_TIMEOUT_UDP,
	LBDR_A_TIMEOUT_SCTP_INIT,
	LBDR_A_TIMEOUT_SCTP_ESTABLISHED,
	LBDR_A_TIMEOUT_SCTP_SHUTDOWN,
	LBDR_A_TIMEOUT_SCTP_CLOSED,

	__LBDR_A_TIMEOUT_MAX,
	LBDR_A_TIMEOUT_MAX = (__LBDR_A_TIMEOUT_MAX - 1)
};

enum {
	LBDR_A_STATS_PAD = 1,
	LBDR_A_STATS_CONNS,
	LBDR_A_STATS_IN_PACKETS,
	LBDR_A_STATS_IN_BYTES,

	__LBDR_A_STATS_MAX,
	LBDR_A_STATS_MAX = (__LBDR_A_STATS_MAX - 1)
};

enum {
	LBDR_A_SERVICE_FAMILY = 1,
	LBDR_A_SERVICE_PROTOCOL,
	LBDR_A_SERVICE_ADDRESS,
	LBDR_A_SERVICE_PORT,
	LBDR_A_SERVICE_LAST_PORT,
	LBDR_A_SERVICE_FWMARK,
	LBDR_A_SERVICE_SCHEDULER,
	LBDR_A_SERVICE_SCHED_FLAGS,
	LBDR_A_SERVICE_SCHED_SIZE,
	LBDR_A_SERVICE_REFUSE,
	LBDR_A_SERVICE_STRAY,
	LBDR_A_SERVICE_FLAGS,
	LBDR_A_SERVICE_FLAGS_MASK,
	LBDR_A_SERVICE_PERSIST,
	LBDR_A_SERVICE_PERSIST_PREFIX,
	LBDR_A_SERVICE_TIMEOUT,
	LBDR_A_SERVICE_STATS,
	LBDR_A_SERVICE_SERVERS,
	LBDR_A_SERVICE_VRF,
	LBDR_A_SERVICE_BATCH,
	LBDR_A_SERVICE_ALL_NAMESPACES,
	LBDR_A_SERVICE_HOLD,
	LBDR_A_SERVICE_WITH_HELD,
	LBDR_A_SERVICE_DROP,
	LBDR_A_SERVICE_PAD,
	LBDR_A_SERVICE_TABLE_DIGEST,

	__LBDR_A_SERVICE_MAX,
	LBDR_A_SERVICE_MAX = (__LBDR_A_SERVICE_MAX - 1)
};

enum {
	LBDR_A_SERVER_SERVICE = 1,
	LBDR_A_SERVER_ADDRESS,
	LBDR_A_SERVER_PORT,
	LBDR_A_SERVER_DRAIN,
	LBDR_A_SERVER_WEIGHT,
	LBDR_A_SERVER_UPPER,
	LBDR_A_SERVER_LOWER,
	LBDR_A_SERVER_FORWARD,
	LBDR_A_SERVER_ACTIVE,
	LBDR_A_SERVER_INACTIVE,
	LBDR_A_SERVER_PERSISTENT,
	LBDR_A_SERVER_OVERLOADED,
	LBDR_A_SERVER_STATS,
	LBDR_A_SERVER_IFINDEX,
	LBDR_A_SERVER_BATCH,
	LBDR_A_SERVER_HOLD,
	LBDR_A_SERVER_WITH_HELD,
	LBDR_A_SERVER_TUNNEL,
	LBDR_A_SERVER_TUNNEL_PORT,
	LBDR_A_SERVER_TUNNEL_FLAGS,
	LBDR_A_SERVER_TUNNEL_FLAGS_MASK,
	LBDR_A_SERVER_TUNNEL_TTL,
	LBDR_A_SERVER_TUNNEL_DF,
	LBDR_A_SERVER_TUNNEL_SOURCE,
	LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX,
	LBDR_A_SERVER_UNREACHABLE,

	__LBDR_A_SERVER_MAX,
	LBDR_A_SERVER_MAX = (__LBDR_A_SERVER_MAX - 1)
};

enum {
	LBDR_A_CONN_FAMILY = 1,
	LBDR_A_CONN_PROTOCOL,
	LBDR_A_CONN_CLIENT_ADDRESS,
	LBDR_A_CONN_CLIENT_PORT,
	LBDR_A_CONN_CLIENT_PREFIX,
	LBDR_A_CONN_VIRTUAL_ADDRESS,
	LBDR_A_CONN_VIRTUAL_PORT,
	LBDR_A_CONN_SERVER_ADDRESS,
	LBDR_A_CONN_SERVER_PORT,
	LBDR_A_CONN_STATE,
	LBDR_A_CONN_EXPIRES,
	LBDR_A_CONN_KILLED,
	LBDR_A_CONN_SERVICE,
	LBDR_A_CONN_FWMARK,
	LBDR_A_CONN_IDLE,
	LBDR_A_CONN_IDLE_MIN,
	LBDR_A_CONN_IDLE_MAX,
	LBDR_A_CONN_WITH_SERVICE,
	LBDR_A_CONN_COUNT,
	LBDR_A_CONN_RESIZED,
	LBDR_A_CONN_VRF,
	LBDR_A_CONN_FLAGS,

	__LBDR_A_CONN_MAX,
	LBDR_A_CONN_MAX = (__LBDR_A_CONN_MAX - 1)
};

enum {
	LBDR_A_TRACE_FAMILY = 1,
	LBDR_A_TRACE_PROTOCOL,
	LBDR_A_TRACE_CLIENT_ADDRESS,
	LBDR_A_TRACE_CLIENT_PORT,
	LBDR_A_TRACE_VIRTUAL_ADDRESS,
	LBDR_A_TRACE_VIRTUAL_PORT,
	LBDR_A_TRACE_MARK,
	LBDR_A_TRACE_MAC,
	LBDR_A_TRACE_DATA,
	LBDR_A_TRACE_VERDICT,
	LBDR_A_TRACE_REASON,
	LBDR_A_TRACE_REFUSE,
	LBDR_A_TRACE_SERVICE,
	LBDR_A_TRACE_PERSIST,
	LBDR_A_TRACE_BY,
	LBDR_A_TRACE_STATE,
	LBDR_A_TRACE_EXPIRES,
	LBDR_A_TRACE_OVER,
	LBDR_A_TRACE_REMEMBERED,
	LBDR_A_TRACE_REMEMBERED_EXPIRES,
	LBDR_A_TRACE_SCHEDULER,
	LBDR_A_TRACE_RANDOM,
	LBDR_A_TRACE_HASHES_PORT,
	LBDR_A_TRACE_FIRST,
	LBDR_A_TRACE_SERVER,
	LBDR_A_TRACE_KEEP,
	LBDR_A_TRACE_SERVERS,
	LBDR_A_TRACE_OPEN,
	LBDR_A_TRACE_QUIESCED,
	LBDR_A_TRACE_DRAINING,
	LBDR_A_TRACE_OVERLOADED,
	LBDR_A_TRACE_VRF,
	LBDR_A_TRACE_UNREACHABLE,

	__LBDR_A_TRACE_MAX,
	LBDR_A_TRACE_MAX = (__LBDR_A_TRACE_MAX - 1)
};

enum {
	LBDR_A_SCHED_NAME = 1,

	__LBDR_A_SCHED_MAX,
	LBDR_A_SCHED_MAX = (__LBDR_A_SCHED_MAX - 1)
};

enum {
	LBDR_A_DROP_PAD = 1,
	LBDR_A_DROP_REASON,
	LBDR_A_DROP_PACKETS,

	__LBDR_A_DROP_MAX,
	LBDR_A_DROP_MAX = (__LBDR_A_DROP_MAX - 1)
};

enum {
	LBDR_A_INFO_VERSION = 1,
	LBDR_A_INFO_SERVICES,
	LBDR_A_INFO_CONNS,
	LBDR_A_INFO_CONN_MAX,
	LBDR_A_INFO_DROP,
	LBDR_A_INFO_TIMEOUT,
	LBDR_A_INFO_ENTRY,
	LBDR_A_INFO_DEVICE,
	LBDR_A_INFO_BATCH,
	LBDR_A_INFO_PAD,
	LBDR_A_INFO_SLOW_PACKETS,

	__LBDR_A_INFO_MAX,
	LBDR_A_INFO_MAX = (__LBDR_A_INFO_MAX - 1)
};

enum {
	LBDR_A_BATCH_COMMANDS = 1,
	LBDR_A_BATCH_ID,

	__LBDR_A_BATCH_MAX,
	LBDR_A_BATCH_MAX = (__LBDR_A_BATCH_MAX - 1)
};

enum {
	LBDR_A_SYNC_STATS_PAD = 1,
	LBDR_A_SYNC_STATS_SENT_DATAGRAMS,
	LBDR_A_SYNC_STATS_SENT_RECORDS,
	LBDR_A_SYNC_STATS_SEND_ERRORS,
	LBDR_A_SYNC_STATS_DROPPED,
	LBDR_A_SYNC_STATS_RECEIVED_DATAGRAMS,
	LBDR_A_SYNC_STATS_RECEIVED_RECORDS,
	LBDR_A_SYNC_STATS_ADDED,
	LBDR_A_SYNC_STATS_UPDATED,
	LBDR_A_SYNC_STATS_ADOPTED,
	LBDR_A_SYNC_STATS_PENDING_FULL,
	LBDR_A_SYNC_STATS_OWN,
	LBDR_A_SYNC_STATS_STALE,
	LBDR_A_SYNC_STATS_REFUSED,
	LBDR_A_SYNC_STATS_SKIPPED,
	LBDR_A_SYNC_STATS_BAD,
	LBDR_A_SYNC_STATS_FOREIGN,

	__LBDR_A_SYNC_STATS_MAX,
	LBDR_A_SYNC_STATS_MAX = (__LBDR_A_SYNC_STATS_MAX - 1)
};

enum {
	LBDR_A_SYNC_PEER_STATS_PAD = 1,
	LBDR_A_SYNC_PEER_STATS_SENT,
	LBDR_A_SYNC_PEER_STATS_RESENT,
	LBDR_A_SYNC_PEER_STATS_OVERRUN,
	LBDR_A_SYNC_PEER_STATS_RECEIVED,
	LBDR_A_SYNC_PEER_STATS_LOST,
	LBDR_A_SYNC_PEER_STATS_BULKS,
	LBDR_A_SYNC_PEER_STATS_FORGED,
	LBDR_A_SYNC_PEER_STATS_REPLAYED,
	LBDR_A_SYNC_PEER_STATS_OLD_EPOCH,
	LBDR_A_SYNC_PEER_STATS_BAD,

	__LBDR_A_SYNC_PEER_STATS_MAX,
	LBDR_A_SYNC_PEER_STATS_MAX = (__LBDR_A_SYNC_PEER_STATS_MAX - 1)
};

enum {
	LBDR_A_SYNC_PEER_STATE = 1,
	LBDR_A_SYNC_PEER_DIFFERS,
	LBDR_A_SYNC_PEER_CONNS,
	LBDR_A_SYNC_PEER_STATS,

	__LBDR_A_SYNC_PEER_MAX,
	LBDR_A_SYNC_PEER_MAX = (__LBDR_A_SYNC_PEER_MAX - 1)
};

enum {
	LBDR_A_SYNC_ROLE = 1,
	LBDR_A_SYNC_ENABLED,
	LBDR_A_SYNC_DEVICE,
	LBDR_A_SYNC_ADDRESS,
	LBDR_A_SYNC_PORT,
	LBDR_A_SYNC_ID,
	LBDR_A_SYNC_TTL,
	LBDR_A_SYNC_MAX_LEN,
	LBDR_A_SYNC_PENDING,
	LBDR_A_SYNC_STATS,
	LBDR_A_SYNC_KEY,
	LBDR_A_SYNC_KEY_ID,
	LBDR_A_SYNC_KEYS,
	LBDR_A_SYNC_SYNCED,
	LBDR_A_SYNC_PEER,

	__LBDR_A_SYNC_MAX,
	LBDR_A_SYNC_MAX = (__LBDR_A_SYNC_MAX - 1)
};

enum {
	LBDR_CMD_INFO_GET = 1,
	LBDR_CMD_INFO_SET,
	LBDR_CMD_SCHED_GET,
	LBDR_CMD_SERVICE_GET,
	LBDR_CMD_SERVICE_NEW,
	LBDR_CMD_SERVICE_SET,
	LBDR_CMD_SERVICE_DEL,
	LBDR_CMD_SERVER_GET,
	LBDR_CMD_SERVER_NEW,
	LBDR_CMD_SERVER_SET,
	LBDR_CMD_SERVER_DEL,
	LBDR_CMD_CONN_GET,
	LBDR_CMD_CONN_DEL,
	LBDR_CMD_ZERO,
	LBDR_CMD_FLUSH,
	LBDR_CMD_SERVICE_NEW_NTF,
	LBDR_CMD_SERVICE_SET_NTF,
	LBDR_CMD_SERVICE_DEL_NTF,
	LBDR_CMD_SERVER_NEW_NTF,
	LBDR_CMD_SERVER_SET_NTF,
	LBDR_CMD_SERVER_DEL_NTF,
	LBDR_CMD_INFO_SET_NTF,
	LBDR_CMD_ZERO_NTF,
	LBDR_CMD_FLUSH_NTF,
	LBDR_CMD_BATCH_BEGIN,
	LBDR_CMD_BATCH_COMMIT,
	LBDR_CMD_BATCH_ABORT,
	LBDR_CMD_CONN_COUNT,
	LBDR_CMD_TRACE,
	LBDR_CMD_CONN_ADD,
	LBDR_CMD_SYNC_GET,
	LBDR_CMD_SYNC_SET,
	LBDR_CMD_SYNC_KEY,

	__LBDR_CMD_MAX,
	LBDR_CMD_MAX = (__LBDR_CMD_MAX - 1)
};

#define LBDR_MCGRP_CONFIG	"config"

#endif /* _UAPI_LINUX_LBDR_H */
