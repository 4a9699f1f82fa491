// SPDX-License-Identifier: GPL-2.0
/*
 * Words for numbers of netlink, in both directions: scheduler flags, answers to
 * clients, actions on stray packets, states and their timeouts; and --mh-size, which is
 * checked against the scheduler like flags.
 */
#include <stdio.h>
#include <string.h>

#include "lbctl.h"
#include "names_gen.h"

/*
 * By bit, LBDR_SCHED_FLAG_...; before each stands the name of a scheduler, as
 * in sh-port. ipvsadm lists them in this order.
 */
const char *const sched_flag_words[] = { "fallback", "port", NULL };

/* The schedulers that have all of these flags. */
static const char *const flagged[] = { "sh", "mh" };

/* Number of states, including the first one, none. */
#define STATES (LBDR_CONN_STATE_TEMPLATE + 1)

/* The defaults of the module, by state. */
const __u32 usual_timeouts[LBDR_A_TIMEOUT_MAX + 1] = {
	[LBDR_CONN_STATE_SYN_RECV] = 60,
	[LBDR_CONN_STATE_ESTABLISHED] = 900,
	[LBDR_CONN_STATE_FIN_WAIT] = 120,
	[LBDR_CONN_STATE_TIME_WAIT] = 120,
	[LBDR_CONN_STATE_CLOSE] = 10,
	[LBDR_CONN_STATE_UDP] = 300,
	[LBDR_CONN_STATE_SCTP_INIT] = 60,
	[LBDR_CONN_STATE_SCTP_ESTABLISHED] = 900,
	[LBDR_CONN_STATE_SCTP_SHUTDOWN] = 60,
	[LBDR_CONN_STATE_SCTP_CLOSED] = 60,
};

