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

static bool lbdr_addr_is_loopback(enum lbdr_family family, const union nf_inet_addr *addr)
{
	return family == LBDR_V4 ? ipv4_is_loopback(addr->ip) :
				   ipv6_addr_loopback(&addr->in6);
}

/**
 * lbdr_addr_is_unicast() - Check whether an address may be a VIP
 * @family: of the address
 * @addr: the address
 *
 * Context: any.
 * Return: true if a frame to one host can carry it, and it means the same on every link.
 */
bool lbdr_addr_is_unicast(enum lbdr_family family, const union nf_inet_addr *addr)
{
	int type;

	if (lbdr_addr_is_loopback(family, addr))
		return false;
	if (family == LBDR_V4)
		return !ipv4_is_multicast(addr->ip) &&
		       !ipv4_is_lbcast(addr->ip) &&
		       !ipv4_is_zeronet(addr->ip);
	type = ipv6_addr_type(&addr->in6);
	return (type & IPV6_ADDR_UNICAST) &&
	       !(type & (IPV6_ADDR_LINKLOCAL | IPV6_ADDR_MAPPED));
}
EXPORT_SYMBOL_LBDR(lbdr_addr_is_unicast);

/**
 * lbdr_addr_is_server() - Check whether an address may be a server's
 * @family: of the address
 * @addr: the address
 *
 * Context: any.
 * Return: true for what lbdr_addr_is_unicast(), and for a loopback address: such a server is
 * this host, as one with another local address.
 */
bool lbdr_addr_is_server(enum lbdr_family family, const union nf_inet_addr *addr)
{
	return lbdr_addr_is_loopback(family, addr) || lbdr_addr_is_unicast(family, addr);
}
EXPORT_SYMBOL_LBDR(lbdr_addr_is_server);

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
	if (lbdr_addr_is_loopback(family, addr))
		return true;
	return family == LBDR_V4 ? inet_addr_type(net, addr->ip) == RTN_LOCAL :
				   ipv6_chk_addr(net, &addr->in6, NULL, 0);
}
