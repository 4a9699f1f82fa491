// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of decode.c: whole messages as the kernel sends them, messages that
 * lack an attribute or have one too short, and thousands that are mutilated at
 * random. Each message lies in memory of its own size, so that the sanitizers
 * see it when something behind it is read.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>

#include "samples.h"

#define ROUNDS 20000

/* A copy with nothing behind it, so that reading too far is found. */
static struct nlmsghdr *exact_copy(const void *message, size_t size)
{
	struct nlmsghdr *copy = malloc(NLMSG_ALIGN(size));

	if (!copy)
		exit(EXIT_REFUSED);
	memset(copy, 0, NLMSG_ALIGN(size));
	memcpy(copy, message, size);
	return copy;
}

/* Leaves out one attribute after the other: only the optional may be missed. */
static void check_missing(const struct kind *kind, const void *message)
{
	const struct nlmsghdr *whole = message;
	const struct nlattr *attr;
	unsigned int wrong = 0;
	struct nlmsghdr *copy;
	bool optional;
	bool right;
	size_t from;
	size_t size;
	size_t i;

	mnl_attr_for_each(attr, whole, sizeof(struct genlmsghdr)) {
		optional = false;
		for (i = 0; i < ARRAY_SIZE(kind->optional); i++)
			optional |= mnl_attr_get_type(attr) ==
				    kind->optional[i];
		from = (const char *)attr - (const char *)message;
		size = NLMSG_ALIGN(attr->nla_len);
		copy = exact_copy(message, whole->nlmsg_len);
		memmove((char *)copy + from, (char *)copy + from + size,
			whole->nlmsg_len - from - size);
		copy->nlmsg_len -= size;
		/* What was left out is not read as what it was, either. */
		right = false;
		wrong += kind->read(copy, &right) != optional || right;
		free(copy);
	}
	result(!wrong, "a %s without one of its attributes makes sense only if that may be missing",
	       kind->name);
}

/*
 * Takes bytes away from one attribute after the other, the last one or all:
 * what is left cannot hold what it should.
 */
static void check_short(const struct kind *kind, const void *message, bool all)
{
	const struct nlmsghdr *whole = message;
	unsigned int taken = 0;
	const struct nlattr *attr;
	struct nlmsghdr *copy;
	struct nlattr *cut;
	size_t offset;
	bool right;

	for (offset = mnl_nlmsg_size(sizeof(struct genlmsghdr));
	     offset < whole->nlmsg_len;
	     offset += NLMSG_ALIGN(attr->nla_len)) {
		attr = (const void *)((const char *)message + offset);
		/* A flag is empty as it is. */
		if (attr->nla_len == NLA_HDRLEN)
			continue;
		/* A nest ends in padding, which it can do without. */
		if (!all && (attr->nla_type & NLA_F_NESTED))
			continue;
		copy = exact_copy(message, whole->nlmsg_len);
		cut = (void *)((char *)copy + offset);
		cut->nla_len = all ? NLA_HDRLEN : cut->nla_len - 1;
		taken += kind->read(copy, &right);
		free(copy);
	}
	result(!taken, "a %s with an attribute that is %s is malformed",
	       kind->name, all ? "empty" : "a byte too short");
}

/* The sanitizers judge; the result only counts that all rounds were run. */
static void check_mutilated(const struct kind *kind, const void *message)
{
	const struct nlmsghdr *whole = message;
	struct nlmsghdr *copy;
	unsigned int taken = 0;
	unsigned int i, j;
	size_t size;
	bool right;

	for (i = 0; i < ROUNDS; i++) {
		size = whole->nlmsg_len;
		if (rand() % 2)
			size = NLMSG_HDRLEN + rand() % (size - NLMSG_HDRLEN);
		copy = exact_copy(message, size);
		copy->nlmsg_len = size;
		for (j = rand() % 4; j; j--) {
			if (size > NLMSG_HDRLEN)
				((__u8 *)copy)[NLMSG_HDRLEN + rand() %
					       (size - NLMSG_HDRLEN)] = rand();
		}
		taken += kind->read(copy, &right);
		free(copy);
	}
	result(taken < ROUNDS, "%u mutilated messages of kind %s were read, %u made sense",
	       ROUNDS, kind->name, taken);
}

static void check_verdicts(void)
{
	__u64 message[64] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(message);
	unsigned int endless = 0;
	struct nl_answer answer;
	struct nlmsgerr *error;
	struct nlmsghdr *copy;
	size_t size;
	int i;

	nlh->nlmsg_type = NLMSG_ERROR;
	nlh->nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
	error = mnl_nlmsg_put_extra_header(nlh, sizeof(*error));
	error->error = -EEXIST;
	error->msg.nlmsg_len = NLMSG_HDRLEN;
	mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, "a sentence");
	decode_verdict(nlh, &answer);
	result(answer.error == EEXIST && !strcmp(answer.sentence, "a sentence"),
	       "a refusal is read with its sentence");

	nlh->nlmsg_flags = NLM_F_CAPPED;
	decode_verdict(nlh, &answer);
	result(answer.error == EEXIST && !*answer.sentence,
	       "a refusal without a sentence is read");

	error->error = 0;
	nlh->nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
	decode_verdict(nlh, &answer);
	result(!answer.error && !strcmp(answer.sentence, "a sentence"),
	       "a warning is read with its sentence");

	for (i = 0; i < ROUNDS; i++) {
		size = NLMSG_HDRLEN + rand() % (nlh->nlmsg_len - NLMSG_HDRLEN);
		copy = exact_copy(message, size);
		copy->nlmsg_len = size;
		copy->nlmsg_type = rand() % 2 ? NLMSG_ERROR : NLMSG_DONE;
		copy->nlmsg_flags = rand();
		if (size > NLMSG_HDRLEN)
			((__u8 *)copy)[NLMSG_HDRLEN +
				       rand() % (size - NLMSG_HDRLEN)] = rand();
		memset(&answer, 'x', sizeof(answer));
		decode_verdict(copy, &answer);
		endless += !memchr(answer.sentence, '\0',
				   sizeof(answer.sentence));
		free(copy);
	}
	result(!endless, "%u mutilated verdicts left a sentence with an end",
	       ROUNDS);
}

/* How far a datagram of one message goes that says to be so long. */
static bool goes_on(__u32 length, int left)
{
	struct nlmsghdr message = { .nlmsg_len = length };

	return decode_next(&message, left);
}

static void check_lengths(void)
{
	result(goes_on(16, 16) && goes_on(16, 20),
	       "a message that is whole is read");
	result(!goes_on(20, 16) && !goes_on(16, 12) && !goes_on(16, -4) &&
	       !goes_on(12, 16),
	       "a message that is cut, or shorter than its header, is not read");
	result(!goes_on(~0U, 16) && !goes_on(1U << 31, 16) &&
	       !goes_on(0xfffffff0, 16),
	       "a message longer than any can be is not read for ever");
}

void check_messages(void)
{
	__u64 message[MESSAGE_ROOM / 8];
	bool right;
	size_t i;

	for (i = 0; i < nr_kinds; i++) {
		memset(message, 0, sizeof(message));
		sample_make(&kinds[i], message);
		right = false;
		result(kinds[i].read((void *)message, &right) && right,
		       "a whole %s is read as it is", kinds[i].name);
		check_missing(&kinds[i], message);
		check_short(&kinds[i], message, true);
		check_short(&kinds[i], message, false);
		check_mutilated(&kinds[i], message);
	}
	check_verdicts();
	check_lengths();
}
