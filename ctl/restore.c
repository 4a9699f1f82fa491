// SPDX-License-Identifier: GPL-2.0
/*
 * Does the commands of a file as one transaction. The whole file is understood
 * before the kernel hears of it, so that a mistake in its last line costs
 * nothing, and kept, so that it can be sent again when somebody else was quicker.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/**
 * restore_read() - understand a file
 * @nl: the connection with the kernel
 * @file: the file
 * @ipvsadm: by ipvsadm's grammar alone
 * @batch: gets its commands
 *
 * Return: the exit status, the error has been told.
 */
int restore_read(struct nl *nl, struct file *file, bool ipvsadm,
		 struct batch *batch)
{
	struct request req;
	int more;

	while ((more = file_next(file)) > 0) {
		if (file_request(file, ipvsadm, &req))
			break;
		batch_add(batch, req.verb->message(nl, &req), file->line);
	}
	if (!more)
		return EXIT_DONE;
	file_complain(file, file->line, fault_text());
	return EXIT_USAGE;
}

static int send_batch(struct nl *nl, const struct file *file,
		      struct batch *batch)
{
	struct nl_answer answer;
	unsigned int line = 0;
	int i;

	for (i = 0; i < RESTORE_TRIES; i++) {
		line = batch_commit(nl, batch, &answer);
		if (!batch_again(&answer))
			break;
	}
	if (!line || batch_again(&answer))
		return nl_verdict(&answer, "transaction");
	file_complain(file, line, *answer.sentence ? answer.sentence :
						     strerror(answer.error));
	return EXIT_REFUSED;
}

int restore_run(struct nl *nl, const struct request *req)
{
	struct batch batch = { .count = 0 };
	struct file file;
	int status;

	status = file_open(&file, req->word);
	if (status)
		return status;
	status = restore_read(nl, &file, req->ipvsadm, &batch);
	if (!status)
		status = send_batch(nl, &file, &batch);
	batch_drop(&batch);
	file_close(&file);
	return status;
}
