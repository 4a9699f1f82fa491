// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors about tunnelled packets.
 *
 * A router in the path to a tunnel server reports errors to the source of the outer
 * header, which is an address of this host or one of a prefix that is routed here. They have
 * a hook at PREROUTING (hook_register.c) while there are tunnel servers of the outer family,
 * before conntrack, which would call them invalid: it has not seen the outer packet.
 *
 * - An error counts only if its checksum is right and this director can have sent what it
 *   quotes: with the source of this tunnel, and if the quote contains the flow, of a flow
 *   that has a connection to this server, or of a service with this server that may forward
 *   the flow without a connection. Others, also those in transit, are not for lbdr.
 * - An error that the packet is too big sets the PMTU of the next hop (nexthop.c), also
 *   if it quotes too little of the inner packet to tell its flow. Whoever guesses the
 *   addresses can forge such a short one; nexthop_path.c says what that does.
 * - If the quote contains the flow, an error about the inner packet is sent to the client,
 *   in the client's family. The kernel limits the rate of these errors.
 *
 * Translation follows RFC 2003, 4 and RFC 2473, 8: "too big" with the MTU without the
 * tunnel's headers; everything else that says that the server was not reached, as host or
 * address unreachable. The client knows nothing of the tunnel, so a hop limit that was
 * exceeded in it, or a server that does not decapsulate, is unreachable as well.
 *
 * All other errors go on to the stack, so tunnels of the host itself work as before.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/inetdevice.h>
#include <net/addrconf.h>
#include <net/gre.h>
#include <net/gue.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "conn.h"
#include "domain.h"
#include "encap.h"
#include "flow.h"
#include "icmp.h"
#include "lbdr.h"
#include "nexthop.h"
#include "schedule.h"
#include "server.h"
#include "service.h"
#include "stats.h"
#include "tunnel.h"
#include "tunnel_error.h"

static enum lbdr_tunnel_error_kind
lbdr_tunnel_error_kind4(const struct icmphdr *icmph, u32 *mtu)
{
	switch (icmph->type) {
	case ICMP_DEST_UNREACH:
		if (icmph->code == ICMP_FRAG_NEEDED) {
			*mtu = ntohs(icmph->un.frag.mtu);
			return LBDR_TUNNEL_ERROR_TOO_BIG;
		}
		/* The outer header has no source route. */
		return icmph->code == ICMP_SR_FAILED ?
		       LBDR_TUNNEL_ERROR_OTHER : LBDR_TUNNEL_ERROR_UNREACHABLE;
	case ICMP_TIME_EXCEEDED:
		return icmph->code == ICMP_EXC_TTL ?
		       LBDR_TUNNEL_ERROR_UNREACHABLE : LBDR_TUNNEL_ERROR_OTHER;
	}
	return LBDR_TUNNEL_ERROR_OTHER;
}

static enum lbdr_tunnel_error_kind
lbdr_tunnel_error_kind6(const struct icmp6hdr *icmph, u32 *mtu)
{
	switch (icmph->icmp6_type) {
	case ICMPV6_PKT_TOOBIG:
		*mtu = ntohl(icmph->icmp6_mtu);
		return LBDR_TUNNEL_ERROR_TOO_BIG;
	case ICMPV6_DEST_UNREACH:
		return LBDR_TUNNEL_ERROR_UNREACHABLE;
	case ICMPV6_TIME_EXCEED:
		return icmph->icmp6_code == ICMPV6_EXC_HOPLIMIT ?
		       LBDR_TUNNEL_ERROR_UNREACHABLE : LBDR_TUNNEL_ERROR_OTHER;
	case ICMPV6_PARAMPROB:
		/* The server does not decapsulate (RFC 2473, 8.3). */
		return icmph->icmp6_code == ICMPV6_UNK_NEXTHDR ?
		       LBDR_TUNNEL_ERROR_UNREACHABLE : LBDR_TUNNEL_ERROR_OTHER;
	}
	return LBDR_TUNNEL_ERROR_OTHER;
}

static int lbdr_tunnel_error_family(u8 protocol)
{
	switch (protocol) {
	case IPPROTO_IPIP:
		return LBDR_V4;
	case IPPROTO_IPV6:
		return LBDR_V6;
	}
	return -EPROTONOSUPPORT;
}

