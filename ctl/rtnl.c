// SPDX-License-Identifier: GPL-2.0
/*
 * The host as rtnetlink knows it: links, addresses, neighbours, where default
 * routes lead and how one address is reached. Everything is read once, so that
 * all checks are of one moment, and that many look-ups cost no system calls; a
 * route alone is asked for when it is needed. Also adds and removes addresses.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "host.h"

/* A table that changes faster than this is being written in a loop. */
#define TRIES 10

struct rtnl {
	struct mnl_socket *socket;
	unsigned int seq;
	__u64 request[512 / 8];
	__u64 answer[65536 / 8];
};

bool same_address(const struct endpoint *a, const struct endpoint *b)
{
	return !address_compare(a, b);
}

int address_compare(const struct endpoint *a, const struct endpoint *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->address, b->address, sizeof(a->address));
}

__u8 address_bits(const struct endpoint *at)
{
	return at->family == AF_INET ? 32 : 128;
}

bool in_prefix(const struct endpoint *at, const struct endpoint *net,
	       __u8 prefix)
{
	size_t bytes = prefix / 8;
	__u8 mask = ~(0xff >> prefix % 8);

	if (at->family != net->family || prefix > address_bits(at) ||
	    memcmp(at->address, net->address, bytes))
		return false;
	return !mask || !((at->address[bytes] ^ net->address[bytes]) & mask);
}

const char *mac_text(const __u8 *mac, char *text)
{
	snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}

/* Whatever is not as long as an address of the family is none. */
static bool read_address(const struct nlattr *attr, int family,
			 struct endpoint *at)
{
	size_t size = family == AF_INET ? 4 : 16;

	if ((family != AF_INET && family != AF_INET6) || !attr ||
	    mnl_attr_get_payload_len(attr) != size)
		return false;
	memset(at, 0, sizeof(*at));
	at->family = family;
	memcpy(at->address, mnl_attr_get_payload(attr), size);
	return true;
}

static bool read_mac(const struct nlattr *attr, __u8 *mac)
{
	if (!attr || mnl_attr_get_payload_len(attr) != ETH_ALEN)
		return false;
	memcpy(mac, mnl_attr_get_payload(attr), ETH_ALEN);
	return true;
}

static __u32 read_u32(const struct nlattr *attr)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0 ?
	       mnl_attr_get_u32(attr) : 0;
}

static void read_name(const struct nlattr *attr, char *name)
{
	if (attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(name, IFNAMSIZ, "%s", mnl_attr_get_str(attr));
}

/* Attributes of one level by their type. */
struct sorted {
	const struct nlattr **attrs;
	unsigned int max;
};

static int sort_attr(const struct nlattr *attr, void *data)
{
	const struct sorted *sorted = data;

	if (mnl_attr_get_type(attr) <= sorted->max)
		sorted->attrs[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static int read_link(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[IFLA_LINKINFO + 1] = { NULL };
	const struct nlattr *info[IFLA_INFO_KIND + 1] = { NULL };
	struct sorted sorted = { attrs, IFLA_LINKINFO };
	struct sorted sorted_info = { info, IFLA_INFO_KIND };
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct host *host = data;
	struct link *link;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return MNL_CB_ERROR;
	mnl_attr_parse(nlh, sizeof(*ifi), sort_attr, &sorted);
	if (attrs[IFLA_LINKINFO])
		mnl_attr_parse_nested(attrs[IFLA_LINKINFO], sort_attr,
				      &sorted_info);
	host->links = grow(host->links, &host->room_links, host->nr_links,
			   sizeof(*link));
	link = &host->links[host->nr_links++];
	memset(link, 0, sizeof(*link));
	link->ifindex = ifi->ifi_index;
	link->flags = ifi->ifi_flags;
	link->type = ifi->ifi_type;
	link->mtu = read_u32(attrs[IFLA_MTU]);
	link->master = read_u32(attrs[IFLA_MASTER]);
	link->has_mac = read_mac(attrs[IFLA_ADDRESS], link->mac);
	read_name(attrs[IFLA_IFNAME], link->name);
	read_name(info[IFLA_INFO_KIND], link->kind);
	return MNL_CB_OK;
}

static int read_addr(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[IFA_FLAGS + 1] = { NULL };
	struct sorted sorted = { attrs, IFA_FLAGS };
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct address address = { .prefix = 0 };
	struct host *host = data;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa))
		return MNL_CB_ERROR;
	mnl_attr_parse(nlh, sizeof(*ifa), sort_attr, &sorted);
	address.ifindex = ifa->ifa_index;
	address.prefix = ifa->ifa_prefixlen;
	address.flags = attrs[IFA_FLAGS] ? read_u32(attrs[IFA_FLAGS]) :
					   ifa->ifa_flags;
	/* With a peer, IFA_ADDRESS is the peer's. */
	if (!read_address(attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] :
					     attrs[IFA_ADDRESS],
			  ifa->ifa_family, &address.at))
		return MNL_CB_OK;
	host->addresses = grow(host->addresses, &host->room_addresses,
			       host->nr_addresses, sizeof(address));
	host->addresses[host->nr_addresses++] = address;
	return MNL_CB_OK;
}

