/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Services of many ports: the ranges of ports of each VIP, and its service of all ports.
 */
#ifndef _LBDR_RANGE_H
#define _LBDR_RANGE_H

#include <linux/types.h>

struct lbdr_net;
struct lbdr_service;
struct lbdr_service_key;

int lbdr_range_net_init(struct lbdr_net *ln);
void lbdr_range_net_exit(struct lbdr_net *ln);
int lbdr_range_link(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_range_unlink(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_range_leave(struct lbdr_net *ln, struct lbdr_service *service);
void lbdr_range_hold(struct lbdr_net *ln, struct lbdr_service *service, bool held);
int lbdr_range_prepare(struct lbdr_net *ln);
void lbdr_range_publish(struct lbdr_net *ln);
void lbdr_range_cancel(struct lbdr_net *ln);
void lbdr_range_clear(struct lbdr_net *ln);
struct lbdr_service *lbdr_range_find(struct lbdr_net *ln,
				     const struct lbdr_service_key *key);
struct lbdr_service *lbdr_range_find_held(struct lbdr_net *ln,
					  const struct lbdr_service_key *key);
struct lbdr_service *
lbdr_range_overlapping(struct lbdr_net *ln, const struct lbdr_service_key *key,
		       bool (*keeps)(const struct lbdr_service *service, void *data),
		       void *data);

#endif /* _LBDR_RANGE_H */
