/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Servers that drain.
 */
#ifndef _LBDR_DRAIN_H
#define _LBDR_DRAIN_H

#include "lbdr.h"

struct lbdr_server;

void lbdr_drain_update(struct lbdr_server *server);
void lbdr_drain_net_init(struct lbdr_net *ln);
void lbdr_drain_net_exit(struct lbdr_net *ln);

#endif /* _LBDR_DRAIN_H */
