// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets of connection synchronisation: UDP of the kernel, bound to one device, with a
 * multicast group or with the other directors that are configured.
 *
 * A kernel socket holds no reference to its namespace: the owner closes it before the
 * namespace is gone. Joining and leaving a group take RTNL. Options are set by the
 * functions that user space calls, since the members of struct inet_sock differ between
 * kernels.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inetdevice.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/sockptr.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "lbdr.h"
#include "sync.h"

/* Bytes that may wait in the socket of a backup: a master that starts sends at once */
#define RECEIVE_ROOM	(4 << 20)

union lbdr_sync_addr {
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
};

/* Fills in an address; NULL for any. Returns its length. */
static int lbdr_sync_set_addr(union lbdr_sync_addr *to, u16 family,
			      const union nf_inet_addr *addr, u16 port, int ifindex)
{
	memset(to, 0, sizeof(*to));
	if (family == AF_INET) {
		to->in.sin_family = AF_INET;
		to->in.sin_port = htons(port);
		if (addr)
			to->in.sin_addr = addr->in;
		return sizeof(to->in);
	}
	to->in6.sin6_family = AF_INET6;
	to->in6.sin6_port = htons(port);
	if (addr)
		to->in6.sin6_addr = addr->in6;
	if (addr && __ipv6_addr_needs_scope_id(ipv6_addr_type(&addr->in6)))
		to->in6.sin6_scope_id = ifindex;
	return sizeof(to->in6);
}

static int lbdr_sync_set(struct socket *sock, int level, int option, void *value, u32 len)
{
	return sock->ops->setsockopt(sock, level, option, KERNEL_SOCKPTR(value), len);
}

static int lbdr_sync_sock_set_master(struct socket *sock,
				     const struct lbdr_sync_settings *settings,
				     int ifindex)
{
	struct ip_mreqn mreq = { .imr_ifindex = ifindex };
	union lbdr_sync_addr addr;
	int ttl = settings->ttl, loop = 0, len, err;

	if (settings->family == AF_INET)
		err = lbdr_sync_set(sock, SOL_IP, IP_MULTICAST_IF, &mreq, sizeof(mreq)) ?:
		      lbdr_sync_set(sock, SOL_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)) ?:
		      lbdr_sync_set(sock, SOL_IP, IP_TTL, &ttl, sizeof(ttl)) ?:
		      lbdr_sync_set(sock, SOL_IP, IP_MULTICAST_LOOP, &loop, sizeof(loop));
	else
		err = lbdr_sync_set(sock, SOL_IPV6, IPV6_MULTICAST_IF, &ifindex,
				    sizeof(ifindex)) ?:
		      lbdr_sync_set(sock, SOL_IPV6, IPV6_MULTICAST_HOPS, &ttl,
				    sizeof(ttl)) ?:
		      lbdr_sync_set(sock, SOL_IPV6, IPV6_UNICAST_HOPS, &ttl,
				    sizeof(ttl)) ?:
		      lbdr_sync_set(sock, SOL_IPV6, IPV6_MULTICAST_LOOP, &loop,
				    sizeof(loop));
	/* A connected socket tells at once that there is no route. */
	if (err || settings->n_addrs > 1)
		return err;
	len = lbdr_sync_set_addr(&addr, settings->family, &settings->addrs[0],
				 settings->port, ifindex);
	return kernel_connect(sock, (void *)&addr, len, 0);
}

/* Sends from the port that it receives at, to any of the peers. */
static int lbdr_sync_sock_set_peers(struct socket *sock,
				    const struct lbdr_sync_settings *settings, int ifindex)
{
	bool v4 = settings->family == AF_INET;
	union lbdr_sync_addr addr;
	int ttl = settings->ttl, len, err;

	err = v4 ? lbdr_sync_set(sock, SOL_IP, IP_TTL, &ttl, sizeof(ttl)) :
		   lbdr_sync_set(sock, SOL_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof(ttl));
	if (err)
		return err;
	len = lbdr_sync_set_addr(&addr, settings->family, NULL, settings->port, ifindex);
	return kernel_bind(sock, (void *)&addr, len);
}

static int lbdr_sync_sock_set_backup(struct socket *sock,
				     const struct lbdr_sync_settings *settings,
				     int ifindex)
{
	struct ipv6_mreq mreq6 = { .ipv6mr_ifindex = ifindex };
	struct ip_mreqn mreq = { .imr_ifindex = ifindex };
	bool group = lbdr_sync_is_group(settings);
	union lbdr_sync_addr addr;
	int len, err;

	len = lbdr_sync_set_addr(&addr, settings->family,
				 group ? &settings->addrs[0] : NULL, settings->port,
				 ifindex);
	err = kernel_bind(sock, (void *)&addr, len);
	if (err || !group)
		return err;
	mreq.imr_multiaddr = settings->addrs[0].in;
	mreq6.ipv6mr_multiaddr = settings->addrs[0].in6;
	return settings->family == AF_INET ?
	       lbdr_sync_set(sock, SOL_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) :
	       lbdr_sync_set(sock, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &mreq6, sizeof(mreq6));
}

/**
 * lbdr_sync_sock_open() - Open the socket of a role
 * @ln: the namespace
 * @role: the role
 * @settings: its settings
 *
 * Context: process, may sleep; takes RTNL.
 * Return: the socket or ERR_PTR(), -ENODEV if there is no such device.
 */
