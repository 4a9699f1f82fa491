// SPDX-License-Identifier: GPL-2.0
#include <linux/string.h>

#include "config.h"
#include "sched.h"
#include "steps.h"

struct lbdr_service_key step_service(u16 port, u16 ports)
{
	if (port == MARK)
		return (struct lbdr_service_key) {
			.addr.all[0] = MARK,
			.family = LBDR_V4,
		};
	return (struct lbdr_service_key) {
		.addr.ip = htonl(VIP),
		.protocol = IPPROTO_TCP,
		.family = LBDR_V4,
		.port = htons(port),
		.last_port = htons(ports ? port + ports : 0),
	};
}

union nf_inet_addr step_server(u32 n)
{
	return (union nf_inet_addr) { .ip = htonl(0xc0000200 + n) };
}

static int stage_service(struct lbdr_config *config, const struct step *step)
{
	const struct lbdr_service_key key = step_service(step->port, step->n);
	const struct lbdr_sched_ops *ops = lbdr_sched_find(step->value ? "mh" : "rr");
	const struct lbdr_sched sched = { .ops = ops, .size = ops->size };
	const struct lbdr_service_settings settings = { .prefix = 32 };
	struct lbdr_staged_service *staged;

	if (step->op == ADD_SERVICE)
		return lbdr_config_service_add(config, &key, &sched, &settings);
	staged = lbdr_config_service_any(config, &key);
	if (IS_ERR(staged))
		return PTR_ERR(staged);
	if (step->op == DEL_SERVICE)
		lbdr_config_service_del(config, staged);
	else
		lbdr_config_service_hold(config, staged, step->value);
	return 0;
}

static int stage_server(struct lbdr_config *config, const struct step *step)
{
	const struct lbdr_server_settings settings = { .weight = step->value };
	const union nf_inet_addr addr = step_server(step->n);
	const struct lbdr_service_key key = step_service(step->port, 0);
	struct lbdr_staged_service *service;
	struct lbdr_staged_server *server;

	service = lbdr_config_service(config, &key);
	if (IS_ERR(service))
		return PTR_ERR(service);
	if (step->op == ADD)
		return lbdr_config_server_add(config, service, LBDR_V4, &addr, &settings);
	server = lbdr_config_server(config, service, LBDR_V4, &addr);
	if (IS_ERR(server))
		return PTR_ERR(server);
	if (step->op == DEL)
		lbdr_config_server_del(config, service, server);
	else
		lbdr_config_server_hold(config, service, server, step->value,
					step->op == HOLD);
	return 0;
}

int step_stage(struct lbdr_config *config, const struct step *step)
{
	switch (step->op) {
	case FLUSH:
		lbdr_config_flush(config);
		return 0;
	case FAIL:
		config->has_entry = true;
		config->entry = LBDR_ENTRY_INGRESS;
		config->n_devices = 1;
		strscpy(config->devices[0], "nosuchdevice", IFNAMSIZ);
		return 0;
	default:
		return step->op < ADD ? stage_service(config, step) :
					stage_server(config, step);
	}
}
