// SPDX-License-Identifier: GPL-2.0
/*
 * Transactions, first part: staging of services; that of servers is in config_server.c.
 *
 * Every change of the configuration is a transaction. A front end begins one,
 * stages changes, and commits or ends it; a single command is a transaction of
 * one change. What a transaction has staged is invisible to packets and to
 * other transactions until commit (config_commit.c).
 *
 * Staged objects describe what services and servers are to be. They hold no
 * pointer to a live object: live objects are looked up by their keys each time,
 * and a change is checked against the staged state first, then against the live
 * state. So each change sees those staged before it.
 *
 * Conflicts are found for each object. A staged service records on what its
 * staging relied: that the service did not exist, or the generation of the live
 * service, which every change of the service and its servers renews. If that no
 * longer holds, staging and commit return -EAGAIN, and the front end begins again.
 * Changes of other services do not matter, and a removal relies on nothing, unless it is
 * one with a hold time: that changes the service.
 *
 * An object that exists before and after a transaction keeps its connections and
 * counters, even if the transaction removes and adds it: services are matched by
 * key, servers of a service by address. What is removed with a hold time (hold.c)
 * keeps them until it is added by a later transaction.
 *
 * Locks: staging reads live objects under lbdr_net.lock, or under
 * lbdr_net.config if the transaction is a single command.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/module.h>

#include "config.h"
#include "hold.h"
#include "notify.h"

static unsigned int batch_max = 1 << 20;
module_param(batch_max, uint, 0644);
MODULE_PARM_DESC(batch_max,
		 "services and servers that the open transactions of a network namespace may stage (default: 1048576)");

/**
 * lbdr_config_assert_stable() - Assert that live objects do not change during staging
 * @config: the transaction
 *
 * Context: process.
 */
void lbdr_config_assert_stable(const struct lbdr_config *config)
{
	if (config->single)
		lockdep_assert_held(&config->ln->config);
	else
		lockdep_assert_held(&config->ln->lock);
}

/**
 * lbdr_config_alloc() - Allocate a staged object within the limit of the namespace
 * @config: the transaction
 * @size: size of the object
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 * Return: the object, zeroed, or ERR_PTR of -EDQUOT or -ENOMEM.
 */
void *lbdr_config_alloc(struct lbdr_config *config, size_t size)
{
	struct lbdr_net *ln = config->ln;
	u32 max = READ_ONCE(batch_max);
	void *object;

	if (!config->single && ln->n_staged >= max) {
		/* Users must not use up the one line. */
		if (!ln->user)
			pr_notice_once("the open transactions of a network namespace hold batch_max services and servers, %u: further commands are refused (logged once)\n",
				       max);
		return ERR_PTR(-EDQUOT);
	}
	object = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!object)
		return ERR_PTR(-ENOMEM);
	if (!config->single) {
		ln->n_staged++;
		config->charged++;
	}
	return object;
}

static void lbdr_config_free(struct lbdr_config *config, void *object)
{
	if (!config->single) {
		config->ln->n_staged--;
		config->charged--;
	}
	kfree(object);
}

/**
 * lbdr_config_begin() - Begin a transaction
 * @config: the transaction
 * @ln: the namespace
 * @single: the caller holds lbdr_net.config until the transaction has ended
 * @origin: passed on to the notifier chain, or NULL
 *
 * Context: process, may sleep; lbdr_net.lock is held, or lbdr_net.config if
 * @single.
 */
void lbdr_config_begin(struct lbdr_config *config, struct lbdr_net *ln,
		       bool single, struct lbdr_origin *origin)
{
	memset(config, 0, sizeof(*config));
	config->ln = ln;
	config->single = single;
	config->origin = origin;
	/* While another one is published, ranges of ports may be missing that it adds. */
	config->list_generation = ln->publishing ? U64_MAX : ln->list_generation;
	config->n_changes = ln->n_changes;
	INIT_LIST_HEAD(&config->services);
	INIT_LIST_HEAD(&config->dropped);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_config_begin);

static void lbdr_staged_free_servers(struct list_head *servers)
{
	struct lbdr_staged_server *server, *next;

	list_for_each_entry_safe(server, next, servers, list) {
		kfree(server);
		cond_resched();
	}
}

static void lbdr_staged_free(struct lbdr_config *config,
			     struct lbdr_staged_service *staged)
{
	lbdr_staged_free_servers(&staged->servers);
	lbdr_domain_put(config->ln, staged->key.domain);
	kfree(staged);
}

