/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Notifications that the configuration sends by itself.
 */
#ifndef _LBDR_NTF_H
#define _LBDR_NTF_H

#include "lbdr.h"

struct lbdr_server;
struct lbdr_service;

struct sk_buff *lbdr_nl_prepare_drained(struct lbdr_server *server);
void lbdr_nl_send_drained(struct lbdr_net *ln, struct sk_buff *msg, int err);
void lbdr_nl_notify_net(struct lbdr_net *ln, u8 cmd,
		  const struct lbdr_service *service);

#endif /* _LBDR_NTF_H */
