// SPDX-License-Identifier: GPL-2.0
/*
 * Many changes that the kernel does together, or not at all: owns the messages
 * until they are sent, and the order in which a transaction is talked about.
 * Messages are sent many at a time, since waiting for each answer would take
 * longer than all the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lbctl.h"

/* Bytes in one go; the kernel copies them as one. */
#define MANY_SIZE 32768

/**
 * batch_add() - one more change
 * @batch: the batch, zeroed at first
 * @nlh: the message, copied
 * @line: what batch_commit() is to say when the kernel refuses it
 */
void batch_add(struct batch *batch, const struct nlmsghdr *nlh,
	       unsigned int line)
{
	size_t size = NLMSG_ALIGN(nlh->nlmsg_len);

	while (batch->size + size > batch->room)
		batch->messages = grow(batch->messages, &batch->room,
				       batch->room, 1);
	/* What is behind a message's end up to the next one is sent, too. */
	memset(batch->messages + batch->size, 0, size);
	memcpy(batch->messages + batch->size, nlh, nlh->nlmsg_len);
	batch->size += size;
	batch->lines = grow(batch->lines, &batch->room_lines, batch->count,
			    sizeof(*batch->lines));
	batch->lines[batch->count++] = line;
}

void batch_drop(struct batch *batch)
{
	free(batch->messages);
	free(batch->lines);
	memset(batch, 0, sizeof(*batch));
}

/* As many messages from @at on as go at once; their size. */
static size_t next_many(const struct batch *batch, size_t at)
{
	const struct nlmsghdr *nlh;
	size_t size = 0, count;

	for (count = 0; count < NL_MANY && at + size < batch->size; count++) {
		nlh = (const void *)(batch->messages + at + size);
		if (size && size + nlh->nlmsg_len > MANY_SIZE)
			break;
		size += NLMSG_ALIGN(nlh->nlmsg_len);
	}
	return size;
}

static size_t count_many(const char *messages, size_t size)
{
	const struct nlmsghdr *nlh;
	size_t at, count = 0;

	for (at = 0; at < size; at += NLMSG_ALIGN(nlh->nlmsg_len)) {
		nlh = (const void *)(messages + at);
		count++;
	}
	return count;
}

/**
 * batch_commit() - have it done
 * @nl: the connection with the kernel
 * @batch: what is to be done
 * @answer: how it ended; EAGAIN when somebody else has changed something
 *
 * A transaction that does not come to its end is dropped with the socket.
 *
 * Return: the line of the change that was refused, or 0 when it was none of
 * them.
 */
unsigned int batch_commit(struct nl *nl, const struct batch *batch,
			  struct nl_answer *answer)
{
	struct nl_answer ignored;
	size_t at, size, first = 0, failed;
	struct nlmsghdr *nlh;

	nl_ask(nl, nl_request(nl, LBDR_CMD_BATCH_BEGIN), NULL, NULL, answer);
	if (answer->error)
		return 0;
	for (at = 0; at < batch->size; at += size) {
		size = next_many(batch, at);
		failed = nl_ask_many(nl, (void *)(batch->messages + at), size,
				     answer);
		if (answer->error) {
			nl_ask(nl, nl_request(nl, LBDR_CMD_BATCH_ABORT), NULL,
			       NULL, &ignored);
			return batch->lines[first + failed];
		}
		first += count_many(batch->messages + at, size);
	}
	nlh = nl_request(nl, LBDR_CMD_BATCH_COMMIT);
	mnl_attr_put_u32(nlh, LBDR_A_BATCH_COMMANDS, batch->count);
	nl_ask(nl, nlh, NULL, NULL, answer);
	return 0;
}