static int read_neigh(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[NDA_CACHEINFO + 1] = { NULL };
	struct sorted sorted = { attrs, NDA_CACHEINFO };
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct neighbour neigh = { .proxy = false };
	long ticks = sysconf(_SC_CLK_TCK);
	const struct nda_cacheinfo *info;
	struct host *host = data;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ndm))
		return MNL_CB_ERROR;
	mnl_attr_parse(nlh, sizeof(*ndm), sort_attr, &sorted);
	if (!read_address(attrs[NDA_DST], ndm->ndm_family, &neigh.at))
		return MNL_CB_OK;
	neigh.ifindex = ndm->ndm_ifindex;
	neigh.state = ndm->ndm_state;
	neigh.proxy = ndm->ndm_flags & NTF_PROXY;
	neigh.has_mac = read_mac(attrs[NDA_LLADDR], neigh.mac);
	if (attrs[NDA_CACHEINFO] && ticks > 0 &&
	    mnl_attr_get_payload_len(attrs[NDA_CACHEINFO]) >= sizeof(*info)) {
		info = mnl_attr_get_payload(attrs[NDA_CACHEINFO]);
		neigh.confirmed_s = info->ndm_confirmed / ticks;
	}
	host->neighbours = grow(host->neighbours, &host->room_neighbours,
				host->nr_neighbours, sizeof(neigh));
	host->neighbours[host->nr_neighbours++] = neigh;
	return MNL_CB_OK;
}

static void add_exit(struct host *host, __u32 ifindex)
{
	host->exits = grow(host->exits, &host->room_exits, host->nr_exits,
			   sizeof(*host->exits));
	host->exits[host->nr_exits++] = ifindex;
}

/* Of default routes, the devices; one may have several. */
static int read_default(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attrs[RTA_MULTIPATH + 1] = { NULL };
	struct sorted sorted = { attrs, RTA_MULTIPATH };
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct rtnexthop *hop;
	struct host *host = data;
	int left;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return MNL_CB_ERROR;
	if (rtm->rtm_family != AF_INET || rtm->rtm_dst_len ||
	    rtm->rtm_table != RT_TABLE_MAIN || rtm->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*rtm), sort_attr, &sorted);
	if (attrs[RTA_OIF])
		add_exit(host, read_u32(attrs[RTA_OIF]));
	if (!attrs[RTA_MULTIPATH])
		return MNL_CB_OK;
	hop = mnl_attr_get_payload(attrs[RTA_MULTIPATH]);
	left = mnl_attr_get_payload_len(attrs[RTA_MULTIPATH]);
	while (left >= (int)sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) &&
	       hop->rtnh_len <= left) {
		add_exit(host, hop->rtnh_ifindex);
		left -= RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
	return MNL_CB_OK;
}

/**
 * host_hear() - take one row of a dump over
 * @nlh: the message
 * @data: the struct host
 *
 * Return: what mnl_cb_run() goes by.
 */
int host_hear(const struct nlmsghdr *nlh, void *data)
{
	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
		return read_link(nlh, data);
	case RTM_NEWADDR:
		return read_addr(nlh, data);
	case RTM_NEWNEIGH:
		return read_neigh(nlh, data);
	case RTM_NEWROUTE:
		return read_default(nlh, data);
	}
	return MNL_CB_OK;
}

/**
 * route_hear() - understand the answer about one address
 * @nlh: the message
 * @data: the struct route
 *
 * Return: what mnl_cb_run() goes by.
 */
int route_hear(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *metrics[RTAX_MTU + 1] = { NULL };
	const struct nlattr *attrs[RTA_VIA + 1] = { NULL };
	struct sorted sorted_metrics = { metrics, RTAX_MTU };
	struct sorted sorted = { attrs, RTA_VIA };
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct route *route = data;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm))
		return MNL_CB_ERROR;
	mnl_attr_parse(nlh, sizeof(*rtm), sort_attr, &sorted);
	if (attrs[RTA_METRICS])
		mnl_attr_parse_nested(attrs[RTA_METRICS], sort_attr,
				      &sorted_metrics);
	route->type = rtm->rtm_type;
	route->ifindex = read_u32(attrs[RTA_OIF]);
	route->mtu = read_u32(metrics[RTAX_MTU]);
	route->gateway = attrs[RTA_GATEWAY] || attrs[RTA_VIA];
	read_address(attrs[RTA_GATEWAY], rtm->rtm_family, &route->via);
	/* One message is the whole answer. */
	return MNL_CB_STOP;
}

