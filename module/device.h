/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Netdevice notifier
 */
#ifndef _LBDR_DEVICE_H
#define _LBDR_DEVICE_H

#include "lbdr.h"

void lbdr_device_disable_lro(struct lbdr_net *ln);
void lbdr_device_net_init(struct lbdr_net *ln);
void lbdr_device_net_exit(struct lbdr_net *ln);
int lbdr_device_init(void);
void lbdr_device_exit(void);

#endif /* _LBDR_DEVICE_H */
