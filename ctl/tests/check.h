/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of lbctl's own test share.
 */
#ifndef LBCTL_CHECK_H
#define LBCTL_CHECK_H

#include "harness.h"
#include "lbctl.h"

void check_files(void);
void check_lines(void);
void check_lists(void);
void check_words(void);
void check_messages(void);
void check_watch(void);
void check_complete(void);
void check_trace(void);
void check_bounds(void);
void check_questions(void);
void check_verbs(void);
void check_roundtrip(void);
void check_import(void);
void check_schemas(void);
void check_help(void);
void check_tunnels(void);

/* check_lines.c */
/*
 * A command line in words that are split at blanks, and what is expected of
 * it: a verb and, where it matters, a property of the request.
 */
struct command_row {
	const char *line;
	bool ipvsadm;
	int verb;		/* -1: wrong usage, -2: known and not done */
	bool (*holds)(const struct request *req);
};

void check_command(const struct command_row *row);

/* check_kernel.c */
/* What commands did to the director of the test since kernel_reset(). */
struct kernel {
	unsigned int changes;
	unsigned int removed;	/* services and servers, each by a command */
	unsigned int commits;
	unsigned int aborts;
	bool ipvs;		/* ip_vs is asked */
	unsigned int torn;	/* so many dumps of services are inconsistent */
	/* Called so many times before a transaction, as by another program. */
	void (*meanwhile)(void);
	unsigned int meanwhiles;
	unsigned int conns;	/* that a dump has */
};

extern struct kernel kernel;

/* More than the socket and buffers of nl.c take. */
#define NL_SIZE 1048576

struct run {
	char *out;
	char *err;
	int status;
};

/* check_import.c */
int ipvs_ask(const struct nlmsghdr *nlh, nl_reader reader, void *data);

/* What the linker puts in place of functions, see --wrap. */
struct ifaddrs;

struct mnl_socket *__wrap_nl_route(struct nl *nl);
void __wrap_nl_ask(struct nl *nl, struct nlmsghdr *nlh, nl_reader reader,
		   void *data, struct nl_answer *answer);
size_t __wrap_nl_ask_many(struct nl *nl, struct nlmsghdr *messages, size_t size,
			  struct nl_answer *answer);
int __real_getaddrinfo(const char *host, const char *port,
		       const struct addrinfo *hints, struct addrinfo **list);
int __wrap_getaddrinfo(const char *host, const char *port,
		       const struct addrinfo *hints, struct addrinfo **list);
int __wrap_getnameinfo(const struct sockaddr *address, socklen_t length,
		       char *host, socklen_t host_size, char *port,
		       socklen_t port_size, int flags);
int __wrap_getifaddrs(struct ifaddrs **list);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void kernel_reset(void);
void run_line(const char *name, const char *line, struct run *run);
void run_free(struct run *run);
int run_quiet(const char *line);

/* samples.c: a message as the kernel sends it, by the name of its kind. */
#define MESSAGE_ROOM 2048

const struct nlmsghdr *message_make(const char *name, __u8 command,
				    __u64 *buffer);

/*
 * check_lists.c: what is printed while this is open goes into text, and not to
 * stdout.
 */
struct capture {
	FILE *stdout_before;
	char *text;
	size_t size;
};

void capture_begin(struct capture *capture);
void capture_end(struct capture *capture);
void same_text(struct capture *capture, const char *text, const char *what);

#endif
