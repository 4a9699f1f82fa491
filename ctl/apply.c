// SPDX-License-Identifier: GPL-2.0
/*
 * Changes the running configuration to that of a file: compares both, writes the
 * difference as commands, prints them, and runs them in one transaction like
 * `restore`.
 *
 * The order of adding is kept: inserting a server would require to add again all
 * that follow it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lbctl.h"

/*
 * The configuration of the file; order is the line. Servers are in the order of their
 * services' keys; by_key has the services once more in that order.
 */
struct wanted {
	struct snapshot shot;
	size_t room_services;
	size_t room_servers;
	struct service *by_key;
	struct timeouts timeouts;
	bool begun;		/* there was a command */
	char entry[ENTRY_TEXT];	/* empty: as it is */
	bool force;		/* of it */
};

static void want_service(struct wanted *wanted, const struct request *req,
			 size_t line)
{
	struct snapshot *shot = &wanted->shot;
	struct service *service;
	__u8 state;

	shot->services = grow(shot->services, &wanted->room_services,
			      shot->nr_services, sizeof(*service));
	service = &shot->services[shot->nr_services++];
	*service = req->settings.want;
	service->key = req->service;
	service->order = line;
	/* 0 is that of the director. */
	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		if (!service->timeouts.seconds[state])
			service->timeouts.given[state] = false;
	}
}

static void want_server(struct wanted *wanted, const struct request *req,
			size_t line)
{
	struct snapshot *shot = &wanted->shot;
	struct server *server;

	shot->servers = grow(shot->servers, &wanted->room_servers,
			     shot->nr_servers, sizeof(*server));
	server = &shot->servers[shot->nr_servers++];
	*server = req->real.want;
	server->service = req->service;
	server->at = req->server;
	server->tunnel = req->real.tun.tunnel;
	server->order = line;
}

static void want_timeouts(struct wanted *wanted, const struct request *req)
{
	__u8 state;

	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		if (!req->director.timeouts.given[state])
			continue;
		wanted->timeouts.given[state] = true;
		wanted->timeouts.seconds[state] = req->director.timeouts.seconds[state];
	}
}

static int want(struct wanted *wanted, const struct request *req, size_t line)
{
	bool first = !wanted->begun;

	wanted->begun = true;
	switch (req->verb - verbs) {
	case VERB_CLEAR:
		/* Objects that are not in the file are removed anyway. */
		if (first)
			return 0;
		return fault("%s must be the first command of the file",
			     req->verb->name);
	case VERB_ADD_SERVICE:
		want_service(wanted, req, line);
		return 0;
	case VERB_ADD_SERVER:
		want_server(wanted, req, line);
		return 0;
	case VERB_SET_TIMEOUT:
		want_timeouts(wanted, req);
		return 0;
	case VERB_SET_ENTRY:
		entry_text(req->director.entry, req->director.devices,
			   req->director.n_devices, wanted->entry);
		wanted->force = req->force;
		return 0;
	default:
		return fault("%s not supported in a file for apply",
			     req->verb->name);
	}
}

static int compare_services(const void *a, const void *b)
{
	const struct service *first = a;
	const struct service *second = b;
	int order = service_key_compare(&first->key, &second->key);

	return order ? order : (first->order > second->order) -
			       (first->order < second->order);
}

static int compare_key(const void *key, const void *service)
{
	return service_key_compare(key,
				   &((const struct service *)service)->key);
}

static const struct service *find_service(const struct service *services,
					  size_t count,
					  const struct service_key *key)
{
	if (!count)
		return NULL;
	return bsearch(key, services, count, sizeof(*services), compare_key);
}

static const struct server *find_server(const struct server *servers,
					size_t count, const struct server *like)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (endpoint_same_host(&servers[i].at, &like->at))
			return &servers[i];
	}
	return NULL;
}

/* Sorts, and finds duplicates and servers without service. */
static int check_wanted(struct wanted *wanted, unsigned int *line)
{
	struct snapshot *shot = &wanted->shot;
	const struct service *service;
	const struct server *first;
	size_t count = shot->nr_services;
	size_t i, at = 0;

	wanted->by_key = or_exit(reallocarray(NULL, count + 1, sizeof(*service)));
	if (count)
		memcpy(wanted->by_key, shot->services,
		       count * sizeof(*service));
	qsort(wanted->by_key, count, sizeof(*service), compare_services);
	for (i = 1; i < count; i++) {
		*line = wanted->by_key[i].order;
		if (!service_key_compare(&wanted->by_key[i - 1].key,
					 &wanted->by_key[i].key))
			return fault("duplicate service");
	}
	if (shot->nr_servers)
		qsort(shot->servers, shot->nr_servers, sizeof(*shot->servers),
		      snapshot_compare_added);
	for (i = 0; i < shot->nr_servers; i++) {
		first = &shot->servers[i];
		*line = first->order;
		if (!i || service_key_compare(&shot->servers[i - 1].service,
					      &first->service))
			at = i;
		service = find_service(wanted->by_key, count, &first->service);
		if (!service || service->order > first->order)
			return fault("service not found: add-service must come first");
		if (find_server(&shot->servers[at], i - at, first))
			return fault("duplicate server");
	}
	return 0;
}

