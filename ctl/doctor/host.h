/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host: devices, addresses, neighbours and routes as ip(8) lists them, settings of
 * drivers, and net.ipv4.conf (host.c), and answers from its segments (probe.c).
 */
#ifndef LBDR_HOST_H
#define LBDR_HOST_H

#include <stdio.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <linux/types.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/in.h>

#include "../common.h"

#define MAC_TEXT 18
#define ADDR_TEXT INET6_ADDRSTRLEN

struct addr {
	int family;		/* AF_INET, AF_INET6, or 0: none */
	__u8 bytes[16];
};

struct link {
	__u32 ifindex;
	__u32 mtu;
	bool up;
	bool carrier;
	bool loopback;
	bool ethernet;		/* has a MAC and resolves those of others */
	bool port;		/* of a bond or bridge, which has its packets */
	bool nf_call[2];	/* a bridge with nf_call_iptables, _ip6tables */
	__u8 mac[ETH_ALEN];
	char name[IFNAMSIZ];
	char master[IFNAMSIZ];
	char lower[IFNAMSIZ];	/* the device below, or a veth's peer, if here */
	char kind[IFNAMSIZ];	/* "dummy", "bridge"; empty for hardware */
};

struct address {
	const struct link *link;
	struct addr at;
	__u8 prefix;
	bool tentative;
	bool dad_failed;
	bool secondary;
};

struct neighbour {
	__u32 ifindex;
	struct addr at;
	bool proxy;
	bool valid;		/* has a MAC that the kernel uses */
	bool permanent;
	__u32 confirmed_s;	/* ago */
	__u8 mac[ETH_ALEN];
	char state[16];
};

struct route {
	struct addr at;		/* the destination; family 0: no route */
	struct addr via;	/* family 0: no router */
	struct addr source;	/* that the kernel chooses; family 0: not known */
	__u32 mtu;		/* of the route, 0: none */
	bool local;
	const struct link *link;
};

struct host {
	struct link *links;
	size_t nr_links;
	size_t room_links;
	struct address *addresses;
	size_t nr_addresses;
	size_t room_addresses;
	struct neighbour *neighbours;
	size_t nr_neighbours;
	size_t room_neighbours;
	struct route *routes;		/* of the addresses asked for */
	size_t nr_routes;
	size_t room_routes;
	__u32 *exits;	/* devices of default routes of IPv4 */
	size_t nr_exits;
	size_t room_exits;
};

/* host.c */
int host_read(struct host *host);
void host_read_routes(struct host *host, const struct addr *to, size_t count);
void host_parse_links(struct host *host, const json_t *list);
void host_parse_neighbours(struct host *host, const json_t *list);
void host_parse_exits(struct host *host, const json_t *list);
void host_parse_route(struct host *host, const json_t *list);
void host_drop(struct host *host);
const struct link *host_link(const struct host *host, __u32 ifindex);
const struct link *host_link_named(const struct host *host, const char *name);
bool link_is_nic(const struct link *link);
bool address_is_usable(const struct address *address, int family);
__u32 route_mtu(const struct route *route, const struct link *link);
const struct address *host_address(const struct host *host,
				   const struct addr *at,
				   const struct address *after);
const struct neighbour *host_neighbour(const struct host *host, __u32 ifindex,
				       const struct addr *at);
const struct route *host_route(const struct host *host, const struct addr *at);
const struct link *host_segment(const struct host *host, const struct addr *at);
const struct link *host_down(const struct host *host, const struct addr *at);

bool addr_parse(const char *text, struct addr *at);
const char *addr_text(const struct addr *at, char *text);
int addr_compare(const struct addr *a, const struct addr *b);
bool addr_same(const struct addr *a, const struct addr *b);
bool addr_in(const struct addr *at, const struct addr *net, unsigned int prefix);
__u8 addr_bits(const struct addr *at);
bool addr_is_link_local(const struct addr *at);
const char *mac_text(const __u8 *mac, char *text);

/* Settings of drivers, see ethtool_number() and ethtool_strips_tags(). */
long link_setting(const char *device, __u32 command);
bool link_strips_tags(const char *device);

struct ethtool_calls {
	long (*number)(int fd, const char *device, __u32 command);
	bool (*strips_tags)(int fd, const char *device);
};

extern struct ethtool_calls ethtool_calls;	/* replaced by unit tests */

/* net.ipv4.conf */
#define CONF_NAME 80

const char *conf_name(const char *dev, const char *name, char *text);
long conf_read(const char *dev, const char *name);
long conf_max(const char *dev, const char *name, const char **whose);

/* probe.c */
struct probe_row {
	__u32 ifindex;
	struct addr at;
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

void probe_add(struct probe *probe, __u32 ifindex, const struct addr *at);
void probe_add_answer(struct probe *probe, const struct probe_row *row);
bool probe_parse(int family, const __u8 *frame, size_t size, const __u8 *from,
		 struct probe_row *row);
int probe_run(struct probe *probe, const struct host *host);
const struct probe_row *probe_answer(const struct probe *probe, __u32 ifindex,
				     const struct addr *at,
				     const struct probe_row *after);
void probe_drop(struct probe *probe);
struct sock_fprog;
int packet_socket(__u16 protocol, const struct sock_fprog *filter);
__u16 inet_checksum(const __u8 *data, size_t size, __u32 sum);

#endif
