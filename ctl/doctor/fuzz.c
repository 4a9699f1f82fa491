// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer input for what lbdr-doctor reads: frames of a segment, which any host
 * may send, and the JSON of nft, ip and lbctl. The first byte of an input says
 * which.
 */
#include <stdlib.h>
#include <string.h>

#include "../tests/fuzz.h"
#include "read_all.h"

static void read_frame(int family, const __u8 *data, size_t size)
{
	static const __u8 from[6];
	struct probe_row row;
	char text[MAC_TEXT];

	if (probe_parse(family, data, size, from, &row))
		mac_text(row.mac, text);
}

static void read_answer(int family, const __u8 *data, size_t size)
{
	struct tunnel_question question = { .port = 80, .type = "ipip" };
	struct tunnel_probe probe = { &question, 1, 1 };

	question.vip.family = family;
	question.from.family = family;
	if (size >= 20)
		tunnel_answer(&probe, family, data, size);
}

static void read_host(json_t *document)
{
	struct host host = { .nr_links = 0 };

	host_parse_links(&host, document);
	host_parse_neighbours(&host, document);
	host_parse_exits(&host, document);
	host_parse_route(&host, document);
	host_drop(&host);
	json_decref(document);
}

static void read_json(char kind, const char *data, size_t size)
{
	static const char one[] =
		"[{\"protocol\":\"tcp\",\"address\":\"192.0.2.63\",\"port\":80}]";
	json_t *document = json_loadb(data, size, 0, NULL);
	json_t *list = kind == 'r' ? json_loads(one, 0, NULL) : NULL;
	struct config config;

	config_parse(&config, document, list ? list : document);
	if (kind == 'r')
		rules_read_all(document, &config);
	else
		read_host(document);
	config_drop(&config);
	json_decref(list);
}

int fuzz_begin(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int fuzz_input(const __u8 *data, size_t size)
{
	/* Of its exact size, and aligned as the buffer of a socket is. */
	__u8 *copy = malloc(size ? size : 1);

	if (copy && size) {
		memcpy(copy, data + 1, size - 1);
		switch (data[0]) {
		case '4':
			read_frame(AF_INET, copy, size - 1);
			read_answer(AF_INET, copy, size - 1);
			break;
		case '6':
			read_frame(AF_INET6, copy, size - 1);
			read_answer(AF_INET6, copy, size - 1);
			break;
		case 'r':
		case 'j':
			read_json(data[0], (const char *)copy, size - 1);
			break;
		}
	}
	free(copy);
	return 0;
}