/* The states whose timeouts ipvsadm knows: tcp, tcpfin and udp. */
const __u8 classic_states[CLASSIC_STATES] = {
	LBDR_CONN_STATE_ESTABLISHED, LBDR_CONN_STATE_FIN_WAIT, LBDR_CONN_STATE_UDP,
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

/*
 * The scheduler that a flag is of, or NULL when there is no such flag. ipvsadm numbers
 * the flags from 1 for all schedulers; they mean something to those that have flags.
 */
static const char *read_flag(const char *word, size_t length, const char *scheduler,
			     __u32 *flags)
{
	char text[FLAGS_TEXT], number[FLAGS_TEXT];
	size_t bit;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flagged); i++) {
		for (bit = 0; sched_flag_words[bit]; bit++) {
			sched_flag_text(flagged[i], bit, text);
			snprintf(number, sizeof(number), "flag-%zu", bit + 1);
			if (!same_word(word, length, text) &&
			    !(scheduler && !strcmp(flagged[i], scheduler) &&
			      same_word(word, length, number)))
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
		owner = read_flag(word, length, scheduler, flags);
		if (!owner)
			return fault("invalid flag '%.*s': must be {sh,mh}-{port,fallback}",
				     (int)length, word);
		if (!scheduler)
			scheduler = owner;
		if (strcmp(owner, scheduler))
			return fault("flag '%.*s' of scheduler %s not supported with %s",
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
		return fault("--mh-size not supported with scheduler %s: it is an option of mh",
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
		return fault("invalid size '%s': must be a prime, the next ones are %u and %u",
			     text, below, above);
	return 0;
}

static const char *const all_entry_names[] = {
	[LBDR_ENTRY_PREROUTING] = "prerouting",
	[LBDR_ENTRY_INPUT] = "input",
	[LBDR_ENTRY_INGRESS] = "ingress",
	[ENTRY_XDP] = "xdp",
};

const struct choice refuse_choice = CHOICE("refusal", refuse);
const struct choice stray_choice = CHOICE("action", stray);
const struct choice entry_choice = CHOICE("entry", all_entry);
const struct choice forward_choice = CHOICE("method", forward);
const struct choice tunnel_choice = CHOICE("tunnel", tunnel);
const struct choice tunnel_df_choice = CHOICE("--tun-df", tunnel_df);
const struct choice sync_choice = CHOICE("role", sync_role);
const struct choice sync_peer_choice = CHOICE("state", sync_peer_state);

/* From 1 on: 0 is no state. */
const struct choice state_choice = { "state", conn_state_names, STATES };

static const char *const count_by_names[] = {
	[COUNT_BY_SERVICE] = "service",
	[COUNT_BY_SERVER] = "server",
	[COUNT_BY_STATE] = "state",
};

const struct choice count_choice = CHOICE("key", count_by);

/* "invalid WHAT 'TEXT': must be A, B or C" */
int choice_parse(const struct choice *choice, const char *text, __u8 *value)
{
	char list[128];
	size_t used = 0;
	size_t i;

	for (i = 0; i < choice->count; i++) {
		if (!strcmp(text, choice->words[i])) {
			*value = i;
			return 0;
		}
		used += snprintf(list + used, sizeof(list) - used, "%s%s",
				 !i ? "" : i + 1 < choice->count ? ", " : " or ",
				 choice->words[i]);
	}
	return fault("invalid %s '%s': must be %s", choice->what, text, list);
}

/* The word of a value; newer modules may have more. */
const char *choice_word(const struct choice *choice, __u8 value)
{
	return value < choice->count && choice->words[value] ?
		       choice->words[value] : "unknown";
}

/* As set-entry reads it: the entry, and its devices. */
const char *entry_text(__u8 entry, const char *const *devices, int count,
		       char *text)
{
	int used = snprintf(text, ENTRY_TEXT, "%s", choice_word(&entry_choice, entry));
	int i;

	for (i = 0; i < count; i++)
		used += snprintf(text + used, ENTRY_TEXT - used, " %.*s",
				 IFNAMSIZ, devices[i]);
	return text;
}

const char *state_word(__u8 state)
{
	return state ? choice_word(&state_choice, state) : "unknown";
}

/* In capitals too, as connections are listed. */
static bool find_state(const char *word, size_t length, size_t count,
		       __u8 *state)
{
	size_t i;

	for (i = 1; i < count; i++) {
		if (strlen(conn_state_names[i]) == length &&
		    !strncasecmp(word, conn_state_names[i], length)) {
			*state = i;
			return true;
		}
	}
	return false;
}

/* Returns -1, as fault() does. */
static int state_fault(const char *word, size_t length, size_t count)
{
	char list[256];
	size_t used = 0;
	size_t i;

	for (i = 1; i < count; i++)
		used += snprintf(list + used, sizeof(list) - used, "%s%s",
				 i > 1 ? ", " : "", conn_state_names[i]);
	return fault("invalid state '%.*s': must be one of %s", (int)length, word, list);
}

int parse_state(const char *text, __u8 *state)
{
	if (!find_state(text, strlen(text), STATES, state))
		return state_fault(text, strlen(text), STATES);
	return 0;
}

static int set_timeout(const char *state_name, __u8 state, const char *seconds,
		       struct timeouts *timeouts)
{
	if (timeouts->given[state])
		return fault("timeout of state %s given twice",
			     conn_state_names[state]);
	timeouts->given[state] = true;
	return parse_number(state_name, seconds, 0, LBDR_TIMEOUT_MAX,
			    &timeouts->seconds[state]);
}

/* One STATE=SECONDS. */
static int parse_timeout(const char *word, size_t length,
			 struct timeouts *timeouts)
{
	size_t name = strcspn(word, "=");
	char seconds[64];
	__u8 state;

	if (name >= length)
		return fault("invalid timeout '%.*s': must be STATE=SECONDS",
			     (int)length, word);
	/* Persistence has an option of its own. */
	if (!find_state(word, name, LBDR_A_TIMEOUT_MAX + 1, &state))
		return state_fault(word, name, LBDR_A_TIMEOUT_MAX + 1);
	if (length - name > sizeof(seconds))
		return fault("invalid timeout '%.*s': too many digits",
			     (int)length, word);
	snprintf(seconds, sizeof(seconds), "%.*s", (int)(length - name - 1),
		 word + name + 1);
	return set_timeout("timeout", state, seconds, timeouts);
}

/**
 * parse_timeouts() - read a list of timeouts
 * @text: STATE=SECONDS, with commas between them
 * @timeouts: those that are given; the others are unchanged
 *
 * Return: 0 or -1.
 */
int parse_timeouts(const char *text, struct timeouts *timeouts)
{
	size_t length;

	for (;; text += length + 1) {
		length = strcspn(text, ",");
		if (parse_timeout(text, length, timeouts))
			return -1;
		if (!text[length])
			return 0;
	}
}

static int set_fault(bool ipvsadm)
{
	return fault("three timeouts are required, TCP TCPFIN UDP%s",
		     ipvsadm ? "" : ", or STATE=SECONDS...");
}

/**
 * parse_set() - read the arguments of set-timeout
 * @words: three numbers as ipvsadm has them, or each a list of timeouts
 * @count: of the words
 * @ipvsadm: only three numbers
 * @timeouts: those that are given
 *
 * Return: 0 or -1.
 */
int parse_set(const char *const *words, size_t count, bool ipvsadm,
	      struct timeouts *timeouts)
{
	static const char *const names[] = {
		"timeout of tcp", "timeout of tcpfin", "timeout of udp",
	};
	size_t i;

	if (!count || (ipvsadm && count != CLASSIC_STATES))
		return set_fault(ipvsadm);
	if (ipvsadm || !strchr(words[0], '=')) {
		if (count != CLASSIC_STATES)
			return set_fault(ipvsadm);
		for (i = 0; i < CLASSIC_STATES; i++) {
			__u8 state = classic_states[i];

			if (set_timeout(names[i], state, words[i], timeouts))
				return -1;
			/* With ipvsadm, 0 keeps a timeout. */
			if (!timeouts->seconds[state])
				timeouts->given[state] = false;
		}
		return 0;
	}
	for (i = 0; i < count; i++) {
		if (parse_timeouts(words[i], timeouts))
			return -1;
	}
	return 0;
}

/* In the form that is read, empty without any. */
const char *timeouts_text(const struct timeouts *timeouts, char *text)
{
	size_t used = 0;
	size_t i;

	text[0] = '\0';
	for (i = 1; i <= LBDR_A_TIMEOUT_MAX; i++) {
		if (timeouts->given[i])
			used += snprintf(text + used, TIMEOUTS_TEXT - used,
					 "%s%s=%u", used ? "," : "",
					 conn_state_names[i],
					 timeouts->seconds[i]);
	}
	return text;
}

json_t *timeouts_json(const struct timeouts *timeouts)
{
	json_t *object = json_object();
	size_t i;

	for (i = 1; i <= LBDR_A_TIMEOUT_MAX; i++) {
		if (timeouts->given[i])
			json_object_set_new(object, conn_state_names[i],
					    json_integer(timeouts->seconds[i]));
	}
	return object;
}

/* As ipvsadm writes a netmask: in dots for IPv4, a prefix for IPv6. */
const char *mask_text(int family, __u8 prefix, char *text)
{
	__u32 mask = prefix ? ~0U << (32 - (prefix < 32 ? prefix : 32)) : 0;

	if (family == AF_INET)
		snprintf(text, MASK_TEXT, "%u.%u.%u.%u", mask >> 24,
			 mask >> 16 & 255, mask >> 8 & 255, mask & 255);
	else
		snprintf(text, MASK_TEXT, "%u", prefix);
	return text;
}