static int read_wanted(struct file *file, const struct request *apply,
		       struct wanted *wanted)
{
	unsigned int line = 0;
	struct request req;

	while (file_command(file, apply, &req)) {
		if (want(wanted, &req, file->line))
			file_fault(file, file->line, fault_text());
	}
	if (file_is_empty(file, apply))
		return EXIT_USAGE;
	if (!file->errors && check_wanted(wanted, &line))
		file_fault(file, line, fault_text());
	return file_verdict(file);
}

/* An edit command with the options that differ, if there are any. */
static void write_change(FILE *out, const struct service *is,
			 const struct service *want, const char *key)
{
	char *options = NULL;
	size_t size = 0;
	FILE *line;

	line = or_exit(open_memstream(&options, &size));
	save_options(line, is, want, false);
	stream_end(line);
	if (size)
		fprintf(out, "edit-service %s%s\n", key, options);
	free(options);
}

static void write_server_change(FILE *out, const struct server *is,
				const struct server *want, const char *key)
{
	char at[ENDPOINT_TEXT];

	if (!is || is->draining) {
		save_server(out, NULL, want, key, true, false);
		return;
	}
	/* Commands by name take no label, letters set all settings. */
	if (is->at.port != want->at.port ||
	    (want->at.port != want->service.at.port &&
	     !(settings_equal(is, want) &&
	       tunnel_equal(&is->tunnel, &want->tunnel)))) {
		save_server(out, is, want, key, true, false);
		return;
	}
	if (settings_equal(is, want) && tunnel_equal(&is->tunnel, &want->tunnel))
		return;
	fprintf(out, "edit-server %s -r %s", key,
		endpoint_text(&want->at, want->service.protocol, true, at));
	settings_save(out, is, want);
	tunnel_change(out, &is->tunnel, &want->tunnel);
	fputc('\n', out);
}

/* Whether a change takes the tunnel of a server away, so that its address may be a VIP. */
static bool ends_tunnel(const struct server *is, const struct server *want)
{
	return is && !is->draining && is->tunnel.type != LBDR_TUNNEL_NONE &&
	       want->tunnel.type == LBDR_TUNNEL_NONE;
}

/* Servers that go, and tunnels that end, of a service that stays. */
static void write_removals(FILE *out, const struct snapshot *now,
			   const struct snapshot *then,
			   const struct service *service, const char *key)
{
	const struct server *is, *want, *other;
	size_t nr_is, nr_want, i;
	char at[ENDPOINT_TEXT];

	is = snapshot_servers(now, service, &nr_is);
	want = snapshot_servers(then, service, &nr_want);
	for (i = 0; i < nr_is; i++) {
		/* A draining server is removed by the kernel. */
		if (is[i].draining)
			continue;
		other = find_server(want, nr_want, &is[i]);
		if (!other)
			fprintf(out, "-d %s -r %s\n", key,
				endpoint_text(&is[i].at, is[i].service.protocol,
					      true, at));
		else if (ends_tunnel(&is[i], other))
			write_server_change(out, &is[i], other, key);
	}
}

static void write_servers(FILE *out, const struct snapshot *now,
			  const struct snapshot *then,
			  const struct service *service, const char *key)
{
	const struct server *is, *want, *other;
	size_t nr_is, nr_want, i;

	is = snapshot_servers(now, service, &nr_is);
	want = snapshot_servers(then, service, &nr_want);
	for (i = 0; i < nr_want; i++) {
		other = find_server(is, nr_is, &want[i]);
		/* See write_removals(). */
		if (!ends_tunnel(other, &want[i]))
			write_server_change(out, other, &want[i], key);
	}
}

/*
 * Removals come first: a new range may need their ports, a new service the address of a
 * tunnel server, and a new tunnel server the address of a service. @now is sorted.
 */
static void write_services(FILE *out, const struct snapshot *now,
			   const struct wanted *wanted)
{
	const struct snapshot *then = &wanted->shot;
	const struct service *is, *want;
	char key[SAVE_KEY_TEXT];
	size_t i;

	for (i = 0; i < now->nr_services; i++) {
		is = &now->services[i];
		save_key(&is->key, true, key);
		if (find_service(wanted->by_key, then->nr_services, &is->key))
			write_removals(out, now, then, is, key);
		else
			fprintf(out, "-D %s\n", key);
	}
	for (i = 0; i < then->nr_services; i++) {
		want = &then->services[i];
		is = find_service(now->services, now->nr_services, &want->key);
		save_key(&want->key, true, key);
		if (is)
			write_change(out, is, want, key);
		else
			save_service(out, want, key, false);
		write_servers(out, now, then, want, key);
	}
}

struct director_change {
	const struct wanted *wanted;
	FILE *out;
};

