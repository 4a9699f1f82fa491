/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rules of nf_tables do to the packets of a service: rules.c reads
 * them, rules_judge.c judges.
 */
#ifndef LBCTL_RULES_H
#define LBCTL_RULES_H

#include "lbctl.h"

struct rules {
	json_t *root;		/* as nft writes it */
	json_t *bases;		/* the base chains among it, borrowed */
	json_t *chains;		/* by "FAMILY TABLE CHAIN", the rules */
	json_t *sets;		/* by "FAMILY TABLE SET", the elements */
};

/* Of the packets that begin a connection with the service. */
enum fate {
	FATE_PASSES,
	FATE_SOME_DROPPED,
	FATE_UNKNOWN,		/* a match is beyond this tool */
	FATE_DROPPED,
};

/* Names of tables and chains have 255 letters at most. */
#define RULE_TEXT 1024
#define RULE_COMMAND 2048

struct judgement {
	enum fate fate;
	bool named;		/* by address, not as one of all */
	bool policy;		/* no rule, but the policy of the chain */
	char where[RULE_TEXT];	/* which rule, or chain */
	/* What takes the rule away, and what lets the service pass before it. */
	char removal[RULE_COMMAND];
	char pass[RULE_COMMAND];
};

/* One place that chains are hooked into, up to a priority. */
struct stage {
	const char *hook;	/* "prerouting" */
	long before;
};

/* rules.c */
int rules_read(struct rules *rules, const char *netns);
bool rules_index(struct rules *rules, json_t *root);
void rules_drop(struct rules *rules);
const char *rules_word(const json_t *object, const char *key);
json_t *rules_chain(const struct rules *rules, const char *family,
		    const char *table, const char *chain);
json_t *rules_set(const struct rules *rules, const char *family,
		  const char *table, const char *set);

/* rules_judge.c */
void rules_judge(const struct rules *rules, const struct stage *stage,
		 const struct service_key *key, struct judgement *worst);

#endif
