// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of import.c: messages as ip_vs sends them, and the commands that are written
 * for them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include "check.h"
#include "lbctl.h"

struct row {
	int family;
	__u16 protocol;
	const char *address;
	__u16 port;
	__u32 fwmark;
	const char *scheduler;
	__u32 flags;
	__u32 timeout;
	__u32 netmask;		/* in host order for IPv4 */
	const char *pe;
};

static const struct row rows[] = {
	{ AF_INET, IPPROTO_TCP, "192.0.2.1", 80, 0, "sh",
	  IP_VS_SVC_F_PERSISTENT | IP_VS_SVC_F_HASHED | IP_VS_SVC_F_SCHED1 |
	  IP_VS_SVC_F_SCHED2, 360, 0xffffff00, NULL },
	{ AF_INET6, IPPROTO_UDP, "2001:db8::1", 53, 0, "rr",
	  IP_VS_SVC_F_PERSISTENT | IP_VS_SVC_F_ONEPACKET, 20, 64, NULL },
	{ AF_INET6, 0, NULL, 0, 7, "wlc", IP_VS_SVC_F_HASHED, 0, 128, "sip" },
};

static void put_service(struct nlmsghdr *nlh, const struct row *row)
{
	struct ip_vs_flags flags = { row->flags, ~0U };
	__u8 address[16] = { 0 };
	struct nlattr *nest;

	nest = mnl_attr_nest_start(nlh, IPVS_CMD_ATTR_SERVICE);
	mnl_attr_put_u16(nlh, IPVS_SVC_ATTR_AF, row->family);
	if (row->fwmark) {
		mnl_attr_put_u32(nlh, IPVS_SVC_ATTR_FWMARK, row->fwmark);
	} else {
		inet_pton(row->family, row->address, address);
		mnl_attr_put_u16(nlh, IPVS_SVC_ATTR_PROTOCOL, row->protocol);
		mnl_attr_put(nlh, IPVS_SVC_ATTR_ADDR, 16, address);
		mnl_attr_put_u16(nlh, IPVS_SVC_ATTR_PORT, htons(row->port));
	}
	mnl_attr_put_strz(nlh, IPVS_SVC_ATTR_SCHED_NAME, row->scheduler);
	if (row->pe)
		mnl_attr_put_strz(nlh, IPVS_SVC_ATTR_PE_NAME, row->pe);
	mnl_attr_put(nlh, IPVS_SVC_ATTR_FLAGS, sizeof(flags), &flags);
	mnl_attr_put_u32(nlh, IPVS_SVC_ATTR_TIMEOUT, row->timeout);
	mnl_attr_put_u32(nlh, IPVS_SVC_ATTR_NETMASK, row->family == AF_INET ?
			 htonl(row->netmask) : row->netmask);
	mnl_attr_nest_end(nlh, nest);
}

static void put_server(struct nlmsghdr *nlh, const char *text, __u16 port,
		       __u32 method, __u32 weight, __u32 upper, __u32 lower)
{
	__u8 address[16] = { 0 };
	struct nlattr *nest;

	inet_pton(AF_INET, text, address);
	nest = mnl_attr_nest_start(nlh, IPVS_CMD_ATTR_DEST);
	mnl_attr_put(nlh, IPVS_DEST_ATTR_ADDR, 16, address);
	mnl_attr_put_u16(nlh, IPVS_DEST_ATTR_PORT, htons(port));
	mnl_attr_put_u32(nlh, IPVS_DEST_ATTR_FWD_METHOD, method);
	mnl_attr_put_u32(nlh, IPVS_DEST_ATTR_WEIGHT, weight);
	mnl_attr_put_u32(nlh, IPVS_DEST_ATTR_U_THRESH, upper);
	mnl_attr_put_u32(nlh, IPVS_DEST_ATTR_L_THRESH, lower);
	mnl_attr_put_u16(nlh, IPVS_DEST_ATTR_ADDR_FAMILY, AF_INET);
	/* An attribute of a newer kernel. */
	mnl_attr_put_u32(nlh, IPVS_DEST_ATTR_MAX + 9, 1);
	mnl_attr_nest_end(nlh, nest);
}

static struct nlmsghdr *begin(__u64 *buffer)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct genlmsghdr));
	return nlh;
}

static bool wants_first(const struct nlmsghdr *nlh)
{
	const struct nlattr *nest, *attr;

	mnl_attr_for_each(nest, nlh, sizeof(struct genlmsghdr)) {
		mnl_attr_for_each_nested(attr, nest) {
			if (mnl_attr_get_type(attr) == IPVS_SVC_ATTR_PORT)
				return mnl_attr_get_u16(attr) == htons(80);
		}
	}
	return false;
}

/* Cuts the message where the test wants it to be cut. */
static size_t cut;

static bool tell(struct nlmsghdr *nlh, nl_reader reader, void *data)
{
	struct nlmsghdr *copy;
	bool sane;

	if (!cut)
		return reader(nlh, data);
	if (nlh->nlmsg_len > cut)
		nlh->nlmsg_len = cut;
	/* In memory of its own size, so that the sanitizers guard its end. */
	copy = malloc(nlh->nlmsg_len);
	if (!copy)
		abort();
	memcpy(copy, nlh, nlh->nlmsg_len);
	sane = reader(copy, data);
	free(copy);
	return sane;
}

