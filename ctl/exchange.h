/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The exchange of the module under traffic, see exchange.c.
 */
#ifndef LBCTL_EXCHANGE_H
#define LBCTL_EXCHANGE_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/types.h>

struct nl;
struct snapshot;

/* nft(8), which owns the rule. */
struct exchange_rule {
	bool runs;
	bool begun;		/* the table is there */
	pid_t nft;
	int commands;
	int answers;
};

/* Notifications of changes of the configuration. */
struct exchange_changes {
	struct nl *nl;		/* NULL if nobody listens */
};

#define RCU_SETTINGS 3
#define RCU_VALUE 32

/* The process that restores the settings of RCU. */
struct exchange_rcu {
	pid_t watcher;
	int end;		/* of its input */
	char before[RCU_SETTINGS][RCU_VALUE];
};

int exchange_rule_begin(struct exchange_rule *rule);
int exchange_rule_add(struct exchange_rule *rule, const struct snapshot *shot);
void exchange_rule_end(struct exchange_rule *rule);
int exchange_changes_begin(struct exchange_changes *changes);
bool exchange_changes_any(struct exchange_changes *changes);
void exchange_changes_end(struct exchange_changes *changes);
void exchange_rcu_begin(struct exchange_rcu *rcu);
void exchange_rcu_end(struct exchange_rcu *rcu);

#endif
