// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the configuration of ip_vs by its netlink family, and writes it as ipvsadm's
 * commands, which restore_file() does: what lbdr does not support is an error there,
 * as it is in a file.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include "lbctl.h"

/* The service, and what a request for its servers names it by. */
struct ipvs_service {
	struct service_key key;
	__u8 address[16];
};

struct ipvs_services {
	struct ipvs_service *services;
	size_t count;
	size_t room;
	FILE *out;
};

struct ipvs_servers {
	const struct service_key *key;
	FILE *out;
};

static const char *const flag_words[] = { "flag-1", "flag-2", "flag-3" };

static int sort_attr(const struct nlattr *attr, void *data)
{
	const struct nlattr **attrs = data;

	/* Attributes of newer kernels are left out. */
	if (mnl_attr_get_type(attr) <= IPVS_DEST_ATTR_MAX)
		attrs[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

/* libmnl takes the bytes that align the length of a message for a part of it. */
static bool is_whole(const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_len >= mnl_nlmsg_size(sizeof(struct genlmsghdr)) &&
	       !(nlh->nlmsg_len % MNL_ALIGNTO);
}

/* The attributes of the service or server that a message is about. */
static bool sort_nested(const struct nlmsghdr *nlh, __u16 type,
			const struct nlattr **attrs)
{
	const struct nlattr *level[IPVS_DEST_ATTR_MAX + 1] = { NULL };

	return is_whole(nlh) &&
	       mnl_attr_parse(nlh, sizeof(struct genlmsghdr), sort_attr,
			      level) == MNL_CB_OK &&
	       level[type] && mnl_attr_validate(level[type], MNL_TYPE_NESTED) >= 0 &&
	       mnl_attr_parse_nested(level[type], sort_attr, attrs) == MNL_CB_OK;
}

static bool has_size(const struct nlattr *attr, size_t size)
{
	return attr && mnl_attr_get_payload_len(attr) >= size;
}

static __u32 get_u32(const struct nlattr *attr)
{
	return has_size(attr, sizeof(__u32)) ? mnl_attr_get_u32(attr) : 0;
}

static bool read_key(const struct nlattr **attrs, struct ipvs_service *service)
{
	struct service_key *key = &service->key;
	const struct nlattr *address = attrs[IPVS_SVC_ATTR_ADDR];

	memset(service, 0, sizeof(*service));
	if (!has_size(attrs[IPVS_SVC_ATTR_AF], sizeof(__u16)))
		return false;
	key->at.family = mnl_attr_get_u16(attrs[IPVS_SVC_ATTR_AF]);
	if (key->at.family != AF_INET && key->at.family != AF_INET6)
		return false;
	key->fwmark = get_u32(attrs[IPVS_SVC_ATTR_FWMARK]);
	if (key->fwmark)
		return true;
	if (!has_size(attrs[IPVS_SVC_ATTR_PROTOCOL], sizeof(__u16)) ||
	    !has_size(attrs[IPVS_SVC_ATTR_PORT], sizeof(__u16)) ||
	    !has_size(address, sizeof(service->address)))
		return false;
	key->protocol = mnl_attr_get_u16(attrs[IPVS_SVC_ATTR_PROTOCOL]);
	key->at.port = ntohs(mnl_attr_get_u16(attrs[IPVS_SVC_ATTR_PORT]));
	memcpy(service->address, mnl_attr_get_payload(address),
	       sizeof(service->address));
	memcpy(key->at.address, service->address,
	       key->at.family == AF_INET ? 4 : 16);
	return protocol_of(key->protocol)->word;
}

static const char *get_text(const struct nlattr *attr)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 ?
		       mnl_attr_get_str(attr) : "";
}

static void write_flags(FILE *out, __u32 flags)
{
	static const __u32 bits[] = {
		IP_VS_SVC_F_SCHED1, IP_VS_SVC_F_SCHED2, IP_VS_SVC_F_SCHED3,
	};
	const char *before = " -b ";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		if (!(flags & bits[i]))
			continue;
		fprintf(out, "%s%s", before, flag_words[i]);
		before = ",";
	}
}

/* The mask is in network order for IPv4, the length of a prefix for IPv6. */
static void write_mask(FILE *out, int family, __u32 mask)
{
	char text[INET_ADDRSTRLEN];

	if (family == AF_INET6 && mask != 128)
		fprintf(out, " -M %u", mask);
	if (family == AF_INET && mask != ~0U)
		fprintf(out, " -M %s",
			inet_ntop(AF_INET, &mask, text, sizeof(text)));
}

