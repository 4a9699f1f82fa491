// SPDX-License-Identifier: GPL-2.0
/*
 * A transaction: collects messages and sends them, many at a time, since a round trip
 * for each takes longer than everything else.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>

#include "lbctl.h"

/* Bytes in one go; the kernel copies them as one. */
#define MANY_SIZE 32768

/* Bytes of the attribute that names the transaction */
#define ID_SIZE (MNL_ATTR_HDRLEN + sizeof(__u32))

/* The attribute that names the transaction, in the command's own set. */
static __u16 id_attr(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	switch (genl->cmd) {
	case LBDR_CMD_INFO_SET:
		return LBDR_A_INFO_BATCH;
	case LBDR_CMD_SERVER_NEW:
	case LBDR_CMD_SERVER_SET:
	case LBDR_CMD_SERVER_DEL:
		return LBDR_A_SERVER_BATCH;
	default:
		return LBDR_A_SERVICE_BATCH;
	}
}

/**
 * batch_add() - add a command
 * @batch: the batch, zeroed at first
 * @nlh: the message, copied
 * @line: what batch_send() returns if the kernel rejects the command
 *
 * The id of the transaction is known when the batch is sent: the copy ends in the
 * attribute, with room for the id.
 */
void batch_add(struct batch *batch, const struct nlmsghdr *nlh,
	       unsigned int line)
{
	size_t size = NLMSG_ALIGN(nlh->nlmsg_len) + ID_SIZE;
	struct nlmsghdr *copy;

	while (batch->size + size > batch->room)
		batch->messages = grow(batch->messages, &batch->room,
				       batch->room, 1);
	copy = (void *)(batch->messages + batch->size);
	/* Padding is sent, too. */
	memset(copy, 0, size);
	memcpy(copy, nlh, nlh->nlmsg_len);
	mnl_attr_put_u32(copy, id_attr(copy), 0);
	batch->size += size;
	batch->lines = grow(batch->lines, &batch->room_lines, batch->count,
			    sizeof(*batch->lines));
	batch->lines[batch->count++] = line;
}

/* Writes the id of the transaction to the end of each message. */
static void set_id(struct batch *batch, __u32 id)
{
	const struct nlmsghdr *nlh;
	size_t at;

	for (at = 0; at < batch->size; at += nlh->nlmsg_len) {
		nlh = (const void *)(batch->messages + at);
		memcpy(batch->messages + at + nlh->nlmsg_len - sizeof(id), &id,
		       sizeof(id));
	}
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

static bool read_id(const struct nlmsghdr *nlh, void *data)
{
	return decode_batch(nlh, data);
}

/**
 * batch_again() - is it worth to send the batch once more?
 * @answer: from batch_send()
 *
 * Return: true if the configuration was changed meanwhile, or the kernel has
 * aborted the transaction.
 */
bool batch_again(const struct nl_answer *answer)
{
	return answer->error == EAGAIN || answer->error == ECANCELED;
}

/**
 * batch_send() - send a batch as one transaction
 * @nl: the connection with the kernel
 * @batch: the commands
 * @commit: commit the transaction, else abort it when all commands were accepted
 * @answer: how the transaction ended
 *
 * The kernel aborts a transaction that is still open when the socket closes.
 *
 * Return: the line of the command that was rejected, or 0 if it was none of
 * them.
 */
unsigned int batch_send(struct nl *nl, struct batch *batch, bool commit,
			struct nl_answer *answer)
{
	struct nl_answer ignored;
	size_t at, size, first = 0, failed;
	struct nlmsghdr *nlh;
	__u32 id = 0;

	nl_ask(nl, nl_request(nl, LBDR_CMD_BATCH_BEGIN), read_id, &id, answer);
	if (!answer->error && !id)
		answer->error = EBADMSG;
	if (answer->error)
		return 0;
	set_id(batch, id);
	for (at = 0; at < batch->size; at += size) {
		size = next_many(batch, at);
		failed = nl_ask_many(nl, (void *)(batch->messages + at), size,
				     answer);
		if (answer->error) {
			nlh = nl_request(nl, LBDR_CMD_BATCH_ABORT);
			mnl_attr_put_u32(nlh, LBDR_A_BATCH_ID, id);
			nl_ask(nl, nlh, NULL, NULL, &ignored);
			return batch->lines[first + failed];
		}
		first += count_many(batch->messages + at, size);
	}
	nlh = nl_request(nl, commit ? LBDR_CMD_BATCH_COMMIT :
				      LBDR_CMD_BATCH_ABORT);
	mnl_attr_put_u32(nlh, LBDR_A_BATCH_ID, id);
	if (commit)
		mnl_attr_put_u32(nlh, LBDR_A_BATCH_COMMANDS, batch->count);
	nl_ask(nl, nlh, NULL, NULL, answer);
	return 0;
}
