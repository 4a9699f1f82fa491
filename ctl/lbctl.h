/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of lbctl share. The steps of a call: tokens.c and options.c read
 * the command line into a struct request (request.h), request.c reads the texts in
 * it by parse.c and words.c, main.c runs the verb, the verb's file talks to the
 * kernel by nl.c, decode.c reads replies into the structures of object.h, and
 * print.c formats them.
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

#include "common.h"
#include "request.h"
#include "tunnel.h"

enum fault_kind {
	FAULT_USAGE,
	FAULT_UNSUPPORTED,	/* ip_vs does it */
	FAULT_LOOKUP,		/* the resolver failed */
};

/* parse.c: 0 or -1, and then fault_text() is the sentence to show. */
int fault_of(enum fault_kind is, const char *format, ...) __printf(2, 3);
#define fault(...) fault_of(FAULT_USAGE, __VA_ARGS__)
#define lacks(...) fault_of(FAULT_UNSUPPORTED, __VA_ARGS__)
enum fault_kind fault_kind(void);
const char *fault_text(void);
int parse_number(const char *what, const char *text, __u32 min, __u32 max,
		 __u32 *number);
int parse_service(const char *text, __u8 protocol, bool all_ports,
		  struct service_key *key);
int parse_fwmark(const char *text, bool ipv6, struct service_key *key);
/* What becomes of a server's port that is not the service's. */
enum port_use {
	PORT_REFUSED,
	PORT_OF_SERVICE,	/* ipvsadm replaces it */
	PORT_LABEL,		/* kept, without effect on packets */
};

int parse_server(const char *text, const struct service_key *service,
		 enum port_use use, bool any_family,
		 struct endpoint *server);
int parse_any_server(const char *text, struct endpoint *server);
int parse_client(const char *text, struct endpoint *client, __u8 *prefix);
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
#define SCHEDULER_DEFAULT "wlc"
#define FLAGS_TEXT 80
#define MASK_TEXT 16
#define TIMEOUTS_TEXT 320

extern const char *const sched_flag_words[];
#define CLASSIC_STATES 3
extern const __u8 classic_states[CLASSIC_STATES];
extern const __u32 usual_timeouts[LBDR_A_TIMEOUT_MAX + 1];

/* The words of an enumeration, by value; some may be NULL. */
struct choice {
	const char *what;	/* in messages */
	const char *const *words;
	size_t count;
};

#define CHOICE(what, table) { what, table##_names, ARRAY_SIZE(table##_names) }

extern const struct choice refuse_choice, stray_choice, entry_choice, forward_choice,
	tunnel_choice, tunnel_df_choice, state_choice, count_choice, sync_choice,
	sync_peer_choice;

int choice_parse(const struct choice *choice, const char *text, __u8 *value);
const char *choice_word(const struct choice *choice, __u8 value);

int parse_sched_flags(const char *text, const char *scheduler, __u32 *flags);
int parse_mh_size(const char *text, const char *scheduler, __u32 *size);
int parse_state(const char *text, __u8 *state);
int parse_timeouts(const char *text, struct timeouts *timeouts);
int parse_set(const char *const *words, size_t count, bool ipvsadm,
	      struct timeouts *timeouts);
const char *sched_flag_text(const char *scheduler, size_t bit, char *text);
const char *sched_flags_text(const struct service *service, char *text);
#define ENTRY_TEXT (16 + INGRESS_MAX * (IFNAMSIZ + 1))
const char *entry_text(__u8 entry, const char *const *devices, int count,
		       char *text);
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
	size_t refused;		/* requests that ended in an error */
	char sentence[512];	/* the kernel's own, may be empty */
};

/* Returns false if the message is malformed. */
typedef bool (*nl_reader)(const struct nlmsghdr *nlh, void *data);

struct ifaddrs;
int netns_addresses(const char *netns, struct ifaddrs **list);
int nl_open(struct nl **nl, const char *netns);
int nl_open_ipvs(struct nl **nl, const char *netns);
void nl_close(struct nl *nl);
struct mnl_socket *nl_route(struct nl *nl);
struct nlmsghdr *nl_request(struct nl *nl, __u8 command);
struct nlmsghdr *nl_dump_request(struct nl *nl, __u8 command);
void nl_put_service(struct nlmsghdr *nlh, const struct service_key *key);
void nl_put_service_of(struct nlmsghdr *nlh, __u16 type, const struct service_key *key);
void nl_put_address(struct nlmsghdr *nlh, __u16 type, const struct endpoint *at);
void nl_put_timeouts(struct nlmsghdr *nlh, __u16 type,
		     const struct timeouts *timeouts);
