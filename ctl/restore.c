// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the commands of a file in one transaction. The whole file is parsed first, and
 * kept, so that it can be sent again after a conflict.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/**
 * restore_read() - understand a file
 * @nl: the connection with the kernel
 * @file: the file
 * @how: the request whose file it is
 * @batch: gets its commands
 *
 * Return: the exit status, the errors have been told.
 */
int restore_read(struct nl *nl, struct file *file, const struct request *how,
		 struct batch *batch)
{
	struct request req;

	while (file_command(file, how, &req)) {
		batch_add(batch, req.verb->message(nl, &req), file->line);
		if (req.verb == &verbs[VERB_SET_ENTRY])
			xdp_plan(&batch->entry, &req);
		if (req.verb == &verbs[VERB_ADD_SERVICE])
			service_warn(how, &req.service);
	}
	return file_verdict(file);
}

static int send_batch(struct nl *nl, const struct file *file,
		      struct batch *batch, bool commit)
{
	struct nl_answer answer;
	unsigned int line = 0;
	int i;

	for (i = 0; i < RESTORE_TRIES; i++) {
		line = batch_send(nl, batch, commit, &answer);
		if (!batch_again(&answer))
			break;
	}
	if (!line || batch_again(&answer))
		return nl_verdict(&answer, "transaction");
	file_complain(file, line, *answer.sentence ? answer.sentence :
						     strerror(answer.error));
	return EXIT_REFUSED;
}

/**
 * restore_file() - do the commands of a file, or only check them
 * @nl: the connection with the kernel
 * @file: the file
 * @how: the request whose file it is
 *
 * `check` takes the file as the whole configuration, as `apply` does: after a clear,
 * which goes into the same transaction, so that what there is does not matter.
 *
 * Return: the exit status, after a message.
 */
int restore_file(struct nl *nl, struct file *file, const struct request *how)
{
	static const struct request everything;
	bool check = how->verb == &verbs[VERB_CHECK];
	struct batch batch = { .count = 0 };
	int status;

	if (check)
		batch_add(&batch, service_clear_message(nl, &everything), 0);
	status = restore_read(nl, file, how, &batch);
	if (!status && check && file_is_empty(file, how))
		status = EXIT_USAGE;
	if (!status)
		status = send_batch(nl, file, &batch, !check);
	if (!status && !check)
		status = xdp_run(nl, &batch.entry);
	if (!status && file->skipped)
		status = EXIT_PARTLY;
	batch_drop(&batch);
	return status;
}

/* The verbs restore and check. */
int restore_run(struct nl *nl, const struct request *req)
{
	struct file file;
	int status;

	status = file_open(&file, req->word);
	if (status)
		return status;
	status = restore_file(nl, &file, req);
	file_close(&file);
	return status;
}
