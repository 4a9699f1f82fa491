// SPDX-License-Identifier: GPL-2.0
/*
 * Connection synchronisation: start and stop of the roles.
 *
 * A master sends records of its connections (sync_send.c), a backup receives records and
 * adds the connections (sync_recv.c), both in the format of ip_vs (sync_wire.c), so that
 * the other director may be one of ip_vs. Directors of lbdr may be peers instead
 * (sync_peers.c): each sends and receives, and the datagrams are sealed. A namespace has
 * at most one of each role, and may have several, as keepalived's lvs_sync_daemon without
 * an instance asks for.
 *
 * Forwarding does not depend on a role. keepalived(8) adds the VIP before it changes the
 * roles, and connections are found in the table in any case.
 *
 * lbdr_sync.lock serialises start and stop. The work items read settings and socket
 * without it: both are set before a work item can run and cleared when it has been
 * cancelled. Connection events are registered while any namespace sends, changes of the
 * configuration as long as the module is loaded.
 */
#include "conn_event.h"
#include "lbdr.h"
#include "limit.h"
#include "notify.h"
#include "sync.h"
#include "sync_peers.h"

struct workqueue_struct *lbdr_sync_wq;

/**
 * lbdr_sync_count() - Add to a counter
 * @ln: the namespace
 * @counter: the counter
 * @n: how much
 *
 * Context: any.
 */
void lbdr_sync_count(struct lbdr_net *ln, enum lbdr_sync_counter counter, u32 n)
{
	atomic64_add(n, &ln->sync.counters[counter]);
}

/**
 * lbdr_sync_start() - Start a role
 * @ln: the namespace
 * @role: the role
 * @settings: its settings
 * @keys: keys of the role peers, which are copied; else NULL
 *
 * Context: process, may sleep; takes RTNL and lbdr_net.config.
 * Return: 0; -EEXIST if the role runs; -ENODEV if there is no such device; -EINTR if the
 * task was killed; another negative error of the socket.
 */
int lbdr_sync_start(struct lbdr_net *ln, enum lbdr_sync_role role,
		    const struct lbdr_sync_settings *settings,
		    const struct lbdr_sync_keys *keys)
{
	struct lbdr_sync *sync = &ln->sync;
	struct socket *sock;
	int err = -EEXIST;

	/* Records are charged to the owner of the namespace, which may have no service. */
	if (mutex_lock_killable(&ln->config))
		return -EINTR;
	lbdr_limit_find_memcg(ln);
	mutex_unlock(&ln->config);

	mutex_lock(&sync->lock);
	if (sync->runs[role])
		goto out;
	sock = lbdr_sync_sock_open(ln, role, settings);
	err = PTR_ERR_OR_ZERO(sock);
	if (err)
		goto out;
	sync->settings[role] = *settings;
	sync->socks[role] = sock;
	if (role == LBDR_SYNC_ROLE_MASTER)
		err = lbdr_sync_send_start(ln, role);
	else if (role == LBDR_SYNC_ROLE_BACKUP)
		err = lbdr_sync_recv_start(ln);
	else
		err = lbdr_sync_peers_start(ln, keys);
	sync->runs[role] = !err;
	if (err) {
		sync->socks[role] = NULL;
		lbdr_sync_sock_close(sock);
	}
out:
	mutex_unlock(&sync->lock);
	return err;
}
EXPORT_SYMBOL_LBDR(lbdr_sync_start);

/**
 * lbdr_sync_stop() - Stop a role
 * @ln: the namespace
 * @role: the role
 *
 * Connections stay. Records that wait for unknown servers are lost with the last role that
 * receives, the keys of peers with their role.
 *
 * Context: process, may sleep; takes RTNL.
 * Return: 0, or -ESRCH if the role does not run.
 */