/**
 * lbdr_config_uncharge() - Give back a transaction's part of batch_max
 * @config: the transaction
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_config_uncharge(struct lbdr_config *config)
{
	lockdep_assert_held(&config->ln->lock);

	config->ln->n_staged -= config->charged;
	config->charged = 0;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_config_uncharge);

/**
 * lbdr_config_keep() - Keep what the present command has staged
 * @config: the transaction
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_config_keep(struct lbdr_config *config)
{
	config->fresh_service = NULL;
	config->fresh_server = NULL;
}

/**
 * lbdr_config_undo() - Drop what a command has staged that is rejected
 * @config: the transaction
 *
 * So the transaction is as it was before the command: it neither counts objects
 * nor relies on services that none of its commands changes.
 *
 * Context: process, lbdr_net.lock held.
 */
void lbdr_config_undo(struct lbdr_config *config)
{
	struct lbdr_staged_service *service = config->fresh_service;
	struct lbdr_staged_server *server = config->fresh_server;

	lockdep_assert_held(&config->ln->lock);

	if (server) {
		list_del(&server->list);
		rb_erase(&server->node, &server->service->servers_by_addr);
		lbdr_config_del_tunnel(config, server);
		lbdr_config_free(config, server);
	}
	if (service) {
		rb_erase(&service->node, &config->by_key);
		list_del(&service->list);
		lbdr_domain_put(config->ln, service->key.domain);
		lbdr_config_free(config, service);
	}
	lbdr_config_keep(config);
}

/**
 * lbdr_config_end() - Free what a transaction has staged
 * @config: the transaction; what it has not committed is dropped. No other
 *	thread can find it, and lbdr_config_uncharge() was called unless it is
 *	a single command
 *
 * Context: process, may sleep.
 */
void lbdr_config_end(struct lbdr_config *config)
{
	struct lbdr_staged_service *staged, *next;

	WARN_ON_ONCE(config->charged);
	lbdr_staged_free_servers(&config->dropped);
	list_for_each_entry_safe(staged, next, &config->services, list) {
		lbdr_staged_free(config, staged);
		cond_resched();
	}
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_config_end);

/**
 * lbdr_config_begin_single() - Allocate and begin the transaction of one command
 * @ln: the namespace
 * @origin: passed on to the notifier chain, or NULL
 *
 * Context: process, may sleep; neither lbdr_net.lock nor RTNL is held. On success
 * lbdr_net.config is held until lbdr_config_end_single(), so that nothing changes between
 * staging and commit.
 * Return: the transaction, or ERR_PTR of -EINTR or -ENOMEM.
 */
struct lbdr_config *lbdr_config_begin_single(struct lbdr_net *ln,
					     struct lbdr_origin *origin)
{
	struct lbdr_config *config;
	int err;

	config = kmalloc(sizeof(*config), GFP_KERNEL_ACCOUNT);
	if (!config)
		return ERR_PTR(-ENOMEM);
	err = mutex_lock_killable(&ln->config);
	if (err) {
		kfree(config);
		return ERR_PTR(err);
	}
	lbdr_config_begin(config, ln, true, origin);
	return config;
}
EXPORT_SYMBOL_LBDR(lbdr_config_begin_single);

/**
 * lbdr_config_end_single() - End and free the transaction of one command
 * @config: what lbdr_config_begin_single() has returned; what was not committed is dropped
 *
 * Context: process, may sleep; releases lbdr_net.config.
 */
void lbdr_config_end_single(struct lbdr_config *config)
{
	struct lbdr_net *ln = config->ln;

	lbdr_config_end(config);
	mutex_unlock(&ln->config);
	kfree(config);
}
EXPORT_SYMBOL_LBDR(lbdr_config_end_single);

static int lbdr_staged_cmp(const void *key, const struct rb_node *node)
{
	return memcmp(key, &rb_entry(node, struct lbdr_staged_service, node)->key,
		      sizeof(struct lbdr_service_key));
}

static bool lbdr_staged_less(struct rb_node *node, const struct rb_node *other)
{
	return lbdr_staged_cmp(&rb_entry(node, struct lbdr_staged_service, node)->key,
			       other) < 0;
}

/**
 * lbdr_config_find() - Look up what a transaction has staged of a service
 * @config: the transaction
 * @key: of the service
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command and at
 * commit).
 * Return: the staged service, present or not, or NULL.
 */
