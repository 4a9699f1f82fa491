/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry at netdev ingress
 */
#ifndef _LBDR_INGRESS_H
#define _LBDR_INGRESS_H

#include "lbdr.h"

struct net_device;

#define LBDR_INGRESS_MAX	16

int lbdr_ingress_enable(struct lbdr_net *ln);
void lbdr_ingress_disable(struct lbdr_net *ln);
int lbdr_ingress_add(struct lbdr_net *ln, struct net_device *dev);
void lbdr_ingress_retain(struct lbdr_net *ln, struct net_device *const *devs,
			 u32 n);
bool lbdr_ingress_del(struct lbdr_net *ln, const struct net_device *dev);
void lbdr_ingress_dev_gone(struct lbdr_net *ln, const struct net_device *dev);
int lbdr_ingress_name(struct lbdr_net *ln, u32 index, char *name);
void lbdr_ingress_net_init(struct lbdr_net *ln);
void lbdr_ingress_net_exit(struct lbdr_net *ln);

#endif /* _LBDR_INGRESS_H */
