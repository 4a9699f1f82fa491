// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions: many changes of the configuration that become true together, or
 * not at all.
 *
 * A transaction consists of drafts. A draft is of one service, and says what it is
 * to be: whether there is such a service, its scheduler, settings and servers.
 * Commands change drafts and nothing else; they are checked against the drafts
 * and, for services that have none, against what is there. So each command sees
 * what those before it have made, and nobody else does.
 *
 * What is in a draft and is there already stays, with its connections and counts,
 * even if commands have removed and added it: services are told by their keys,
 * servers of a service by their addresses.
 *
 * How drafts become the configuration, batch_commit.c says.
 *
 * All of it is protected by lbdr_net.lock. Drafts point to services and servers
 * that are there without a reference; these are as they were as long as
 * lbdr_net.generation is that of the beginning, which everyone checks after taking
 * the lock. When it is not, the transaction has failed, and no such pointer is
 * followed any more.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/module.h>

#include "batch.h"
#include "lbdr.h"
#include "pool.h"
#include "server.h"
#include "service.h"

static unsigned int batch_max = 1 << 20;
module_param(batch_max, uint, 0644);
MODULE_PARM_DESC(batch_max,
		 "services and servers that the open transactions of a network namespace may hold (default: 1048576)");

static const struct rhashtable_params lbdr_batch_params = {
	.head_offset		= offsetof(struct lbdr_draft, node),
	.key_offset		= offsetof(struct lbdr_draft, key),
	.key_len		= sizeof(struct lbdr_service_key),
};

/* Memory for a draft, as long as there is room for one more. */
static void *lbdr_batch_alloc(struct lbdr_batch *batch, size_t size)
{
	struct lbdr_net *ln = batch->ln;
	u32 max = READ_ONCE(batch_max);
	void *draft;

	if (ln->n_staged >= max) {
		pr_notice_once("the open transactions of a network namespace hold batch_max services and servers, %u: further commands are refused (told once)\n",
			       max);
		return ERR_PTR(-EDQUOT);
	}
	draft = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!draft)
		return ERR_PTR(-ENOMEM);
	ln->n_staged++;
	batch->n++;
	return draft;
}

static void lbdr_batch_release(struct lbdr_batch *batch, void *draft)
{
	batch->ln->n_staged--;
	batch->n--;
	kfree(draft);
}

/**
 * lbdr_batch_begin() - open a transaction
 * @ln: the namespace
 * @portid: of the socket that it will belong to
 *
 * Context: process, lbdr_net.lock held.
 * Return: the transaction, or ERR_PTR of -EEXIST where the socket has one,
 * -EUSERS where the namespace has LBDR_BATCH_OPEN of them, or -ENOMEM.
 */
struct lbdr_batch *lbdr_batch_begin(struct lbdr_net *ln, u32 portid)
{
	struct lbdr_batch *batch;
	int err;

	lockdep_assert_held(&ln->lock);

	if (lbdr_batch_find(ln, portid))
		return ERR_PTR(-EEXIST);
	if (ln->n_batches == LBDR_BATCH_OPEN)
		return ERR_PTR(-EUSERS);
	batch = kvzalloc(sizeof(*batch), GFP_KERNEL_ACCOUNT);
	if (!batch)
		return ERR_PTR(-ENOMEM);
	err = rhashtable_init(&batch->table, &lbdr_batch_params);
	if (err) {
		kvfree(batch);
		return ERR_PTR(err);
	}
	batch->ln = ln;
	batch->portid = portid;
	batch->generation = ln->generation;
	INIT_LIST_HEAD(&batch->drafts);
	list_add_tail(&batch->list, &ln->batches);
	WRITE_ONCE(ln->n_batches, ln->n_batches + 1);
	return batch;
}

/**
 * lbdr_batch_find() - the transaction of a socket
 * @ln: the namespace
 * @portid: of the socket
 *
 * Context: process, lbdr_net.lock held.
 * Return: the transaction or NULL.
 */
struct lbdr_batch *lbdr_batch_find(struct lbdr_net *ln, u32 portid)
{
	struct lbdr_batch *batch;

	lockdep_assert_held(&ln->lock);

	list_for_each_entry(batch, &ln->batches, list)
		if (batch->portid == portid)
			return batch;
	return NULL;
}

/**
 * lbdr_batch_outdated() - whether the configuration has changed since it began
 * @batch: the transaction
 *
 * Context: process, lbdr_net.lock held.
 */
bool lbdr_batch_outdated(const struct lbdr_batch *batch)
{
	lockdep_assert_held(&batch->ln->lock);

	return batch->generation != batch->ln->generation;
}