/* Returns 0 or an errno. */
static int talk(struct rtnl *rtnl, struct nlmsghdr *nlh, mnl_cb_t reader,
		void *data)
{
	unsigned int portid = mnl_socket_get_portid(rtnl->socket);
	ssize_t size;
	int status;

	nlh->nlmsg_seq = ++rtnl->seq;
	if (mnl_socket_sendto(rtnl->socket, nlh, nlh->nlmsg_len) < 0)
		return errno;
	do {
		size = mnl_socket_recvfrom(rtnl->socket, rtnl->answer,
					   sizeof(rtnl->answer));
		if (size < 0 && errno == EINTR) {
			status = MNL_CB_OK;
			continue;
		}
		if (size < 0)
			return errno;
		status = decode_run(rtnl->answer, size, portid, rtnl->seq,
				    reader, data);
	} while (status > MNL_CB_STOP);
	return status == MNL_CB_ERROR ? errno : 0;
}

static struct nlmsghdr *begin(struct rtnl *rtnl, __u16 type, __u16 flags,
			      const void *header, size_t size)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(rtnl->request);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	memcpy(mnl_nlmsg_put_extra_header(nlh, size), header, size);
	return nlh;
}

static int rtnl_bind(struct rtnl *rtnl)
{
	int one = 1;

	if (rtnl->socket)
		mnl_socket_close(rtnl->socket);
	rtnl->socket = mnl_socket_open(NETLINK_ROUTE);
	if (!rtnl->socket ||
	    mnl_socket_bind(rtnl->socket, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_setsockopt(rtnl->socket, NETLINK_GET_STRICT_CHK, &one,
				  sizeof(one)))
		return errno;
	return 0;
}

/*
 * One table; again from the start while it changes under the dump, by a new
 * socket, for the old one has the rest of it still to come.
 */
static int dump(struct host *host, __u16 type, const void *header, size_t size,
		size_t *count)
{
	size_t before = *count;
	int error = EINTR;
	int i;

	for (i = 0; i < TRIES && error == EINTR; i++) {
		*count = before;
		error = i ? rtnl_bind(host->rtnl) : 0;
		if (error)
			break;
		error = talk(host->rtnl, begin(host->rtnl, type, NLM_F_DUMP,
					       header, size), host_hear, host);
	}
	return error;
}

static int dump_all(struct host *host)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC };
	struct ifaddrmsg ifa = { .ifa_family = AF_UNSPEC };
	struct rtmsg rtm = { .rtm_family = AF_INET };
	struct ndmsg ndm = { .ndm_family = AF_UNSPEC };
	int error;

	error = dump(host, RTM_GETLINK, &ifi, sizeof(ifi), &host->nr_links);
	if (!error)
		error = dump(host, RTM_GETADDR, &ifa, sizeof(ifa),
			     &host->nr_addresses);
	if (!error)
		error = dump(host, RTM_GETNEIGH, &ndm, sizeof(ndm),
			     &host->nr_neighbours);
	/* Proxies come by a question of their own, for each family. */
	ndm.ndm_flags = NTF_PROXY;
	ndm.ndm_family = AF_INET;
	if (!error)
		error = dump(host, RTM_GETNEIGH, &ndm, sizeof(ndm),
			     &host->nr_neighbours);
	ndm.ndm_family = AF_INET6;
	if (!error)
		error = dump(host, RTM_GETNEIGH, &ndm, sizeof(ndm),
			     &host->nr_neighbours);
	if (!error)
		error = dump(host, RTM_GETROUTE, &rtm, sizeof(rtm),
			     &host->nr_exits);
	return error;
}

static int compare_neighbours(const void *a, const void *b)
{
	const struct neighbour *first = a;
	const struct neighbour *second = b;

	if (first->proxy != second->proxy)
		return first->proxy - second->proxy;
	if (first->ifindex != second->ifindex)
		return first->ifindex < second->ifindex ? -1 : 1;
	return address_compare(&first->at, &second->at);
}

/* Of masters a VRF alone leaves packets to its devices. */
static void find_ports(struct host *host)
{
	const struct link *master;
	size_t i;

	for (i = 0; i < host->nr_links; i++) {
		if (!host->links[i].master)
			continue;
		master = host_link(host, host->links[i].master);
		host->links[i].port = !master || strcmp(master->kind, "vrf");
	}
}

/**
 * host_read() - take the picture, in the namespace of the caller
 * @host: to be dropped by the caller, also after an error
 *
 * Return: the exit status, the error has been told.
 */
