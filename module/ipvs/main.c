// SPDX-License-Identifier: GPL-2.0
/*
 * lbdr_ipvs.ko: programs that drive ip_vs drive lbdr. Module init and exit.
 *
 * This is a front end of lbdr.ko, beside family lbdr: it changes the configuration by
 * transactions (config.c) and reads it under lbdr_net.lock. lbdr.ko does not know it. It
 * can be unloaded at any time, which leaves services and connections as they are. So
 * lbdr_net.mark_first stays while there are services of a mark; other sysctls that change
 * the core get their defaults.
 *
 * It takes the place of ip_vs: the generic netlink family (family.c), /proc/net/ip_vs*
 * (proc.c, proc_conn.c) and /proc/sys/net/ipv4/vs (sysctl.c). So the two modules exclude
 * each other. The family can be registered only once, so it is registered before any
 * file is made, and a module that comes later is refused by the notifier before its init
 * function makes files that exist.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "ipvs.h"

unsigned int lbdr_ipvs_net_id __read_mostly;

/*
 * ip_vs is refused by -EEXIST, which modprobe takes for success: the module is loaded
 * already. Programs that load ip_vs before they use the family go on with this one.
 */
static int lbdr_ipvs_module_event(struct notifier_block *nb, unsigned long event,
				  void *data)
{
	const struct module *mod = data;

	if (event != MODULE_STATE_COMING || strcmp(mod->name, "ip_vs"))
		return NOTIFY_DONE;
	pr_notice_once("ip_vs is kept out while this module is loaded (logged once)\n");
	return notifier_from_errno(-EEXIST);
}

static struct notifier_block lbdr_ipvs_module_notifier = {
	.notifier_call = lbdr_ipvs_module_event,
};

static int __net_init lbdr_ipvs_net_init(struct net *net)
{
	struct lbdr_ipvs_net *in = lbdr_ipvs_net(net);

	in->net = net;
	lbdr_ipvs_sysctl_defaults(in);
	lbdr_ipvs_rates_net_init(in);
	return 0;
}

static void __net_exit lbdr_ipvs_net_exit(struct net *net)
{
	struct lbdr_net *ln = lbdr_net(net);

	lbdr_ipvs_rates_net_exit(lbdr_ipvs_net(net));
	/* Packets go on to the services that they match. */
	if (!READ_ONCE(ln->n_marked[LBDR_V4]) && !READ_ONCE(ln->n_marked[LBDR_V6]))
		WRITE_ONCE(ln->mark_first, 0);
	WRITE_ONCE(ln->sync.persist_mode, 0);
	WRITE_ONCE(ln->conns_max, U32_MAX);
}

static struct pernet_operations lbdr_ipvs_net_ops = {
	.init	= lbdr_ipvs_net_init,
	.exit	= lbdr_ipvs_net_exit,
	.id	= &lbdr_ipvs_net_id,
	.size	= sizeof(struct lbdr_ipvs_net),
};

static int __net_init lbdr_ipvs_files_init(struct net *net)
{
	int err;

	err = lbdr_ipvs_proc_net_init(net);
	if (err)
		return err;
	err = lbdr_ipvs_proc_conn_net_init(net);
	if (err)
		goto err_conn;
	err = lbdr_ipvs_sysctl_net_init(lbdr_ipvs_net(net));
	if (err)
		goto err_sysctl;
	return 0;

err_sysctl:
	lbdr_ipvs_proc_conn_net_exit(net);
err_conn:
	lbdr_ipvs_proc_net_exit(net);
	return err;
}

static void __net_exit lbdr_ipvs_files_exit(struct net *net)
{
	lbdr_ipvs_sysctl_net_exit(lbdr_ipvs_net(net));
	lbdr_ipvs_proc_conn_net_exit(net);
	lbdr_ipvs_proc_net_exit(net);
}

/* Registered after the family. Exit of a namespace: files first. */
static struct pernet_operations lbdr_ipvs_files_ops = {
	.init	= lbdr_ipvs_files_init,
	.exit	= lbdr_ipvs_files_exit,
};

static int __init lbdr_ipvs_init(void)
{
	int err;

	err = register_pernet_subsys(&lbdr_ipvs_net_ops);
	if (err)
		return err;
	err = register_module_notifier(&lbdr_ipvs_module_notifier);
	if (err)
		goto err_module;
	err = lbdr_ipvs_family_init();
	if (err == -EEXIST)
		pr_err("ip_vs is loaded: remove its services, and the module by rmmod ip_vs\n");
	if (err)
		goto err_family;
	err = lbdr_ipvs_rates_init();
	if (err)
		goto err_rates;
	err = register_pernet_subsys(&lbdr_ipvs_files_ops);
	if (err)
		goto err_files;
	return 0;

err_files:
	lbdr_ipvs_rates_exit();
err_rates:
	lbdr_ipvs_family_exit();
err_family:
	unregister_module_notifier(&lbdr_ipvs_module_notifier);
err_module:
	unregister_pernet_subsys(&lbdr_ipvs_net_ops);
	/* As for a device in use. modprobe would take -EEXIST for success. */
	return err == -EEXIST ? -EBUSY : err;
}

/* The reverse of lbdr_ipvs_init(). */
static void __exit lbdr_ipvs_exit(void)
{
	unregister_pernet_subsys(&lbdr_ipvs_files_ops);
	lbdr_ipvs_rates_exit();
	lbdr_ipvs_family_exit();
	unregister_module_notifier(&lbdr_ipvs_module_notifier);
	unregister_pernet_subsys(&lbdr_ipvs_net_ops);
}

module_init(lbdr_ipvs_init);
module_exit(lbdr_ipvs_exit);

MODULE_DESCRIPTION("Family IPVS and the files of ip_vs for the director lbdr");
MODULE_AUTHOR("The lbdr authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(LBDR_MODULE_VERSION);
LBDR_IMPORT_NS();
