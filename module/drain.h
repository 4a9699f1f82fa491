/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Servers that drain, and the work item that removes drained and held servers.
 */
#ifndef _LBDR_DRAIN_H
#define _LBDR_DRAIN_H

#include "lbdr.h"

struct lbdr_server;

/* Objects removed in one transaction, to bound its memory and the time it takes */
#define LBDR_DRAIN_BATCH	256

/**
 * lbdr_drain_any() - Check whether a server drains
 * @ln: the namespace
 *
 * Context: process, lbdr_net.lock held.
 */
static inline bool lbdr_drain_any(const struct lbdr_net *ln)
{
	return !list_empty(&ln->draining) || !list_empty(&ln->drained);
}

void lbdr_drain_queue(struct lbdr_net *ln);
void lbdr_drain_update(struct lbdr_server *server);
void lbdr_drain_net_init(struct lbdr_net *ln);
void lbdr_drain_net_exit(struct lbdr_net *ln);

#endif /* _LBDR_DRAIN_H */
