/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lbctl and lbdr-doctor share.
 */
#ifndef LBCTL_COMMON_H
#define LBCTL_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#ifndef LBDR_VERSION
#error "the Makefile defines LBDR_VERSION"
#endif

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define __attr(...) __attribute__((__VA_ARGS__))
#define __printf(string, first) __attr(format(printf, string, first))

/* The exit status; scripts depend on it. */
enum {
	EXIT_DONE = 0,
	EXIT_USAGE = 1,
	EXIT_NOT_SYNCED = 1,	/* sync --wait; keepalived only asks for 0 or not */
	EXIT_REFUSED = 2,
	EXIT_PARTLY = 3,	/* restore: some commands were rejected */
	EXIT_PROBLEM = 4,	/* doctor: at least one problem was found */
};

extern const char *program;
extern const char *netns_directory;
extern void (*before_complaint)(void);

void complain(const char *format, ...) __printf(1, 2);
void *or_exit(void *memory);
void stream_end(FILE *out);
void *grow(void *array, size_t *room, size_t used, size_t size);
int netns_enter(const char *name);

#endif
