// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: transactions.
 *
 * Generic netlink has no batches, and no message is large enough for a
 * configuration, so there are commands to begin and to commit. In between, every
 * command of the socket that would change the configuration is staged: it is
 * checked and answered as if those before it had been done, and nobody else sees
 * anything of it (batch.c). What does not change the configuration, counters set
 * to 0 and connections ended, happens at once.
 *
 * A transaction belongs to a socket, by its port and namespace, and goes with it.
 *
 * A command that is refused changes nothing, and the transaction may go on without
 * it. Who sends many commands ahead of their answers must not lose one that way,
 * and the policies refuse messages that never get here: so commit says how many
 * commands there were. Commit ends the transaction, whatever it answers.
 *
 * Others may change the configuration meanwhile. Then the transaction has failed,
 * since it was made for another one, and all that it can do is to end: -EAGAIN.
 */
#include <net/netlink.h>

#include "batch.h"
#include "flow.h"
#include "lbdr.h"
#include "netlink.h"
#include "ntf.h"
#include "server.h"
#include "service.h"

/* The id is a constant until transactions have one of their own. */
static int lbdr_nl_batch_reply(struct genl_info *info)
{
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &lbdr_nl_family, 0,
				LBDR_CMD_BATCH_BEGIN);
	if (!hdr || nla_put_u32(msg, LBDR_A_BATCH_ID, 1)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/**
 * lbdr_nl_batch_begin_doit() - what follows is staged
 * @skb: the request
 * @info: the same
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_nl_batch_begin_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_batch *batch;
	int err;

	mutex_lock(&ln->lock);
	batch = lbdr_batch_begin(ln, info->snd_portid);
	mutex_unlock(&ln->lock);
	err = PTR_ERR_OR_ZERO(batch);
	if (err == -EEXIST)
		GENL_SET_ERR_MSG(info, "this socket has a transaction open already");
	else if (err == -EUSERS)
		GENL_SET_ERR_MSG(info,
				 "16 transactions are open in this network namespace, and it takes no more");
	else if (err)
		GENL_SET_ERR_MSG(info, "no memory for a transaction");
	return err ?: lbdr_nl_batch_reply(info);
}

static int lbdr_nl_outdated(struct genl_info *info)
{
	GENL_SET_ERR_MSG(info,
			 "somebody else has changed the configuration since this transaction began: begin again");
	return -EAGAIN;
}

/**
 * lbdr_nl_batch() - the transaction that a command belongs to
 * @ln: the namespace
 * @info: the command
 *
 * Context: process, lbdr_net.lock held.
 * Return: the transaction, or NULL where the socket has none. It may be outdated.
 */
struct lbdr_batch *lbdr_nl_batch(struct lbdr_net *ln, struct genl_info *info)
{
	return lbdr_batch_find(ln, info->snd_portid);
}

/* One more command, unless it was refused. */
static int lbdr_nl_staged(struct lbdr_batch *batch, int err)
{
	if (!err)
		batch->commands++;
	return err;
}

/**
 * lbdr_nl_stage_service_new() - there is to be a service
 * @batch: the transaction
 * @key: of the service
 * @sched: its scheduler
 * @settings: what it is to be like
 * @info: the command
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_nl_stage_service_new(struct lbdr_batch *batch,
			      const struct lbdr_service_key *key,
			      const struct lbdr_sched *sched,
			      const struct lbdr_service_settings *settings,
			      struct genl_info *info)
{
	int err;

	if (lbdr_batch_outdated(batch))
		return lbdr_nl_outdated(info);
	err = lbdr_batch_service_add(batch, key, sched, settings);
	if (err)
		return lbdr_nl_no_service(info, err);
	return lbdr_nl_staged(batch, 0);
}

/* The draft of the service that a command names. */
static struct lbdr_draft *lbdr_nl_draft(struct lbdr_batch *batch,
					const struct lbdr_service_key *key,
					struct genl_info *info)
{
	struct lbdr_draft *draft;

	if (lbdr_batch_outdated(batch))
		return ERR_PTR(lbdr_nl_outdated(info));
	draft = lbdr_batch_service(batch, key);
	if (IS_ERR(draft))
		lbdr_nl_no_service(info, PTR_ERR(draft));
	return draft;
}

/**
 * lbdr_nl_stage_service_set() - a service is to be another one
 * @batch: the transaction
 * @config: what the command said, whose settings have been looked at
 * @info: the command
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_nl_stage_service_set(struct lbdr_batch *batch,
			      const struct lbdr_service_config *config,
			      struct genl_info *info)
{
	struct lbdr_service_settings settings;
	struct lbdr_draft *draft;
	struct lbdr_sched sched;
	int err;

	draft = lbdr_nl_draft(batch, &config->key, info);
	if (IS_ERR(draft))
		return PTR_ERR(draft);
	err = lbdr_nl_parse_sched(config, &draft->sched, &sched, info->extack);
	if (err)
		return err;
	err = lbdr_nl_parse_service_settings(info, &config->key,
					     &draft->settings, &settings);
	if (err)
		return err;
	draft->sched = sched;
	draft->settings = settings;
	return lbdr_nl_staged(batch, 0);
}

/**
 * lbdr_nl_stage_service_del() - there is to be no such service
 * @batch: the transaction
 * @key: of the service
 * @info: the command
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_nl_stage_service_del(struct lbdr_batch *batch,
			      const struct lbdr_service_key *key,
			      struct genl_info *info)
{
	struct lbdr_draft *draft = lbdr_nl_draft(batch, key, info);

	if (IS_ERR(draft))
		return PTR_ERR(draft);
	lbdr_batch_service_del(batch, draft);
	return lbdr_nl_staged(batch, 0);
}

/**
 * lbdr_nl_stage_flush() - there is to be no service at all
 * @batch: the transaction
 * @info: the command
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_nl_stage_flush(struct lbdr_batch *batch, struct genl_info *info)
{
	int err;

	if (lbdr_batch_outdated(batch))
		return lbdr_nl_outdated(info);
	err = lbdr_batch_clear(batch);
	if (err)
		return lbdr_nl_no_service(info, err);
	return lbdr_nl_staged(batch, 0);
}

/* One that drains may be added again: it stays, with what it is to have now. */
static int lbdr_nl_stage_again(struct lbdr_draft_server *mine,
			       const struct lbdr_server_settings *settings)
{
	if (!mine->drain)
		return -EEXIST;
	mine->settings = *settings;
	mine->drain = false;
	return 0;
}

/**
 * lbdr_nl_stage_server_new() - there is to be a server
 * @batch: the transaction
 * @config: what the command said
 * @info: the command
 *
 * Nobody looks for a route to it: of many servers that would take long, and
 * listings tell.
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_nl_stage_server_new(struct lbdr_batch *batch,
			     const struct lbdr_server_config *config,
			     struct genl_info *info)
{
	struct lbdr_server_settings settings;
	struct lbdr_draft_server *mine;
	struct lbdr_draft *draft;
	int err;

	draft = lbdr_nl_draft(batch, &config->key, info);
	if (IS_ERR(draft))
		return PTR_ERR(draft);
	err = lbdr_nl_parse_settings(config, NULL, &settings, info->extack);
	if (err)
		return err;
	mine = lbdr_batch_server(batch, draft, &config->addr);
	err = PTR_ERR_OR_ZERO(mine);
	if (!err)
		err = lbdr_nl_stage_again(mine, &settings);
	else if (err == -ENOENT)
		err = lbdr_batch_server_add(batch, draft, &config->addr,
					    &settings);
	if (err)
		return lbdr_nl_no_server(info, err);
	return lbdr_nl_staged(batch, 0);
}

/* The draft of the server that a command names, and that of its service. */
static struct lbdr_draft_server *
lbdr_nl_draft_server(struct lbdr_batch *batch,
		     const struct lbdr_server_config *config,
		     struct lbdr_draft **draft, struct genl_info *info)
{
	struct lbdr_draft_server *mine;

	*draft = lbdr_nl_draft(batch, &config->key, info);
	if (IS_ERR(*draft))
		return ERR_CAST(*draft);
	mine = lbdr_batch_server(batch, *draft, &config->addr);
	if (IS_ERR(mine))
		lbdr_nl_no_server(info, PTR_ERR(mine));
	return mine;
}

/**
 * lbdr_nl_stage_server_set() - a server is to have another share
 * @batch: the transaction
 * @config: what the command said
 * @info: the command
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_nl_stage_server_set(struct lbdr_batch *batch,
			     const struct lbdr_server_config *config,
			     struct genl_info *info)
{
	struct lbdr_server_settings settings;
	struct lbdr_draft_server *mine;
	struct lbdr_draft *draft;
	int err;

	mine = lbdr_nl_draft_server(batch, config, &draft, info);
	if (IS_ERR(mine))
		return PTR_ERR(mine);
	err = lbdr_nl_parse_settings(config, &mine->settings, &settings,
				     info->extack);
	if (err)
		return err;
	mine->settings = settings;
	return lbdr_nl_staged(batch, 0);
}

/**
 * lbdr_nl_stage_server_del() - there is to be no such server
 * @batch: the transaction
 * @config: what the command said
 * @info: the command
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_nl_stage_server_del(struct lbdr_batch *batch,
			     const struct lbdr_server_config *config,
			     struct genl_info *info)
{
	struct lbdr_draft_server *mine;
	struct lbdr_draft *draft;

	mine = lbdr_nl_draft_server(batch, config, &draft, info);
	if (IS_ERR(mine))
		return PTR_ERR(mine);
	if (info->attrs[LBDR_A_SERVER_DRAIN])
		lbdr_batch_server_drain(batch, draft, mine);
	else
		lbdr_batch_server_del(batch, draft, mine);
	return lbdr_nl_staged(batch, 0);
}

/**
 * lbdr_nl_stage_info() - other time-outs, or another entry
 * @batch: the transaction
 * @entry: the attribute, or NULL where the entry stays
 * @devices: that go with it. Their names are kept, since a device must not wait
 *	for a transaction before it can go
 * @info: the command
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0 or a negative error.
 */
int lbdr_nl_stage_info(struct lbdr_batch *batch, const struct nlattr *entry,
		       const struct lbdr_nl_devices *devices,
		       struct genl_info *info)
{
	const struct nlattr *nest = info->attrs[LBDR_A_INFO_TIMEOUT];
	u32 timeout[LBDR_CONN_STATES], i;
	int err;

	if (lbdr_batch_outdated(batch))
		return lbdr_nl_outdated(info);
	memcpy(timeout, batch->has_timeouts ? batch->timeout :
					      batch->ln->timeout,
	       sizeof(timeout));
	err = lbdr_nl_parse_timeouts(nest, 1, timeout, info->extack);
	if (err)
		return err;
	if (nest) {
		batch->has_timeouts = true;
		memcpy(batch->timeout, timeout, sizeof(timeout));
	}
	if (entry) {
		batch->has_entry = true;
		batch->entry = nla_get_u8(entry);
		for (i = 0; i < devices->n; i++)
			strscpy(batch->devices[i], devices->dev[i]->name,
				IFNAMSIZ);
		batch->n_devices = devices->n;
	}
	return lbdr_nl_staged(batch, 0);
}

/**
 * struct lbdr_nl_news - what listeners will be told of a transaction
 * @info: the command that commits it
 * @wanted: somebody listens
 * @msg: the buffer that is being filled, as many messages to one as it takes
 * @queue: full ones
 */
struct lbdr_nl_news {
	struct genl_info	*info;
	bool			wanted;
	struct sk_buff		*msg;
	struct sk_buff_head	queue;
};

static void lbdr_nl_news_turn(struct lbdr_nl_news *news)
{
	if (news->msg)
		__skb_queue_tail(&news->queue, news->msg);
	news->msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
}

static int lbdr_nl_news_fill(struct lbdr_nl_news *news, u8 cmd,
			     const struct lbdr_service *service,
			     struct lbdr_server *server)
{
	const struct genl_info *info = news->info;

	if (!news->msg)
		return -EMSGSIZE;
	if (server)
		return lbdr_nl_fill_server(news->msg, info->snd_portid,
					   info->snd_seq, 0, cmd, service,
					   server, NULL);
	return lbdr_nl_fill_service(news->msg, info->snd_portid, info->snd_seq,
				    0, cmd, service, NULL);
}

/* What there is no memory for is missed, as every change for itself would be. */
static void lbdr_nl_news_add(struct lbdr_nl_news *news, u8 cmd,
			     const struct lbdr_service *service,
			     struct lbdr_server *server)
{
	if (!news->wanted || !lbdr_nl_news_fill(news, cmd, service, server))
		return;
	lbdr_nl_news_turn(news);
	lbdr_nl_news_fill(news, cmd, service, server);
}

static void lbdr_nl_service_gone(void *data, const struct lbdr_service *service)
{
	lbdr_nl_news_add(data, LBDR_CMD_SERVICE_DEL_NTF, service, NULL);
}

static void lbdr_nl_server_gone(void *data, const struct lbdr_service *service,
				struct lbdr_server *server)
{
	lbdr_nl_news_add(data, LBDR_CMD_SERVER_DEL_NTF, service, server);
}

static const struct lbdr_batch_ops lbdr_nl_batch_ops = {
	.service_gone	= lbdr_nl_service_gone,
	.server_gone	= lbdr_nl_server_gone,
};

static void lbdr_nl_news_of(struct lbdr_nl_news *news,
			    const struct lbdr_draft *draft)
{
	const struct lbdr_service *service = draft->service;
	const struct lbdr_draft_server *mine;

	if (!draft->live)
		lbdr_nl_news_add(news, LBDR_CMD_SERVICE_NEW_NTF, service, NULL);
	else if (draft->changed)
		lbdr_nl_news_add(news, LBDR_CMD_SERVICE_SET_NTF, service, NULL);
	list_for_each_entry(mine, &draft->servers, list) {
		if (mine->fresh)
			lbdr_nl_news_add(news, LBDR_CMD_SERVER_NEW_NTF, service,
					 mine->server);
		else if (mine->changed)
			lbdr_nl_news_add(news, LBDR_CMD_SERVER_SET_NTF, service,
					 mine->server);
	}
}

static void lbdr_nl_news_send(struct lbdr_nl_news *news)
{
	struct sk_buff *msg;

	while ((msg = __skb_dequeue(&news->queue)))
		lbdr_nl_send(news->info, msg, 0);
}

/*
 * What went first, then what came and changed. Sent before lbdr_net.lock is given
 * away, so that they are in order with what others tell.
 */
static void lbdr_nl_batch_publish(struct lbdr_batch *batch,
				  struct genl_info *info)
{
	struct lbdr_nl_news news = {
		.info	= info,
		.wanted	= lbdr_nl_listened(info),
	};
	const struct lbdr_draft *draft;

	__skb_queue_head_init(&news.queue);
	lbdr_batch_publish(batch, &lbdr_nl_batch_ops, &news);
	if (batch->has_timeouts || batch->has_entry)
		lbdr_nl_notify_net(batch->ln, LBDR_CMD_INFO_SET_NTF, NULL);
	if (!news.wanted)
		return;
	list_for_each_entry(draft, &batch->drafts, list) {
		if (draft->present)
			lbdr_nl_news_of(&news, draft);
		lbdr_nl_news_send(&news);
		cond_resched();
	}
	if (news.msg)
		lbdr_nl_send(info, news.msg, 0);
}

/* Devices were there when they were staged, and may be gone. */
static int lbdr_nl_batch_devices(const struct lbdr_batch *batch,
				 struct lbdr_nl_devices *devices,
				 struct genl_info *info)
{
	u32 i;

	for (i = 0; i < batch->n_devices; i++) {
		if (!lbdr_nl_find_device(devices, genl_info_net(info),
					 batch->devices[i]))
			continue;
		GENL_SET_ERR_MSG(info,
				 "a device of the entry ingress is gone since the transaction began");
		return -ENODEV;
	}
	return 0;
}

/* The configuration becomes what @batch says, or it is not touched. */
static int lbdr_nl_batch_finish(struct lbdr_batch *batch,
				const struct lbdr_nl_devices *devices,
				struct genl_info *info)
{
	int err;

	err = lbdr_batch_prepare(batch);
	if (err == -EAGAIN)
		return lbdr_nl_outdated(info);
	if (err)
		return lbdr_nl_no_service(info, err);
	err = lbdr_batch_arrive(batch);
	if (err)
		return lbdr_nl_no_service(info, err);
	if (batch->has_entry) {
		err = lbdr_nl_set_entry(batch->ln, batch->entry, devices,
					info->extack);
		if (err) {
			lbdr_batch_depart(batch);
			return err;
		}
	}
	lbdr_nl_batch_publish(batch, info);
	return 0;
}

/* Out of the list, so that it is this command's own. */
static struct lbdr_batch *lbdr_nl_batch_take(struct genl_info *info)
{
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_batch *batch;

	mutex_lock(&ln->lock);
	batch = lbdr_nl_batch(ln, info);
	if (batch)
		lbdr_batch_take(batch);
	mutex_unlock(&ln->lock);
	if (batch)
		return batch;
	GENL_SET_ERR_MSG(info, "this socket has no transaction open");
	return ERR_PTR(-ENOENT);
}

/**
 * lbdr_nl_batch_commit_doit() - what was staged becomes true, or nothing of it
 * @skb: the request
 * @info: the same
 *
 * Context: process.
 * Return: 0 or a negative error; the transaction is over either way, but where
 * the request was malformed.
 */
int lbdr_nl_batch_commit_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *commands = info->attrs[LBDR_A_BATCH_COMMANDS];
	struct lbdr_net *ln = lbdr_net(genl_info_net(info));
	struct lbdr_nl_devices devices = {};
	struct lbdr_batch *batch;
	int err;

	if (!commands) {
		GENL_SET_ERR_MSG(info,
				 "the number of commands that the transaction consists of is missing");
		return -EINVAL;
	}
	batch = lbdr_nl_batch_take(info);
	if (IS_ERR(batch))
		return PTR_ERR(batch);
	if (nla_get_u32(commands) != batch->commands) {
		NL_SET_ERR_MSG_ATTR(info->extack, commands,
				    "the transaction has another number of commands: some were refused, and so is the whole");
		err = -ECANCELED;
		goto out;
	}
	err = lbdr_nl_batch_devices(batch, &devices, info);
	if (!err) {
		mutex_lock(&ln->lock);
		err = lbdr_nl_batch_finish(batch, &devices, info);
		mutex_unlock(&ln->lock);
	}
out:
	lbdr_nl_put_devices(&devices);
	lbdr_batch_free(batch);
	return err;
}

