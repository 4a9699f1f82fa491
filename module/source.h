/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Source addresses that no client can have.
 */
#ifndef _LBDR_SOURCE_H
#define _LBDR_SOURCE_H

#include <linux/types.h>

struct lbdr_flow;
struct lbdr_net;
struct net_device;

void lbdr_source_watch(struct lbdr_net *ln);
bool lbdr_source_is_bad(const struct lbdr_net *ln, const struct net_device *dev,
			const struct lbdr_flow *flow);
void lbdr_source_net_init(struct lbdr_net *ln);
void lbdr_source_net_exit(struct lbdr_net *ln);

#endif /* _LBDR_SOURCE_H */
