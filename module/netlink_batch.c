// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: transactions of many commands.
 *
 * Generic netlink has no batches, and no message is large enough for a
 * configuration, so there are commands to begin, commit and abort a transaction.
 * batch-begin returns an id. A command that carries the id is staged: it is
 * checked and answered as if those before it had taken effect, and nobody else
 * sees anything of it. Setting counters to 0 and ending connections are no changes
 * of the configuration and take effect at once.
 *
 * An id is valid only on the socket that opened the transaction, which is told by
 * its port id. When a socket closes, its transactions are aborted. The kernel
 * gives a port id free before it reports the release, so the port id may belong
 * to another socket by then, and a new transaction be aborted with the old ones:
 * its commands get ECANCELED, and the program begins again.
 *
 * A rejected command leaves the transaction unchanged; the transaction stays open.
 * A program that sends many commands before it reads their answers must not lose
 * one that way, and policies reject messages that never get here: so batch-commit
 * says how many commands were staged. Whatever it answers, it ends the
 * transaction.
 */
#include <net/net_namespace.h>
#include <net/netlink.h>

#include "netlink.h"

/* Transactions that a namespace may have open */
#define BATCHES_MAX	16

/**
 * struct lbdr_nl_batch - an open transaction
 * @list: in lbdr_nl_batches.list
 * @portid: of the socket that opened it
 * @id: its id
 * @commands: number of commands that were staged
 * @config: what they staged
 *
 * Protected by lbdr_net.lock while it is in the list. Who removes it from the
 * list has it alone.
 */
struct lbdr_nl_batch {
	struct list_head	list;
	u32			portid;
	u32			id;
	u32			commands;
	struct lbdr_config	config;
};

/* From now on the transaction is the caller's. */
static void lbdr_nl_batch_take(struct lbdr_net *ln, struct lbdr_nl_batch *batch)
{
	lockdep_assert_held(&ln->lock);

	list_del(&batch->list);
	WRITE_ONCE(ln->batches.n, ln->batches.n - 1);
}

/* What it has staged counts until here. */
static void lbdr_nl_batch_free(struct lbdr_nl_batch *batch)
{
	struct lbdr_net *ln = batch->config.ln;

	lbdr_lock(ln);
	lbdr_config_uncharge(&batch->config);
	lbdr_unlock(ln);
	lbdr_config_end(&batch->config);
	kfree(batch);
}

/* Ids run upwards and begin again after a long time; 0 is none. */
static u32 lbdr_nl_batch_new_id(struct lbdr_nl_batches *batches)
{
	const struct lbdr_nl_batch *batch;

again:
	if (!++batches->last_id)
		batches->last_id = 1;
	list_for_each_entry(batch, &batches->list, list)
		if (batch->id == batches->last_id)
			goto again;
	return batches->last_id;
}

/* Returns the new transaction's id in @id. */
static int lbdr_nl_batch_open(struct lbdr_net *ln, struct lbdr_nl_batch *batch,
			      struct genl_info *info, u32 *id)
{
	struct lbdr_nl_batches *batches = &ln->batches;

	if (batches->n == BATCHES_MAX) {
		GENL_SET_ERR_MSG(info,
				 "16 transactions are open in this network namespace, which is the maximum");
		return -EUSERS;
	}
	lbdr_config_begin(&batch->config, ln, false, NULL);
	batch->portid = info->snd_portid;
	batch->id = lbdr_nl_batch_new_id(batches);
	*id = batch->id;
	list_add_tail(&batch->list, &batches->list);
	WRITE_ONCE(batches->n, batches->n + 1);
	return 0;
}

/**
 * lbdr_nl_batch_begin_doit() - Open a transaction
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_batch_begin_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_nl_batch *batch;
	struct sk_buff *msg;
	void *hdr;
	int err;
	u32 id;

	batch = kzalloc(sizeof(*batch), GFP_KERNEL_ACCOUNT);
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	hdr = msg ? genlmsg_put_reply(msg, info, &lbdr_nl_family, 0,
				      LBDR_CMD_BATCH_BEGIN) : NULL;
	if (!batch || !hdr) {
		GENL_SET_ERR_MSG(info, "no memory for the transaction");
		err = -ENOMEM;
		goto err_free;
	}
	lbdr_lock(ln);
	err = lbdr_nl_batch_open(ln, batch, info, &id);
	if (err) {
		lbdr_unlock(ln);
		goto err_free;
	}
	/* The buffer has room for more than this. */
	nla_put_u32(msg, LBDR_A_BATCH_ID, id);
	genlmsg_end(msg, hdr);
	/* Fails if the socket is full. Nobody knows the id then. */
	err = genlmsg_reply(msg, info);
	if (err)
		lbdr_nl_batch_take(ln, batch);
	lbdr_unlock(ln);
	if (err)
		lbdr_nl_batch_free(batch);
	return err;

err_free:
	kfree(batch);
	nlmsg_free(msg);
	return err;
}

/**
 * lbdr_nl_batch_find() - Find the open transaction that a command refers to
 * @ln: the namespace
 * @info: the command
 * @id: the attribute with the id
 *
 * Context: process, lbdr_net.lock held.
 * Return: the transaction, or ERR_PTR(-ECANCELED).
 */
struct lbdr_nl_batch *lbdr_nl_batch_find(struct lbdr_net *ln,
					 const struct genl_info *info,
					 const struct nlattr *id)
{
	struct lbdr_nl_batch *batch;

	lockdep_assert_held(&ln->lock);

	list_for_each_entry(batch, &ln->batches.list, list)
		if (batch->id == nla_get_u32(id) &&
		    batch->portid == info->snd_portid)
			return batch;
	NL_SET_ERR_MSG_ATTR(info->extack, id,
			    "transaction not found: it was aborted, or it belongs to another socket");
	return ERR_PTR(-ECANCELED);
}