struct lbdr_staged_service *
lbdr_config_find(struct lbdr_config *config, const struct lbdr_service_key *key)
{
	return rb_entry_safe(rb_find(key, &config->by_key, lbdr_staged_cmp),
			     struct lbdr_staged_service, node);
}

/* A staged service in the state of the live one, @live, which may be NULL. */
static struct lbdr_staged_service *
lbdr_config_stage(struct lbdr_config *config, const struct lbdr_service_key *key,
		  const struct lbdr_service *live)
{
	struct lbdr_staged_service *staged;

	staged = lbdr_config_alloc(config, sizeof(*staged));
	if (IS_ERR(staged))
		return staged;
	staged->key = *key;
	INIT_LIST_HEAD(&staged->servers);
	if (config->flush) {
		staged->basis = LBDR_STAGED_ANY;
	} else if (live) {
		staged->basis = LBDR_STAGED_LIVE;
		staged->generation = live->generation;
		staged->present = true;
		staged->hold = live->held ? lbdr_hold_left(live->hold_until) : 0;
		staged->sched = live->sched;
		staged->settings = live->settings;
		staged->n_servers = live->n_servers - live->n_held;
		staged->n_held = live->n_held;
	}
	rb_add(&staged->node, &config->by_key, lbdr_staged_less);
	lbdr_domain_hold(config->ln, key->domain);
	config->fresh_service = staged;
	list_add_tail(&staged->list, &config->services);
	return staged;
}

/**
 * lbdr_config_service_any() - Get the staged state of a service, held or not
 * @config: the transaction
 * @key: of the service
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 * Return: the staged service, or ERR_PTR of -ESRCH, -EDQUOT, -ENOMEM.
 */
struct lbdr_staged_service *
lbdr_config_service_any(struct lbdr_config *config,
			const struct lbdr_service_key *key)
{
	struct lbdr_staged_service *staged = lbdr_config_find(config, key);
	const struct lbdr_service *live;

	lbdr_config_assert_stable(config);

	if (staged)
		return staged->present ? staged : ERR_PTR(-ESRCH);
	live = config->flush ? NULL : lbdr_service_find(config->ln, key);
	if (!live)
		return ERR_PTR(-ESRCH);
	return lbdr_config_stage(config, key, live);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_config_service_any);

/**
 * lbdr_config_service() - Get the staged state of a service, to change it
 * @config: the transaction
 * @key: of the service
 *
 * The caller may change &lbdr_staged_service.sched and .settings. A held service is not
 * found.
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 * Return: the staged service, or ERR_PTR of -ESRCH, -EDQUOT, -ENOMEM.
 */
struct lbdr_staged_service *
lbdr_config_service(struct lbdr_config *config,
		    const struct lbdr_service_key *key)
{
	struct lbdr_staged_service *staged;

	staged = lbdr_config_service_any(config, key);
	return !IS_ERR(staged) && staged->hold ? ERR_PTR(-ESRCH) : staged;
}
EXPORT_SYMBOL_LBDR(lbdr_config_service);

/**
 * lbdr_config_flushes() - Check whether a transaction removes a service it has not staged
 * @config: the transaction
 * @service: a live service
 *
 * Context: process, lbdr_net.config held.
 */
bool lbdr_config_flushes(struct lbdr_config *config,
			 const struct lbdr_service *service)
{
	return config->flush && !lbdr_config_find(config, &service->key);
}

/**
 * lbdr_config_service_add() - Stage a new service
 * @config: the transaction
 * @key: of the service; unused bytes are 0
 * @sched: its scheduler
 * @settings: its settings
 *
 * Adding a held service ends its hold and applies @sched and @settings. Its servers stay
 * held until they are added.
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 * Return: 0, -EEXIST, -ENOTUNIQ if another service has some of its range of
 * ports, -EADDRINUSE if a tunnel leads to its address, -EDQUOT or -ENOMEM.
 */
