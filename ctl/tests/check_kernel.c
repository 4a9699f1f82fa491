// SPDX-License-Identifier: GPL-2.0
/*
 * A director for tests of whole commands: nl_ask() and nl_ask_many() of the test
 * program are those below (see the linker's --wrap). They keep services and servers
 * as the module does, without its checks, and count the commands of transactions.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>

#include "check.h"
#include "lbctl.h"

#define ROOM 64

struct kernel kernel;

static struct service services[ROOM];
static struct server servers[ROOM];
static struct timeouts timeouts;
static size_t nr_services, nr_servers;

static int sort(const struct nlattr *attr, void *data)
{
	const struct nlattr **attrs = data;

	attrs[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static void read_key(const struct nlattr **attrs, struct service_key *key)
{
	const struct nlattr *attr;

	memset(key, 0, sizeof(*key));
	key->at.family = mnl_attr_get_u8(attrs[LBDR_A_SERVICE_FAMILY]);
	if (attrs[LBDR_A_SERVICE_VRF])
		strcpy(key->vrf, mnl_attr_get_str(attrs[LBDR_A_SERVICE_VRF]));
	attr = attrs[LBDR_A_SERVICE_FWMARK];
	if (attr) {
		key->fwmark = mnl_attr_get_u32(attr);
		return;
	}
	key->protocol = mnl_attr_get_u8(attrs[LBDR_A_SERVICE_PROTOCOL]);
	attr = attrs[LBDR_A_SERVICE_ADDRESS];
	memcpy(key->at.address, mnl_attr_get_payload(attr),
	       mnl_attr_get_payload_len(attr));
	key->at.port = ntohs(mnl_attr_get_u16(attrs[LBDR_A_SERVICE_PORT]));
	attr = attrs[LBDR_A_SERVICE_LAST_PORT];
	if (attr)
		key->at.last_port = ntohs(mnl_attr_get_u16(attr));
}

static void put_stats(struct nlmsghdr *nlh, __u16 type)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put_u64(nlh, LBDR_A_STATS_CONNS, 0);
	mnl_attr_put_u64(nlh, LBDR_A_STATS_IN_PACKETS, 0);
	mnl_attr_put_u64(nlh, LBDR_A_STATS_IN_BYTES, 0);
	mnl_attr_nest_end(nlh, nest);
}

static struct nlmsghdr *answer_begin(__u64 *buffer, __u8 command)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl;

	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	return nlh;
}

static struct service *find_service(const struct service_key *key)
{
	size_t i;

	for (i = 0; i < nr_services; i++) {
		if (!service_key_compare(&services[i].key, key))
			return &services[i];
	}
	return NULL;
}

static bool tell_service(const struct service *service, nl_reader reader,
			 void *data)
{
	__u64 buffer[512];
	struct nlmsghdr *nlh = answer_begin(buffer, LBDR_CMD_SERVICE_GET);

	nl_put_service(nlh, &service->key);
	mnl_attr_put_strz(nlh, LBDR_A_SERVICE_SCHEDULER, service->scheduler);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_SCHED_FLAGS, service->sched_flags);
	mnl_attr_put_u8(nlh, LBDR_A_SERVICE_REFUSE, service->refuse);
	mnl_attr_put_u8(nlh, LBDR_A_SERVICE_STRAY, service->stray);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_FLAGS, service->flags);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_PERSIST, service->persist);
	mnl_attr_put_u8(nlh, LBDR_A_SERVICE_PERSIST_PREFIX, service->prefix);
	nl_put_timeouts(nlh, LBDR_A_SERVICE_TIMEOUT, &service->timeouts);
	put_stats(nlh, LBDR_A_SERVICE_STATS);
	mnl_attr_put_u32(nlh, LBDR_A_SERVICE_SERVERS, service->servers);
	return reader(nlh, data);
}

static void put_tunnel(struct nlmsghdr *nlh, const struct tunnel *tunnel)
{
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL, tunnel->type);
	if (tunnel->port)
		mnl_attr_put_u16(nlh, LBDR_A_SERVER_TUNNEL_PORT, htons(tunnel->port));
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_TUNNEL_FLAGS, tunnel->flags);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL_TTL, tunnel->ttl);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL_DF, tunnel->df);
	if (!tunnel->source.family)
		return;
	nl_put_address(nlh, LBDR_A_SERVER_TUNNEL_SOURCE, &tunnel->source);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX,
			tunnel->source_prefix);
}

static bool tell_server(const struct server *server, nl_reader reader,
			void *data)
{
	__u64 buffer[512];
	struct nlmsghdr *nlh = answer_begin(buffer, LBDR_CMD_SERVER_GET);

	nl_put_service_of(nlh, LBDR_A_SERVER_SERVICE, &server->service);
	nl_put_address(nlh, LBDR_A_SERVER_ADDRESS, &server->at);
	mnl_attr_put_u16(nlh, LBDR_A_SERVER_PORT, htons(server->at.port));
	if (server->draining)
		mnl_attr_put(nlh, LBDR_A_SERVER_DRAIN, 0, NULL);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_WEIGHT, server->weight);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_UPPER, server->upper);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_LOWER, server->lower);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_FORWARD,
			server->tunnel.type ? LBDR_FORWARD_TUNNEL : LBDR_FORWARD_DR);
	if (server->tunnel.type)
		put_tunnel(nlh, &server->tunnel);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_ACTIVE, 0);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_INACTIVE, 0);
	mnl_attr_put_u32(nlh, LBDR_A_SERVER_PERSISTENT, 0);
	put_stats(nlh, LBDR_A_SERVER_STATS);
	return reader(nlh, data);
}

static bool tell_info(nl_reader reader, void *data)
{
	__u64 buffer[512];
	struct nlmsghdr *nlh = answer_begin(buffer, LBDR_CMD_INFO_GET);

	mnl_attr_put_strz(nlh, LBDR_A_INFO_VERSION, LBDR_VERSION);
	mnl_attr_put_u32(nlh, LBDR_A_INFO_SERVICES, nr_services);
	mnl_attr_put_u32(nlh, LBDR_A_INFO_CONNS, 0);
	mnl_attr_put_u32(nlh, LBDR_A_INFO_CONN_MAX, 1048576);
	nl_put_timeouts(nlh, LBDR_A_INFO_TIMEOUT, &timeouts);
	mnl_attr_put_u8(nlh, LBDR_A_INFO_ENTRY, LBDR_ENTRY_PREROUTING);
	return reader(nlh, data);
}

static void read_timeouts(const struct nlattr *nest, struct timeouts *set)
{
	const struct nlattr *attr;
	unsigned int state;

	mnl_attr_for_each_nested(attr, nest) {
		state = mnl_attr_get_type(attr);
		set->given[state] = true;
		set->seconds[state] = mnl_attr_get_u32(attr);
	}
}

static void remove_servers(const struct service_key *key)
{
	size_t i = 0;

	while (i < nr_servers) {
		if (service_key_compare(&servers[i].service, key))
			i++;
		else
			servers[i] = servers[--nr_servers];
	}
}

static int change_service(const struct nlmsghdr *nlh, __u8 command)
{
	const struct nlattr *attrs[LBDR_A_SERVICE_MAX + 1] = { NULL };
	struct service *service;
	struct service_key key;
	__u32 mask;

	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), sort, attrs);
	read_key(attrs, &key);
	service = find_service(&key);
	if (command == LBDR_CMD_SERVICE_NEW) {
		if (service)
			return -EEXIST;
		service = &services[nr_services++];
		memset(service, 0, sizeof(*service));
		service->key = key;
		strcpy(service->scheduler, "wlc");
		service->prefix = key.at.family == AF_INET ? 32 : 128;
	}
	if (!service)
		return -ESRCH;
	if (command == LBDR_CMD_SERVICE_DEL) {
		kernel.removed++;
		remove_servers(&key);
		*service = services[--nr_services];
		return 0;
	}
	if (attrs[LBDR_A_SERVICE_SCHEDULER])
		strcpy(service->scheduler,
		       mnl_attr_get_str(attrs[LBDR_A_SERVICE_SCHEDULER]));
	if (attrs[LBDR_A_SERVICE_SCHED_FLAGS])
		service->sched_flags =
			mnl_attr_get_u32(attrs[LBDR_A_SERVICE_SCHED_FLAGS]);
	if (attrs[LBDR_A_SERVICE_PERSIST])
		service->persist =
			mnl_attr_get_u32(attrs[LBDR_A_SERVICE_PERSIST]);
	if (attrs[LBDR_A_SERVICE_PERSIST_PREFIX])
		service->prefix =
			mnl_attr_get_u8(attrs[LBDR_A_SERVICE_PERSIST_PREFIX]);
	if (attrs[LBDR_A_SERVICE_FLAGS_MASK]) {
		mask = mnl_attr_get_u32(attrs[LBDR_A_SERVICE_FLAGS_MASK]);
		service->flags &= ~mask;
		service->flags |= mnl_attr_get_u32(attrs[LBDR_A_SERVICE_FLAGS]);
	}
	return 0;
}

static void set_number(const struct nlattr *attr, __u32 *number)
{
	if (attr)
		*number = mnl_attr_get_u32(attr);
}

/* As the module: another type begins with the defaults. */
static void set_tunnel(const struct nlattr **attrs, struct tunnel *tunnel)
{
	static const struct endpoint none;
	const struct nlattr *attr = attrs[LBDR_A_SERVER_TUNNEL];
	__u32 mask = ~0U;

	if (attr && mnl_attr_get_u8(attr) != tunnel->type) {
		memset(tunnel, 0, sizeof(*tunnel));
		tunnel->type = mnl_attr_get_u8(attr);
	}
	attr = attrs[LBDR_A_SERVER_TUNNEL_PORT];
	if (attr)
		tunnel->port = ntohs(mnl_attr_get_u16(attr));
	set_number(attrs[LBDR_A_SERVER_TUNNEL_FLAGS_MASK], &mask);
	attr = attrs[LBDR_A_SERVER_TUNNEL_FLAGS];
	if (attr)
		tunnel->flags = (tunnel->flags & ~mask) | mnl_attr_get_u32(attr);
	if (attrs[LBDR_A_SERVER_TUNNEL_TTL])
		tunnel->ttl = mnl_attr_get_u8(attrs[LBDR_A_SERVER_TUNNEL_TTL]);
	if (attrs[LBDR_A_SERVER_TUNNEL_DF])
		tunnel->df = mnl_attr_get_u8(attrs[LBDR_A_SERVER_TUNNEL_DF]);
	attr = attrs[LBDR_A_SERVER_TUNNEL_SOURCE];
	if (!attr)
		return;
	memset(&tunnel->source, 0, sizeof(tunnel->source));
	memcpy(tunnel->source.address, mnl_attr_get_payload(attr),
	       mnl_attr_get_payload_len(attr));
	if (memcmp(&tunnel->source, &none, sizeof(none)))
		tunnel->source.family = mnl_attr_get_payload_len(attr) == 4 ? AF_INET :
									      AF_INET6;
	tunnel->source_prefix =
		mnl_attr_get_u8(attrs[LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX]);
}

