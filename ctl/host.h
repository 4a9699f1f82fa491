/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What rtnetlink and /proc/sys tell of the host, for doctor and
 * setup-realserver: rtnl.c, sysctl.c and probe.c.
 */
#ifndef LBCTL_HOST_H
#define LBCTL_HOST_H

#include <net/if.h>
#include <netinet/ether.h>

#include "lbctl.h"

#define MAC_TEXT 18

struct link {
	__u32 ifindex;
	__u32 mtu;
	unsigned int flags;	/* IFF_... */
	__u16 type;		/* ARPHRD_... */
	__u32 master;		/* the bond, bridge or VRF it is part of, or 0 */
	bool port;		/* of a bond or a bridge, which has its packets */
	bool has_mac;
	__u8 mac[ETH_ALEN];
	char name[IFNAMSIZ];
	char kind[IFNAMSIZ];	/* "dummy", "bond"; empty for hardware */
};

struct address {
	__u32 ifindex;
	__u32 flags;		/* IFA_F_... */
	__u8 prefix;
	struct endpoint at;	/* without a port, as in all that is here */
};

struct neighbour {
	__u32 ifindex;
	__u16 state;		/* NUD_... */
	bool proxy;
	bool has_mac;
	__u8 mac[ETH_ALEN];
	__u32 confirmed_s;	/* ago */
	struct endpoint at;
};

struct route {
	int error;		/* an errno, and then the rest says nothing */
	__u8 type;		/* RTN_... */
	__u32 ifindex;
	__u32 mtu;		/* of the route itself, 0: none */
	bool gateway;
	struct endpoint via;
};

struct rtnl;

/* A picture of the network namespace, taken at once. */
struct host {
	struct rtnl *rtnl;
	struct link *links;
	size_t nr_links;
	size_t room_links;
	struct address *addresses;
	size_t nr_addresses;
	size_t room_addresses;
	struct neighbour *neighbours;
	size_t nr_neighbours;
	size_t room_neighbours;
	/* Devices that a default route of IPv4 leaves by. */
	__u32 *exits;
	size_t nr_exits;
	size_t room_exits;
};

/* rtnl.c */
int host_read(struct host *host);
int host_hear(const struct nlmsghdr *nlh, void *data);
int route_hear(const struct nlmsghdr *nlh, void *data);
void host_drop(struct host *host);
const struct link *host_link(const struct host *host, __u32 ifindex);
bool link_is_nic(const struct link *link);
const struct address *host_address(const struct host *host,
				   const struct endpoint *at,
				   const struct address *after);
const struct neighbour *host_neighbour(const struct host *host, __u32 ifindex,
				       const struct endpoint *at);
bool host_on_segment(const struct host *host, __u32 ifindex,
		     const struct endpoint *at);
void host_route(const struct host *host, const struct endpoint *at,
		struct route *route);
int host_change_address(const struct host *host, bool add, __u32 ifindex,
			const struct endpoint *at, __u8 prefix);

bool same_address(const struct endpoint *a, const struct endpoint *b);
int address_compare(const struct endpoint *a, const struct endpoint *b);
bool in_prefix(const struct endpoint *at, const struct endpoint *net,
	       __u8 prefix);
__u8 address_bits(const struct endpoint *at);
const char *mac_text(const __u8 *mac, char *text);

/* sysctl.c: of net.ipv4.conf.DEV and net.ipv6.conf.DEV */
#define CONF_NAME 80

const char *conf_name(const char *dev, const char *name, char *text);
int conf_read(int family, const char *dev, const char *name, long *value);
int conf_write(int family, const char *dev, const char *name, long value);

/* probe.c */
struct probe_row {
	__u32 ifindex;
	struct endpoint at;
	__u8 mac[ETH_ALEN];	/* of an answer */
	bool answered;		/* of a question */
};

struct probe {
	struct probe_row *questions;
	size_t nr_questions;
	size_t room_questions;
	struct probe_row *answers;
	size_t nr_answers;
	size_t room_answers;
};

void probe_ask(struct probe *probe, __u32 ifindex, const struct endpoint *at);
bool probe_hear(int family, const __u8 *frame, size_t size, const __u8 *from,
		struct probe_row *row);
int probe_run(struct probe *probe, const struct host *host);
const struct probe_row *probe_answer(const struct probe *probe, __u32 ifindex,
				     const struct endpoint *at,
				     const struct probe_row *after);
void probe_drop(struct probe *probe);

#endif