/* Returns the family of the inner packet, or an error; advances @offset to it. */
static int lbdr_tunnel_error_gre(const struct sk_buff *skb, u32 *offset)
{
	const struct gre_base_hdr *hdr;
	struct gre_base_hdr _hdr;

	hdr = skb_header_pointer(skb, *offset, sizeof(_hdr), &_hdr);
	if (!hdr || (hdr->flags & ~GRE_CSUM))
		return -EPROTONOSUPPORT;
	*offset += hdr->flags & GRE_CSUM ? 8 : 4;
	if (hdr->protocol == htons(ETH_P_IP))
		return LBDR_V4;
	return hdr->protocol == htons(ETH_P_IPV6) ? LBDR_V6 : -EPROTONOSUPPORT;
}

static int lbdr_tunnel_error_gue(const struct sk_buff *skb, u32 *offset,
				 __be16 *port)
{
	const struct udphdr *udp;
	const struct guehdr *gue;
	struct udphdr _udp;
	struct guehdr _gue;

	udp = skb_header_pointer(skb, *offset, sizeof(_udp), &_udp);
	if (!udp)
		return -EPROTONOSUPPORT;
	*port = udp->dest;
	*offset += sizeof(_udp);
	gue = skb_header_pointer(skb, *offset, sizeof(_gue), &_gue);
	if (!gue || gue->version || gue->control || gue->hlen || gue->flags)
		return -EPROTONOSUPPORT;
	*offset += sizeof(_gue);
	return lbdr_tunnel_error_family(gue->proto_ctype);
}

static bool lbdr_tunnel_error_ports(const struct sk_buff *skb, u32 offset,
				    u8 protocol, union lbdr_ports *ports)
{
	const union lbdr_ports *at;
	union lbdr_ports _at;

	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP &&
	    protocol != IPPROTO_SCTP)
		return false;
	at = skb_header_pointer(skb, offset, sizeof(_at), &_at);
	if (at)
		*ports = *at;
	return at;
}

/* The flow of the inner packet, from client to VIP. */
static bool lbdr_tunnel_error_flow4(const struct sk_buff *skb, u32 offset,
				    struct lbdr_flow *flow)
{
	const struct iphdr *iph;
	struct iphdr _iph;

	iph = skb_header_pointer(skb, offset, sizeof(_iph), &_iph);
	if (!iph || iph->version != 4 || iph->ihl < 5 ||
	    (iph->frag_off & htons(IP_OFFSET)) ||
	    !lbdr_tunnel_error_ports(skb, offset + iph->ihl * 4, iph->protocol,
				     &flow->v4.ports))
		return false;
	lbdr_flow_set4(flow, iph->saddr, iph->daddr, iph->protocol);
	return true;
}

static bool lbdr_tunnel_error_flow6(const struct sk_buff *skb, u32 offset,
				    struct lbdr_flow *flow)
{
	const struct ipv6hdr *hdr;
	__be16 frag_off = 0;
	struct ipv6hdr _hdr;
	u8 protocol;
	int thoff;

	hdr = skb_header_pointer(skb, offset, sizeof(_hdr), &_hdr);
	if (!hdr || hdr->version != 6)
		return false;
	protocol = hdr->nexthdr;
	thoff = ipv6_skip_exthdr(skb, offset + sizeof(_hdr), &protocol, &frag_off);
	if (thoff < 0 || (frag_off & htons(IP6_OFFSET)) ||
	    !lbdr_tunnel_error_ports(skb, thoff, protocol, &flow->v6.ports))
		return false;
	lbdr_flow_set6(flow, &hdr->saddr, &hdr->daddr, protocol);
	return true;
}

/* Parses what follows the quoted outer IP header. Returns false if it is no tunnel. */
static bool lbdr_tunnel_error_parse_inner(const struct sk_buff *skb, u32 offset,
					  u8 protocol,
					  struct lbdr_tunnel_error *error)
{
	int family;

	switch (protocol) {
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		error->type = LBDR_TUNNEL_IPIP;
		family = lbdr_tunnel_error_family(protocol);
		break;
	case IPPROTO_GRE:
		error->type = LBDR_TUNNEL_GRE;
		family = lbdr_tunnel_error_gre(skb, &offset);
		break;
	case IPPROTO_UDP:
		error->type = LBDR_TUNNEL_GUE;
		family = lbdr_tunnel_error_gue(skb, &offset, &error->port);
		break;
	default:
		return false;
	}
	error->inner = offset;
	if (family == LBDR_V4)
		error->complete = lbdr_tunnel_error_flow4(skb, offset, &error->flow);
	else if (family == LBDR_V6)
		error->complete = lbdr_tunnel_error_flow6(skb, offset, &error->flow);
	return true;
}

