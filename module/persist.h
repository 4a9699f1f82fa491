/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Persistence: templates that assign clients to servers.
 */
#ifndef _LBDR_PERSIST_H
#define _LBDR_PERSIST_H

#include "conn.h"
#include "flow.h"
#include "lbdr.h"

struct lbdr_server;
struct lbdr_service;

void lbdr_persist_key(const struct lbdr_service *service,
		      const struct lbdr_flow *flow, struct lbdr_flow *template);
struct lbdr_server *lbdr_persist_pick(struct lbdr_net *ln,
				      const struct lbdr_service *service,
				      const struct lbdr_flow *flow);
struct lbdr_conn *lbdr_persist_peek(struct lbdr_net *ln,
				    const struct lbdr_service *service,
				    const struct lbdr_flow *flow, bool *usable);
void lbdr_persist_confirm(struct lbdr_conn *conn);
void lbdr_persist_renew(struct lbdr_net *ln,
			const struct lbdr_service *service,
			const struct lbdr_flow *flow);

#endif /* _LBDR_PERSIST_H */
