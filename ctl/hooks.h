/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What netfilter's hooks are made of, hooks.c.
 */
#ifndef LBCTL_HOOKS_H
#define LBCTL_HOOKS_H

#include "lbctl.h"

#define HOOK_TEXT 256

/* A function that is hooked in, in the kernel's order. */
struct hook {
	long priority;
	bool ours;
	bool chain;		/* a base chain of nf_tables */
	char name[HOOK_TEXT];	/* of the function, or of the chain */
};

struct hooks {
	struct hook *hooks;
	size_t nr_hooks;
	size_t room_hooks;
};

int hooks_read(struct hooks *hooks, int family, __u8 number);
int hooks_hear(const struct nlmsghdr *nlh, void *data);
void hooks_drop(struct hooks *hooks);

#endif
