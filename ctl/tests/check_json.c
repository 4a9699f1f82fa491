// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of JSON: no connection takes memory, and no documented field disappears. The
 * fields of a version of the schema are in json-VERSION.txt, which is only added to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lbctl.h"

static const struct conn sample = {
	.service = {
		.protocol = IPPROTO_TCP,
		.at = { .family = AF_INET, .address = { 192, 0, 2, 63 },
			.port = 80 },
	},
	.client = { .family = AF_INET, .address = { 192, 0, 2, 101 },
		    .port = 40000 },
	.server = { .family = AF_INET, .address = { 192, 0, 2, 62 },
		    .port = 80 },
	.state = LBDR_CONN_STATE_ESTABLISHED,
	.expires_ms = ~0U,
	.idle_ms = 1250,
	.vrf = "r\"e\\d\xe9",
};

static const struct conn template = {
	.service = { .fwmark = 7, .at = { .family = AF_INET } },
	.client = { .family = AF_INET, .address = { 192, 0, 2 } },
	.server = { .family = AF_INET, .address = { 192, 0, 2, 62 } },
	.state = LBDR_CONN_STATE_TEMPLATE,
	.expires_ms = 299999,
	.idle_ms = 1,
};

static size_t allocations;

static void *count_malloc(size_t size)
{
	allocations++;
	return malloc(size);
}

static void check_conns(bool pretty)
{
	static const char expected[] =
		"[{\"protocol\": \"tcp\", \"fwmark\": null,\n"
		"\"expires_ms\": 4294967295, \"idle_ms\": 1250,\n"
		"\"state\": \"established\", \"client_address\": \"192.0.2.101\",\n"
		"\"client_port\": 40000, \"virtual_address\": \"192.0.2.63\",\n"
		"\"virtual_port\": 80, \"server_address\": \"192.0.2.62\",\n"
		"\"server_port\": 80,\n"
		"\"vrf\": \"r\\\"e\\\\d\\u00e9\"},{\"protocol\": null,\n"
		"\"fwmark\": 7, \"expires_ms\": 299999, \"idle_ms\": 1,\n"
		"\"state\": \"template\", \"client_address\": \"192.0.2.0\",\n"
		"\"client_port\": 0, \"virtual_address\": null,\n"
		"\"virtual_port\": null, \"server_address\": \"192.0.2.62\",\n"
		"\"server_port\": 0, \"vrf\": null}]";
	json_t *wanted = json_loads(expected, 0, NULL);
	struct json_list list;
	struct capture capture;
	json_t *printed;

	json_set_alloc_funcs(count_malloc, free);
	allocations = 0;
	capture_begin(&capture);
	json_list_begin(&list, pretty);
	conn_json(&list, &sample);
	conn_json(&list, &template);
	json_list_end(&list);
	capture_end(&capture);
	json_set_alloc_funcs(malloc, free);
	result(!allocations, "connections in JSON take no memory (%zu times)",
	       allocations);
	printed = json_loads(capture.text, 0, NULL);
	result(wanted && json_equal(wanted, printed),
	       "and are what is documented, pretty %d: %s", pretty,
	       capture.text);
	json_decref(printed);
	json_decref(wanted);
	free(capture.text);
}

/* The next row of a table of fields; false at the end. */
static bool next_field(FILE *in, char *row, size_t size)
{
	static char listing[128];
	char line[1024];
	char *name, *type, *rest = NULL;

	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "## ", 3))
			snprintf(listing, sizeof(listing), "%.127s",
				 line + 3);
		if (strncmp(line, "| `", 3))
			continue;
		name = strtok_r(line + 3, "`", &rest);
		type = strtok_r(NULL, "|", &rest);
		type = name && type ? strtok_r(NULL, "|", &rest) : NULL;
		if (!type)
			continue;
		snprintf(row, size, "%s: %s:%.*s", listing, name,
			 (int)strlen(type) - 1, type);
		return true;
	}
	return false;
}