static bool read_service(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[IPVS_DEST_ATTR_MAX + 1] = { NULL };
	struct ipvs_services *all = data;
	struct ipvs_service *service;
	struct ip_vs_flags flags = { 0 };
	char key[SAVE_KEY_TEXT];
	const char *name;

	all->services = grow(all->services, &all->room, all->count,
			     sizeof(*service));
	service = &all->services[all->count];
	if (!sort_nested(nlh, IPVS_CMD_ATTR_SERVICE, attrs) ||
	    !read_key(attrs, service))
		return false;
	all->count++;
	name = get_text(attrs[IPVS_SVC_ATTR_SCHED_NAME]);
	fprintf(all->out, "-A %s -s %s", save_key(&service->key, true, key),
		*name ? name : "none");
	if (has_size(attrs[IPVS_SVC_ATTR_FLAGS], sizeof(flags)))
		memcpy(&flags, mnl_attr_get_payload(attrs[IPVS_SVC_ATTR_FLAGS]),
		       sizeof(flags));
	write_flags(all->out, flags.flags);
	if (flags.flags & IP_VS_SVC_F_PERSISTENT) {
		fprintf(all->out, " -p %u",
			get_u32(attrs[IPVS_SVC_ATTR_TIMEOUT]));
		write_mask(all->out, service->key.at.family,
			   get_u32(attrs[IPVS_SVC_ATTR_NETMASK]));
	}
	if (flags.flags & IP_VS_SVC_F_ONEPACKET)
		fputs(" -o", all->out);
	name = get_text(attrs[IPVS_SVC_ATTR_PE_NAME]);
	if (*name)
		fprintf(all->out, " --pe %s", name);
	fputc('\n', all->out);
	return true;
}

static const char *method_letter(__u32 method)
{
	switch (method & IP_VS_CONN_F_FWD_MASK) {
	case IP_VS_CONN_F_MASQ:
		return "-m";
	case IP_VS_CONN_F_TUNNEL:
		return "-i";
	default:
		return "-g";
	}
}

static __u16 get_u16(const struct nlattr *attr)
{
	return has_size(attr, sizeof(__u16)) ? mnl_attr_get_u16(attr) : 0;
}

static void write_tunnel(FILE *out, const struct nlattr **attrs)
{
	/* ip_vs's own order, not that of enum lbdr_tunnel. */
	static const char *const type_names[] = {
		[IP_VS_CONN_F_TUNNEL_TYPE_IPIP] = "ipip",
		[IP_VS_CONN_F_TUNNEL_TYPE_GUE] = "gue",
		[IP_VS_CONN_F_TUNNEL_TYPE_GRE] = "gre",
	};
	static const struct choice types = CHOICE(NULL, type);
	const struct nlattr *attr = attrs[IPVS_DEST_ATTR_TUN_TYPE];
	__u16 flags = get_u16(attrs[IPVS_DEST_ATTR_TUN_FLAGS]);
	__u8 type = has_size(attr, sizeof(__u8)) ? mnl_attr_get_u8(attr) : 0;

	fprintf(out, " --tun-type %s", choice_word(&types, type));
	if (type == IP_VS_CONN_F_TUNNEL_TYPE_GUE)
		fprintf(out, " --tun-port %u",
			ntohs(get_u16(attrs[IPVS_DEST_ATTR_TUN_PORT])));
	if (flags & IP_VS_TUNNEL_ENCAP_FLAG_CSUM)
		fputs(" --tun-csum", out);
	if (flags & IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM)
		fputs(" --tun-remcsum", out);
}

static bool read_server(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[IPVS_DEST_ATTR_MAX + 1] = { NULL };
	const struct ipvs_servers *servers = data;
	struct endpoint at = servers->key->at;
	const struct nlattr *family;
	char key[SAVE_KEY_TEXT];
	char text[ENDPOINT_TEXT];
	const char *method;
	__u32 upper, lower;

	if (!sort_nested(nlh, IPVS_CMD_ATTR_DEST, attrs) ||
	    !has_size(attrs[IPVS_DEST_ATTR_ADDR], 16) ||
	    !has_size(attrs[IPVS_DEST_ATTR_PORT], sizeof(__u16)))
		return false;
	family = attrs[IPVS_DEST_ATTR_ADDR_FAMILY];
	if (has_size(family, sizeof(__u16)))
		at.family = mnl_attr_get_u16(family);
	memset(at.address, 0, sizeof(at.address));
	memcpy(at.address, mnl_attr_get_payload(attrs[IPVS_DEST_ATTR_ADDR]),
	       at.family == AF_INET ? 4 : 16);
	at.port = ntohs(mnl_attr_get_u16(attrs[IPVS_DEST_ATTR_PORT]));
	method = method_letter(get_u32(attrs[IPVS_DEST_ATTR_FWD_METHOD]));
	fprintf(servers->out, "-a %s -r %s %s -w %u",
		save_key(servers->key, true, key),
		endpoint_text(&at, servers->key->protocol, true, text), method,
		get_u32(attrs[IPVS_DEST_ATTR_WEIGHT]));
	upper = get_u32(attrs[IPVS_DEST_ATTR_U_THRESH]);
	lower = get_u32(attrs[IPVS_DEST_ATTR_L_THRESH]);
	if (upper)
		fprintf(servers->out, " -x %u", upper);
	if (lower)
		fprintf(servers->out, " -y %u", lower);
	if (!strcmp(method, "-i"))
		write_tunnel(servers->out, attrs);
	fputc('\n', servers->out);
	return true;
}