static bool lbdr_tunnel_error_parse4(const struct sk_buff *skb,
				     struct lbdr_tunnel_error *error)
{
	u32 offset = ip_hdrlen(skb);
	const struct icmphdr *icmph;
	const struct iphdr *iph;
	struct icmphdr _icmph;
	struct iphdr _iph;

	if (ip_hdr(skb)->protocol != IPPROTO_ICMP ||
	    ip_is_fragment(ip_hdr(skb)))
		return false;
	icmph = skb_header_pointer(skb, offset, sizeof(_icmph), &_icmph);
	if (!icmph)
		return false;
	error->kind = lbdr_tunnel_error_kind4(icmph, &error->mtu);
	if (error->kind == LBDR_TUNNEL_ERROR_OTHER)
		return false;
	offset += sizeof(_icmph);
	iph = skb_header_pointer(skb, offset, sizeof(_iph), &_iph);
	if (!iph || iph->version != 4 || iph->ihl < 5 ||
	    (iph->frag_off & htons(IP_OFFSET)) ||
	    iph->saddr != ip_hdr(skb)->daddr)
		return false;
	error->saddr.ip = iph->saddr;
	error->daddr.ip = iph->daddr;
	return lbdr_tunnel_error_parse_inner(skb, offset + iph->ihl * 4,
					     iph->protocol, error);
}

static bool lbdr_tunnel_error_parse6(const struct sk_buff *skb,
				     struct lbdr_tunnel_error *error)
{
	u32 offset = sizeof(struct ipv6hdr);
	const struct icmp6hdr *icmph;
	const struct ipv6hdr *hdr;
	struct icmp6hdr _icmph;
	__be16 frag_off = 0;
	struct ipv6hdr _hdr;
	u8 protocol;
	int end;

	/* A router sends errors without extension headers. */
	if (ipv6_hdr(skb)->nexthdr != IPPROTO_ICMPV6)
		return false;
	icmph = skb_header_pointer(skb, offset, sizeof(_icmph), &_icmph);
	if (!icmph)
		return false;
	error->kind = lbdr_tunnel_error_kind6(icmph, &error->mtu);
	if (error->kind == LBDR_TUNNEL_ERROR_OTHER)
		return false;
	offset += sizeof(_icmph);
	hdr = skb_header_pointer(skb, offset, sizeof(_hdr), &_hdr);
	if (!hdr || hdr->version != 6 ||
	    !ipv6_addr_equal(&hdr->saddr, &ipv6_hdr(skb)->daddr))
		return false;
	error->saddr.in6 = hdr->saddr;
	error->daddr.in6 = hdr->daddr;
	/* The first fragment of an outer packet has a fragment header. */
	protocol = hdr->nexthdr;
	end = ipv6_skip_exthdr(skb, offset + sizeof(_hdr), &protocol, &frag_off);
	if (end < 0 || (frag_off & htons(IP6_OFFSET)))
		return false;
	return lbdr_tunnel_error_parse_inner(skb, end, protocol, error);
}

/**
 * lbdr_tunnel_error_parse() - Parse an ICMP error about a tunnelled packet
 * @skb: the ICMP packet; skb->data is its IP header
 * @outer: its family
 * @error: filled in if true is returned, undefined otherwise
 *
 * Context: any.
 * Return: true if the packet is an error about a packet that the destination of the error
 * has sent, with a protocol of tunnels. The packet need not be one of lbdr.
 */
bool lbdr_tunnel_error_parse(const struct sk_buff *skb, enum lbdr_family outer,
			     struct lbdr_tunnel_error *error)
{
	memset(error, 0, sizeof(*error));
	error->flow.event = LBDR_EVENT_DATA;
	return outer == LBDR_V4 ? lbdr_tunnel_error_parse4(skb, error) :
				  lbdr_tunnel_error_parse6(skb, error);
}
EXPORT_SYMBOL_FOR_KUNIT(lbdr_tunnel_error_parse);

/*
 * How many servers of a service are searched for the address that an error about a flow without
 * a connection is about: whoever forges errors makes the director search
 */
#define ERROR_SERVERS	256

/*
 * Returns the server that the quoted packet was sent to, or NULL. A flow without a
 * connection may have been sent to any server of its service. A flow of a fwmark service
 * needs a connection, since the quote tells no mark.
 */
