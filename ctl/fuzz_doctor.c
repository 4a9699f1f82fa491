// SPDX-License-Identifier: GPL-2.0
/*
 * What a fuzzer sends as what the doctor hears of: rows of rtnetlink's, hooks of
 * netfilter's, frames of the segment, which anybody may send, and the rules that
 * nft lists. The first byte of an input says which.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "hooks.h"
#include "host.h"
#include "lbctl.h"
#include "rules.h"

/* As those who ask do. */
static void hear_messages(const void *data, size_t size)
{
	struct hooks hooks = { .nr_hooks = 0 };
	struct route route = { .mtu = 0 };
	struct host host = { .nr_links = 0 };

	decode_run(data, size, 0, 0, host_hear, &host);
	decode_run(data, size, 0, 0, route_hear, &route);
	decode_run(data, size, 0, 0, hooks_hear, &hooks);
	host_drop(&host);
	hooks_drop(&hooks);
}

static void hear_frame(int family, const __u8 *data, size_t size)
{
	static const __u8 from[6];
	struct probe_row row;
	char text[MAC_TEXT];

	if (probe_hear(family, data, size, from, &row))
		mac_text(row.mac, text);
}

static void judge(const char *data, size_t size)
{
	static const struct stage stages[] = {
		{ "prerouting", -450 }, { "input", 99 }, { "ingress", 1000 },
	};
	struct service_key key = {
		.protocol = IPPROTO_TCP,
		.at = { .family = AF_INET, .address = { 192, 0, 2, 63 },
			.port = 80 },
	};
	struct rules rules = { .root = NULL };
	struct judgement worst;
	size_t i;

	if (rules_index(&rules, json_loadb(data, size, 0, NULL))) {
		for (i = 0; i < ARRAY_SIZE(stages); i++)
			rules_judge(&rules, &stages[i], &key, &worst);
		key.at.family = AF_INET6;
		rules_judge(&rules, &stages[0], &key, &worst);
	}
	rules_drop(&rules);
}

int fuzz_begin(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int fuzz_input(const __u8 *data, size_t size)
{
	/* Of its exact size, and aligned as a socket's buffer is. */
	__u8 *copy = malloc(size ? size : 1);

	if (copy && size) {
		memcpy(copy, data + 1, size - 1);
		switch (data[0]) {
		case 'm':
			hear_messages(copy, size - 1);
			break;
		case '4':
			hear_frame(AF_INET, copy, size - 1);
			break;
		case '6':
			hear_frame(AF_INET6, copy, size - 1);
			break;
		case 'r':
			judge((const char *)copy, size - 1);
			break;
		}
	}
	free(copy);
	return 0;
}
