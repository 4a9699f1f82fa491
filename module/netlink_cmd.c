// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: commands that change the configuration, and their transactions.
 *
 * A command with the id of an open transaction is staged in it, under
 * lbdr_net.lock. Any other command is a transaction by itself: lbdr_net.config is
 * held until it is committed, so it meets no conflict.
 */
#include "netlink.h"

static int lbdr_nl_cmd_begin_single(struct lbdr_nl_cmd *cmd)
{
	cmd->config = lbdr_config_begin_single(cmd->ln, &cmd->origin.base);
	if (!IS_ERR(cmd->config))
		return 0;
	if (PTR_ERR(cmd->config) == -ENOMEM)
		GENL_SET_ERR_MSG(cmd->info, "no memory for the transaction");
	return PTR_ERR(cmd->config);
}

/**
 * lbdr_nl_cmd_begin() - Find or begin the transaction of a command
 * @cmd: filled in
 * @info: the command
 * @attr: attribute that has the id of an open transaction
 *
 * On success lbdr_nl_cmd_commit() and lbdr_nl_cmd_end() must follow.
 *
 * Context: process, may sleep. On success lbdr_net.lock is held if the command is
 * staged in an open transaction, else lbdr_net.config.
 * Return: 0, -ECANCELED if the transaction is not open, -EINTR or -ENOMEM.
 */
int lbdr_nl_cmd_begin(struct lbdr_nl_cmd *cmd, struct genl_info *info, int attr)
{
	*cmd = (struct lbdr_nl_cmd) {
		.ln = lbdr_net(genl_info_net(info)),
		.info = info,
		.origin.base.owner = &lbdr_nl_notifier,
		.origin.info = info,
	};

	if (!info->attrs[attr])
		return lbdr_nl_cmd_begin_single(cmd);
	lbdr_lock(cmd->ln);
	cmd->batch = lbdr_nl_batch_find(cmd->ln, info, info->attrs[attr]);
	if (IS_ERR(cmd->batch)) {
		lbdr_unlock(cmd->ln);
		return PTR_ERR(cmd->batch);
	}
	cmd->config = lbdr_nl_batch_config(cmd->batch);
	return 0;
}

/**
 * lbdr_nl_commit() - Commit a transaction
 * @config: the transaction
 * @info: the command, for the extack message
 *
 * Context: process, may sleep; lbdr_net.config held, lbdr_net.lock not held.
 * Return: 0 or a negative error.
 */
int lbdr_nl_commit(struct lbdr_config *config, struct genl_info *info)
{
	int err = lbdr_config_commit(config);

	switch (err) {
	case 0:
	case -EINTR: /* nobody reads the answer */
		break;
	case -EAGAIN:
		GENL_SET_ERR_MSG(info,
				 "services of this transaction were changed by others since it began: begin again");
		break;
	case -ENODEV:
		GENL_SET_ERR_MSG(info, "device of the entry ingress not found");
		break;
	case -EOPNOTSUPP:
		GENL_SET_ERR_MSG(info,
				 "cannot register the hooks of this entry: netfilter at ingress not supported, or no memory");
		break;
	case -EDQUOT:
		GENL_SET_ERR_MSG(info,
				 "this user's network namespace has as many services or servers as it may have: see user_services_max, user_servers_max");
		break;
	case -ESHUTDOWN:
		GENL_SET_ERR_MSG(info, "the module is being unloaded");
		break;
	case -ENOMEM:
		GENL_SET_ERR_MSG(info,
				 "no memory for the configuration or its hooks");
		break;
	default:
		GENL_SET_ERR_MSG(info,
				 "the kernel has refused a hook or a table for the services: see the error code");
	}
	return err;
}

/**
 * lbdr_nl_cmd_commit() - Finish the staging of a command
 * @cmd: the command
 * @err: what staging returned
 *
 * Commits the transaction of a single command; counts a command of an open one.
 *
 * Context: process, may sleep; the lock of lbdr_nl_cmd_begin() is held.
 * Return: @err if it is not 0, else 0 or a negative error.
 */
int lbdr_nl_cmd_commit(struct lbdr_nl_cmd *cmd, int err)
{
	if (err) {
		if (cmd->batch)
			lbdr_config_undo(cmd->config);
		return err;
	}
	if (!cmd->batch)
		return lbdr_nl_commit(cmd->config, cmd->info);
	lbdr_config_keep(cmd->config);
	lbdr_nl_batch_count(cmd->batch);
	return 0;
}

/**
 * lbdr_nl_cmd_end() - Release what lbdr_nl_cmd_begin() took
 * @cmd: the command
 *
 * Context: process, may sleep; the lock of lbdr_nl_cmd_begin() is held, and
 * released here.
 */
void lbdr_nl_cmd_end(struct lbdr_nl_cmd *cmd)
{
	if (cmd->batch) {
		lbdr_unlock(cmd->ln);
		return;
	}
	lbdr_nl_ntf_flush(&cmd->origin);
	lbdr_config_end_single(cmd->config);
}
