/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lbdr-doctor: diagnoses a deployment by direct routing. main.c reads the
 * command line; host.c, config.c and rules.c read the state of the host from
 * the JSON of ip, lbctl and nft; probe.c asks the segments; director.c, xdp.c,
 * service.c, filter.c and realserver.c compare, and add findings; finding.c
 * prints them. setup.c configures a real server.
 */
#ifndef LBDR_DOCTOR_H
#define LBDR_DOCTOR_H

#include <jansson.h>

#include "host.h"

#define VIPS_MAX 64
#define SERVICE_WORDS_MAX 12

/* The command line. */
struct options {
	bool setup;		/* setup-realserver, else doctor */
	bool realserver;
	bool undo;
	bool dry_run;
	bool verbose;
	bool json;
	bool pretty;
	const char *netns;
	/* The service to check, passed on to lbctl. */
	const char *service[SERVICE_WORDS_MAX];
	size_t nr_service;
	struct addr vips[VIPS_MAX];
	size_t nr_vips;
	const char *tun_text;	/* of --tun: TYPE or gue:PORT */
	char tun[8];		/* the type */
	int tun_port;
};

/* run.c: commands and files, replaced by unit tests. */
typedef char *(*run_fn)(const char *const *command, const char *input,
			int *status);

#define RUN_NOT_FOUND 127

extern run_fn run_command;
extern const char *root;

#define RUN_WORDS_MAX 16

void run_split(char *text, const char *words[RUN_WORDS_MAX]);
int run_json(const char *const *command, json_t **document);
bool run_loud(bool dry_run, const char *format, ...) __printf(2, 3);
FILE *root_open(const char *path);
bool root_has(const char *path);
bool root_number(const char *path, long *number);
const char *word_of(const json_t *object, const char *key);
json_int_t number_of(const json_t *object, const char *key);

/* config.c: services and servers of lbdr, as lbctl lists them */
#define OPTION_TEXT 128

struct service {
	struct addr vip;	/* family 0: a service by firewall mark */
	int family;
	json_int_t fwmark;
	json_int_t port;
	json_int_t last_port;
	char protocol[8];
	char option[OPTION_TEXT];	/* of lbctl: "-t 192.0.2.63:80" */
	size_t first;		/* of its servers */
	size_t nr_servers;
};

struct server {
	struct addr at;
	size_t service;
	__u32 ifindex;		/* 0: the module has no route on a segment */
	char tun[8];		/* type of the tunnel, empty: direct routing */
	int tun_port;
	bool tun_csum;
	bool tun_source;	/* has a source of its own */
	bool local;
	bool open;		/* gets new connections */
};

struct config {
	char version[64];
	char entry[16];
	json_int_t conns;
	json_int_t conn_max;
	char devices[16 * IFNAMSIZ];	/* of the entry ingress or xdp */
	struct service *services;
	size_t nr_services;
	size_t room_services;
	struct server *servers;
	size_t nr_servers;
	size_t room_servers;
};

int config_read(struct config *config, const struct options *options);
void config_parse(struct config *config, const json_t *info,
		  const json_t *list);
bool config_vip(const struct config *config, const struct addr *at);
void config_drop(struct config *config);

/* finding.c */
enum level {
	LEVEL_OK,
	LEVEL_UNCHECKED,	/* could not be checked */
	LEVEL_WARNING,
	LEVEL_PROBLEM,
	LEVELS,
};

struct finding {
	enum level level;
	const char *check;
	struct addr vip;	/* family 0: none */
	struct addr server;
	char *text;
	char *fix;
	char *on;		/* the host to run fix on, NULL: this one */
	char *hint;
	size_t order;
};

struct findings {
	const char *netns;
	struct finding **all;
	size_t count;
	size_t room;
	size_t standby;		/* VIPs that another director holds */
};

extern struct findings findings;	/* of this run */

struct finding *find(enum level level, const char *check,
		     const struct addr *vip, const struct addr *server,
		     const char *format, ...) __printf(5, 6);
void fix(struct finding *finding, const char *format, ...) __printf(2, 3);
void fix_on(struct finding *finding, const char *host, const char *format, ...)
	__printf(3, 4);
void hint(struct finding *finding, const char *format, ...) __printf(2, 3);
int findings_print(const struct options *options);
void findings_drop(void);

