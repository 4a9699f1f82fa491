// SPDX-License-Identifier: GPL-2.0
/*
 * Registration of the netfilter hooks that hook.c defines.
 *
 * The hooks of a family are registered while it has services, that of fwmark services
 * while there are any, and that of tunnel servers while there are any with an address of the
 * family. Only transactions change them, under lbdr_net.config.
 */
#include "domain.h"
#include "hook.h"
#include "ingress.h"
#include "lbdr.h"
#include "source.h"
#include "symbols.h"

/*
 * Returns true if nf_defrag must reassemble all fragments of the namespace in front of a
 * hook, see frag.c: rules that set marks must see whole datagrams, and so must the filter
 * table in front of LOCAL_IN, where IPv6 fragments have not been reassembled yet.
 */
static bool lbdr_hook_needs_defrag(int hook, enum lbdr_family family)
{
	return hook == LBDR_HOOK_MARKED ||
	       (hook == LBDR_ENTRY_INPUT && family == LBDR_V6);
}

static int lbdr_hook_on(struct lbdr_net *ln, int hook, enum lbdr_family family)
{
	bool defrag = lbdr_hook_needs_defrag(hook, family);
	int err = 0;

	lockdep_assert_held(&ln->config);

	if (ln->hooked[hook][family])
		return 0;
	if (family == LBDR_V4)
		lbdr_source_watch(ln);
	if (defrag)
		err = lbdr_defrag_enable(ln->net, family);
	if (err)
		return err;
	err = nf_register_net_hook(ln->net, &ln->hooks[hook][family]);
	if (!err)
		ln->hooked[hook][family] = true;
	else if (defrag)
		lbdr_defrag_disable(ln->net, family);
	return err;
}

static void lbdr_hook_off(struct lbdr_net *ln, int hook, enum lbdr_family family)
{
	lockdep_assert_held(&ln->config);

	if (!ln->hooked[hook][family])
		return;
	nf_unregister_net_hook(ln->net, &ln->hooks[hook][family]);
	if (lbdr_hook_needs_defrag(hook, family))
		lbdr_defrag_disable(ln->net, family);
	ln->hooked[hook][family] = false;
}

/**
 * lbdr_hook_register() - Register the hooks of a family
 * @ln: the namespace
 * @family: the family
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: 0 or a negative error.
 */
int lbdr_hook_register(struct lbdr_net *ln, enum lbdr_family family)
{
	int err;

	err = lbdr_hook_on(ln, ln->entry, family);
	if (err)
		return err;
	err = lbdr_hook_on(ln, LBDR_HOOK_LOCAL, family);
	if (err)
		goto err_local;
	err = lbdr_ingress_enable(ln);
	if (err)
		goto err_ingress;
	return 0;

err_ingress:
	lbdr_hook_off(ln, LBDR_HOOK_LOCAL, family);
err_local:
	lbdr_hook_off(ln, ln->entry, family);
	return err;
}

/**
 * lbdr_hook_unregister() - Unregister the hooks of a family
 * @ln: the namespace
 * @family: the family
 *
 * Packets may run in the hooks until a grace period has passed.
 *
 * Context: process, may sleep; lbdr_net.config held.
 */
void lbdr_hook_unregister(struct lbdr_net *ln, enum lbdr_family family)
{
	if (!ln->n_services[LBDR_V4] && !ln->n_services[LBDR_V6])
		lbdr_ingress_disable(ln);
	lbdr_hook_off(ln, LBDR_HOOK_LOCAL, family);
	lbdr_hook_off(ln, ln->entry, family);
}

/**
 * lbdr_hook_register_marked() - Register the hook of a family's fwmark services
 * @ln: the namespace
 * @family: the family
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: 0 or a negative error.
 */
int lbdr_hook_register_marked(struct lbdr_net *ln, enum lbdr_family family)
{
	return lbdr_hook_on(ln, LBDR_HOOK_MARKED, family);
}

/**
 * lbdr_hook_unregister_marked() - Unregister the hook of a family's fwmark services
 * @ln: the namespace
 * @family: the family
 *
 * Context: process, may sleep; lbdr_net.config held.
 */
void lbdr_hook_unregister_marked(struct lbdr_net *ln, enum lbdr_family family)
{
	lbdr_hook_off(ln, LBDR_HOOK_MARKED, family);
}

/**
 * lbdr_hook_register_tunnel() - Register the hook for ICMP errors about tunnelled packets
 * @ln: the namespace
 * @outer: family of the outer header; there are or will be tunnel servers of it
 *
 * lbdr_hook_update_tunnel() follows.
 *
 * Context: process, may sleep; lbdr_net.config held.
 * Return: 0 or a negative error.
 */
int lbdr_hook_register_tunnel(struct lbdr_net *ln, enum lbdr_family outer)
{
	return lbdr_hook_on(ln, LBDR_HOOK_TUNNEL, outer);
}

/**
 * lbdr_hook_update_tunnel() - Unregister these hooks where there are no tunnel servers
 * @ln: the namespace
 *
 * Context: process, may sleep; lbdr_net.config held.
 */
void lbdr_hook_update_tunnel(struct lbdr_net *ln)
{
	enum lbdr_family outer;

	for (outer = 0; outer < LBDR_FAMILIES; outer++)
		if (!ln->n_tunnels[outer])
			lbdr_hook_off(ln, LBDR_HOOK_TUNNEL, outer);
}

/* The other one of the two entries. */
static u8 lbdr_hook_other_entry(u8 entry)
{
	return entry == LBDR_ENTRY_INPUT ? LBDR_ENTRY_PREROUTING :
					   LBDR_ENTRY_INPUT;
}

/**
 * lbdr_hook_entry_change() - Change the entry, first step: register the new hooks
 * @ln: the namespace
 * @entry: LBDR_ENTRY_PREROUTING or LBDR_ENTRY_INPUT, not the present entry
 *
 * Both hooks are registered until lbdr_hook_entry_finish(). So every packet passes at
 * least one hook, including a packet that was between PREROUTING and LOCAL_IN when the
 * PREROUTING hook was registered. The first hook that a packet passes forwards it.
 *
 * Context: process, may sleep; lbdr_net.config held, and not released before
 * lbdr_hook_entry_finish().
 * Return: 0, or a negative error, and nothing is changed.
 */
int lbdr_hook_entry_change(struct lbdr_net *ln, u8 entry)
{
	enum lbdr_family family;
	int err;

	for (family = 0; family < LBDR_FAMILIES; family++) {
		if (!ln->n_services[family])
			continue;
		err = lbdr_hook_on(ln, entry, family);
		if (err)
			goto err;
	}
	WRITE_ONCE(ln->entry, entry);
	return 0;

err:
	for (family = 0; family < LBDR_FAMILIES; family++)
		lbdr_hook_off(ln, entry, family);
	return err;
}

/**
 * lbdr_hook_entry_finish() - Change the entry, second step: unregister the old hooks
 * @ln: the namespace
 *
 * Waits for a grace period first.
 *
 * Context: process, may sleep; lbdr_net.config held since
 * lbdr_hook_entry_change(), lbdr_net.lock not held.
 */
void lbdr_hook_entry_finish(struct lbdr_net *ln)
{
	u8 old = lbdr_hook_other_entry(ln->entry);
	enum lbdr_family family;

	synchronize_rcu();
	for (family = 0; family < LBDR_FAMILIES; family++)
		lbdr_hook_off(ln, old, family);
}
