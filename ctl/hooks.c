// SPDX-License-Identifier: GPL-2.0
/*
 * Who is hooked into netfilter, and in which order, from nfnetlink_hook. Not
 * every kernel has that: Debian 12's has not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_hook.h>

#include "hooks.h"

static int sort_hook(const struct nlattr *attr, void *data)
{
	const struct nlattr **attrs = data;

	if (mnl_attr_get_type(attr) <= NFNLA_HOOK_MAX)
		attrs[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static int sort_chain(const struct nlattr *attr, void *data)
{
	const struct nlattr **attrs = data;

	if (mnl_attr_get_type(attr) <= NFNLA_CHAIN_MAX)
		attrs[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static int find_desc(const struct nlattr *attr, void *data)
{
	const struct nlattr **desc = data;

	if (mnl_attr_get_type(attr) == NFNLA_HOOK_INFO_DESC)
		*desc = attr;
	return MNL_CB_OK;
}

static const char *word(const struct nlattr *attr)
{
	if (!attr || mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return "";
	return mnl_attr_get_str(attr);
}

/* A chain of nf_tables is hooked in by a function that all of them share. */
static bool name_chain(const struct nlattr *info, struct hook *hook)
{
	const struct nlattr *attrs[NFNLA_CHAIN_MAX + 1] = { NULL };
	const struct nlattr *desc = NULL;

	mnl_attr_parse_nested(info, find_desc, &desc);
	if (!desc)
		return false;
	mnl_attr_parse_nested(desc, sort_chain, attrs);
	if (!attrs[NFNLA_CHAIN_NAME])
		return false;
	snprintf(hook->name, sizeof(hook->name), "%.100s %.100s",
		 word(attrs[NFNLA_CHAIN_TABLE]), word(attrs[NFNLA_CHAIN_NAME]));
	return true;
}

/**
 * hooks_hear() - take one hook over
 * @nlh: the message
 * @data: the struct hooks
 *
 * Return: what mnl_cb_run() goes by.
 */
int hooks_hear(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[NFNLA_HOOK_MAX + 1] = { NULL };
	const struct nlattr *info, *priority;
	struct hooks *hooks = data;
	struct hook *hook;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
		return MNL_CB_ERROR;
	mnl_attr_parse(nlh, sizeof(struct nfgenmsg), sort_hook, attrs);
	priority = attrs[NFNLA_HOOK_PRIORITY];
	if (!priority || mnl_attr_validate(priority, MNL_TYPE_U32) < 0)
		return MNL_CB_OK;
	hooks->hooks = grow(hooks->hooks, &hooks->room_hooks, hooks->nr_hooks,
			    sizeof(*hook));
	hook = &hooks->hooks[hooks->nr_hooks++];
	memset(hook, 0, sizeof(*hook));
	hook->priority = (int)ntohl(mnl_attr_get_u32(priority));
	hook->ours = !strcmp(word(attrs[NFNLA_HOOK_MODULE_NAME]), "lbdr");
	snprintf(hook->name, sizeof(hook->name), "%.200s",
		 word(attrs[NFNLA_HOOK_FUNCTION_NAME]));
	info = attrs[NFNLA_HOOK_CHAIN_INFO];
	hook->chain = info && name_chain(info, hook);
	return MNL_CB_OK;
}

static int ask(struct mnl_socket *socket, int family, __u8 number,
	       struct hooks *hooks)
{
	__u64 buffer[32768 / 8];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header;
	ssize_t size;
	int status;

	nlh->nlmsg_type = NFNL_SUBSYS_HOOK << 8 | NFNL_MSG_HOOK_GET;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(nlh, sizeof(*header));
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	mnl_attr_put_u32(nlh, NFNLA_HOOK_HOOKNUM, htonl(number));
	if (mnl_socket_sendto(socket, nlh, nlh->nlmsg_len) < 0)
		return errno;
	do {
		size = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (size < 0)
			return errno;
		status = decode_run(buffer, size, mnl_socket_get_portid(socket),
				    0, hooks_hear, hooks);
	} while (status > MNL_CB_STOP);
	return status == MNL_CB_ERROR ? errno : 0;
}

/**
 * hooks_read() - who is hooked into one place, in the order of being called
 * @hooks: to be dropped by the caller, also after an error
 * @family: AF_INET or AF_INET6
 * @number: NF_INET_...
 *
 * Return: 0, or an errno where the kernel does not tell.
 */
int hooks_read(struct hooks *hooks, int family, __u8 number)
{
	struct mnl_socket *socket = mnl_socket_open(NETLINK_NETFILTER);
	int error = errno;

	memset(hooks, 0, sizeof(*hooks));
	if (!socket)
		return error;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
		error = errno;
	else
		error = ask(socket, family, number, hooks);
	mnl_socket_close(socket);
	return error;
}

void hooks_drop(struct hooks *hooks)
{
	free(hooks->hooks);
	memset(hooks, 0, sizeof(*hooks));
}
