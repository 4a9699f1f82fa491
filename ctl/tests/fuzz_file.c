// SPDX-License-Identifier: GPL-2.0
/*
 * What a fuzzer writes as a file of commands, for `restore` and `apply`: read to
 * its end or to the first line that is none, by either grammar.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lbctl.h"

static void read_file(const __u8 *data, size_t size, bool ipvsadm)
{
	struct file file = { .name = "input" };
	struct request req;

	file.in = fmemopen((void *)data, size, "r");
	if (!file.in)
		return;
	while (file_next(&file) > 0 && !file_request(&file, ipvsadm, &req))
		;
	file_close(&file);
}

int fuzz_input(const __u8 *data, size_t size)
{
	if (!size)
		return 0;
	read_file(data, size, false);
	read_file(data, size, true);
	return 0;
}