static const struct lbdr_server *
lbdr_tunnel_error_server(struct lbdr_net *ln, enum lbdr_family outer,
			 const struct lbdr_tunnel_error *error)
{
	const struct lbdr_service *service;
	const struct lbdr_server *server;
	struct lbdr_conn *conn;
	u32 n = 0;

	conn = lbdr_conn_peek(ln, &error->flow);
	if (conn)
		return conn->server;
	service = lbdr_service_of_flow(ln, &error->flow);
	if (!service || !lbdr_schedule_without_conn(ln, service, &error->flow))
		return NULL;
	list_for_each_entry_rcu(server, &service->servers, list) {
		if (lbdr_server_is(server, outer, &error->daddr))
			return server;
		if (++n == ERROR_SERVERS)
			break;
	}
	return NULL;
}

/* Returns the tunnel of a server if the error is about a packet of it. */
static const struct lbdr_server_tunnel *
lbdr_tunnel_error_match(const struct lbdr_server *server, enum lbdr_family outer,
			const struct lbdr_tunnel_error *error)
{
	const struct lbdr_server_tunnel *tunnel = rcu_dereference(server->tunnel);

	if (!tunnel || server->family != outer ||
	    !nf_inet_addr_cmp(&server->addr, &error->daddr) ||
	    tunnel->settings.type != error->type ||
	    tunnel->settings.port != error->port)
		return NULL;
	return tunnel;
}

static bool lbdr_tunnel_error_is_local(struct lbdr_net *ln, const struct sk_buff *skb,
				       enum lbdr_family outer,
				       const union nf_inet_addr *addr)
{
	return outer == LBDR_V4 ?
	       inet_addr_type_dev_table(ln->net, skb->dev, addr->ip) == RTN_LOCAL :
	       ipv6_chk_addr(ln->net, &addr->in6, NULL, 0);
}

/*
 * Returns true if this director can have sent the quoted outer packet. @tunnel: the tunnel
 * of the quoted flow, which tells the source; or NULL if the quote is too short for the flow.
 * Then the source of the route is accepted, and every address of this host, since servers
 * may have a source of their own; an address of a prefix depends on the flow.
 */
static bool lbdr_tunnel_error_is_own(struct lbdr_net *ln, const struct sk_buff *skb,
				     enum lbdr_family outer,
				     const struct lbdr_server_tunnel *tunnel,
				     const struct lbdr_tunnel_error *error,
				     const struct lbdr_route *route)
{
	const struct lbdr_encap encap = {
		.source	= &route->source,
		.hash	= tunnel ? lbdr_encap_hash(&error->flow) : 0,
		.outer	= outer,
	};
	union nf_inet_addr saddr = {};

	if (!tunnel)
		return nf_inet_addr_cmp(&route->source, &error->saddr) ||
		       lbdr_tunnel_error_is_local(ln, skb, outer, &error->saddr);
	lbdr_encap_source(tunnel, &encap, &saddr);
	return nf_inet_addr_cmp(&saddr, &error->saddr);
}

/* The stack verifies the checksum, but after PREROUTING. */
static bool lbdr_tunnel_error_is_intact(struct sk_buff *skb, enum lbdr_family outer)
{
	return outer == LBDR_V4 ?
	       !nf_checksum(skb, NF_INET_PRE_ROUTING, ip_hdrlen(skb), IPPROTO_ICMP,
			    AF_INET) :
	       !nf_checksum(skb, NF_INET_PRE_ROUTING, sizeof(struct ipv6hdr),
			    IPPROTO_ICMPV6, AF_INET6);
}

/* Makes the inner packet the packet. Returns false if it is not possible. */
static bool lbdr_tunnel_error_strip(struct sk_buff *skb, enum lbdr_family family,
				    u32 offset)
{
	u32 len = family == LBDR_V4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	int iif = skb->dev->ifindex;

	if (!pskb_may_pull(skb, offset + len))
		return false;
	__skb_pull(skb, offset);
	skb_reset_network_header(skb);
	if (family == LBDR_V4) {
		skb->protocol = htons(ETH_P_IP);
		skb_set_transport_header(skb, ip_hdrlen(skb));
		memset(IPCB(skb), 0, sizeof(struct inet_skb_parm));
		IPCB(skb)->iif = iif;
	} else {
		skb->protocol = htons(ETH_P_IPV6);
		skb_set_transport_header(skb, len);
		memset(IP6CB(skb), 0, sizeof(struct inet6_skb_parm));
		IP6CB(skb)->iif = iif;
	}
	return true;
}

