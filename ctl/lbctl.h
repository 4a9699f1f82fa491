/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of lbctl share. The way of a call: options.c turns the
 * command line into a struct request with the help of parse.c, main.c runs the
 * request's verb, the verb's file talks to the kernel through nl.c, decode.c
 * turns answers into the structures below, and print.c puts them on paper.
 */
#ifndef LBCTL_H
#define LBCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netdb.h>
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

/* The exit status, a promise to scripts. 3 is kept for batches. */
enum {
	EXIT_DONE = 0,
	EXIT_USAGE = 1,
	EXIT_REFUSED = 2,
};

/* An address and a port, the address in network, the port in host order. */
struct endpoint {
	int family;
	__u8 address[sizeof(struct in6_addr)];
	__u16 port;
};

struct service_key {
	__u8 protocol;
	struct endpoint at;
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
	struct counters stats;
	__u32 servers;
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
	bool overloaded;
	struct counters stats;
	__u32 ifindex;		/* 0: not reachable on-link */
	size_t order;
};

struct conn {
	struct service_key service;
	struct endpoint client;
	struct endpoint server;
	__u8 state;
	__u32 expires_ms;
};

/* The strings of these point into the message that they were read from. */
struct sched {
	const char *name;
	const char *summary;
};

struct drop {
	const char *reason;
	const char *summary;
	__u64 packets;
};

struct info {
	const char *version;
	__u32 services;
	__u32 conns;
	__u32 conn_max;
};

/* A command line, understood. Each option writes one member. */
struct request {
	const struct verb *verb;
	bool ipvsadm;		/* called by that name: its grammar alone */
	bool help;
	const char *word;	/* what help is asked for */
	const char *netns;

	const char *tcp_text;
	const char *udp_text;
	const char *server_text;
	const char *scheduler;
	const char *flags_text;
	const char *mh_size_text;
	const char *refuse_text;
	const char *weight_text;
	const char *upper_text;
	const char *lower_text;
	bool direct;

	bool numeric;
	bool connections;
	bool stats;
	bool thresholds;
	bool drops;
	bool exact;
	bool sort;
	bool nosort;
	bool json;
	bool pretty;

	/* Read from the texts above; what has no text there is 0. */
	bool has_service;
	struct service_key service;
	__u32 sched_flags;
	__u32 mh_size;
	__u8 refuse;
	struct endpoint server;
	__u32 weight;
	__u32 upper;
	__u32 lower;
};

struct nl;

/* What a verb needs of its command line, and of its caller. */
enum {
	NEEDS_SERVICE = 1 << 0,
	TAKES_SERVICE = 1 << 1,
	NEEDS_SERVER = 1 << 2,
	TAKES_WORD = 1 << 3,
	OFFLINE = 1 << 4,	/* runs without the kernel */
};

/*
 * A row of the table of verbs. The row's index is the verb's bit in the masks
 * of the table of options.
 */
