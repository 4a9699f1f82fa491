// SPDX-License-Identifier: GPL-2.0
/*
 * Kinds of addresses: what the configuration may use as a VIP or as the address of a
 * server. Packets do not use this file.
 */
#include <linux/module.h>
#include <net/addrconf.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "addr.h"
#include "compat.h"

/**
 * lbdr_addr_is_unicast() - Check whether an address may be a VIP or a server's address
 * @family: of the address
 * @addr: the address
 *
 * Context: any.
 * Return: true if a frame to one host can carry it, and it means the same on every link.
 */
bool lbdr_addr_is_unicast(enum lbdr_family family, const union nf_inet_addr *addr)
{
	int type;

	if (family == LBDR_V4)
		return !ipv4_is_multicast(addr->ip) &&
		       !ipv4_is_lbcast(addr->ip) &&
		       !ipv4_is_zeronet(addr->ip) &&
		       !ipv4_is_loopback(addr->ip);
	type = ipv6_addr_type(&addr->in6);
	return (type & IPV6_ADDR_UNICAST) &&
	       !(type & (IPV6_ADDR_LINKLOCAL | IPV6_ADDR_MAPPED)) &&
	       !ipv6_addr_loopback(&addr->in6);
}
EXPORT_SYMBOL_LBDR(lbdr_addr_is_unicast);

/**
 * lbdr_addr_is_local() - Check whether an address is one of this host
 * @net: the namespace
 * @family: of the address
 * @addr: the address
 *
 * Context: any.
 * Return: true for a local address, and for a loopback address even if the device lo is
 * down.
 */
bool lbdr_addr_is_local(struct net *net, enum lbdr_family family,
			const union nf_inet_addr *addr)
{
	if (family == LBDR_V4)
		return ipv4_is_loopback(addr->ip) ||
		       inet_addr_type(net, addr->ip) == RTN_LOCAL;
	return ipv6_addr_loopback(&addr->in6) ||
	       ipv6_chk_addr(net, &addr->in6, NULL, 0);
}