/**
 * lbdr_nl_batch_abort_doit() - what was staged is forgotten
 * @skb: the request
 * @info: the same
 *
 * Context: process.
 * Return: 0, or -ENOENT where there is no transaction.
 */
int lbdr_nl_batch_abort_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct lbdr_batch *batch = lbdr_nl_batch_take(info);

	if (IS_ERR(batch))
		return PTR_ERR(batch);
	lbdr_batch_free(batch);
	return 0;
}

/*
 * A socket is closed, and its transaction goes with it. No command of it runs any
 * more. Most sockets that come here never heard of us: no lock for them.
 */
static int lbdr_nl_batch_event(struct notifier_block *nb, unsigned long event,
			       void *ptr)
{
	const struct netlink_notify *notify = ptr;
	struct lbdr_batch *batch;
	struct lbdr_net *ln;

	if (event != NETLINK_URELEASE || notify->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	ln = lbdr_net(notify->net);
	if (!READ_ONCE(ln->n_batches))
		return NOTIFY_DONE;
	mutex_lock(&ln->lock);
	batch = lbdr_batch_find(ln, notify->portid);
	if (batch)
		lbdr_batch_take(batch);
	mutex_unlock(&ln->lock);
	if (batch)
		lbdr_batch_free(batch);
	return NOTIFY_DONE;
}

static struct notifier_block lbdr_nl_batch_notifier = {
	.notifier_call = lbdr_nl_batch_event,
};

/**
 * lbdr_nl_batch_init() - watch sockets
 *
 * Context: process, every namespace has its director.
 * Return: 0 or a negative error.
 */
int __init lbdr_nl_batch_init(void)
{
	return netlink_register_notifier(&lbdr_nl_batch_notifier);
}

/**
 * lbdr_nl_batch_exit() - watch no more
 *
 * What is still open goes with its namespace's director.
 *
 * Context: process.
 */
void lbdr_nl_batch_exit(void)
{
	netlink_unregister_notifier(&lbdr_nl_batch_notifier);
}
