/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the unit tests of lbdr-doctor share: a host made of texts in place of
 * commands, files and segments.
 */
#ifndef LBDR_DOCTOR_CHECK_H
#define LBDR_DOCTOR_CHECK_H

#include "../tests/harness.h"
#include "doctor.h"

/* Outputs of commands, with ' for "; NULL: that of the healthy director. */
struct world {
	const char *addr;	/* ip -d -j addr show */
	const char *neigh;	/* ip -s -j neigh show */
	const char *proxy;	/* ip -4 -j neigh show proxy */
	const char *exits;	/* ip -4 -j route show default */
	const char *routes;	/* ip -j -batch */
	const char *info;	/* lbctl list --info -j */
	const char *list;	/* lbctl list -n -j */
	const char *sync;	/* lbctl sync -j; "": it fails */
	const char *nft;	/* nft -j list ruleset; "" : nft not found */
	const char *fou;	/* ip -j fou show */
	const char *fails;	/* this command fails with status 2 */
	/* Answers: "ADDRESS MAC", separated by commas, all on device 2. */
	const char *answers;
	const char *files;	/* "PATH=CONTENT", separated by commas */
	/* What is on of drivers: "DEVICE rxvlan|lro|tx|gro", separated by commas. */
	const char *features;
	int probe_error;
	/* "SERVER MSS", separated by commas, 0 for a RST; "!": no permission. */
	const char *tunnels;
};

extern const struct world *world;
extern char world_log[4096];	/* ip commands that change something */

/* A world, and what lbdr-doctor says of it. */
struct world_row {
	const char *what;
	struct world world;
	int status;
	const char *line;
	/* Texts that are printed; after a '!' one that is not. */
	const char *says[6];
};

void world_check(const struct world_row *rows, size_t count);
void world_begin(const struct world *of);
char *world_run(int (*run)(const struct options *options), const char *line,
		int *status);
void world_end(void);
int world_doctor(const struct options *options);

void check_director(void);
void check_setup(void);
void check_tunnels(void);

#endif
