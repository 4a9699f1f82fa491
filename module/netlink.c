// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family `lbdr`: registration.
 *
 * netlink_gen.c has the operations and their policies, generated from
 * Documentation/netlink/specs/lbdr.yaml. The handlers are in netlink_<noun>.c,
 * and all that change the configuration go the same way:
 *
 * 1. attributes are parsed into the core's structures; the policy has checked
 *    types and bounds, the parser checks what depends on several attributes;
 * 2. lbdr_nl_cmd_begin() finds the open transaction that the command carries the
 *    id of, or begins one for the command alone (netlink_cmd.c);
 * 3. the change is staged (config.c);
 * 4. lbdr_nl_cmd_commit() commits a transaction of one command, and the
 *    subscriber of the notifier chain sends notifications (netlink_ntf.c).
 *
 * Every refusal has an extack message. Dumps take lbdr_net.lock for one message
 * at a time; a dump during which the configuration changed has NLM_F_DUMP_INTR.
 */
#include "netlink.h"

/**
 * lbdr_nl_dump_begin() - Begin a message of a dump
 * @cb: the dump
 * @ln: the namespace
 *
 * Messages of the dump are marked as inconsistent if the configuration has changed
 * since the message before, or if a transaction is being published.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_nl_dump_begin(struct netlink_callback *cb, const struct lbdr_net *ln)
{
	BUILD_BUG_ON(sizeof(struct lbdr_service_walk) > sizeof(cb->ctx));

	/* 0 would switch the check off. */
	cb->seq = (u32)ln->n_changes ?: 1;
	if (ln->publishing)
		cb->prev_seq = cb->seq + 1 ?: 2;
}

/**
 * lbdr_netlink_init() - Register the family
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int __init lbdr_netlink_init(void)
{
	int err;

	err = lbdr_nl_batch_init();
	if (err)
		return err;
	err = lbdr_notify_register(&lbdr_nl_notifier);
	if (err)
		goto err_notifier;
	err = genl_register_family(&lbdr_nl_family);
	if (err)
		goto err_family;
	return 0;

err_family:
	lbdr_notify_unregister(&lbdr_nl_notifier);
err_notifier:
	lbdr_nl_batch_exit();
	return err;
}

/**
 * lbdr_netlink_exit() - Unregister the family
 *
 * No operation runs when this returns. A dump that has begun holds a reference to
 * the module, so none is open.
 *
 * Context: process.
 */
void lbdr_netlink_exit(void)
{
	genl_unregister_family(&lbdr_nl_family);
	lbdr_notify_unregister(&lbdr_nl_notifier);
	lbdr_nl_batch_exit();
}