static int change_server(const struct nlmsghdr *nlh, __u8 command)
{
	const struct nlattr *nested[LBDR_A_SERVICE_MAX + 1] = { NULL };
	const struct nlattr *attrs[LBDR_A_SERVER_MAX + 1] = { NULL };
	struct server *server = NULL;
	struct service *service;
	struct server like;
	size_t i;

	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), sort, attrs);
	mnl_attr_parse_nested(attrs[LBDR_A_SERVER_SERVICE], sort, nested);
	memset(&like, 0, sizeof(like));
	read_key(nested, &like.service);
	like.at = like.service.at;
	like.at.family =
		mnl_attr_get_payload_len(attrs[LBDR_A_SERVER_ADDRESS]) == 4 ? AF_INET :
									      AF_INET6;
	memset(like.at.address, 0, sizeof(like.at.address));
	memcpy(like.at.address,
	       mnl_attr_get_payload(attrs[LBDR_A_SERVER_ADDRESS]),
	       mnl_attr_get_payload_len(attrs[LBDR_A_SERVER_ADDRESS]));
	service = find_service(&like.service);
	if (!service)
		return -ESRCH;
	for (i = 0; i < nr_servers; i++) {
		if (!service_key_compare(&servers[i].service, &like.service) &&
		    endpoint_same_host(&servers[i].at, &like.at))
			server = &servers[i];
	}
	if (command == LBDR_CMD_SERVER_NEW) {
		if (server)
			return -EEXIST;
		server = &servers[nr_servers++];
		*server = like;
		server->weight = 1;
		service->servers++;
	}
	if (!server)
		return -ENOENT;
	/* It has connections for ever. */
	if (attrs[LBDR_A_SERVER_DRAIN]) {
		server->draining = true;
		return 0;
	}
	if (command == LBDR_CMD_SERVER_DEL) {
		kernel.removed++;
		service->servers--;
		*server = servers[--nr_servers];
		return 0;
	}
	if (attrs[LBDR_A_SERVER_PORT])
		server->at.port =
			ntohs(mnl_attr_get_u16(attrs[LBDR_A_SERVER_PORT]));
	set_number(attrs[LBDR_A_SERVER_WEIGHT], &server->weight);
	set_number(attrs[LBDR_A_SERVER_UPPER], &server->upper);
	set_number(attrs[LBDR_A_SERVER_LOWER], &server->lower);
	set_tunnel(attrs, &server->tunnel);
	return 0;
}

