/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A command line that was read: the verb, and an argument struct for each object.
 * verbs.c owns the table of verbs, options.c the table of options.
 */
#ifndef LBCTL_REQUEST_H
#define LBCTL_REQUEST_H

#include <stdio.h>

#include "object.h"

struct nl;
struct nlmsghdr;

/*
 * A command line, understood: an argument struct for each object. Each option writes
 * one member; members ..._text are read into those behind them, by request.c.
 */

/* Of add-service and edit-service. */
struct service_args {
	const char *scheduler;
	const char *flags_text;
	const char *mh_size_text;
	const char *refuse_text;
	const char *stray_text;
	const char *persist_text;
	const char *netmask_text;
	const char *quiescent_text;
	const char *tunneled_text;
	const char *skip_text;
	const char *timeouts_text;
	bool one_packet;
	bool no_one_packet;

	/* The settings that are given, and defaults; without key and counters. */
	struct service want;
	__u32 flags_given;	/* LBDR_SERVICE_FLAG_... */
};

/* A server's tunnel. */
struct tunnel_args {
	const char *text;		/* TYPE[:PORT] */
	bool ipip;
	const char *type_text;
	const char *port_text;
	bool csum;
	bool no_csum;
	const char *ttl_text;
	const char *df_text;
	const char *source_text;
	const char *source_prefix_text;

	bool given;		/* its type, or that there is none */
	struct tunnel tunnel;
};

/* Of add-server, edit-server and del-server. */
struct server_args {
	const char *weight_text;
	const char *upper_text;
	const char *lower_text;
	const char *drain_text;
	bool direct;
	struct tunnel_args tun;

	struct server want;	/* only what is in setting.c */
	__u32 drain_s;		/* 0: no end */
};

/* Which connections, and what to do with them. */
struct conns_args {
	const char *client_text;	/* of trace, too */
	const char *state_text;
	const char *idle_text;
	const char *recent_text;
	const char *count_by_text;
	bool all;
	bool count;
	bool kill;

	struct endpoint client;
	__u8 client_prefix;
	__u8 state;		/* LBDR_CONN_STATE_..., 0: any */
	__u32 idle;		/* seconds */
	__u32 recent;
	__u8 count_by;		/* COUNT_BY_... */
};

/* The packet of trace. */
struct packet_args {
	const char *mark_text;
	const char *mac_text;
	bool data;

	__u32 mark;
	__u8 mac[6];
};

/* Of list, metrics and top. */
struct list_args {
	const char *interval_text;
	bool connections;
	bool stats;
	bool rate;
	bool thresholds;
	bool persistent;
	bool tun_info;
	bool timeout;
	bool info;
	bool drops;
	bool held;
	bool exact;
	bool sort;
	bool nosort;
	bool textfile;

	__u32 interval;		/* seconds */
};

/* Of files of commands. */
struct file_args {
	bool dry_run;
	bool allow_empty;
	bool skip_unsupported;
};

/* Of sync. */
struct sync_args {
	const char *id_text;
	const char *address_text;
	const char *port_text;
	const char *ttl_text;
	const char *length_text;
	const char *key_file;
	const char *key_id_text;
	const char *wait_text;

	bool starts;
	bool stops;
	bool sets_key;
	__u8 role;		/* LBDR_SYNC_ROLE_... */
	const char *device;
	struct endpoint addresses[SYNC_PEERS];
	size_t n_addresses;
	__u32 id;
	__u32 port;
	__u32 ttl;
	__u32 length;
	__u32 key_id;
	__u32 wait;
};

/* Of set-timeout and set-entry. */
struct director_args {
	struct timeouts timeouts;
	__u8 entry;
	const char *devices[INGRESS_MAX];	/* of the entries ingress and xdp */
	int n_devices;
};

struct request {
	const struct verb *verb;
	bool ipvsadm;		/* called by that name: only its grammar */
	bool letters;		/* a command of ipvsadm, under either name */
	bool in_file;		/* the command is a line of a file */
	bool help;
	const char *word;	/* behind the verb: a command, a file */
	const char *netns;
	bool numeric;		/* --numeric; at last: print no names */
	bool resolve;
	bool all_namespaces;	/* of clear */
	const char *fallback;	/* of reload-module: a file */
	bool force;
	bool json;
	bool pretty;