static bool read_config(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[IPVS_DEST_ATTR_MAX + 1] = { NULL };
	__u32 tcp, fin, udp;

	if (!is_whole(nlh) ||
	    mnl_attr_parse(nlh, sizeof(struct genlmsghdr), sort_attr,
			   attrs) != MNL_CB_OK)
		return false;
	tcp = get_u32(attrs[IPVS_CMD_ATTR_TIMEOUT_TCP]);
	fin = get_u32(attrs[IPVS_CMD_ATTR_TIMEOUT_TCP_FIN]);
	udp = get_u32(attrs[IPVS_CMD_ATTR_TIMEOUT_UDP]);
	if (tcp != usual_timeouts[LBDR_CONN_STATE_ESTABLISHED] ||
	    fin != usual_timeouts[LBDR_CONN_STATE_FIN_WAIT] ||
	    udp != usual_timeouts[LBDR_CONN_STATE_UDP])
		fprintf(data, "--set %u %u %u\n", tcp, fin, udp);
	return true;
}

static int write_servers(struct nl *ipvs, const struct ipvs_service *service,
			 FILE *out)
{
	struct ipvs_servers servers = { &service->key, out };
	struct nlmsghdr *nlh = nl_dump_request(ipvs, IPVS_CMD_GET_DEST);
	const struct service_key *key = &service->key;
	struct nlattr *nest;

	nest = mnl_attr_nest_start(nlh, IPVS_CMD_ATTR_SERVICE);
	mnl_attr_put_u16(nlh, IPVS_SVC_ATTR_AF, key->at.family);
	if (key->fwmark) {
		mnl_attr_put_u32(nlh, IPVS_SVC_ATTR_FWMARK, key->fwmark);
	} else {
		mnl_attr_put_u16(nlh, IPVS_SVC_ATTR_PROTOCOL, key->protocol);
		mnl_attr_put(nlh, IPVS_SVC_ATTR_ADDR, sizeof(service->address),
			     service->address);
		mnl_attr_put_u16(nlh, IPVS_SVC_ATTR_PORT, htons(key->at.port));
	}
	mnl_attr_nest_end(nlh, nest);
	return nl_run(ipvs, nlh, read_server, &servers, "ip_vs server");
}

/**
 * import_write() - write what ip_vs has as commands
 * @ipvs: the connection with ip_vs
 * @out: where to
 *
 * Services come first, then the servers of each.
 *
 * Return: the exit status, after a message.
 */
int import_write(struct nl *ipvs, FILE *out)
{
	struct ipvs_services all = { .out = out };
	int status;
	size_t i;

	status = nl_run(ipvs, nl_request(ipvs, IPVS_CMD_GET_CONFIG), read_config,
			out, "ip_vs configuration");
	if (!status)
		status = nl_run(ipvs, nl_dump_request(ipvs, IPVS_CMD_GET_SERVICE),
				read_service, &all, "ip_vs service");
	for (i = 0; !status && i < all.count; i++)
		status = write_servers(ipvs, &all.services[i], out);
	if (!status && !all.count)
		complain("warning: ip_vs has no services here");
	free(all.services);
	return status;
}

static int restore_text(const struct request *req, char *text, size_t size)
{
	struct file file = { .name = "ip_vs" };
	struct nl *nl;
	int status;

	if (!size)
		return EXIT_DONE;
	status = nl_open(&nl, req->netns);
	if (status)
		return status;
	file.in = or_exit(fmemopen(text, size, "r"));
	status = restore_file(nl, &file, req);
	file_close(&file);
	nl_close(nl);
	return status;
}

int import_run(struct nl *nl, const struct request *req)
{
	char *text = NULL;
	size_t size = 0;
	struct nl *ipvs;
	int status;
	FILE *out;

	(void)nl;
	/* To ask for its family would load the module. */
	if (access("/proc/net/ip_vs", F_OK)) {
		complain("ip_vs is not loaded: nothing to import");
		return EXIT_REFUSED;
	}
	status = nl_open_ipvs(&ipvs, req->netns);
	if (status)
		return status;
	out = or_exit(open_memstream(&text, &size));
	status = import_write(ipvs, out);
	stream_end(out);
	nl_close(ipvs);
	if (!status && req->file.dry_run)
		fwrite(text, 1, size, stdout);
	else if (!status)
		status = restore_text(req, text, size);
	free(text);
	return status;
}
