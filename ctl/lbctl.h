/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of lbctl share. The way of a call: options.c turns the
 * command line into a struct request, request.c reads the texts in it with the
 * help of parse.c and words.c, main.c runs the request's verb, the verb's file
 * talks to the kernel through nl.c, decode.c turns answers into the structures
 * below, and print.c puts them on paper.
 */
#ifndef LBCTL_H
#define LBCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netdb.h>
#include <net/if.h>
#include <linux/types.h>

#include <jansson.h>
#include <libmnl/libmnl.h>
#include <linux/lbdr.h>

#ifndef LBDR_VERSION
#error "LBDR_VERSION comes from the Makefile"
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define __attr(...) __attribute__((__VA_ARGS__))
#define __printf(string, first) __attr(format(printf, string, first))

/* The exit status, a promise to scripts. */
enum {
	EXIT_DONE = 0,
	EXIT_USAGE = 1,
	EXIT_REFUSED = 2,
	EXIT_PARTLY = 3,
	EXIT_PROBLEM = 4,	/* doctor has found one */
};

/*
 * An address and a port, the address in network, the port in host order. Port 0
 * is every port.
 */
struct endpoint {
	int family;
	__u8 address[sizeof(struct in6_addr)];
	__u16 port;
	__u16 last_port;	/* of a range, 0 for one port alone */
};

/* A service by firewall mark has a family in at, and no more. */
struct service_key {
	__u8 protocol;
	__u32 fwmark;		/* 0: protocol and at name the service */
	struct endpoint at;
	char vrf[IFNAMSIZ];	/* empty: every L3 domain */
};

/* Seconds by LBDR_CONN_STATE_..., as far as they are given. */
struct timeouts {
	__u32 seconds[LBDR_A_TIMEOUT_MAX + 1];
	bool given[LBDR_A_TIMEOUT_MAX + 1];
};

struct counters {
	__u64 conns;
	__u64 in_packets;
	__u64 in_bytes;
};

/* Objects as the kernel reports them; order is the place in its dump. */
struct service {
	struct service_key key;
	char scheduler[LBDR_SCHED_NAME_LEN];
	__u32 sched_flags;
	__u32 mh_size;		/* 0: the scheduler is another one than mh */
	__u8 refuse;
	__u8 stray;
	__u32 flags;		/* LBDR_SERVICE_FLAG_... */
	__u32 persist;		/* seconds, 0: not persistent */
	__u8 prefix;		/* that persistence looks at */
	struct timeouts timeouts;
	struct counters stats;
	__u32 servers;		/* held ones not counted */
	__u32 hold;		/* seconds until a held one is removed, else 0 */
	size_t order;
};

struct server {
	struct service_key service;
	struct endpoint at;
	__u32 weight;
	__u32 upper;		/* thresholds, 0: none */
	__u32 lower;
	__u8 forward;
	__u32 active;
	__u32 inactive;
	__u32 persistent;
	bool overloaded;
	bool draining;
	__u32 hold;		/* seconds until a held one is removed, else 0 */
	struct counters stats;
	__u32 ifindex;		/* 0: not reachable on-link */
	size_t order;
};

struct conn {
	struct service_key service;	/* of its packets: address and port */
	struct endpoint client;
	struct endpoint server;
	__u8 state;
	__u32 expires_ms;
	__u32 idle_ms;
	char vrf[IFNAMSIZ];	/* of its L3 domain, empty: the default one */
	bool has_of;
	struct service_key of;		/* the service that it is of, if asked for */
};

/* The strings of these point into the message that they were read from. */
struct sched {
	const char *name;
};

struct drop {
	const char *reason;
	__u64 packets;
};