int lbdr_sync_stop(struct lbdr_net *ln, enum lbdr_sync_role role)
{
	struct lbdr_sync *sync = &ln->sync;
	int err = -ESRCH;

	mutex_lock(&sync->lock);
	if (sync->runs[role]) {
		err = 0;
		sync->runs[role] = false;
		if (role == LBDR_SYNC_ROLE_MASTER)
			lbdr_sync_send_stop(ln, role);
		else if (role == LBDR_SYNC_ROLE_BACKUP)
			lbdr_sync_recv_stop(ln);
		else
			lbdr_sync_peers_stop(ln);
		lbdr_sync_sock_close(sync->socks[role]);
		sync->socks[role] = NULL;
	}
	mutex_unlock(&sync->lock);
	return err;
}
EXPORT_SYMBOL_LBDR(lbdr_sync_stop);

/**
 * lbdr_sync_get() - Get the settings of a role
 * @ln: the namespace
 * @role: the role
 * @settings: filled in if the role runs
 *
 * Context: process, may sleep.
 * Return: true if the role runs.
 */
bool lbdr_sync_get(struct lbdr_net *ln, enum lbdr_sync_role role,
		   struct lbdr_sync_settings *settings)
{
	struct lbdr_sync *sync = &ln->sync;
	bool runs;

	mutex_lock(&sync->lock);
	runs = sync->runs[role];
	if (runs)
		*settings = sync->settings[role];
	mutex_unlock(&sync->lock);
	return runs;
}
EXPORT_SYMBOL_LBDR(lbdr_sync_get);

/* Records may have waited for the service or server that was added. */
static int lbdr_sync_notify(struct notifier_block *nb, unsigned long change, void *data)
{
	const struct lbdr_notify *notify = data;

	if (change == LBDR_CHANGE_SERVER_ADD || change == LBDR_CHANGE_SERVICE_ADD)
		lbdr_sync_recv_adopt(notify->ln);
	return NOTIFY_DONE;
}

static struct notifier_block lbdr_sync_notifier = {
	.notifier_call = lbdr_sync_notify,
};

/**
 * lbdr_sync_net_init() - Prepare a namespace
 * @ln: the namespace
 *
 * Context: process.
 */
void lbdr_sync_net_init(struct lbdr_net *ln)
{
	mutex_init(&ln->sync.lock);
	init_llist_head(&ln->sync.full);
	lbdr_sync_send_net_init(ln);
	lbdr_sync_recv_net_init(ln);
}

/**
 * lbdr_sync_net_exit() - Stop all roles of a namespace that exits
 * @ln: the namespace, which no command can reach; its devices exist
 *
 * Context: process, may sleep.
 */
void lbdr_sync_net_exit(struct lbdr_net *ln)
{
	enum lbdr_sync_role role;

	for (role = 0; role < LBDR_SYNC_ROLES; role++)
		lbdr_sync_stop(ln, role);
}

/**
 * lbdr_sync_init() - Allocate the work queue and register the notifier
 *
 * Context: process.
 * Return: 0 or a negative error.
 */
int lbdr_sync_init(void)
{
	int err;

	lbdr_sync_wq = alloc_workqueue("lbdr_sync", WQ_UNBOUND, 0);
	if (!lbdr_sync_wq)
		return -ENOMEM;
	err = lbdr_sync_peers_init();
	if (err)
		goto err_peers;
	err = lbdr_notify_register(&lbdr_sync_notifier);
	if (err)
		goto err_notify;
	return 0;
err_notify:
	lbdr_sync_peers_exit();
err_peers:
	destroy_workqueue(lbdr_sync_wq);
	return err;
}

/**
 * lbdr_sync_exit() - Undo lbdr_sync_init()
 *
 * Context: process; no role runs in any namespace, and no transaction either.
 */
void lbdr_sync_exit(void)
{
	lbdr_notify_unregister(&lbdr_sync_notifier);
	lbdr_sync_peers_exit();
	destroy_workqueue(lbdr_sync_wq);
}