/**
 * lbdr_batch_take() - end a transaction; it is the caller's from now on
 * @batch: the transaction, to be freed by lbdr_batch_free()
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_batch_take(struct lbdr_batch *batch)
{
	lockdep_assert_held(&batch->ln->lock);

	list_del(&batch->list);
	WRITE_ONCE(batch->ln->n_batches, batch->ln->n_batches - 1);
}

/* Old servers are not ours, and new ones not any more once they are published. */
static void lbdr_draft_free_servers(struct lbdr_batch *batch,
				    struct list_head *servers)
{
	struct lbdr_draft_server *mine, *next;

	list_for_each_entry_safe(mine, next, servers, list) {
		if (mine->fresh && !batch->published)
			lbdr_server_put(mine->server);
		kfree(mine);
	}
}

static void lbdr_draft_free(void *ptr, void *arg)
{
	struct lbdr_batch *batch = arg;
	struct lbdr_draft *draft = ptr;

	lbdr_draft_free_servers(batch, &draft->servers);
	lbdr_draft_free_servers(batch, &draft->former);
	if (!batch->published || !draft->present) {
		/* Packets may have met a service that arrived and departed. */
		if (!draft->live && draft->service)
			kfree_rcu(draft->service, rcu);
		if (draft->pool)
			lbdr_pool_free_rcu(draft->pool);
		lbdr_service_close(&draft->sched, draft->memory);
	}
	kfree(draft);
}

/**
 * lbdr_batch_free() - forget a transaction
 * @batch: one that lbdr_batch_take() was called for; what it has not published
 *	is gone
 *
 * Context: process.
 */
void lbdr_batch_free(struct lbdr_batch *batch)
{
	struct lbdr_net *ln = batch->ln;

	mutex_lock(&ln->lock);
	ln->n_staged -= batch->n;
	mutex_unlock(&ln->lock);
	rhashtable_free_and_destroy(&batch->table, lbdr_draft_free, batch);
	kvfree(batch);
}

static struct lbdr_draft *lbdr_batch_draft(struct lbdr_batch *batch,
					   const struct lbdr_service_key *key)
{
	return rhashtable_lookup_fast(&batch->table, key, lbdr_batch_params);
}

static struct hlist_head *lbdr_batch_ranges(struct lbdr_batch *batch,
					    const struct lbdr_service_key *key)
{
	u32 bits = key->addr.all[0] ^ key->addr.all[1] ^ key->addr.all[2] ^
		   key->addr.all[3];

	return &batch->ranges[hash_32(bits, ilog2(LBDR_BATCH_RANGES))];
}

/* A draft that says what is there, or that nothing is. */
static struct lbdr_draft *lbdr_batch_draw(struct lbdr_batch *batch,
					  const struct lbdr_service_key *key,
					  struct lbdr_service *service)
{
	struct lbdr_draft *draft;
	int err;

	draft = lbdr_batch_alloc(batch, sizeof(*draft));
	if (IS_ERR(draft))
		return draft;
	draft->key = *key;
	INIT_LIST_HEAD(&draft->servers);
	INIT_LIST_HEAD(&draft->former);
	if (service) {
		draft->service = service;
		draft->live = true;
		draft->present = true;
		draft->sched = service->sched;
		draft->settings = service->settings;
		draft->n_servers = service->n_servers;
	}
	err = rhashtable_insert_fast(&batch->table, &draft->node,
				     lbdr_batch_params);
	if (err) {
		lbdr_batch_release(batch, draft);
		return ERR_PTR(err);
	}
	list_add_tail(&draft->list, &batch->drafts);
	if (key->last_port)
		hlist_add_head(&draft->range, lbdr_batch_ranges(batch, key));
	return draft;
}

/**
 * lbdr_batch_service() - the draft of a service that there is to be
 * @batch: the transaction, not outdated
 * @key: of the service
 *
 * Context: process, lbdr_net.lock held.
 * Return: the draft, or ERR_PTR of -ESRCH, -EDQUOT or -ENOMEM.
 */
struct lbdr_draft *lbdr_batch_service(struct lbdr_batch *batch,
				      const struct lbdr_service_key *key)
{
	struct lbdr_draft *draft = lbdr_batch_draft(batch, key);
	struct lbdr_service *service;

	lockdep_assert_held(&batch->ln->lock);

	if (draft)
		return draft->present ? draft : ERR_PTR(-ESRCH);
	service = lbdr_service_find(batch->ln, key);
	if (!service)
		return ERR_PTR(-ESRCH);
	return lbdr_batch_draw(batch, key, service);
}