static bool has_line(const char *text, const char *line)
{
	size_t length = strlen(line);
	const char *at = text;

	while ((at = strstr(at, line))) {
		if ((at == text || at[-1] == '\n') && at[length] == '\n')
			return true;
		at++;
	}
	return false;
}

/* Each field of the version is documented still, with its type. */
static void check_schema(void)
{
	char *documented = NULL;
	char name[64], row[1024];
	unsigned int fields = 0, gone = 0;
	size_t size;
	FILE *in, *out;

	in = fopen("../Documentation/json.md", "r");
	out = open_memstream(&documented, &size);
	if (!in || !out)
		abort();
	while (next_field(in, row, sizeof(row)))
		fprintf(out, "%s\n", row);
	fclose(in);
	fclose(out);
	snprintf(name, sizeof(name), "tests/json-%d.txt", JSON_VERSION);
	in = fopen(name, "r");
	while (in && fgets(row, sizeof(row), in)) {
		row[strcspn(row, "\n")] = '\0';
		fields++;
		if (has_line(documented, row))
			continue;
		gone++;
		result(false, "JSON %d has the field %s", JSON_VERSION, row);
	}
	if (in)
		fclose(in);
	result(fields > 100 && !gone, "JSON %d has all its %u fields",
	       JSON_VERSION, fields);
	free(documented);
}

/* Whether an object has a value for each field of a table, and no other fields. */
static bool has_fields(const json_t *object, const char *listing)
{
	char row[1024], name[64], *at;
	size_t fields = 0;
	bool all = true;
	FILE *in;

	in = fopen("../Documentation/json.md", "r");
	if (!in)
		abort();
	while (next_field(in, row, sizeof(row))) {
		if (strncmp(row, listing, strlen(listing)))
			continue;
		at = row + strlen(listing) + strlen(": ");
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, ":"), at);
		if (strpbrk(name, ".["))
			continue;
		fields++;
		all &= !!json_object_get(object, name);
	}
	fclose(in);
	return all && fields && json_object_size(object) == fields;
}

/* Fields of another role are null. */
static void check_sync(void)
{
	static const struct sync_roles roles = {
		.count = 3,
		.role = {
			{ .role = LBDR_SYNC_ROLE_MASTER, .enabled = true, .n_addresses = 1,
			  .addresses = { { .family = AF_INET } } },
			{ .role = LBDR_SYNC_ROLE_BACKUP },
			{ .role = LBDR_SYNC_ROLE_PEERS, .enabled = true, .n_addresses = 1,
			  .addresses = { { .family = AF_INET } } },
		},
	};
	const struct request req = { .json = true };
	struct capture capture;
	const json_t *role;
	json_t *array;
	size_t i;

	capture_begin(&capture);
	sync_print(&roles, &req);
	capture_end(&capture);
	array = json_loads(capture.text, 0, NULL);
	result(json_array_size(array) == roles.count, "sync -j has all roles");
	json_array_foreach(array, i, role) {
		result(has_fields(role, "sync -j"), "role %zu has all fields of sync -j",
		       i);
		result(json_is_null(json_object_get(role, "sent_records")) == (i != 0) &&
		       json_is_null(json_object_get(role, "pending")) == (i != 1) &&
		       json_is_null(json_object_get(role, "peers")) == (i != 2),
		       "and those of others are null");
	}
	json_decref(array);
	free(capture.text);
}

static void check_version(void)
{
	struct run run;
	json_t *array;

	kernel_reset();
	run_line("lbctl", "version -j", &run);
	array = json_loads(run.out, 0, NULL);
	result(json_integer_value(json_object_get(json_array_get(array, 0),
						  "json_version")) ==
	       JSON_VERSION, "version -j tells the version of the schema: %s",
	       run.out);
	json_decref(array);
	run_free(&run);
}

void check_schemas(void)
{
	check_conns(false);
	check_conns(true);
	check_schema();
	check_sync();
	check_version();
}