/* Sends the error to the client. @mtu: MTU of the inner packet. */
static void lbdr_tunnel_error_send(struct lbdr_net *ln, struct sk_buff *skb,
				   enum lbdr_family inner,
				   enum lbdr_tunnel_error_kind kind, u32 mtu)
{
	bool too_big = kind == LBDR_TUNNEL_ERROR_TOO_BIG;

	if (inner == LBDR_V4) {
		if (!too_big)
			lbdr_icmp4(ln->net, skb, ICMP_DEST_UNREACH,
				   ICMP_HOST_UNREACH, 0);
		else if (mtu >= LBDR_TUNNEL_MIN_MTU4)
			lbdr_icmp4(ln->net, skb, ICMP_DEST_UNREACH,
				   ICMP_FRAG_NEEDED, mtu);
		return;
	}
	if (!too_big)
		lbdr_icmp6(ln->net, skb, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
	else
		lbdr_icmp6(ln->net, skb, ICMPV6_PKT_TOOBIG, 0,
			   lbdr_tunnel_told_mtu(inner, mtu));
}

/*
 * The kernel of this host reports each packet that waited for a neighbour which could not
 * be resolved. If the neighbour is a gateway, peers.c does not count the packet: a gateway
 * is no next hop. The error comes by the loopback device, or by the VRF.
 */
static bool lbdr_tunnel_error_of_gateway(const struct sk_buff *skb,
					 const struct lbdr_tunnel_error *error,
					 const struct lbdr_route *route)
{
	return error->kind == LBDR_TUNNEL_ERROR_UNREACHABLE &&
	       route->dst && !route->link &&
	       ((skb->dev->flags & IFF_LOOPBACK) || netif_is_l3_master(skb->dev));
}

/**
 * lbdr_tunnel_error() - Handle an ICMP packet that may be about a tunnelled packet
 * @ln: the namespace
 * @skb: the packet; skb->data is its IP header
 * @outer: its family
 *
 * Context: rcu_read_lock() held, BH off.
 * Return: NF_ACCEPT, or NF_STOLEN if the error was translated for a client.
 */
unsigned int lbdr_tunnel_error(struct lbdr_net *ln, struct sk_buff *skb,
			       enum lbdr_family outer)
{
	const struct lbdr_server_tunnel *tunnel = NULL;
	u16 domain = lbdr_domain_of_dev(ln, skb->dev);
	const struct lbdr_server *server = NULL;
	struct lbdr_tunnel_error error;
	const struct lbdr_route *route;
	struct lbdr_nexthop *nexthop;
	u32 mtu = 0;

	if (!lbdr_tunnel_error_parse(skb, outer, &error))
		return NF_ACCEPT;
	nexthop = lbdr_nexthop_lookup(ln, outer, &error.daddr, domain);
	if (!nexthop || !lbdr_tunnel_error_is_intact(skb, outer))
		return NF_ACCEPT;
	if (error.complete) {
		lbdr_flow_set_domain(&error.flow, domain);
		server = lbdr_tunnel_error_server(ln, outer, &error);
		tunnel = server ? lbdr_tunnel_error_match(server, outer, &error) : NULL;
		if (!tunnel)
			return NF_ACCEPT;
	}
	route = lbdr_nexthop_route(nexthop);
	if (!lbdr_tunnel_error_is_own(ln, skb, outer, tunnel, &error, route))
		return NF_ACCEPT;
	if (error.kind == LBDR_TUNNEL_ERROR_TOO_BIG)
		lbdr_nexthop_learn_pmtu(nexthop, error.mtu);
	if (!tunnel)
		return NF_ACCEPT;

	if (route->dst)
		mtu = lbdr_tunnel_mtu(tunnel,
				      lbdr_nexthop_path_mtu(nexthop, route));
	if (lbdr_tunnel_error_of_gateway(skb, &error, route))
		lbdr_drop(ln, server->service, LBDR_DROP_NEIGHBOUR);
	if (!lbdr_tunnel_error_strip(skb, error.flow.family, error.inner))
		return NF_ACCEPT;
	lbdr_tunnel_error_send(ln, skb, error.flow.family, error.kind, mtu);
	consume_skb(skb);
	return NF_STOLEN;
}
