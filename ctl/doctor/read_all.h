/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads a ruleset in every way that lbdr-doctor does: for random rulesets of the unit
 * tests and of the fuzzer.
 */
#ifndef LBDR_DOCTOR_READ_ALL_H
#define LBDR_DOCTOR_READ_ALL_H

#include "doctor.h"

static inline void read_rule(const json_t *base, const json_t *rule,
			     const struct match *match, void *data)
{
	char text[RULE_TEXT];

	(void)match;
	(void)data;
	rules_text(base, rule, text);
}

/* Takes the document over. */
static inline void rules_read_all(json_t *document, const struct config *config)
{
	struct addr vip;
	struct rules rules;
	const json_t *base;
	size_t i;

	addr_parse("192.0.2.63", &vip);
	if (rules_index(&rules, document)) {
		json_array_foreach(rules.bases, i, base) {
			rules_before(base, "prerouting", false);
			rules_walk(&rules, base, config, read_rule, NULL);
		}
		rules_untracked(&rules, &vip);
	}
	rules_drop(&rules);
}

#endif
