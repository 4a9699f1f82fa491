/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The notifier chain for changes of the configuration.
 */
#ifndef _LBDR_NOTIFY_H
#define _LBDR_NOTIFY_H

#include <linux/notifier.h>

#include "lbdr.h"

struct lbdr_server;
struct lbdr_service;

/* What has changed. A removal is reported while the object is still linked. */
enum lbdr_change {
	LBDR_CHANGE_SERVICE_ADD,
	LBDR_CHANGE_SERVICE_SET,
	LBDR_CHANGE_SERVICE_DEL,
	LBDR_CHANGE_SERVER_ADD,
	LBDR_CHANGE_SERVER_SET,
	LBDR_CHANGE_SERVER_DEL,
	LBDR_CHANGE_SETTINGS,	/* timeouts or entry of the namespace */
	LBDR_CHANGE_ZERO,	/* counters of @service, or of all services */
	LBDR_CHANGE_FLUSH,	/* no service is left */
};

/**
 * struct lbdr_origin - the front end that makes a change
 * @owner: the front end's subscriber. It tells by this that the structure which
 *	begins with this one is its own
 */
struct lbdr_origin {
	const struct notifier_block	*owner;
};

/**
 * struct lbdr_notify - the data of a notification
 * @ln: the namespace
 * @service: the service that has changed, or whose server has; else NULL
 * @server: the server that has changed, else NULL
 * @origin: origin of the change; NULL if no command made it
 */
struct lbdr_notify {
	struct lbdr_net			*ln;
	const struct lbdr_service	*service;
	struct lbdr_server		*server;
	struct lbdr_origin		*origin;
};

int lbdr_notify_register(struct notifier_block *nb);
void lbdr_notify_unregister(struct notifier_block *nb);
void lbdr_notify(enum lbdr_change change, struct lbdr_net *ln,
		 const struct lbdr_service *service, struct lbdr_server *server,
		 struct lbdr_origin *origin);

#endif /* _LBDR_NOTIFY_H */
