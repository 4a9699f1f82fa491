/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A backup of connection synchronisation, and the datagrams and connections that suites give
 * it. It runs on lo, which nobody sends to; datagrams are handed to it directly.
 *
 * Works on the initial namespace as hold_kunit.c does. Service 80 has the servers 1 and 2.
 */
#ifndef _LBDR_KUNIT_BACKUP_H
#define _LBDR_KUNIT_BACKUP_H

#include "flow.h"
#include "steps.h"
#include "sync.h"
#include "sync_wire.h"

/* Id of its group of directors */
#define BACKUP_ID	7
#define BACKUP_CLIENT	0xcb007100	/* 203.0.113.0 */

struct kunit;
struct lbdr_conn;
struct lbdr_server;

/**
 * struct backup - the fixture
 * @ln: the initial namespace
 * @seen: counters when they were looked at last
 */
struct backup {
	struct lbdr_net	*ln;
	u64		seen[LBDR_SYNC_COUNTERS];
};

int backup_init(struct kunit *test);
void backup_exit(struct kunit *test);
int backup_start(struct lbdr_net *ln);

/* Returns how much a counter has grown since this was asked last. */
u64 backup_grown(struct kunit *test, enum lbdr_sync_counter counter);
/* A command outside a transaction. */
void backup_run(struct kunit *test, const struct step step);

/* A record of a connection; @state is the one that ip_vs has for it. */
struct lbdr_sync_record backup_tcp(u16 cport, u16 vport, u32 server, u16 state);
void backup_receive(struct kunit *test, const struct lbdr_sync_record *records, u32 n);
void backup_receive_one(struct kunit *test, const struct lbdr_sync_record record);

/* Looks a connection of service 80 up as a packet does, or without renewing it. */
struct lbdr_conn *backup_lookup(struct kunit *test, u16 cport, bool renew);
/* Expects a connection of service 80 with this server and state. */
struct lbdr_conn *backup_expect(struct kunit *test, u16 cport, u32 server, u32 state);
/* Adds a connection as the first packet of a client does, to a server. */
struct lbdr_conn *backup_schedule(struct kunit *test, u16 cport, struct lbdr_server *server);

#endif /* _LBDR_KUNIT_BACKUP_H */
