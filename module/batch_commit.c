// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a transaction, in three steps:
 *
 * 1. lbdr_batch_prepare() makes what is missing, pools with their schedulers'
 *    tables above all. It takes as long as it takes, and gives lbdr_net.lock away
 *    in between: device notifiers wait for it under RTNL.
 * 2. lbdr_batch_arrive() puts new services into the tables, where packets do not
 *    see them yet, since they have no pool, and registers hooks. It can be taken
 *    back.
 * 3. lbdr_batch_publish() cannot fail: it writes pointers and words. A packet
 *    sees of each service the old pool or the new one. New services come before
 *    old ones go, so that traffic that moves from one to the other always has one.
 *
 * 2 and 3 happen under lbdr_net.lock without a break, which is why who reads under
 * that lock sees the old configuration or the new one.
 */
#include <linux/mm.h>

#include "batch.h"
#include "flow.h"
#include "lbdr.h"
#include "pool.h"
#include "server.h"
#include "service.h"

static bool lbdr_draft_resched(const struct lbdr_draft *draft)
{
	const struct lbdr_sched *old = &draft->service->sched;

	return draft->sched.ops != old->ops ||
	       draft->sched.flags != old->flags ||
	       draft->sched.size != old->size;
}

static bool lbdr_draft_reset(const struct lbdr_draft *draft)
{
	return memcmp(&draft->settings, &draft->service->settings,
		      sizeof(draft->settings));
}

/* Whether a server's place, weight or openness changes. */
static bool lbdr_draft_repools(const struct lbdr_draft_server *mine)
{
	return mine->fresh || mine->again ||
	       mine->drain != mine->server->draining ||
	       mine->settings.weight != mine->server->weight;
}

static bool lbdr_draft_repool(const struct lbdr_draft *draft)
{
	const struct lbdr_draft_server *mine;

	if (!draft->live || lbdr_draft_resched(draft) ||
	    !list_empty(&draft->former))
		return true;
	list_for_each_entry(mine, &draft->servers, list)
		if (lbdr_draft_repools(mine))
			return true;
	return false;
}

static struct lbdr_pool *lbdr_draft_pool(struct lbdr_draft *draft, void *memory)
{
	struct lbdr_pool_entry *servers;
	struct lbdr_draft_server *mine;
	struct lbdr_pool *pool;
	u32 n = 0;

	servers = kvmalloc_array(draft->n_servers, sizeof(*servers),
				 GFP_KERNEL);
	if (!servers)
		return ERR_PTR(-ENOMEM);
	list_for_each_entry(mine, &draft->servers, list) {
		servers[n].server = mine->server;
		servers[n++].weight = mine->drain ? 0 : mine->settings.weight;
	}
	pool = lbdr_pool_make(draft->service, &draft->sched, memory, servers,
			      n);
	kvfree(servers);
	return pool;
}

static int lbdr_draft_prepare(struct lbdr_batch *batch,
			      struct lbdr_draft *draft)
{
	void *memory = NULL;
	struct lbdr_pool *pool;
	int err;

	if (!draft->present || !lbdr_draft_repool(draft))
		return 0;
	/* Another scheduler is made a table of the servers that there are. */
	err = lbdr_draft_enrol(batch, draft);
	if (err)
		return err;
	if (draft->live)
		memory = draft->service->memory;
	if (!draft->live || draft->sched.ops != draft->service->sched.ops) {
		err = lbdr_service_open(&draft->sched, &draft->memory);
		if (err)
			return err;
		memory = draft->memory;
	}
	pool = lbdr_draft_pool(draft, memory);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	draft->pool = pool;
	return 0;
}

/**
 * lbdr_batch_prepare() - make all that the drafts need to become true
 * @batch: the transaction, taken
 *
 * Context: process, lbdr_net.lock held; it is given away in between.
 * Return: 0, -ENOMEM, -EDQUOT, or -EAGAIN when the transaction is outdated.
 */
int lbdr_batch_prepare(struct lbdr_batch *batch)
{
	struct lbdr_net *ln = batch->ln;
	struct lbdr_draft *draft;
	int err;

	if (lbdr_batch_outdated(batch))
		return -EAGAIN;
	list_for_each_entry(draft, &batch->drafts, list) {
		err = lbdr_draft_prepare(batch, draft);
		if (err)
			return err;
		mutex_unlock(&ln->lock);
		cond_resched();
		mutex_lock(&ln->lock);
		if (lbdr_batch_outdated(batch))
			return -EAGAIN;
	}
	return 0;
}

static bool lbdr_draft_arrives(const struct lbdr_draft *draft)
{
	return draft->present && !draft->live;
}

/**
 * lbdr_batch_arrive() - let new services arrive, unseen by packets
 * @batch: the transaction, prepared
 *
 * Context: process, lbdr_net.lock held, since lbdr_batch_prepare() and until
 * lbdr_batch_publish() or lbdr_batch_depart().
 * Return: 0, or a negative error and nothing is changed.
 */