struct verb {
	const char *name;
	const char *letters;	/* ipvsadm's, the first is the one to teach */
	const char *longname;	/* ipvsadm's */
	unsigned int needs;
	int (*run)(struct nl *nl, const struct request *req);
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
	VERB_ZERO,
	VERB_CLEAR,
	VERB_SAVE,
	VERB_LIST_SCHEDULERS,
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
bool options_consistent(void);

/* help.c */
void help_general(FILE *out, bool ipvsadm);
void help_usage(FILE *out, const struct verb *verb, bool ipvsadm);
void help_verb(FILE *out, const struct verb *verb, bool ipvsadm);
int help_run(struct nl *nl, const struct request *req);
int version_run(struct nl *nl, const struct request *req);

/* parse.c: 0 or -1, and then fault_text() is the sentence to show. */
int fault(const char *format, ...) __printf(1, 2);
const char *fault_text(void);
int parse_number(const char *what, const char *text, __u32 min, __u32 max,
		 __u32 *number);
int parse_service(const char *text, __u8 protocol, struct service_key *key);
int parse_server(const char *text, const struct service_key *service,
		 struct endpoint *server);
int parse_scheduler(const char *text);
int parse_netns(const char *text);

/* words.c: parsers return as those of parse.c do. */
#define MH_SIZE_DEFAULT 65537
#define FLAGS_TEXT 80

extern const char *const sched_flag_words[];

int parse_sched_flags(const char *text, const char *scheduler, __u32 *flags);
int parse_mh_size(const char *text, const char *scheduler, __u32 *size);
int parse_refuse(const char *text, __u8 *refuse);
const char *sched_flag_text(const char *scheduler, size_t bit, char *text);
const char *sched_flags_text(const struct service *service, char *text);
const char *refuse_word(__u8 refuse);

/* nl.c */
struct nl_answer {
	int error;		/* 0 or an errno */
	bool torn;		/* the kernel says that a dump is inconsistent */
	char sentence[512];	/* the kernel's own, may be empty */
};

/* Returns false when the message makes no sense. */
typedef bool (*nl_reader)(const struct nlmsghdr *nlh, void *data);

int nl_open(struct nl **nl, const char *netns);
void nl_close(struct nl *nl);
struct nlmsghdr *nl_request(struct nl *nl, __u8 command);
struct nlmsghdr *nl_dump_request(struct nl *nl, __u8 command);
void nl_put_service(struct nlmsghdr *nlh, const struct service_key *key);
void nl_ask(struct nl *nl, struct nlmsghdr *nlh, nl_reader reader, void *data,
	    struct nl_answer *answer);
int nl_verdict(const struct nl_answer *answer, const char *object);

/* decode.c */
bool decode_service(const struct nlmsghdr *nlh, struct service *service);
bool decode_server(const struct nlmsghdr *nlh, struct server *server);
bool decode_conn(const struct nlmsghdr *nlh, struct conn *conn);
bool decode_sched(const struct nlmsghdr *nlh, struct sched *sched);
bool decode_info(const struct nlmsghdr *nlh, struct info *info,
		 void (*each)(const struct drop *drop, void *data), void *data);
bool decode_family(const struct nlmsghdr *nlh, __u16 *id);
void decode_verdict(const struct nlmsghdr *nlh, struct nl_answer *answer);

/* print.c */
#define ENDPOINT_TEXT (NI_MAXHOST + NI_MAXSERV + 4)
#define NUMBER_TEXT 24

extern const char *program;

struct json_list {
	bool pretty;
	bool begun;
};

void complain(const char *format, ...) __printf(1, 2);
void *grow(void *array, size_t *room, size_t used, size_t size);
const char *protocol_name(__u8 protocol);
const char *protocol_word(__u8 protocol);
const char *address_text(const struct endpoint *at, char *text);
const char *endpoint_text(const struct endpoint *at, __u8 protocol,
			  bool numeric, char *text);
const char *number_text(__u64 number, bool exact, char *text);
void json_list_begin(struct json_list *list, bool pretty);
void json_list_add(struct json_list *list, json_t *object);
void json_list_end(struct json_list *list);

/* service.c and server.c */
int service_add(struct nl *nl, const struct request *req);
int service_edit(struct nl *nl, const struct request *req);
int service_del(struct nl *nl, const struct request *req);
int service_zero(struct nl *nl, const struct request *req);
int service_clear(struct nl *nl, const struct request *req);
int server_add(struct nl *nl, const struct request *req);
int server_edit(struct nl *nl, const struct request *req);
int server_del(struct nl *nl, const struct request *req);

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
int list_run(struct nl *nl, const struct request *req);
int save_run(struct nl *nl, const struct request *req);
int conns_list(struct nl *nl, const struct request *req);
int drops_list(struct nl *nl, const struct request *req);
int schedulers_run(struct nl *nl, const struct request *req);
void schedulers_name(struct nl *nl, FILE *out);
int info_headline(struct nl *nl, const struct request *req);

#endif