/* A service that is there counts, unless a draft says that it goes. */
static bool lbdr_batch_stays(const struct lbdr_service *service, void *data)
{
	const struct lbdr_draft *draft = lbdr_batch_draft(data, &service->key);

	return !draft || draft->present;
}

static bool lbdr_batch_overlaps(struct lbdr_batch *batch,
				const struct lbdr_service_key *key)
{
	const struct lbdr_draft *draft;

	if (!key->last_port)
		return false;
	hlist_for_each_entry(draft, lbdr_batch_ranges(batch, key), range)
		if (draft->present && lbdr_service_overlap(&draft->key, key))
			return true;
	return lbdr_service_overlapping(batch->ln, key, lbdr_batch_stays, batch);
}

/**
 * lbdr_draft_enrol() - bring the servers that are there into a draft
 * @batch: the transaction, not outdated
 * @draft: one of its own; nothing is done where it has them already
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0, -EDQUOT or -ENOMEM.
 */
int lbdr_draft_enrol(struct lbdr_batch *batch, struct lbdr_draft *draft)
{
	struct list_head *to = draft->present ? &draft->servers :
						&draft->former;
	struct lbdr_draft_server *mine;
	struct lbdr_server *server;

	if (draft->enrolled || !draft->live)
		return 0;
	list_for_each_entry(server, &draft->service->servers, list) {
		mine = lbdr_batch_alloc(batch, sizeof(*mine));
		if (IS_ERR(mine))
			goto err;
		mine->server = server;
		lbdr_server_settings(server, &mine->settings);
		mine->drain = server->draining;
		list_add_tail(&mine->list, to);
	}
	draft->enrolled = true;
	return 0;

err:
	while (!list_empty(to)) {
		struct lbdr_draft_server *last;

		last = list_last_entry(to, struct lbdr_draft_server, list);
		list_del(&last->list);
		lbdr_batch_release(batch, last);
	}
	return PTR_ERR(mine);
}

/**
 * lbdr_batch_service_add() - there is to be a service
 * @batch: the transaction, not outdated
 * @key: of the service
 * @sched: its scheduler
 * @settings: what it is to be like
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0, -EEXIST, -ENOTUNIQ where another service has some of its range of
 * ports, -EDQUOT or -ENOMEM.
 */
int lbdr_batch_service_add(struct lbdr_batch *batch,
			   const struct lbdr_service_key *key,
			   const struct lbdr_sched *sched,
			   const struct lbdr_service_settings *settings)
{
	struct lbdr_draft *draft = lbdr_batch_draft(batch, key);
	int err;

	lockdep_assert_held(&batch->ln->lock);

	if (draft ? draft->present : !!lbdr_service_find(batch->ln, key))
		return -EEXIST;
	if (lbdr_batch_overlaps(batch, key))
		return -ENOTUNIQ;
	if (!draft)
		draft = lbdr_batch_draw(batch, key, NULL);
	if (IS_ERR(draft))
		return PTR_ERR(draft);
	err = lbdr_draft_enrol(batch, draft);
	if (err)
		return err;
	if (!draft->service) {
		draft->service = lbdr_service_make(key);
		if (!draft->service)
			return -ENOMEM;
	}
	draft->present = true;
	draft->again = draft->live;
	draft->sched = *sched;
	draft->settings = *settings;
	list_move_tail(&draft->list, &batch->drafts);
	return 0;
}

/**
 * lbdr_batch_service_del() - there is to be no such service
 * @batch: the transaction, not outdated
 * @draft: of the service, present
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_batch_service_del(struct lbdr_batch *batch, struct lbdr_draft *draft)
{
	struct lbdr_draft_server *mine, *next;

	lockdep_assert_held(&batch->ln->lock);

	list_for_each_entry_safe(mine, next, &draft->servers, list)
		lbdr_batch_server_del(batch, draft, mine);
	draft->n_servers = 0;
	draft->present = false;
}

/**
 * lbdr_batch_clear() - there is to be no service at all
 * @batch: the transaction, not outdated
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0, or -EDQUOT or -ENOMEM and nothing is changed.
 */
int lbdr_batch_clear(struct lbdr_batch *batch)
{
	struct lbdr_service *service;
	struct lbdr_draft *draft;

	lockdep_assert_held(&batch->ln->lock);

	list_for_each_entry(service, &batch->ln->service_list, list) {
		if (lbdr_batch_draft(batch, &service->key))
			continue;
		draft = lbdr_batch_draw(batch, &service->key, service);
		if (IS_ERR(draft))
			return PTR_ERR(draft);
	}
	list_for_each_entry(draft, &batch->drafts, list)
		if (draft->present)
			lbdr_batch_service_del(batch, draft);
	return 0;
}