/* Behind the attributes of the server, in their nest. */
static void put_tunnel(struct nlmsghdr *nlh, __u8 type, __u16 port, __u16 flags)
{
	struct nlattr *nest = mnl_nlmsg_get_payload_offset(nlh, sizeof(struct genlmsghdr));

	mnl_attr_put_u8(nlh, IPVS_DEST_ATTR_TUN_TYPE, type);
	mnl_attr_put_u16(nlh, IPVS_DEST_ATTR_TUN_PORT, htons(port));
	mnl_attr_put_u16(nlh, IPVS_DEST_ATTR_TUN_FLAGS, flags);
	mnl_attr_nest_end(nlh, nest);
}

/* The last one is of a kernel before 5.3. */
static int tell_tunnels(nl_reader reader, void *data)
{
	__u64 buffer[256];
	struct nlmsghdr *answer;

	answer = begin(buffer);
	put_server(answer, "192.0.2.4", 80, IP_VS_CONN_F_TUNNEL, 1, 0, 0);
	put_tunnel(answer, IP_VS_CONN_F_TUNNEL_TYPE_GUE, 6080,
		   IP_VS_TUNNEL_ENCAP_FLAG_CSUM);
	if (!tell(answer, reader, data))
		return -EBADMSG;
	answer = begin(buffer);
	put_server(answer, "192.0.2.5", 80, IP_VS_CONN_F_TUNNEL, 1, 0, 0);
	put_tunnel(answer, IP_VS_CONN_F_TUNNEL_TYPE_GRE, 0,
		   IP_VS_TUNNEL_ENCAP_FLAG_NOCSUM);
	if (!tell(answer, reader, data))
		return -EBADMSG;
	answer = begin(buffer);
	put_server(answer, "192.0.2.6", 80, IP_VS_CONN_F_TUNNEL, 1, 0, 0);
	return tell(answer, reader, data) ? 0 : -EBADMSG;
}

/* Answers as ip_vs does; returns 0 or an error. */
int ipvs_ask(const struct nlmsghdr *nlh, nl_reader reader, void *data)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	__u64 buffer[256];
	struct nlmsghdr *answer;
	size_t i;

	switch (genl->cmd) {
	case IPVS_CMD_GET_CONFIG:
		answer = begin(buffer);
		mnl_attr_put_u32(answer, IPVS_CMD_ATTR_TIMEOUT_TCP, 800);
		mnl_attr_put_u32(answer, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, 120);
		mnl_attr_put_u32(answer, IPVS_CMD_ATTR_TIMEOUT_UDP, 300);
		return tell(answer, reader, data) ? 0 : -EBADMSG;
	case IPVS_CMD_GET_SERVICE:
		for (i = 0; i < ARRAY_SIZE(rows); i++) {
			answer = begin(buffer);
			put_service(answer, &rows[i]);
			if (!tell(answer, reader, data))
				return -EBADMSG;
		}
		return 0;
	case IPVS_CMD_GET_DEST:
		if (!wants_first(nlh))
			return 0;
		answer = begin(buffer);
		put_server(answer, "192.0.2.2", 80, IP_VS_CONN_F_DROUTE, 3, 9, 4);
		if (!tell(answer, reader, data))
			return -EBADMSG;
		answer = begin(buffer);
		put_server(answer, "192.0.2.3", 8080, IP_VS_CONN_F_MASQ, 0, 0, 0);
		if (!tell(answer, reader, data))
			return -EBADMSG;
		return tell_tunnels(reader, data);
	default:
		return -EOPNOTSUPP;
	}
}

void check_import(void)
{
	struct nl *nl = calloc(1, 1 << 20);
	FILE *err = stderr;
	struct capture capture;
	int status;

	if (!nl)
		abort();
	kernel_reset();
	kernel.ipvs = true;
	capture_begin(&capture);
	status = import_write(nl, stdout);
	capture_end(&capture);
	result(!status, "ip_vs is read");
	same_text(&capture,
		  "--set 800 120 300\n"
		  "-A -t 192.0.2.1:80 -s sh -b flag-1,flag-2 -p 360 -M 255.255.255.0\n"
		  "-A -u [2001:db8::1]:53 -s rr -p 20 -M 64 -o\n"
		  "-A -f 7 -6 -s wlc --pe sip\n"
		  "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 3 -x 9 -y 4\n"
		  "-a -t 192.0.2.1:80 -r 192.0.2.3:8080 -m -w 0\n"
		  "-a -t 192.0.2.1:80 -r 192.0.2.4:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum\n"
		  "-a -t 192.0.2.1:80 -r 192.0.2.5:80 -i -w 1 --tun-type gre\n"
		  "-a -t 192.0.2.1:80 -r 192.0.2.6:80 -i -w 1 --tun-type ipip\n",
		  "and written as ipvsadm's commands");
	/* Whatever is cut off, nothing behind it is read. */
	stderr = fopen("/dev/null", "w");
	for (cut = sizeof(struct nlmsghdr); cut < 200; cut++) {
		capture_begin(&capture);
		import_write(nl, stdout);
		capture_end(&capture);
		free(capture.text);
	}
	fclose(stderr);
	stderr = err;
	cut = 0;
	result(true, "messages of ip_vs that are cut are survived");
	kernel.ipvs = false;
	free(nl);
}