void nl_ask(struct nl *nl, struct nlmsghdr *nlh, nl_reader reader, void *data,
	    struct nl_answer *answer);
#define NL_MANY 128
size_t nl_ask_many(struct nl *nl, struct nlmsghdr *messages, size_t size,
		   struct nl_answer *answer);
int nl_listen(struct nl *nl);
int nl_hear(struct nl *nl, nl_reader reader, void *data);
int nl_fd(const struct nl *nl);

/* verdict.c */
int nl_verdict(const struct nl_answer *answer, const char *object);
int nl_run(struct nl *nl, struct nlmsghdr *nlh, nl_reader reader, void *data,
	   const char *object);
int message_run(struct nl *nl, const struct request *req);

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
bool decode_sync(const struct nlmsghdr *nlh, struct sync *sync);
bool decode_family(const struct nlmsghdr *nlh, __u16 *id);
bool decode_group(const struct nlmsghdr *nlh, const char *name, __u32 *id);
bool decode_next(const struct nlmsghdr *nlh, int left);
void decode_verdict(const struct nlmsghdr *nlh, struct nl_answer *answer);

/* Of the schema in Documentation/json.md; changes when a field goes. */
#define JSON_VERSION 1

/* print.c */
#define ENDPOINT_TEXT (NI_MAXHOST + NI_MAXSERV + 4)
#define NUMBER_TEXT 24

struct json_list {
	bool pretty;
	bool begun;
	bool row_begun;
};

struct protocol {
	__u8 number;
	const char *name;	/* in ipvsadm's form */
	const char *word;	/* as /etc/services and JSON have it; NULL: none */
	const char *letter;	/* the option of a service in saved commands */
	const char *option;	/* its name */
	size_t text;		/* of its argument, in struct request */
};

const struct protocol *protocol_of(__u8 protocol);
const char *address_text(const struct endpoint *at, char *text);
const char *endpoint_text(const struct endpoint *at, __u8 protocol,
			  bool numeric, char *text);
json_t *number_json(json_int_t number, bool there);
const char *number_text(__u64 number, bool exact, char *text);
void json_list_begin(struct json_list *list, bool pretty);
void json_list_add(struct json_list *list, json_t *object);
void json_list_end(struct json_list *list);
void json_print(json_t *object, bool pretty);
void json_row_begin(struct json_list *list);
void json_row_text(struct json_list *list, const char *name, const char *text);
void json_row_number(struct json_list *list, const char *name, __u32 number,
		     bool there);
void json_row_end(struct json_list *list);

/* service.c and server.c */
void service_warn(const struct request *req, const struct service_key *key);
int service_add(struct nl *nl, const struct request *req);
int service_edit(struct nl *nl, const struct request *req);
int service_zero(struct nl *nl, const struct request *req);
struct nlmsghdr *service_add_message(struct nl *nl, const struct request *req);
struct nlmsghdr *service_edit_message(struct nl *nl, const struct request *req);
struct nlmsghdr *service_del_message(struct nl *nl, const struct request *req);
struct nlmsghdr *service_clear_message(struct nl *nl, const struct request *req);
struct nlmsghdr *server_add_message(struct nl *nl, const struct request *req);
struct nlmsghdr *server_edit_message(struct nl *nl, const struct request *req);
struct nlmsghdr *server_del_message(struct nl *nl, const struct request *req);
int server_del(struct nl *nl, const struct request *req);

/* setting.c: the settings of a server */
int settings_read(struct server_args *args);
void settings_put(struct nlmsghdr *nlh, const struct server_args *args,
		  bool all, bool adds);
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
/* The entry that a file sets, for after its transaction. */
struct xdp_plan {
	bool given;
	bool force;
	struct director_args args;
	char names[INGRESS_MAX][IFNAMSIZ];
};

