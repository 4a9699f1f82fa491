/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands on services and servers, in a short form, for tests that stage many. All are
 * of IPv4, and the services are of one VIP.
 */
#ifndef _LBDR_KUNIT_STEPS_H
#define _LBDR_KUNIT_STEPS_H

#include "service.h"

struct lbdr_config;

#define VIP		0xc6336463
/* As the port of a service: it is the service of this fwmark. */
#define MARK		60000

/*
 * REMOVE: as HOLD, by a program whose servers are not awaited.
 * FAIL: a device that does not exist, so the last step that can fail does.
 */
enum op { ADD_SERVICE, DEL_SERVICE, HOLD_SERVICE, ADD, DEL, HOLD, REMOVE, FLUSH, FAIL };

/**
 * struct step - a command
 * @op: the operation
 * @port: first port of the service
 * @n: number of a server; for a service, last port - @port
 * @value: weight or hold time; for ADD_SERVICE 1 for mh, 0 for rr
 */
struct step {
	enum op	op;
	u16	port;
	u32	n;
	u32	value;
};

/* The key of a service; @ports: last port - @port */
struct lbdr_service_key step_service(u16 port, u16 ports);
/* The address of server @n */
union nf_inet_addr step_server(u32 n);
/* Stages a command. Returns 0 or the error of staging. */
int step_stage(struct lbdr_config *config, const struct step *step);

#endif /* _LBDR_KUNIT_STEPS_H */
