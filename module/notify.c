// SPDX-License-Identifier: GPL-2.0
/*
 * The notifier chain for changes of the configuration.
 *
 * The core calls the chain after each change, and before each removal. Front
 * ends subscribe: family lbdr sends multicast messages, others may follow. The
 * core knows no subscriber.
 *
 * Subscribers run in process context with lbdr_net.lock held, so they see the
 * object as the change left it. They must not change the configuration and must
 * not wait for RTNL or for a grace period. All changes of a namespace are
 * serialised by lbdr_net.config, so notifications arrive in the order of the
 * changes.
 */
#include "notify.h"

static BLOCKING_NOTIFIER_HEAD(lbdr_notify_chain);

/**
 * lbdr_notify_register() - Subscribe to changes of the configuration
 * @nb: its function gets enum lbdr_change and a struct lbdr_notify
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_notify_register(struct notifier_block *nb)
{
	return blocking_notifier_chain_register(&lbdr_notify_chain, nb);
}
EXPORT_SYMBOL_LBDR(lbdr_notify_register);

/**
 * lbdr_notify_unregister() - End a subscription
 * @nb: the subscriber; its function does not run when this returns
 *
 * Context: process.
 */
void lbdr_notify_unregister(struct notifier_block *nb)
{
	blocking_notifier_chain_unregister(&lbdr_notify_chain, nb);
}
EXPORT_SYMBOL_LBDR(lbdr_notify_unregister);

/**
 * lbdr_notify() - Report a change of the configuration
 * @change: what has changed
 * @ln: the namespace
 * @service: the service concerned, or NULL
 * @server: the server concerned, or NULL
 * @origin: origin of the change, or NULL
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_notify(enum lbdr_change change, struct lbdr_net *ln,
		 const struct lbdr_service *service, struct lbdr_server *server,
		 struct lbdr_origin *origin)
{
	struct lbdr_notify notify = {
		.ln = ln,
		.service = service,
		.server = server,
		.origin = origin,
	};

	lockdep_assert_held(&ln->lock);

	blocking_notifier_call_chain(&lbdr_notify_chain, change, &notify);
}
