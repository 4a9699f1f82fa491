/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Held servers and services.
 */
#ifndef _LBDR_HOLD_H
#define _LBDR_HOLD_H

#include "lbdr.h"

struct lbdr_config;
struct lbdr_conn;
struct lbdr_flow;
struct lbdr_server;
struct lbdr_service;

void lbdr_hold_net_init(struct lbdr_net *ln);
void lbdr_hold_count(struct lbdr_net *ln, int by);
u32 lbdr_hold_left(unsigned long until);
void lbdr_hold_server(struct lbdr_server *server, u32 seconds, bool awaited);
void lbdr_hold_service(struct lbdr_service *service, u32 seconds);
int lbdr_hold_stage_expired(struct lbdr_config *config, u32 *left);
void lbdr_hold_find_next(struct lbdr_net *ln);
bool lbdr_hold_delay(const struct lbdr_net *ln, long *delay);
bool lbdr_hold_conn(struct lbdr_net *ln, struct lbdr_conn *conn,
		    const struct lbdr_flow *flow);
bool lbdr_hold_applies(struct lbdr_net *ln, const struct lbdr_service *service,
		       const struct lbdr_flow *flow);
struct lbdr_service *lbdr_hold_unheld(struct lbdr_net *ln,
				      struct lbdr_service *service,
				      const struct lbdr_flow *flow);
bool lbdr_hold_defers(struct lbdr_net *ln, const struct lbdr_service *service,
		      const struct lbdr_flow *flow);

#endif /* _LBDR_HOLD_H */