	const char *tcp_text;
	const char *udp_text;
	const char *sctp_text;
	const char *mark_text;
	const char *vrf_text;
	bool ipv6;
	bool has_service;
	struct service_key service;
	const char *server_text;
	struct endpoint server;
	const char *hold_text;	/* of del-service and del-server */
	__u32 hold;		/* seconds, 0: no hold time */

	struct service_args settings;
	struct server_args real;
	struct conns_args conns;
	struct packet_args packet;
	struct list_args list;
	struct file_args file;
	struct director_args director;
	struct sync_args sync;

	/* Of doctor and setup-realserver, which lbdr-doctor reads. */
	bool realserver;
	bool undo;
	bool verbose;
};

/* What a verb needs of its command line, and of its caller. */
enum {
	NEEDS_SERVICE = 1 << 0,
	TAKES_SERVICE = 1 << 1,
	NEEDS_SERVER = 1 << 2,
	TAKES_WORD = 1 << 3,
	TAKES_TIMEOUTS = 1 << 4,
	TAKES_ENTRY = 1 << 5,
	OFFLINE = 1 << 6,	/* runs without the kernel */
	TAKES_VIPS = 1 << 12,
	TAKES_ROLE = 1 << 14,	/* of sync: a role and a device */
	NEEDS_FLOW = 1 << 13,	/* where a packet comes from, and goes */
};

/*
 * A row of the table of verbs. The row's index is the verb's bit in the masks
 * of the table of options.
 */
struct verb {
	const char *name;
	const char *letters;	/* ipvsadm's, the first is the one to teach */
	const char *longname;	/* ipvsadm's */
	bool hidden;		/* the help does not list it */
	unsigned int needs;
	const char *words;	/* what stands there without an option's name */
	int (*run)(struct nl *nl, const struct request *req);
	/* The request to the kernel, of verbs that files may consist of. */
	struct nlmsghdr *(*message)(struct nl *nl, const struct request *req);
	const char *object;	/* of the request, in errors */
	const char *summary;
	const char *details;
	const char *example;
	const char *ipvsadm_example;
};

enum verb_id {
	VERB_ADD_SERVICE,
	VERB_EDIT_SERVICE,
	VERB_DEL_SERVICE,
	VERB_ADD_SERVER,
	VERB_EDIT_SERVER,
	VERB_DEL_SERVER,
	VERB_LIST,
	VERB_CONNS,
	VERB_DEL_CONN,
	VERB_SAVE_CONNS,
	VERB_RESTORE_CONNS,
	VERB_SYNC,
	VERB_TRACE,
	VERB_SET_TIMEOUT,
	VERB_SET_ENTRY,
	VERB_ZERO,
	VERB_CLEAR,
	VERB_SAVE,
	VERB_RESTORE,
	VERB_APPLY,
	VERB_CHECK,
	VERB_IMPORT,
	VERB_LIST_SCHEDULERS,
	VERB_RELOAD_MODULE,
	VERB_DOCTOR,
	VERB_SETUP_REALSERVER,
	VERB_METRICS,
	VERB_MONITOR,
	VERB_TOP,
	VERB_HELP,
	VERB_VERSION,
	VERBS,
};

#define ON(verb) (1U << VERB_##verb)

/* verbs.c */
extern const struct verb verbs[VERBS];

/* options.c */
int options_read(int argc, char **argv, struct request *req);
void options_usage(FILE *out, const struct verb *verb, bool ipvsadm);
void options_explain(FILE *out, const struct verb *verb, bool ipvsadm);
bool options_service(int argc, char **argv, struct request *req);
bool options_consistent(void);
int options_partial(char *const *words, size_t count, struct request *req,
		    const char **wants, const char **argument);
void options_offer(const struct verb *verb);

/* request.c */
int request_read(struct request *req, const char *const *words, size_t count);
int request_service(struct request *req);

/* help.c */
void help_general(FILE *out, bool ipvsadm);
void help_usage(FILE *out, const struct verb *verb, bool ipvsadm);
void help_verb(FILE *out, const struct verb *verb, bool ipvsadm);
int help_run(struct nl *nl, const struct request *req);
int version_run(struct nl *nl, const struct request *req);

#endif