static bool read_director(const struct nlmsghdr *nlh, void *data)
{
	const struct director_change *change = data;
	const struct wanted *wanted = change->wanted;
	struct timeouts timeouts = wanted->timeouts;
	char text[TIMEOUTS_TEXT];
	char entry[ENTRY_TEXT];
	struct info info;
	__u8 state;

	if (!director_decode(nlh, &info, NULL, NULL))
		return false;
	for (state = 1; state <= LBDR_A_TIMEOUT_MAX; state++) {
		if (timeouts.seconds[state] == info.timeouts.seconds[state])
			timeouts.given[state] = false;
	}
	if (*timeouts_text(&timeouts, text))
		fprintf(change->out, "set-timeout %s\n", text);
	entry_text(info.entry, info.devices, info.n_devices, entry);
	if (*wanted->entry && strcmp(wanted->entry, entry))
		fprintf(change->out, "set-entry %s%s\n", wanted->entry,
			wanted->force ? " --force" : "");
	return true;
}

/* Writes the commands to @out; returns the exit status, after a message. */
static int write_script(struct nl *nl, const struct request *req,
			const struct wanted *wanted, FILE *out)
{
	struct director_change change = { wanted, out };
	struct snapshot now;
	int status;

	status = director_run(nl, read_director, &change);
	if (status)
		return status;
	status = snapshot_take(nl, req, true, &now);
	if (!status)
		write_services(out, &now, wanted);
	snapshot_drop(&now);
	return status;
}

/* The command of a line, which is all of it. */
static void complain_of(const char *script, unsigned int line,
			const struct nl_answer *answer)
{
	while (--line)
		script = strchr(script, '\n') + 1;
	complain("%.*s: %s; nothing was changed", (int)strcspn(script, "\n"),
		 script, *answer->sentence ? answer->sentence :
					     strerror(answer->error));
}

/* The script is in lbctl's grammar, also if the file is in ipvsadm's. */
static const struct request script_request;

/*
 * A script that does not fit what there is any more: another program changed it between
 * the listing and the transaction. @line: the command that was rejected, or 0
 */
static bool is_outdated(const struct nl_answer *answer, unsigned int line)
{
	switch (answer->error) {
	case EEXIST:
	case ENOENT:
	case ESRCH:
	case ENOTUNIQ:
	case EADDRINUSE:
		return line;
	default:
		return batch_again(answer);
	}
}

/*
 * Sends the commands of a script. *@again: whether there may be another try; set to false,
 * and the error is told, if none is worth it.
 */
static int send_script(struct nl *nl, const char *script, struct batch *batch,
		       bool *again)
{
	struct nl_answer answer;
	unsigned int line;

	line = batch_send(nl, batch, true, &answer);
	*again = *again && answer.error && is_outdated(&answer, line);
	if (!answer.error)
		return xdp_run(nl, &batch->entry);
	if (*again)
		return EXIT_REFUSED;
	if (!line || batch_again(&answer))
		return nl_verdict(&answer, "transaction");
	complain_of(script, line, &answer);
	return EXIT_REFUSED;
}

/* Runs a script, which may be empty. @again: as of send_script() */
static int run_script(struct nl *nl, char *script, size_t size, bool *again)
{
	struct file file = { .name = "apply" };
	struct batch batch = { .count = 0 };
	int status = EXIT_DONE;

	if (size) {
		file.in = or_exit(fmemopen(script, size, "r"));
		status = restore_read(nl, &file, &script_request, &batch);
	}
	if (size && !status)
		status = send_script(nl, script, &batch, again);
	else
		*again = false;
	batch_drop(&batch);
	if (size)
		file_close(&file);
	return status;
}

/* One try. @again: as of send_script() */
static int try(struct nl *nl, const struct request *req,
	       const struct wanted *wanted, bool *again)
{
	char *script = NULL;
	size_t size = 0;
	int status;
	FILE *out;

	out = or_exit(open_memstream(&script, &size));
	status = write_script(nl, req, wanted, out);
	stream_end(out);
	if (status || req->file.dry_run)
		*again = false;
	else
		status = run_script(nl, script, size, again);
	/* Partly: all but what is not part of the transaction, see xdp.c. */
	if ((!status || status == EXIT_PARTLY) && size)
		fwrite(script, 1, size, stdout);
	free(script);
	return status;
}

int apply_run(struct nl *nl, const struct request *req)
{
	struct wanted wanted = { .begun = false };
	struct file file;
	bool again;
	int status, i;

	status = file_open(&file, req->word);
	if (status)
		return status;
	status = read_wanted(&file, req, &wanted);
	again = !status;
	for (i = 1; again; i++) {
		again = i < RESTORE_TRIES;
		status = try(nl, req, &wanted, &again);
	}
	if (!status && file.skipped)
		status = EXIT_PARTLY;
	free(wanted.by_key);
	snapshot_drop(&wanted.shot);
	file_close(&file);
	return status;
}