int host_read(struct host *host)
{
	int error = ENOMEM;

	memset(host, 0, sizeof(*host));
	host->rtnl = calloc(1, sizeof(*host->rtnl));
	if (host->rtnl)
		error = rtnl_bind(host->rtnl);
	if (!error)
		error = dump_all(host);
	if (error) {
		complain("rtnetlink does not tell of links, addresses and neighbours: %s",
			 strerror(error));
		return EXIT_REFUSED;
	}
	find_ports(host);
	if (host->nr_neighbours)
		qsort(host->neighbours, host->nr_neighbours,
		      sizeof(*host->neighbours), compare_neighbours);
	return EXIT_DONE;
}

void host_drop(struct host *host)
{
	if (host->rtnl) {
		if (host->rtnl->socket)
			mnl_socket_close(host->rtnl->socket);
		free(host->rtnl);
	}
	free(host->links);
	free(host->addresses);
	free(host->neighbours);
	free(host->exits);
	memset(host, 0, sizeof(*host));
}

const struct link *host_link(const struct host *host, __u32 ifindex)
{
	size_t i;

	for (i = 0; i < host->nr_links; i++) {
		if (host->links[i].ifindex == ifindex)
			return &host->links[i];
	}
	return NULL;
}

/* One that leads to a segment with other hosts on it, and knows MACs. */
bool link_is_nic(const struct link *link)
{
	return link->type == ARPHRD_ETHER && link->has_mac && !link->port &&
	       !(link->flags & (IFF_LOOPBACK | IFF_NOARP)) &&
	       strcmp(link->kind, "dummy");
}

/* The next place that the address is configured at, behind @after. */
const struct address *host_address(const struct host *host,
				   const struct endpoint *at,
				   const struct address *after)
{
	const struct address *end = host->addresses + host->nr_addresses;
	const struct address *address = after ? after + 1 : host->addresses;

	for (; address < end; address++) {
		if (same_address(&address->at, at))
			return address;
	}
	return NULL;
}

const struct neighbour *host_neighbour(const struct host *host, __u32 ifindex,
				       const struct endpoint *at)
{
	struct neighbour key = { .ifindex = ifindex, .at = *at };

	key.at.port = 0;
	key.at.last_port = 0;
	if (!host->nr_neighbours)
		return NULL;
	return bsearch(&key, host->neighbours, host->nr_neighbours,
		       sizeof(key), compare_neighbours);
}

/* Whether the device has an address whose network the other one is of. */
bool host_on_segment(const struct host *host, __u32 ifindex,
		     const struct endpoint *at)
{
	const struct address *address;

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		if (address->ifindex == ifindex &&
		    address->prefix < address_bits(&address->at) &&
		    in_prefix(at, &address->at, address->prefix))
			return true;
	}
	return false;
}

/**
 * host_route() - how the host would send to an address
 * @host: where
 * @at: the address
 * @route: the answer, or why there is none
 */
void host_route(const struct host *host, const struct endpoint *at,
		struct route *route)
{
	struct rtmsg rtm = {
		.rtm_family = at->family,
		.rtm_dst_len = address_bits(at),
	};
	struct nlmsghdr *nlh;

	memset(route, 0, sizeof(*route));
	nlh = begin(host->rtnl, RTM_GETROUTE, 0, &rtm, sizeof(rtm));
	mnl_attr_put(nlh, RTA_DST, address_bits(at) / 8, at->address);
	route->error = talk(host->rtnl, nlh, route_hear, route);
}

/**
 * host_change_address() - add an address to a device, or remove it
 * @host: the picture, which is not changed
 * @add: which of the two; what is there already is no error
 * @ifindex: the device
 * @at: the address
 * @prefix: its length
 *
 * An IPv6 address is added without duplicate address detection: what is added
 * here is meant to be on several hosts.
 *
 * Return: 0 or an errno.
 */
int host_change_address(const struct host *host, bool add, __u32 ifindex,
			const struct endpoint *at, __u8 prefix)
{
	struct ifaddrmsg ifa = {
		.ifa_family = at->family,
		.ifa_prefixlen = prefix,
		.ifa_index = ifindex,
		.ifa_scope = RT_SCOPE_UNIVERSE,
	};
	struct nlmsghdr *nlh;

	nlh = begin(host->rtnl, add ? RTM_NEWADDR : RTM_DELADDR,
		    NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0), &ifa,
		    sizeof(ifa));
	mnl_attr_put(nlh, IFA_LOCAL, address_bits(at) / 8, at->address);
	if (add && at->family == AF_INET6)
		mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NODAD);
	return talk(host->rtnl, nlh, NULL, NULL);
}
