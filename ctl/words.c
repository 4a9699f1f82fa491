// SPDX-License-Identifier: GPL-2.0
/*
 * The words that stand for numbers in netlink, both ways: the flags of a
 * scheduler and the ways to refuse a client. What is printed is what is
 * taken, so they have one table each. The size of mh's table is here too,
 * since it is checked against the scheduler just as the flags are.
 */
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/*
 * By bit, LBDR_SCHED_FLAG_...; before each stands the name of a scheduler, as
 * in sh-port. ipvsadm lists them in this order.
 */
const char *const sched_flag_words[] = { "fallback", "port", NULL };

/* The schedulers that have all of these flags. */
static const char *const flagged[] = { "sh", "mh" };

static const char *const refuse_words[] = {
	[LBDR_REFUSE_ICMP] = "icmp",
	[LBDR_REFUSE_RESET] = "reset",
	[LBDR_REFUSE_DROP] = "drop",
};

const char *sched_flag_text(const char *scheduler, size_t bit, char *text)
{
	snprintf(text, FLAGS_TEXT, "%s-%s", scheduler, sched_flag_words[bit]);
	return text;
}

/* The flags of a service in the form that -b takes, empty without any. */
const char *sched_flags_text(const struct service *service, char *text)
{
	char flag[FLAGS_TEXT];
	size_t used = 0;
	size_t bit;

	text[0] = '\0';
	for (bit = 0; sched_flag_words[bit]; bit++) {
		if (!(service->sched_flags & (1U << bit)))
			continue;
		used += snprintf(text + used, FLAGS_TEXT - used, "%s%s",
				 used ? "," : "",
				 sched_flag_text(service->scheduler, bit,
						 flag));
	}
	return text;
}

static bool same_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !strncmp(text, word, length);
}

/* The scheduler that a flag is of, or NULL when there is no such flag. */
static const char *read_flag(const char *word, size_t length, __u32 *flags)
{
	char text[FLAGS_TEXT];
	size_t bit;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flagged); i++) {
		for (bit = 0; sched_flag_words[bit]; bit++) {
			sched_flag_text(flagged[i], bit, text);
			if (!same_word(word, length, text))
				continue;
			*flags |= 1U << bit;
			return flagged[i];
		}
	}
	return NULL;
}

/**
 * parse_sched_flags() - read a list of flags
 * @text: flags with commas between them, or "none"
 * @scheduler: the one that they must be of, or NULL for any one
 * @flags: LBDR_SCHED_FLAG_..., or'ed
 *
 * Return: 0 or -1.
 */
int parse_sched_flags(const char *text, const char *scheduler, __u32 *flags)
{
	const char *word = text;
	const char *owner;
	size_t length;

	*flags = 0;
	if (!strcmp(text, "none"))
		return 0;
	for (;;) {
		length = strcspn(word, ",");
		owner = read_flag(word, length, flags);
		if (!owner)
			return fault("'%.*s' is none of sh-port, sh-fallback, mh-port, mh-fallback",
				     (int)length, word);
		if (!scheduler)
			scheduler = owner;
		if (strcmp(owner, scheduler))
			return fault("flag '%.*s' is the scheduler %s's, and does not go with %s",
				     (int)length, word, owner, scheduler);
		if (!word[length])
			return 0;
		word += length + 1;
	}
}

static bool is_prime(__u32 number)
{
	__u32 divisor;

	for (divisor = 2; divisor <= number / divisor; divisor++) {
		if (number % divisor == 0)
			return false;
	}
	return true;
}

/**
 * parse_mh_size() - read how many slots mh's table is to have
 * @text: the number
 * @scheduler: the service's, or NULL when it is not said
 * @size: the number
 *
 * The kernel would refuse a size that is not prime, and not name the next one.
 *
 * Return: 0 or -1.
 */
int parse_mh_size(const char *text, const char *scheduler, __u32 *size)
{
	__u32 below, above;

	if (scheduler && strcmp(scheduler, "mh"))
		return fault("--mh-size is about the scheduler mh, and does not go with %s",
			     scheduler);
	if (parse_number("size", text, LBDR_SCHED_SIZE_MIN, LBDR_SCHED_SIZE_MAX,
			 size))
		return -1;
	/* The ends of the range are prime, so neither search leaves it. */
	for (below = *size; !is_prime(below); below--)
		;
	for (above = *size; !is_prime(above); above++)
		;
	if (below != above)
		return fault("size '%s' is not a prime number, the next ones are %u and %u",
			     text, below, above);
	return 0;
}

int parse_refuse(const char *text, __u8 *refuse)
{
	__u8 i;

	for (i = 0; i < ARRAY_SIZE(refuse_words); i++) {
		if (!strcmp(text, refuse_words[i])) {
			*refuse = i;
			return 0;
		}
	}
	return fault("refusal '%s' is none of icmp, reset and drop",
		     text);
}

const char *refuse_word(__u8 refuse)
{
	return refuse < ARRAY_SIZE(refuse_words) ? refuse_words[refuse] :
						   "unknown";
}