/* rules.c: rules of nf_tables */
struct rules {
	json_t *root;		/* the document of nft */
	json_t *bases;		/* active base chains, in the order of packets */
	json_t *chains;		/* "FAMILY TABLE CHAIN": its rules */
	json_t *sets;		/* "FAMILY TABLE SET": its elements */
};

int rules_read(struct rules *rules);
bool rules_index(struct rules *rules, json_t *document);
void rules_drop(struct rules *rules);

/* What is known of one drop or reject, accept, or notrack rule. */
enum verdict {
	VERDICT_NONE,
	VERDICT_DROP,
	VERDICT_ACCEPT,
	VERDICT_NOTRACK,
};

struct match {
	enum verdict verdict;
	bool vip;		/* names the VIP of a service */
	bool port;		/* names the port of a service */
	bool other;		/* limited to some packets by another match */
	bool other_service;	/* names addresses or ports of no service */
	bool invalid;		/* ct state invalid, or unknown ct match */
};

typedef void (*rules_fn)(const json_t *base, const json_t *rule,
			 const struct match *match, void *data);

bool rules_before(const json_t *base, const char *entry, bool marked);
void rules_walk(const struct rules *rules, const json_t *base,
		const struct config *config, rules_fn each, void *data);
bool rules_untracked(const struct rules *rules, const struct addr *vip);
const char *rules_text(const json_t *base, const json_t *rule, char *text);
#define RULE_TEXT 700

/* tunnel_probe.c: connections through tunnels */
#define TUNNEL_PACKET 128

struct tunnel_question {
	struct addr server;
	struct addr vip;
	struct addr from;	/* of this host, of the VIP's family */
	int port;		/* of the service */
	char type[8];
	int tun_port;
	bool csum;
	bool answered;
	bool refused;		/* by a RST */
	unsigned int mss;	/* of the answer */
};

struct tunnel_probe {
	struct tunnel_question *questions;
	size_t nr_questions;
	size_t room_questions;
};

size_t tunnel_packet(const struct tunnel_question *question, __u32 sequence, bool reset,
		     __u8 *packet);
struct tunnel_question *tunnel_answer(struct tunnel_probe *probe, int family,
				      const __u8 *packet, size_t size);
int tunnel_probe_run(struct tunnel_probe *probe);
extern int (*tunnel_ask)(struct tunnel_probe *probe);	/* replaced by unit tests */

struct doctor {
	const struct options *options;
	struct config config;
	struct host host;
	struct rules rules;
	struct probe probe;
	int probe_error;	/* an errno; no segment was asked */
	struct tunnel_probe tunnels;
	int tunnel_error;	/* an errno; no tunnel was asked */
	/* probe_run(), or that of a unit test */
	int (*ask)(struct probe *probe, const struct host *host);
};

/* tunnel.c */
#define TUNNEL_NAME 16

bool tunnel_same(const struct server *a, const struct server *b);
void tunnel_question_add(struct doctor *doctor, const struct server *const *servers,
			 size_t count);
void tunnel_check(struct doctor *doctor, const struct server *const *servers,
		  size_t count);

/* director.c, xdp.c, filter.c, service.c and realserver.c */
int director_check(struct doctor *doctor);
void source_filter_check(struct doctor *doctor, const struct link *link);
void xdp_check(struct doctor *doctor);
void filter_check(struct doctor *doctor);
void services_check(struct doctor *doctor);
int realserver_check(struct doctor *doctor);
bool arp_ignores_lo(long value);
#define ARP_ANNOUNCE_BEST 2

int doctor_run(const struct options *options,
	       int (*ask)(struct probe *probe, const struct host *host));

/* setup.c and setup_tunnel.c */
int setup_run(const struct options *options);
bool options_name(const struct options *options, const struct addr *at);
int setup_conf(const struct options *options, const char *dev, const char *name,
	       long value);
unsigned int tunnel_overhead(const char *type, int family, bool csum);
int tunnel_refuse(const struct options *options, const struct host *host);
int tunnel_setup(const struct options *options, const struct host *host, json_t *tunnels);
int tunnel_undo(const struct options *options, const struct host *host, json_t *tunnels);

/* main.c */
int options_read(int argc, char **argv, struct options *options);

#endif
