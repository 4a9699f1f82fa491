// SPDX-License-Identifier: GPL-2.0
/*
 * Prints notifications of configuration changes, one line each, as text or JSON.
 * Notifications that do not fit into the receive buffer are lost; a line says so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/genetlink.h>

#include "lbctl.h"

#define TIME_TEXT 64

/* The object of a notification. */
enum about {
	ABOUT_SERVICE,
	ABOUT_SERVER,
	ABOUT_DIRECTOR,
	ABOUT_COUNTERS,
	ABOUT_NOTHING,
};

struct event {
	enum about about;
	const char *word;	/* in JSON */
	const char *text;
};

static const struct event events[LBDR_CMD_MAX + 1] = {
	[LBDR_CMD_SERVICE_NEW_NTF] = { ABOUT_SERVICE, "service_added", "service added" },
	[LBDR_CMD_SERVICE_SET_NTF] = { ABOUT_SERVICE, "service_changed", "service changed" },
	[LBDR_CMD_SERVICE_DEL_NTF] = { ABOUT_SERVICE, "service_removed", "service removed" },
	[LBDR_CMD_SERVER_NEW_NTF] = { ABOUT_SERVER, "server_added", "server added" },
	[LBDR_CMD_SERVER_SET_NTF] = { ABOUT_SERVER, "server_changed", "server changed" },
	[LBDR_CMD_SERVER_DEL_NTF] = { ABOUT_SERVER, "server_removed", "server removed" },
	[LBDR_CMD_INFO_SET_NTF] = { ABOUT_DIRECTOR, "director_changed", "director changed" },
	[LBDR_CMD_ZERO_NTF] = { ABOUT_COUNTERS, "counters_zeroed", "counters zeroed" },
	[LBDR_CMD_FLUSH_NTF] = { ABOUT_NOTHING, "cleared", "cleared: all services removed" },
};

/* Lines that are not notifications of the module. */
static const struct event listening = {
	ABOUT_NOTHING, "listening", "listening: changes from now on",
};

static const struct event lost = {
	ABOUT_NOTHING, "lost",
	"lost: the receive buffer was full, changes are missing above; see 'lbctl list'",
};

static const struct event unknown = {
	ABOUT_NOTHING, "unknown",
	"unknown: a change that this version of lbctl does not know",
};

/* RFC 3339, with the UTC offset. */
static const char *time_text(const struct timespec *at, char *text)
{
	char zone[8] = "";
	struct tm local;
	size_t used;

	localtime_r(&at->tv_sec, &local);
	used = strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &local);
	strftime(zone, sizeof(zone), "%z", &local);
	snprintf(text + used, TIME_TEXT - used, ".%06ld%.3s:%s",
		 at->tv_nsec / 1000, zone, zone + 3);
	return text;
}

/* All members are always present, null if they do not apply. */
static void print_json(const char *when, const struct event *event,
		       json_t *service, json_t *settings, json_t *server,
		       json_t *director)
{
	json_t *object = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}",
				   "time", when, "event", event->word,
				   "service", service ?: json_null(),
				   "settings", settings ?: json_null(),
				   "server", server ?: json_null(),
				   "director", director ?: json_null());
	char *line = or_exit(object ? json_dumps(object, JSON_COMPACT) : NULL);

	puts(line);
	free(line);
	json_decref(object);
}

static bool print_service(const struct nlmsghdr *nlh, const char *when,
			  const struct event *event, const struct request *req)
{
	const struct request numeric = { .numeric = true };
	struct service service;

	if (!decode_service(nlh, &service))
		return false;
	if (req->json) {
		print_json(when, event, key_json(&service.key),
			   settings_json(&service), NULL, NULL);
		return true;
	}
	printf("%s %s: ", when, event->text);
	service_print(&service, &numeric);
	return true;
}

static bool print_server(const struct nlmsghdr *nlh, const char *when,
			 const struct event *event, const struct request *req)
{
	char key[SERVICE_TEXT];
	char at[ENDPOINT_TEXT];
	struct server server;

	if (!decode_server(nlh, &server))
		return false;
	if (req->json) {
		print_json(when, event, key_json(&server.service), NULL,
			   server_json(&server), NULL);
		return true;
	}
	service_column(&server.service, true, key, sizeof(key));
	printf("%s %s: %s -> %s", when, event->text, key,
	       endpoint_text(&server.at, server.service.protocol, true, at));
	settings_print(&server);
	tunnel_print(&server.tunnel);
	if (server.hold)
		printf(" held %u", server.hold);
	puts(server.draining ? " draining" : "");
	return true;
}