static struct lbdr_draft_server *
lbdr_draft_find(struct list_head *servers, const union nf_inet_addr *addr)
{
	struct lbdr_draft_server *mine;

	list_for_each_entry(mine, servers, list)
		if (nf_inet_addr_cmp(&mine->server->addr, addr))
			return mine;
	return NULL;
}

/**
 * lbdr_batch_server() - a server that there is to be
 * @batch: the transaction, not outdated
 * @draft: of its service, present
 * @addr: the RIP
 *
 * Context: process, lbdr_net.lock held.
 * Return: the server's draft, or ERR_PTR of -ENOENT, -EDQUOT or -ENOMEM.
 */
struct lbdr_draft_server *
lbdr_batch_server(struct lbdr_batch *batch, struct lbdr_draft *draft,
		  const union nf_inet_addr *addr)
{
	struct lbdr_draft_server *mine;
	int err;

	lockdep_assert_held(&batch->ln->lock);

	err = lbdr_draft_enrol(batch, draft);
	if (err)
		return ERR_PTR(err);
	mine = lbdr_draft_find(&draft->servers, addr);
	return mine ?: ERR_PTR(-ENOENT);
}

/**
 * lbdr_batch_server_add() - there is to be a server
 * @batch: the transaction, not outdated
 * @draft: of its service, for which lbdr_batch_server() said -ENOENT
 * @addr: the RIP, of the service's family
 * @settings: what it is to be like
 *
 * Context: process, lbdr_net.lock held.
 * Return: 0; -ENOSPC when the service has LBDR_SERVER_MAX servers; -ENOSPC or
 * -ENOMEM.
 */
int lbdr_batch_server_add(struct lbdr_batch *batch, struct lbdr_draft *draft,
			  const union nf_inet_addr *addr,
			  const struct lbdr_server_settings *settings)
{
	struct lbdr_draft_server *mine;

	lockdep_assert_held(&batch->ln->lock);

	if (draft->n_servers == LBDR_SERVER_MAX)
		return -ENOSPC;
	mine = lbdr_draft_find(&draft->former, addr);
	if (mine) {
		mine->again = true;
	} else {
		mine = lbdr_batch_alloc(batch, sizeof(*mine));
		if (IS_ERR(mine))
			return PTR_ERR(mine);
		mine->server = lbdr_server_make(batch->ln, draft->service,
						addr, settings);
		if (!mine->server) {
			lbdr_batch_release(batch, mine);
			return -ENOMEM;
		}
		mine->fresh = true;
		INIT_LIST_HEAD(&mine->list);
	}
	mine->settings = *settings;
	mine->drain = false;
	list_move_tail(&mine->list, &draft->servers);
	draft->n_servers++;
	return 0;
}

/**
 * lbdr_batch_server_del() - there is to be no such server
 * @batch: the transaction, not outdated
 * @draft: of its service
 * @mine: its own
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_batch_server_del(struct lbdr_batch *batch, struct lbdr_draft *draft,
			   struct lbdr_draft_server *mine)
{
	lockdep_assert_held(&batch->ln->lock);

	draft->n_servers--;
	if (!mine->fresh) {
		list_move_tail(&mine->list, &draft->former);
		return;
	}
	list_del(&mine->list);
	lbdr_server_put(mine->server);
	lbdr_batch_release(batch, mine);
}

/**
 * lbdr_batch_server_drain() - a server is to go when it has no connections
 * @batch: the transaction, not outdated
 * @draft: of its service
 * @mine: its own; a new server has none, and goes at once
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_batch_server_drain(struct lbdr_batch *batch, struct lbdr_draft *draft,
			     struct lbdr_draft_server *mine)
{
	if (mine->fresh)
		lbdr_batch_server_del(batch, draft, mine);
	else
		mine->drain = true;
}

/**
 * lbdr_batch_net_init() - a namespace has no transactions yet
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_batch_net_init(struct lbdr_net *ln)
{
	INIT_LIST_HEAD(&ln->batches);
}

/**
 * lbdr_batch_net_exit() - and will have none any more
 * @ln: the namespace, for which no command comes any more
 *
 * Context: process.
 */
void lbdr_batch_net_exit(struct lbdr_net *ln)
{
	struct lbdr_batch *batch, *next;
	LIST_HEAD(taken);

	mutex_lock(&ln->lock);
	list_for_each_entry_safe(batch, next, &ln->batches, list) {
		lbdr_batch_take(batch);
		list_add(&batch->list, &taken);
	}
	mutex_unlock(&ln->lock);
	list_for_each_entry_safe(batch, next, &taken, list)
		lbdr_batch_free(batch);
}
