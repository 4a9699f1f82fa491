/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Flood handling: what to do when the connection table is nearly full or
 * conn_rate is exceeded.
 */
#ifndef _LBDR_FLOOD_H
#define _LBDR_FLOOD_H

#include "flow.h"
#include "lbdr.h"

struct lbdr_service;

bool lbdr_flood_account(struct lbdr_net *ln);
bool lbdr_flood_check(struct lbdr_net *ln);
bool lbdr_flood_stateless(const struct lbdr_service *service);
void lbdr_flood_forward(struct lbdr_net *ln);
bool lbdr_flood_recent(const struct lbdr_net *ln);
void lbdr_flood_evict(struct lbdr_net *ln, enum lbdr_family family);

#endif /* _LBDR_FLOOD_H */