int lbdr_batch_arrive(struct lbdr_batch *batch)
{
	struct lbdr_draft *draft;
	int err;

	list_for_each_entry(draft, &batch->drafts, list) {
		if (!lbdr_draft_arrives(draft))
			continue;
		err = lbdr_service_arrive(batch->ln, draft->service);
		if (err)
			goto err;
	}
	return 0;

err:
	list_for_each_entry_continue_reverse(draft, &batch->drafts, list)
		if (lbdr_draft_arrives(draft))
			lbdr_service_depart(batch->ln, draft->service);
	return err;
}

/**
 * lbdr_batch_depart() - take lbdr_batch_arrive() back
 * @batch: the transaction
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_batch_depart(struct lbdr_batch *batch)
{
	struct lbdr_draft *draft;

	list_for_each_entry(draft, &batch->drafts, list)
		if (lbdr_draft_arrives(draft))
			lbdr_service_depart(batch->ln, draft->service);
}

static void lbdr_draft_publish_new(struct lbdr_net *ln,
				   struct lbdr_draft *draft)
{
	struct lbdr_service *service = draft->service;
	struct lbdr_draft_server *mine;

	service->sched = draft->sched;
	service->settings = draft->settings;
	service->memory = draft->memory;
	/* What a server was to be at first may have been changed since. */
	list_for_each_entry(mine, &draft->servers, list) {
		lbdr_server_settle(mine->server, &mine->settings, false);
		lbdr_server_enlist(service, mine->server);
	}
	lbdr_service_enter(ln, service, draft->pool);
}

/* Servers that stay or come, in their order; those that go are in front then. */
static void lbdr_draft_order(struct lbdr_draft *draft)
{
	struct lbdr_service *service = draft->service;
	struct lbdr_draft_server *mine;

	list_for_each_entry(mine, &draft->servers, list) {
		if (mine->fresh) {
			lbdr_server_enlist(service, mine->server);
			continue;
		}
		if (mine->again)
			mine->server->number = ++service->last_number;
		list_move_tail(&mine->server->list, &service->servers);
	}
}

static void lbdr_draft_publish_pool(struct lbdr_net *ln,
				    struct lbdr_draft *draft)
{
	struct lbdr_service *service = draft->service;
	struct lbdr_sched old = service->sched;
	void *old_memory = service->memory;

	service->sched = draft->sched;
	if (draft->sched.ops != old.ops)
		service->memory = draft->memory;
	lbdr_pool_publish(ln, service, draft->pool);
	list_del_init(&service->stale);
	if (draft->sched.ops != old.ops)
		lbdr_service_close(&old, old_memory);
}

static void lbdr_draft_publish_change(struct lbdr_net *ln,
				      struct lbdr_draft *draft,
				      const struct lbdr_batch_ops *ops,
				      void *data)
{
	struct lbdr_service *service = draft->service;
	struct lbdr_draft_server *mine;
	struct lbdr_server *server;

	draft->changed = lbdr_draft_resched(draft) || lbdr_draft_reset(draft);
	if (lbdr_draft_reset(draft))
		lbdr_service_set(ln, service, &draft->settings);
	if (draft->again)
		list_move_tail(&service->list, &ln->service_list);

	list_for_each_entry(mine, &draft->servers, list) {
		if (mine->fresh) {
			lbdr_server_settle(mine->server, &mine->settings,
					   false);
			continue;
		}
		server = mine->server;
		mine->changed = lbdr_draft_repools(mine) ||
				server->upper != mine->settings.upper ||
				server->lower != mine->settings.lower;
		lbdr_server_loosen(server, &mine->settings, mine->drain);
	}
	if (draft->pool) {
		lbdr_draft_publish_pool(ln, draft);
		lbdr_draft_order(draft);
	}
	list_for_each_entry(mine, &draft->former, list) {
		ops->server_gone(data, service, mine->server);
		lbdr_server_retire(service, mine->server);
	}
	list_for_each_entry(mine, &draft->servers, list)
		if (!mine->fresh)
			lbdr_server_settle(mine->server, &mine->settings,
					   mine->drain);
}

/**
 * lbdr_batch_publish() - the drafts become the configuration
 * @batch: the transaction, whose new services have arrived
 * @ops: who is told of what goes
 * @data: handed to them
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_batch_publish(struct lbdr_batch *batch,
			const struct lbdr_batch_ops *ops, void *data)
{
	bool gone[LBDR_FAMILIES] = {};
	struct lbdr_net *ln = batch->ln;
	enum lbdr_family family;
	struct lbdr_draft *draft;
	u32 state;

	lockdep_assert_held(&ln->lock);

	list_for_each_entry(draft, &batch->drafts, list) {
		if (!draft->present)
			continue;
		if (draft->live)
			lbdr_draft_publish_change(ln, draft, ops, data);
		else
			lbdr_draft_publish_new(ln, draft);
		cond_resched();
	}
	list_for_each_entry(draft, &batch->drafts, list) {
		if (draft->present || !draft->live)
			continue;
		gone[draft->key.family] = true;
		ops->service_gone(data, draft->service);
		lbdr_service_leave(ln, draft->service);
		cond_resched();
	}
	for (family = 0; family < LBDR_FAMILIES; family++)
		if (gone[family])
			lbdr_service_prune_vips(ln, family);
	if (batch->has_timeouts)
		for (state = 0; state < LBDR_CONN_STATES; state++)
			WRITE_ONCE(ln->timeout[state], batch->timeout[state]);
	ln->generation++;
	batch->published = true;
}