/* Returns 0 or an error. */
static int change(const struct nlmsghdr *nlh)
{
	const struct nlattr *attrs[LBDR_A_INFO_MAX + 1] = { NULL };
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	kernel.changes++;
	switch (genl->cmd) {
	case LBDR_CMD_SERVICE_NEW:
	case LBDR_CMD_SERVICE_SET:
	case LBDR_CMD_SERVICE_DEL:
		return change_service(nlh, genl->cmd);
	case LBDR_CMD_SERVER_NEW:
	case LBDR_CMD_SERVER_SET:
	case LBDR_CMD_SERVER_DEL:
		return change_server(nlh, genl->cmd);
	case LBDR_CMD_FLUSH:
		nr_services = 0;
		nr_servers = 0;
		return 0;
	case LBDR_CMD_INFO_SET:
		mnl_attr_parse(nlh, sizeof(struct genlmsghdr), sort, attrs);
		if (attrs[LBDR_A_INFO_TIMEOUT])
			read_timeouts(attrs[LBDR_A_INFO_TIMEOUT], &timeouts);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static bool tell_services(const struct nlmsghdr *nlh, nl_reader reader,
			  void *data, int *error)
{
	const struct nlattr *attrs[LBDR_A_SERVICE_MAX + 1] = { NULL };
	const struct service *service;
	struct service_key key;
	bool sane = true;
	size_t i;

	if (!(nlh->nlmsg_flags & NLM_F_DUMP)) {
		mnl_attr_parse(nlh, sizeof(struct genlmsghdr), sort, attrs);
		read_key(attrs, &key);
		service = find_service(&key);
		*error = service ? 0 : ESRCH;
		return !service || tell_service(service, reader, data);
	}
	for (i = 0; sane && i < nr_services; i++)
		sane = tell_service(&services[i], reader, data);
	return sane;
}

static bool tell_servers(nl_reader reader, void *data)
{
	bool sane = true;
	size_t i;

	for (i = 0; sane && i < nr_servers; i++)
		sane = tell_server(&servers[i], reader, data);
	return sane;
}

static bool tell_conns(nl_reader reader, void *data)
{
	__u64 buffer[MESSAGE_ROOM / 8];
	bool sane = true;
	unsigned int i;

	for (i = 0; sane && i < kernel.conns; i++)
		sane = reader(message_make("connection with its service",
					   LBDR_CMD_CONN_GET, buffer), data);
	return sane;
}

/* Keeps the configuration as it is, or takes it back. */
static void hold(bool keep)
{
	static struct service old_services[ROOM];
	static struct server old_servers[ROOM];
	static struct timeouts old_timeouts;
	static size_t nr_old_services, nr_old_servers;

	memcpy(keep ? old_services : services, keep ? services : old_services,
	       sizeof(services));
	memcpy(keep ? old_servers : servers, keep ? servers : old_servers,
	       sizeof(servers));
	if (keep) {
		old_timeouts = timeouts;
		nr_old_services = nr_services;
		nr_old_servers = nr_servers;
	} else {
		timeouts = old_timeouts;
		nr_services = nr_old_services;
		nr_servers = nr_old_servers;
	}
}

static bool tell_batch(nl_reader reader, void *data)
{
	__u64 buffer[64];
	struct nlmsghdr *nlh = answer_begin(buffer, LBDR_CMD_BATCH_BEGIN);

	mnl_attr_put_u32(nlh, LBDR_A_BATCH_ID, 1);
	return reader(nlh, data);
}

/* No device has an XDP program. */
struct mnl_socket *__wrap_nl_route(struct nl *nl)
{
	(void)nl;
	return NULL;
}

void __wrap_nl_ask(struct nl *nl, struct nlmsghdr *nlh, nl_reader reader,
		   void *data, struct nl_answer *answer)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	bool sane = true;

	(void)nl;
	memset(answer, 0, sizeof(*answer));
	if (kernel.ipvs) {
		answer->error = -ipvs_ask(nlh, reader, data);
		return;
	}
	switch (genl->cmd) {
	case LBDR_CMD_SERVICE_GET:
		sane = tell_services(nlh, reader, data, &answer->error);
		answer->torn = kernel.torn && kernel.torn--;
		break;
	case LBDR_CMD_SERVER_GET:
		sane = tell_servers(reader, data);
		break;
	case LBDR_CMD_CONN_GET:
		sane = tell_conns(reader, data);
		answer->torn = kernel.torn && kernel.torn--;
		break;
	case LBDR_CMD_INFO_GET:
		sane = tell_info(reader, data);
		break;
	case LBDR_CMD_SYNC_GET:
		break;
	case LBDR_CMD_BATCH_BEGIN:
		if (kernel.meanwhiles) {
			kernel.meanwhiles--;
			kernel.meanwhile();
		}
		hold(true);
		sane = tell_batch(reader, data);
		break;
	case LBDR_CMD_BATCH_COMMIT:
		kernel.commits++;
		break;
	case LBDR_CMD_BATCH_ABORT:
		hold(false);
		kernel.aborts++;
		break;
	default:
		answer->error = -change(nlh);
	}
	if (!sane)
		answer->error = EBADMSG;
}

size_t __wrap_nl_ask_many(struct nl *nl, struct nlmsghdr *messages, size_t size,
			  struct nl_answer *answer)
{
	struct nlmsghdr *nlh = messages;
	int left = size;
	size_t count = 0;

	(void)nl;
	memset(answer, 0, sizeof(*answer));
	for (; decode_next(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		answer->error = -change(nlh);
		if (answer->error)
			return count;
		count++;
	}
	return count;
}

/* Nothing is configured. */
void kernel_reset(void)
{
	size_t state;

	memset(&kernel, 0, sizeof(kernel));
	nr_services = 0;
	nr_servers = 0;
	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		timeouts.given[state] = true;
		timeouts.seconds[state] = usual_timeouts[state];
	}
}

/**
 * run_line() - run a command against the director of the test
 * @name: of the program
 * @line: its words, split at blanks
 * @run: what it printed and its status; to be freed by run_free()
 */
void run_line(const char *name, const char *line, struct run *run)
{
	struct request req = { .ipvsadm = !strcmp(name, "ipvsadm") };
	FILE *out = stdout, *err = stderr;
	char *words[FILE_WORDS + 2];
	char *copy = strdup(line);
	size_t size_out, size_err;
	struct nl *nl;
	int count;

	memset(run, 0, sizeof(*run));
	nl = calloc(1, NL_SIZE);
	if (!nl || !copy || file_split(copy, words + 1, &count))
		abort();
	program = name;
	words[0] = (char *)name;
	stdout = open_memstream(&run->out, &size_out);
	stderr = open_memstream(&run->err, &size_err);
	run->status = EXIT_USAGE;
	if (options_read(count + 1, words, &req)) {
		complain("%s", fault_text());
		if (fault_kind() == FAULT_LOOKUP)
			run->status = EXIT_REFUSED;
	} else {
		run->status = req.verb->run(nl, &req);
	}
	fclose(stdout);
	fclose(stderr);
	stdout = out;
	stderr = err;
	program = "lbctl";
	free(copy);
	free(nl);
}

void run_free(struct run *run)
{
	free(run->out);
	free(run->err);
}

/* Runs a command whose output does not matter; its status. */
int run_quiet(const char *line)
{
	struct run run;

	run_line("lbctl", line, &run);
	if (run.status)
		printf("# %s: %s", line, run.err);
	run_free(&run);
	return run.status;
}