static bool print_director(const struct nlmsghdr *nlh, const char *when,
			   const struct event *event,
			   const struct request *req)
{
	char timeouts[TIMEOUTS_TEXT];
	char entry[ENTRY_TEXT];
	struct info info;

	if (!decode_choices(nlh, &info))
		return false;
	if (req->json) {
		print_json(when, event, NULL, NULL, NULL,
			   json_pack("{s:s, s:o, s:o}",
				     "entry", choice_word(&entry_choice, info.entry),
				     "devices", devices_json(&info),
				     "timeouts_s",
				     timeouts_json(&info.timeouts)));
		return true;
	}
	printf("%s %s: entry %s, timeouts %s\n", when, event->text,
	       entry_text(info.entry, info.devices, info.n_devices, entry),
	       timeouts_text(&info.timeouts, timeouts));
	return true;
}

static bool print_counters(const struct nlmsghdr *nlh, const char *when,
			   const struct event *event,
			   const struct request *req)
{
	struct service_key key;
	char text[SERVICE_TEXT];
	bool one;

	if (!decode_zero(nlh, &key, &one))
		return false;
	if (req->json) {
		print_json(when, event, one ? key_json(&key) : NULL, NULL,
			   NULL, NULL);
		return true;
	}
	if (one)
		service_column(&key, true, text, sizeof(text));
	printf("%s %s: %s\n", when, event->text, one ? text : "all");
	return true;
}

static void print_event(const char *when, const struct event *event,
			const struct request *req)
{
	if (req->json)
		print_json(when, event, NULL, NULL, NULL, NULL);
	else
		printf("%s %s\n", when, event->text);
}

/**
 * monitor_print() - print a notification
 * @nlh: the message
 * @at: when it came
 * @req: as text or JSON
 *
 * Return: false if the message is malformed.
 */
bool monitor_print(const struct nlmsghdr *nlh, const struct timespec *at,
		   const struct request *req)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct event *event = &unknown;
	char when[TIME_TEXT];

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*genl))
		return false;
	if (genl->cmd <= LBDR_CMD_MAX && events[genl->cmd].word)
		event = &events[genl->cmd];
	time_text(at, when);
	switch (event->about) {
	case ABOUT_SERVICE:
		return print_service(nlh, when, event, req);
	case ABOUT_SERVER:
		return print_server(nlh, when, event, req);
	case ABOUT_DIRECTOR:
		return print_director(nlh, when, event, req);
	case ABOUT_COUNTERS:
		return print_counters(nlh, when, event, req);
	case ABOUT_NOTHING:
		break;
	}
	print_event(when, event, req);
	return true;
}

/* A line of the tool itself, with the same timestamps. */
static void print_now(const struct event *event, const struct request *req)
{
	char when[TIME_TEXT];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	print_event(time_text(&now, when), event, req);
}

static bool read_change(const struct nlmsghdr *nlh, void *data)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return monitor_print(nlh, &now, data);
}

/*
 * Reads one datagram. The kernel reports ENOBUFS before the datagrams that are still
 * queued, and queues no more until all are read: the gap comes after them.
 */
static int read_datagram(struct nl *nl, const struct request *req, bool *gap)
{
	int error = nl_hear(nl, read_change, (void *)req);

	switch (error) {
	case 0:
	case -EINTR:
	case -EAGAIN:
		return EXIT_DONE;
	case -ENOBUFS:
		/* The previous gap has ended: datagrams were queued since. */
		if (*gap)
			print_now(&lost, req);
		*gap = true;
		return EXIT_DONE;
	case -ENODEV:
		complain("the lbdr module was unloaded");
		return EXIT_REFUSED;
	case -EBADMSG:
		complain("malformed notification (module and tool versions differ? lbctl %s)",
			 LBDR_VERSION);
		return EXIT_REFUSED;
	default:
		complain("cannot receive notifications: %s", strerror(-error));
		return EXIT_REFUSED;
	}
}

int monitor_run(struct nl *nl, const struct request *req)
{
	int signals = wait_begin(false);
	enum wake wake = WAKE_TIME;
	bool gap = false;
	int status;

	if (signals < 0)
		return EXIT_REFUSED;
	status = nl_listen(nl);
	if (!status)
		print_now(&listening, req);
	while (!status && wake != WAKE_END) {
		/* Readers get each line at once. */
		if (fflush(stdout))
			break;
		wake = wait_for(signals, nl_fd(nl), gap ? 0 : -1);
		if (wake == WAKE_READY)
			status = read_datagram(nl, req, &gap);
		if (wake == WAKE_TIME) {
			print_now(&lost, req);
			gap = false;
		}
	}
	return status;
}