/* What would become of a packet; servers that there are not have family 0. */
struct trace {
	__u8 verdict;		/* LBDR_TRACE_VERDICT_... */
	const char *reason;	/* or NULL */
	bool has_refuse;
	__u8 refuse;
	bool has_service;
	struct service_key service;
	__u32 persist;
	bool has_by;
	__u8 by;		/* LBDR_TRACE_BY_... */
	__u8 state;		/* of its connection, 0: it has none */
	__u32 expires_ms;
	bool over;
	struct server remembered;
	__u32 remembered_ms;
	const char *scheduler;	/* or NULL */
	bool random;
	bool hashes_port;
	struct server first;
	struct server server;
	bool has_keep;
	__u8 keep;		/* LBDR_TRACE_KEEP_... */
	__u32 servers;
	__u32 open;
	__u32 quiesced;
	__u32 draining;
	__u32 overloaded;
};

/* Devices whose packets the module takes at ingress, at most. */
#define INGRESS_MAX 16

struct info {
	const char *version;
	__u32 services;
	__u32 conns;
	__u32 conn_max;
	__u8 entry;
	const char *devices[INGRESS_MAX];
	int n_devices;
	struct timeouts timeouts;
};

/* Addresses that one call sets up on a real server, at most. */
#define VIPS_MAX 64

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
	const char *timeouts_text;
	bool one_packet;
	bool no_one_packet;

	__u32 sched_flags;
	__u32 mh_size;
	__u8 refuse;
	__u8 stray;
	__u32 persist;
	__u8 prefix;
	bool expire_quiescent;
};

/* Of add-server, edit-server and del-server. */
struct server_args {
	const char *weight_text;
	const char *upper_text;
	const char *lower_text;
	const char *drain_text;
	bool direct;

	__u32 weight;
	__u32 upper;
	__u32 lower;
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

/* Of set-timeout, of --timeouts of a service, and of set-entry. */
struct director_args {
	struct timeouts timeouts;
	__u8 entry;
	const char *devices[INGRESS_MAX];	/* of the entry ingress */
	int n_devices;
};

struct request {
	const struct verb *verb;
	bool ipvsadm;		/* called by that name: its grammar alone */
	bool letters;		/* the command is one of ipvsadm's, under either name */
	bool help;
	const char *word;	/* behind the verb: a command, a file */
	const char *netns;
	bool numeric;		/* --numeric; at last: print no names */
	bool resolve;
	bool all_namespaces;	/* of clear */
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

