// SPDX-License-Identifier: GPL-2.0
/*
 * What a fuzzer sends as the kernel's answers: a datagram, each of whose messages
 * goes to every decoder and to the monitor.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lbctl.h"

/* As the monitor's listing does, for strings must end where they are. */
static void measure(const struct drop *drop, void *data)
{
	size_t *total = data;

	*total += strlen(drop->reason);
}

static void decode(const struct nlmsghdr *nlh)
{
	static const struct request text = { .numeric = true };
	static const struct request json = { .json = true };
	static const struct request packet = {
		.service = { .protocol = IPPROTO_TCP,
			     .at = { .family = AF_INET, .port = 80 } },
		.conns.client = { .family = AF_INET }, .numeric = true,
	};
	static const struct timespec never;
	struct service_key key;
	struct nl_answer answer;
	struct service service;
	struct server server;
	struct trace trace;
	struct sched sched;
	struct info info;
	struct conn conn;
	size_t total = 0;
	__u32 number;
	__u16 id;
	bool one;

	decode_service(nlh, &service);
	decode_server(nlh, &server);
	decode_conn(nlh, &conn);
	decode_killed(nlh, &number);
	decode_count(nlh, &number, &one);
	if (decode_trace(nlh, &trace)) {
		trace_print(&trace, &packet);
		json_decref(trace_json(&trace, &packet));
	}
	if (decode_sched(nlh, &sched))
		total += strlen(sched.name);
	if (decode_info(nlh, &info, measure, &total))
		total += strlen(info.version);
	decode_choices(nlh, &info);
	decode_zero(nlh, &key, &one);
	decode_family(nlh, &id);
	decode_group(nlh, LBDR_MCGRP_CONFIG, &number);
	memset(&answer, 0, sizeof(answer));
	decode_verdict(nlh, &answer);
	monitor_print(nlh, &never, &text);
	monitor_print(nlh, &never, &json);
}

/* The monitor writes what nobody reads. */
int fuzz_begin(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return freopen("/dev/null", "w", stdout) ? 0 : -1;
}

int fuzz_input(const __u8 *data, size_t size)
{
	/* Of its exact size, and aligned as a socket's buffer is. */
	struct nlmsghdr *datagram = malloc(size ? size : 1);
	const struct nlmsghdr *nlh = datagram;
	int left = size;

	if (!datagram)
		return 0;
	memcpy(datagram, data, size);
	for (; decode_next(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		decode(nlh);
	free(datagram);
	return 0;
}