struct socket *lbdr_sync_sock_open(struct lbdr_net *ln, enum lbdr_sync_role role,
				   const struct lbdr_sync_settings *settings)
{
	struct net_device *dev;
	struct socket *sock;
	int ifindex, err;

	dev = dev_get_by_name(ln->net, settings->device);
	if (!dev)
		return ERR_PTR(-ENODEV);
	ifindex = dev->ifindex;
	dev_put(dev);
	err = sock_create_kern(ln->net, settings->family, SOCK_DGRAM, IPPROTO_UDP, &sock);
	if (err)
		return ERR_PTR(err);
	err = sock_bindtoindex(sock->sk, ifindex, true);
	if (role != LBDR_SYNC_ROLE_MASTER && !ln->user)
		sock_set_rcvbuf(sock->sk, RECEIVE_ROOM);
	if (!err && role == LBDR_SYNC_ROLE_MASTER)
		err = lbdr_sync_sock_set_master(sock, settings, ifindex);
	else if (!err && role == LBDR_SYNC_ROLE_BACKUP)
		err = lbdr_sync_sock_set_backup(sock, settings, ifindex);
	else if (!err)
		err = lbdr_sync_sock_set_peers(sock, settings, ifindex);
	if (!err)
		return sock;
	sock_release(sock);
	return ERR_PTR(err);
}

/**
 * lbdr_sync_sock_send() - Send a datagram
 * @sock: socket of a role that sends
 * @settings: of the role
 * @peer: the address to send to, by its place in the settings
 * @data: the datagram
 * @len: its length
 *
 * Context: process, may sleep for memory.
 * Return: 0; -EAGAIN if there is no room in the socket; another negative error.
 */
int lbdr_sync_sock_send(struct socket *sock, const struct lbdr_sync_settings *settings,
			u8 peer, void *data, u32 len)
{
	struct msghdr msg = { .msg_flags = MSG_NOSIGNAL | MSG_DONTWAIT };
	struct kvec vec = { .iov_base = data, .iov_len = len };
	union lbdr_sync_addr to;
	int sent, tries = 2;

	if (sock->sk->sk_state != TCP_ESTABLISHED) {
		msg.msg_name = &to;
		msg.msg_namelen = lbdr_sync_set_addr(&to, settings->family,
						     &settings->addrs[peer],
						     settings->port,
						     sock->sk->sk_bound_dev_if);
	}
	/* The error may be the answer to an earlier datagram: this one was not sent. */
	do {
		sent = kernel_sendmsg(sock, &msg, &vec, 1, len);
	} while (sent == -ECONNREFUSED && --tries);
	if (sent < 0)
		return sent;
	return sent == (int)len ? 0 : -EMSGSIZE;
}

/* Returns the place in the settings of the director that a datagram comes from, or -1. */
static int lbdr_sync_find_peer(const union lbdr_sync_addr *from,
			       const struct lbdr_sync_settings *settings)
{
	int i;

	for (i = 0; i < settings->n_addrs; i++)
		if (settings->family == AF_INET ?
		    from->in.sin_addr.s_addr == settings->addrs[i].ip :
		    ipv6_addr_equal(&from->in6.sin6_addr, &settings->addrs[i].in6))
			return i;
	return -1;
}

/**
 * lbdr_sync_sock_receive() - Receive a datagram that has arrived
 * @sock: socket of a role that receives
 * @data: filled in
 * @room: its size; a longer datagram is cut
 * @settings: of the role
 * @peer: set to the place of the sender's address in the settings; to 0 with a group, and
 *	to -1 if another host than the configured ones has sent the datagram
 *
 * Context: process.
 * Return: length, more than @room for a datagram that was cut; -EAGAIN if there is none;
 * another negative error.
 */
int lbdr_sync_sock_receive(struct socket *sock, void *data, u32 room,
			   const struct lbdr_sync_settings *settings, int *peer)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };
	struct kvec vec = { .iov_base = data, .iov_len = room };
	union lbdr_sync_addr from = {};
	int len;

	msg.msg_name = &from;
	len = kernel_recvmsg(sock, &msg, &vec, 1, room, MSG_DONTWAIT | MSG_TRUNC);
	*peer = len < 0 || lbdr_sync_is_group(settings) ? 0 :
		lbdr_sync_find_peer(&from, settings);
	return len;
}

/**
 * lbdr_sync_sock_carrier() - Check whether the device of a socket has carrier
 * @sock: the socket
 *
 * Context: any.
 * Return: true if the device is up and has carrier.
 */
bool lbdr_sync_sock_carrier(const struct socket *sock)
{
	struct net_device *dev;
	bool carrier;

	rcu_read_lock();
	dev = dev_get_by_index_rcu(sock_net(sock->sk), sock->sk->sk_bound_dev_if);
	carrier = dev && netif_running(dev) && netif_carrier_ok(dev);
	rcu_read_unlock();
	return carrier;
}

/**
 * lbdr_sync_sock_listen() - Set the callback for datagrams that arrive
 * @sock: socket of the backup
 * @ln: the namespace, which the callback finds in sk->sk_user_data
 * @ready: the callback, or NULL to have none
 *
 * No callback runs any more when this returns with NULL.
 *
 * Context: process, may sleep.
 */
void lbdr_sync_sock_listen(struct socket *sock, struct lbdr_net *ln,
			   void (*ready)(struct sock *sk))
{
	struct sock *sk = sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = ready ? ln : NULL;
	if (ready)
		sk->sk_data_ready = ready;
	write_unlock_bh(&sk->sk_callback_lock);
}

/**
 * lbdr_sync_sock_close() - Close a socket
 * @sock: the socket, which no work item uses
 *
 * Context: process, may sleep; takes RTNL.
 */
void lbdr_sync_sock_close(struct socket *sock)
{
	sock_release(sock);
}