struct batch {
	char *messages;
	size_t size;
	size_t room;
	unsigned int *lines;	/* that the messages come from */
	size_t count;
	size_t room_lines;
	struct xdp_plan entry;
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
int snapshot_show(struct nl *nl, const struct request *req, bool sorted,
		  struct snapshot *shot);
const struct server *snapshot_servers(const struct snapshot *shot,
				      const struct service *service,
				      size_t *count);
int snapshot_compare_added(const void *a, const void *b);
void snapshot_drop(struct snapshot *shot);
int service_key_compare(const struct service_key *a,
			const struct service_key *b);
void list_print(const struct snapshot *shot, const struct request *req);

/* xdp.c */
int xdp_find(struct nl *nl);
void xdp_fill(struct info *info);
int xdp_attach(struct nl *nl, const struct director_args *args, bool force);
void xdp_undo(struct nl *nl);
int xdp_detach(struct nl *nl, const struct director_args *keep);
void xdp_plan(struct xdp_plan *plan, const struct request *req);
int xdp_run(struct nl *nl, const struct xdp_plan *plan);

/* xdp_program.c */
int xdp_program_load(void);
int xdp_program_open(__u32 id);

/* save.c */
#define SAVE_KEY_TEXT (ENDPOINT_TEXT + 56)
void save_print(FILE *out, const struct snapshot *shot,
		const struct request *req);
const char *save_key(const struct service_key *key, bool numeric, char *text);
void save_options(FILE *out, const struct service *is,
		  const struct service *want, bool ipvsadm);
void save_service(FILE *out, const struct service *service, const char *text,
		  bool ipvsadm);
void save_server(FILE *out, const struct server *is, const struct server *want,
		 const char *text, bool numeric, bool ipvsadm);
/*
 * Writes to standard output, or to the file that the request names: as a whole, after
 * everything was read from the kernel.
 */
int save_whole(struct nl *nl, const struct request *req,
	       int (*write)(FILE *out, struct nl *nl, const struct request *req));
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
int entry_run(struct nl *nl, const struct request *req);
int director_run(struct nl *nl, nl_reader reader, void *data);
bool director_decode(const struct nlmsghdr *nlh, struct info *info,
		     void (*each)(const struct drop *drop, void *data), void *data);
struct nlmsghdr *entry_message(struct nl *nl, const struct request *req);
int info_run(struct nl *nl, nl_reader reader, void *data);
int info_list(struct nl *nl, const struct request *req);
int schedulers_run(struct nl *nl, const struct request *req);
void schedulers_name(struct nl *nl, FILE *out);
int info_headline(struct nl *nl, const struct request *req);

/* saved.c */
int saved_save(struct nl *nl, const struct request *req);
int saved_restore(struct nl *nl, const struct request *req);

/* Messages that list or add connections, one behind the other */
struct saved_conns {
	char *messages;
	size_t size;
	size_t room;
	bool no_memory;		/* for all of them */
};

int saved_take(struct nl *nl, struct saved_conns *conns);
void saved_convert(struct nl *nl, struct saved_conns *conns);
int saved_give(struct nl *nl, struct saved_conns *conns);
void saved_drop(struct saved_conns *conns);

/* exchange.c */
int exchange_run(struct nl *nl, const struct request *req);

/* sync.c */
struct sync_counter {
	const char *name;
	const char *summary;
};

extern const struct sync_counter sync_counters[SYNC_COUNTERS];

extern const struct sync_counter sync_peer_counters[SYNC_PEER_COUNTERS];

int sync_fetch(struct nl *nl, struct sync_roles *roles);
int sync_read(struct request *req, const char *const *words, size_t count);
void sync_print(const struct sync_roles *roles, const struct request *req);
int sync_run(struct nl *nl, const struct request *req);

/* sync_peer.c */
int sync_peer_read(struct request *req, const char *const *words, size_t count);
bool sync_peer_put_key(struct nlmsghdr *nlh, const char *path);
bool sync_peer_check_key(const char *path);
int sync_peer_run(struct nl *nl, struct nlmsghdr *nlh, const char *object);
void sync_peer_json(const struct sync *sync, json_t *object);
void sync_peer_print(const struct sync *sync);
int sync_peer_wait(struct nl *nl, __u32 seconds);
int sync_peer_set_key(struct nl *nl, const struct sync_args *args);

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
bool endpoint_same_host(const struct endpoint *a, const struct endpoint *b);

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
		   size_t nr_drops, const struct snapshot *shot,
		   const struct sync_roles *sync, bool textfile);
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