int lbdr_config_service_add(struct lbdr_config *config,
			    const struct lbdr_service_key *key,
			    const struct lbdr_sched *sched,
			    const struct lbdr_service_settings *settings)
{
	struct lbdr_staged_service *staged = lbdr_config_find(config, key);
	const struct lbdr_service *live = lbdr_service_find(config->ln, key);

	lbdr_config_assert_stable(config);

	if (staged ? staged->present && !staged->hold :
		     live && !live->held && !config->flush)
		return -EEXIST;
	if (lbdr_config_overlaps(config, key))
		return -ENOTUNIQ;
	if (!lbdr_service_key_marked(key) &&
	    lbdr_config_has_tunnel(config, key->family, &key->addr))
		return -EADDRINUSE;
	if (!staged)
		staged = lbdr_config_stage(config, key, live);
	if (IS_ERR(staged))
		return PTR_ERR(staged);
	if (!staged->present)
		staged->whole = true;
	staged->present = true;
	staged->hold = 0;
	staged->to_tail = true;
	staged->sched = *sched;
	staged->settings = *settings;
	list_move_tail(&staged->list, &config->services);
	return 0;
}
EXPORT_SYMBOL_LBDR(lbdr_config_service_add);

/**
 * lbdr_config_service_del() - Stage the removal of a service
 * @config: the transaction
 * @staged: the service, present
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 */
void lbdr_config_service_del(struct lbdr_config *config,
			     struct lbdr_staged_service *staged)
{
	struct lbdr_staged_server *server;

	lbdr_config_assert_stable(config);

	list_for_each_entry(server, &staged->servers, list)
		lbdr_config_del_tunnel(config, server);
	/* Freed with the transaction: there may be many. */
	list_splice_tail_init(&staged->servers, &config->dropped);
	staged->servers_by_addr = RB_ROOT;
	staged->n_servers = 0;
	staged->n_held = 0;
	staged->present = false;
	staged->whole = true;
	staged->hold = 0;
	staged->hold_rest = 0;
}
EXPORT_SYMBOL_LBDR(lbdr_config_service_del);

/**
 * lbdr_config_service_hold() - Stage the removal of a service with a hold time
 * @config: the transaction
 * @staged: the service, present; commit removes it at once if it is new
 * @seconds: the hold time of the service and its servers
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 */
void lbdr_config_service_hold(struct lbdr_config *config,
			      struct lbdr_staged_service *staged, u32 seconds)
{
	struct lbdr_staged_server *server, *next;

	lbdr_config_assert_stable(config);

	list_for_each_entry_safe(server, next, &staged->servers, list)
		if (server->present)
			lbdr_config_server_hold(config, staged, server, seconds, true);
	staged->n_held += staged->n_servers;
	staged->n_servers = 0;
	staged->hold = seconds;
	staged->hold_rest = seconds;
}
EXPORT_SYMBOL_LBDR(lbdr_config_service_hold);

/**
 * lbdr_config_flush() - Stage the removal of all services
 * @config: the transaction
 *
 * Services that others add before commit are removed too.
 *
 * Context: process, lbdr_net.lock held (lbdr_net.config for a single command).
 */
void lbdr_config_flush(struct lbdr_config *config)
{
	struct lbdr_staged_service *staged;

	lbdr_config_assert_stable(config);

	list_for_each_entry(staged, &config->services, list) {
		staged->basis = LBDR_STAGED_ANY;
		if (staged->present)
			lbdr_config_service_del(config, staged);
	}
	config->flush = true;
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_config_flush);

static void lbdr_config_zero_one(struct lbdr_net *ln,
				 struct lbdr_service *service, bool fold)
{
	struct lbdr_counts counts;

	lbdr_lock(ln);
	if (fold) {
		lbdr_service_counts(service, &counts);
		lbdr_counts_add(&ln->folded, &counts);
	}
	lbdr_service_zero(service);
	lbdr_unlock(ln);
	cond_resched();
}

/**
 * lbdr_config_zero() - Set counters to 0
 * @ln: the namespace
 * @service: the service, or NULL for all services and lbdr_net.folded
 * @origin: passed on to the notifier chain, or NULL
 *
 * Not part of a transaction: takes effect at once.
 *
 * Context: process, may sleep; lbdr_net.config held, lbdr_net.lock not.
 */
void lbdr_config_zero(struct lbdr_net *ln, struct lbdr_service *service,
		      struct lbdr_origin *origin)
{
	struct lbdr_service *each;

	lockdep_assert_held(&ln->config);

	if (service) {
		lbdr_config_zero_one(ln, service, true);
	} else {
		list_for_each_entry(each, &ln->service_list, list)
			lbdr_config_zero_one(ln, each, false);
	}
	lbdr_lock(ln);
	if (!service)
		memset(&ln->folded, 0, sizeof(ln->folded));
	lbdr_notify(LBDR_CHANGE_ZERO, ln, service, NULL, origin);
	lbdr_unlock(ln);
}
EXPORT_SYMBOL_LBDR(lbdr_config_zero);
