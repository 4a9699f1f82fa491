/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages as the kernel sends them, by kind.
 */
#ifndef LBCTL_SAMPLES_H
#define LBCTL_SAMPLES_H

#include "check.h"
#include "lbctl.h"

/*
 * A kind of message. read() returns false if decode.c refuses the message, and sets *right
 * if everything in it was read as make() has put it.
 */
struct kind {
	const char *name;
	void (*make)(struct nlmsghdr *nlh);
	bool (*read)(const struct nlmsghdr *nlh, bool *right);
	__u16 optional[16];	/* attributes that may be missing, or 0 */
};

extern const struct kind kinds[];
extern const size_t nr_kinds;

size_t sample_make(const struct kind *kind, void *buffer);

#endif /* LBCTL_SAMPLES_H */