	/* Of doctor and setup-realserver, which lbdr-doctor reads. */
	bool realserver;
	bool undo;
	bool verbose;
	struct endpoint vips[VIPS_MAX];		/* of a real server */
	size_t nr_vips;
};

struct nl;

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

enum fault_kind {
	FAULT_USAGE,
	FAULT_UNSUPPORTED,	/* ip_vs does it */
	FAULT_LOOKUP,		/* the resolver failed */
};

/* parse.c: 0 or -1, and then fault_text() is the sentence to show. */
int fault(const char *format, ...) __printf(1, 2);
int lacks(const char *format, ...) __printf(1, 2);
enum fault_kind fault_kind(void);
const char *fault_text(void);
int parse_number(const char *what, const char *text, __u32 min, __u32 max,
		 __u32 *number);
int parse_service(const char *text, __u8 protocol, bool all_ports,
		  struct service_key *key);
int parse_fwmark(const char *text, bool ipv6, struct service_key *key);
int parse_server(const char *text, const struct service_key *service,
		 bool any_port, struct endpoint *server);
int parse_any_server(const char *text, struct endpoint *server);
int parse_client(const char *text, struct endpoint *client, __u8 *prefix);
int parse_vip(const char *text, struct endpoint *vip);
int parse_mac(const char *text, __u8 *mac);
int parse_netmask(const char *text, int family, __u8 *prefix);
int parse_scheduler(const char *text);
int parse_netns(const char *text);
int parse_vrf(const char *text, char *vrf);

/* What -p without a number is read as; it depends on the program's name. */
#define PERSIST_USUAL "usual"

/* What --hold without a number is read as. */
#define HOLD_USUAL "usual"
#define HOLD_SECONDS 60

/* What --drain without a number is read as. */
#define DRAIN_ENDLESS "endless"

/* words.c: parsers return as those of parse.c do. */
#define MH_SIZE_DEFAULT 65537
#define FLAGS_TEXT 80
#define MASK_TEXT 16
#define TIMEOUTS_TEXT 320

extern const char *const sched_flag_words[];
extern const __u32 usual_timeouts[LBDR_A_TIMEOUT_MAX + 1];

int parse_sched_flags(const char *text, const char *scheduler, __u32 *flags);
int parse_mh_size(const char *text, const char *scheduler, __u32 *size);
int parse_refuse(const char *text, __u8 *refuse);
int parse_stray(const char *text, __u8 *stray);
int parse_entry(const char *text, __u8 *entry);
int parse_yes(const char *option, const char *text, bool *yes);
int parse_state(const char *text, __u8 *state);
int parse_count_by(const char *text, __u8 *by);
int parse_timeouts(const char *text, struct timeouts *timeouts);
int parse_set(const char *const *words, size_t count, bool ipvsadm,
	      struct timeouts *timeouts);
const char *sched_flag_text(const char *scheduler, size_t bit, char *text);
const char *sched_flags_text(const struct service *service, char *text);
const char *choice_word(__u8 choice, const char *const *words, size_t count);
const char *refuse_word(__u8 refuse);
const char *stray_word(__u8 stray);
const char *entry_word(__u8 entry);
const char *state_word(__u8 state);

#define STATE_TEXT 24

/* summaries.c: one line each, or NULL for a name that is unknown */
const char *scheduler_summary(const char *name);
const char *drop_summary(const char *reason);

/* What connections are counted by. */
enum {
	COUNT_BY_SERVICE,
	COUNT_BY_SERVER,
	COUNT_BY_STATE,
};

const char *mask_text(int family, __u8 prefix, char *text);
const char *timeouts_text(const struct timeouts *timeouts, char *text);
json_t *timeouts_json(const struct timeouts *timeouts);

/* nl.c */
struct nl_answer {
	int error;		/* 0 or an errno */
	bool torn;		/* the kernel says that a dump is inconsistent */
	char sentence[512];	/* the kernel's own, may be empty */
};

/* Returns false when the message makes no sense. */
typedef bool (*nl_reader)(const struct nlmsghdr *nlh, void *data);

extern const char *netns_directory;

int netns_enter(const char *name);
struct ifaddrs;
int netns_addresses(const char *netns, struct ifaddrs **list);
int nl_open(struct nl **nl, const char *netns);
int nl_open_ipvs(struct nl **nl, const char *netns);
void nl_close(struct nl *nl);
struct nlmsghdr *nl_request(struct nl *nl, __u8 command);
struct nlmsghdr *nl_dump_request(struct nl *nl, __u8 command);
void nl_put_service(struct nlmsghdr *nlh, const struct service_key *key);
void nl_put_address(struct nlmsghdr *nlh, __u16 type, const struct endpoint *at);
void nl_put_timeouts(struct nlmsghdr *nlh, __u16 type,
		     const struct timeouts *timeouts);
void nl_ask(struct nl *nl, struct nlmsghdr *nlh, nl_reader reader, void *data,
	    struct nl_answer *answer);
#define NL_MANY 128
size_t nl_ask_many(struct nl *nl, struct nlmsghdr *messages, size_t size,
		   struct nl_answer *answer);
int nl_verdict(const struct nl_answer *answer, const char *object);
int nl_listen(struct nl *nl);
int nl_hear(struct nl *nl, nl_reader reader, void *data);
int nl_fd(const struct nl *nl);

/* decode.c */
bool decode_service(const struct nlmsghdr *nlh, struct service *service);
bool decode_server(const struct nlmsghdr *nlh, struct server *server);
bool decode_conn(const struct nlmsghdr *nlh, struct conn *conn);
bool decode_killed(const struct nlmsghdr *nlh, __u32 *killed);
bool decode_count(const struct nlmsghdr *nlh, __u32 *count, bool *resized);
bool decode_trace(const struct nlmsghdr *nlh, struct trace *trace);
bool decode_batch(const struct nlmsghdr *nlh, __u32 *id);
bool decode_sched(const struct nlmsghdr *nlh, struct sched *sched);
bool decode_info(const struct nlmsghdr *nlh, struct info *info,
		 void (*each)(const struct drop *drop, void *data), void *data);
bool decode_choices(const struct nlmsghdr *nlh, struct info *info);
bool decode_zero(const struct nlmsghdr *nlh, struct service_key *key,
		 bool *one);
bool decode_family(const struct nlmsghdr *nlh, __u16 *id);
bool decode_group(const struct nlmsghdr *nlh, const char *name, __u32 *id);
bool decode_next(const struct nlmsghdr *nlh, int left);
int decode_run(const void *datagram, size_t size, unsigned int asker,
	       unsigned int seq, mnl_cb_t hear, void *data);
void decode_verdict(const struct nlmsghdr *nlh, struct nl_answer *answer);

/* Of the schema in Documentation/json.md; changes when a field goes. */
#define JSON_VERSION 1

/* print.c */
#define ENDPOINT_TEXT (NI_MAXHOST + NI_MAXSERV + 4)
#define NUMBER_TEXT 24

extern const char *program;

struct json_list {
	bool pretty;
	bool begun;
	bool row_begun;
};

void complain(const char *format, ...) __printf(1, 2);
void *grow(void *array, size_t *room, size_t used, size_t size);
const char *protocol_name(__u8 protocol);
const char *protocol_word(__u8 protocol);
const char *address_text(const struct endpoint *at, char *text);
const char *endpoint_text(const struct endpoint *at, __u8 protocol,
			  bool numeric, char *text);
json_t *port_json(__u16 port, bool there);
const char *number_text(__u64 number, bool exact, char *text);
void json_list_begin(struct json_list *list, bool pretty);
void json_list_add(struct json_list *list, json_t *object);
void json_list_end(struct json_list *list);
void json_row_begin(struct json_list *list);
void json_row_text(struct json_list *list, const char *name, const char *text);
void json_row_number(struct json_list *list, const char *name, __u32 number,
		     bool there);
void json_row_end(struct json_list *list);

/* service.c and server.c */
void service_warn(const struct request *req, const struct service_key *key);
int service_add(struct nl *nl, const struct request *req);
int service_edit(struct nl *nl, const struct request *req);
int service_del(struct nl *nl, const struct request *req);
int service_zero(struct nl *nl, const struct request *req);
int service_clear(struct nl *nl, const struct request *req);
struct nlmsghdr *service_add_message(struct nl *nl, const struct request *req);
struct nlmsghdr *service_edit_message(struct nl *nl, const struct request *req);
struct nlmsghdr *service_del_message(struct nl *nl, const struct request *req);
struct nlmsghdr *service_clear_message(struct nl *nl, const struct request *req);
struct nlmsghdr *server_add_message(struct nl *nl, const struct request *req);
struct nlmsghdr *server_edit_message(struct nl *nl, const struct request *req);
struct nlmsghdr *server_del_message(struct nl *nl, const struct request *req);
int server_add(struct nl *nl, const struct request *req);
int server_edit(struct nl *nl, const struct request *req);
int server_del(struct nl *nl, const struct request *req);

/* setting.c: the settings of a server */
int settings_read(struct server_args *args);
void settings_put(struct nlmsghdr *nlh, const struct server_args *args,
		  bool all, bool adds);
void settings_want(struct server *server, const struct server_args *args);
bool settings_decode(const struct nlattr **attrs, struct server *server);
bool settings_equal(const struct server *a, const struct server *b);
void settings_save(FILE *out, const struct server *is, const struct server *want);
void settings_print(const struct server *server);
void settings_members(json_t *object, const struct server *server);

/*
 * file.c: a file of commands. A line's words are there until the next is read.
 */
#define FILE_WORDS 64

struct file {
	FILE *in;
	const char *name;
	unsigned int line;
	char *text;
	size_t room;
	char *words[FILE_WORDS + 2];	/* the program's name, and NULL */
	int count;
	unsigned int commands;	/* read so far, also wrong ones */
	unsigned int errors;
	unsigned int error_line;	/* of the last one, and its sentence */
	char error[512];
	bool unresolved;	/* one of them at least: a name */
	unsigned int skipped;		/* lines */
	struct service_key *without;	/* services whose line was skipped */
	size_t nr_without;
	size_t room_without;
};

int file_open(struct file *file, const char *name);
int file_next(struct file *file);
int file_split(char *text, char **words, int *count);
int file_request(struct file *file, bool ipvsadm, struct request *req);
bool file_command(struct file *file, const struct request *how,
		  struct request *req);
void file_fault(struct file *file, unsigned int line, const char *sentence);
int file_verdict(struct file *file);
void file_close(struct file *file);
int file_replace(const char *name, const char *text, size_t size);
void file_complain(const struct file *file, unsigned int line,
		   const char *sentence);

/* batch.c: many changes, to be done together. */
struct batch {
	char *messages;
	size_t size;
	size_t room;
	unsigned int *lines;	/* that the messages come from */
	size_t count;
	size_t room_lines;
};

void batch_add(struct batch *batch, const struct nlmsghdr *nlh,
	       unsigned int line);
unsigned int batch_send(struct nl *nl, struct batch *batch, bool commit,
			struct nl_answer *answer);
bool batch_again(const struct nl_answer *answer);
void batch_drop(struct batch *batch);

/* restore.c and apply.c */
#define RESTORE_TRIES 10

int restore_read(struct nl *nl, struct file *file, const struct request *how,
		 struct batch *batch);
int restore_file(struct nl *nl, struct file *file, const struct request *how);
int restore_run(struct nl *nl, const struct request *req);
int check_run(struct nl *nl, const struct request *req);
bool file_is_empty(const struct file *file, const struct request *how);
int apply_run(struct nl *nl, const struct request *req);

/* import.c */
int import_run(struct nl *nl, const struct request *req);
int import_write(struct nl *ipvs, FILE *out);

/* list.c, snapshot.c, conns.c and director.c */
struct snapshot {
	struct service *services;
	size_t nr_services;
	struct server *servers;	/* those of a service are neighbours */
	size_t nr_servers;
};

int snapshot_take(struct nl *nl, const struct request *req, bool sorted,
		  struct snapshot *shot);
const struct server *snapshot_servers(const struct snapshot *shot,
				      const struct service *service,
				      size_t *count);
void snapshot_drop(struct snapshot *shot);
int service_key_compare(const struct service_key *a,
			const struct service_key *b);
void list_print(const struct snapshot *shot, const struct request *req);
bool service_masked(const struct service *service);

/* save.c */
#define SAVE_KEY_TEXT (ENDPOINT_TEXT + 56)
void save_print(FILE *out, const struct snapshot *shot,
		const struct request *req);
const char *save_key(const struct service_key *key, bool numeric, char *text);
void save_service(FILE *out, const struct service *service, const char *text,
		  bool ipvsadm);
void save_server(FILE *out, const struct server *server, const char *text,
		 bool numeric);
int save_run(struct nl *nl, const struct request *req);

int director_save(FILE *out, struct nl *nl);
void conn_print(const struct conn *conn, const struct request *req);
void conn_json(struct json_list *list, const struct conn *conn);
int list_run(struct nl *nl, const struct request *req);
int conns_list(struct nl *nl, const struct request *req);
int conns_del(struct nl *nl, const struct request *req);
int conns_run(struct nl *nl, const struct request *req);
void conns_filter(struct nlmsghdr *nlh, const struct request *req);
void conns_warn(void);
const char *state_name(__u8 state, bool ipvsadm, char *text);
int drops_list(struct nl *nl, const struct request *req);
int timeouts_list(struct nl *nl, const struct request *req);
struct nlmsghdr *timeouts_message(struct nl *nl, const struct request *req);
struct nlmsghdr *entry_message(struct nl *nl, const struct request *req);
int timeouts_set(struct nl *nl, const struct request *req);
int entry_set(struct nl *nl, const struct request *req);
int info_list(struct nl *nl, const struct request *req);
int schedulers_run(struct nl *nl, const struct request *req);
void schedulers_name(struct nl *nl, FILE *out);
int info_headline(struct nl *nl, const struct request *req);

/* tally.c */
struct tally;

struct tally *tally_begin(__u8 by);
bool tally_read(const struct nlmsghdr *nlh, void *data);
void tally_print(struct tally *tally, const struct request *req);
void tally_end(struct tally *tally);
int tally_count(struct nl *nl, const struct request *req);
int tally_groups(struct nl *nl, const struct request *req);

/* trace.c */
void trace_print(const struct trace *trace, const struct request *req);
json_t *trace_json(const struct trace *trace, const struct request *req);
int trace_run(struct nl *nl, const struct request *req);

/* doctor.c */
extern char **program_words;

int doctor_run(struct nl *nl, const struct request *req);

/* What listings and watching share: list.c, director.c and snapshot.c. */
#define SERVICE_TEXT (ENDPOINT_TEXT + 32)

void service_column(const struct service_key *key, bool numeric, char *column,
		    size_t size);
void server_column(const struct server *server, bool numeric, char *column);
void counters_print(const __u64 *columns, size_t count, bool exact);
void service_print(const struct service *service, const struct request *req);
json_t *key_json(const struct service_key *key);
json_t *settings_json(const struct service *service);
json_t *server_json(const struct server *server);
json_t *devices_json(const struct info *info);
int endpoint_compare(const struct endpoint *a, const struct endpoint *b);

/* complete.c */
void complete_objects(const struct snapshot *shot, const char *wants,
		      const struct request *req);
int complete_run(char *const *words, size_t count);

/* wait.c */
enum wake {
	WAKE_READY,		/* there is input */
	WAKE_TIME,		/* the time is over */
	WAKE_END,
	WAKE_STOP,		/* to be gone on with later */
	WAKE_RESIZE,
};

int wait_begin(bool screen);
enum wake wait_for(int signal_fd, int fd, int milliseconds);

/* monitor.c */
bool monitor_print(const struct nlmsghdr *nlh, const struct timespec *at,
		   const struct request *req);
int monitor_run(struct nl *nl, const struct request *req);

/* metrics.c */
void metrics_print(const struct info *info, const struct drop *drops,
		   size_t nr_drops, const struct snapshot *shot, bool textfile);
int metrics_run(struct nl *nl, const struct request *req);

/* screen.c */
struct screen_size {
	int columns;
	int lines;
};

/* A key is the character that it is, or one of these. */
enum {
	KEY_NONE = 256,		/* one that means nothing here */
	KEY_UP,
	KEY_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_HOME,
	KEY_END,
};

bool screen_possible(void);
void screen_begin(void);
void screen_end(void);
struct screen_size screen_size(void);
void screen_show(const char *text, size_t size);
int screen_key(const char **next, const char *end);

/* rates.c */
struct rates {
	bool known;		/* not while there is but one sample */
	double conns;		/* each second */
	double packets;
	double bits;
};

struct rates rates_service(const struct snapshot *before,
			   const struct service *service, double seconds);
struct rates rates_server(const struct snapshot *before,
			  const struct service *service,
			  const struct server *server, double seconds);
void rates_print(const struct snapshot *now, const struct snapshot *before,
		 double seconds, const struct request *req);
int rates_list(struct nl *nl, const struct request *req);
double seconds_now(void);

/* top.c */
struct sample {
	struct snapshot shot;	/* in the order of addresses */
	struct info info;	/* without its strings */
	double when;		/* seconds */
};

struct view {
	struct screen_size size;
	size_t first;		/* of the lines below the titles */
	bool busiest;		/* first, else in the order of addresses */
	__u32 interval;
};

void top_draw(FILE *out, const struct sample *now, const struct sample *before,
	      struct view *view);
int top_run(struct nl *nl, const struct request *req);

#endif