/**
 * lbdr_nl_batch_config() - Get the staged configuration of an open transaction
 * @batch: the transaction
 *
 * Context: process, lbdr_net.lock held.
 */
struct lbdr_config *lbdr_nl_batch_config(struct lbdr_nl_batch *batch)
{
	return &batch->config;
}

/**
 * lbdr_nl_batch_count() - Count a command that was staged
 * @batch: the transaction
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_nl_batch_count(struct lbdr_nl_batch *batch)
{
	batch->commands++;
}

/* Removes the transaction from the list, so that it is this command's own. */
static struct lbdr_nl_batch *lbdr_nl_batch_get(struct lbdr_net *ln,
					       struct genl_info *info)
{
	struct lbdr_nl_batch *batch;

	if (!info->attrs[LBDR_A_BATCH_ID]) {
		GENL_SET_ERR_MSG(info, "id of the transaction is required");
		return ERR_PTR(-EINVAL);
	}
	lbdr_lock(ln);
	batch = lbdr_nl_batch_find(ln, info, info->attrs[LBDR_A_BATCH_ID]);
	if (!IS_ERR(batch))
		lbdr_nl_batch_take(ln, batch);
	lbdr_unlock(ln);
	return batch;
}

/* Commits @batch with the command as the origin of its changes. */
static int lbdr_nl_batch_apply(struct lbdr_net *ln, struct lbdr_nl_batch *batch,
			       struct genl_info *info)
{
	struct lbdr_nl_origin origin = {
		.base.owner = &lbdr_nl_notifier,
		.info = info,
	};
	int err;

	batch->config.origin = &origin.base;
	if (mutex_lock_killable(&ln->config))
		return -EINTR;
	err = lbdr_nl_commit(&batch->config, info);
	lbdr_nl_ntf_flush(&origin);
	mutex_unlock(&ln->config);
	return err;
}

/**
 * lbdr_nl_batch_commit_doit() - Apply all staged commands, or none
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error. The transaction is over either way, unless an
 * attribute is missing.
 */
int lbdr_nl_batch_commit_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *commands = info->attrs[LBDR_A_BATCH_COMMANDS];
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_nl_batch *batch;
	int err;

	if (!commands) {
		GENL_SET_ERR_MSG(info,
				 "number of commands of the transaction is required");
		return -EINVAL;
	}
	batch = lbdr_nl_batch_get(ln, info);
	if (IS_ERR(batch))
		return PTR_ERR(batch);
	if (nla_get_u32(commands) == batch->commands) {
		err = lbdr_nl_batch_apply(ln, batch, info);
	} else {
		NL_SET_ERR_MSG_ATTR(info->extack, commands,
				    "the transaction has another number of commands: some were rejected, so all are dropped");
		err = -ECANCELED;
	}
	lbdr_nl_batch_free(batch);
	return err;
}

/**
 * lbdr_nl_batch_abort_doit() - Abort an open transaction
 * @skb: the request
 * @info: the request
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_batch_abort_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_nl_batch *batch = lbdr_nl_batch_get(ln, info);

	if (IS_ERR(batch))
		return PTR_ERR(batch);
	lbdr_nl_batch_free(batch);
	return 0;
}

/* Aborts the transactions of a port id, or all if @any. */
static void lbdr_nl_batch_abort_all(struct lbdr_net *ln, u32 portid, bool any)
{
	struct lbdr_nl_batch *batch, *next;
	LIST_HEAD(taken);

	lbdr_lock(ln);
	list_for_each_entry_safe(batch, next, &ln->batches.list, list) {
		if (!any && batch->portid != portid)
			continue;
		lbdr_nl_batch_take(ln, batch);
		list_add(&batch->list, &taken);
	}
	lbdr_unlock(ln);
	list_for_each_entry_safe(batch, next, &taken, list)
		lbdr_nl_batch_free(batch);
}

/*
 * A socket was closed; no command of it runs any more. Most sockets that come here
 * never used this family: no lock for them.
 */
static int lbdr_nl_batch_event(struct notifier_block *nb, unsigned long event,
			       void *ptr)
{
	const struct netlink_notify *notify = ptr;
	struct lbdr_net *ln;

	if (event != NETLINK_URELEASE || notify->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	ln = lbdr_net(notify->net);
	if (READ_ONCE(ln->batches.n))
		lbdr_nl_batch_abort_all(ln, notify->portid, false);
	return NOTIFY_DONE;
}

static struct notifier_block lbdr_nl_batch_notifier = {
	.notifier_call = lbdr_nl_batch_event,
};

/**
 * lbdr_nl_batch_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_nl_batch_net_init(struct lbdr_net *ln)
{
	INIT_LIST_HEAD(&ln->batches.list);
}

/**
 * lbdr_nl_batch_net_exit() - Abort all transactions of a namespace
 * @ln: the namespace, whose sockets are closed; or the module goes, under open ones
 *
 * Context: process; no command runs.
 */
void lbdr_nl_batch_net_exit(struct lbdr_net *ln)
{
	lbdr_nl_batch_abort_all(ln, 0, true);
}

/**
 * lbdr_nl_batch_init() - Register for socket events
 *
 * Context: process, every namespace has its director.
 * Return: 0 or a negative error.
 */
int __init lbdr_nl_batch_init(void)
{
	return netlink_register_notifier(&lbdr_nl_batch_notifier);
}

/**
 * lbdr_nl_batch_exit() - Unregister
 *
 * Transactions may be open. lbdr_net_stop() aborts them.
 *
 * Context: process, the family is unregistered.
 */
void lbdr_nl_batch_exit(void)
{
	netlink_unregister_notifier(&lbdr_nl_batch_notifier);
}
