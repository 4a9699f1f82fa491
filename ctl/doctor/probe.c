// SPDX-License-Identifier: GPL-2.0
/*
 * Asks segments which hosts have an address, by ARP requests and neighbour
 * solicitations that are built here: the kernel sends none for its own
 * addresses. Collects the answers of all hosts, not only the first one.
 *
 * The sender address of a question is an address of the device, never the one
 * that is asked for, so that no neighbour table changes. Packet sockets do not
 * receive answers of this host; frames with one of its MACs are ignored.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>

#include "doctor.h"

/*
 * An address that was answered for is not asked for again. A proxy answers with
 * a delay, up to 0.8 seconds on Linux.
 */
#define ROUNDS 3
#define ROUND_MS 200
#define LISTEN_MS 1000
/* After this many questions the answers that wait are read. */
#define BURST 64

/* The questions of one family on one device. */
struct segment {
	const struct link *link;
	int family;
	struct probe_row *first;
	size_t count;
	struct addr sender;
	bool has_sender;
};

struct solicitation {
	struct ip6_hdr ip;
	struct nd_neighbor_solicit ns;
	struct nd_opt_hdr option;
	__u8 mac[ETH_ALEN];
} __attr(packed);

static int compare_rows(const void *a, const void *b)
{
	const struct probe_row *first = a;
	const struct probe_row *second = b;

	if (first->ifindex != second->ifindex)
		return first->ifindex < second->ifindex ? -1 : 1;
	return addr_compare(&first->at, &second->at);
}

static int compare_answers(const void *a, const void *b)
{
	const struct probe_row *first = a;
	const struct probe_row *second = b;
	int order = compare_rows(a, b);

	return order ? order : memcmp(first->mac, second->mac, ETH_ALEN);
}

/* Add a question for the next probe_run(). */
void probe_add(struct probe *probe, __u32 ifindex, const struct addr *at)
{
	struct probe_row *row;

	probe->questions = grow(probe->questions, &probe->room_questions,
				probe->nr_questions, sizeof(*row));
	row = &probe->questions[probe->nr_questions++];
	memset(row, 0, sizeof(*row));
	row->ifindex = ifindex;
	row->at = *at;
	}

void probe_add_answer(struct probe *probe, const struct probe_row *row)
{
	probe->answers = grow(probe->answers, &probe->room_answers,
			      probe->nr_answers, sizeof(*row));
	probe->answers[probe->nr_answers++] = *row;
}

void probe_drop(struct probe *probe)
{
	free(probe->questions);
	free(probe->answers);
	memset(probe, 0, sizeof(*probe));
}

/* The next answer for an address, after @after; one for each MAC. */
const struct probe_row *probe_answer(const struct probe *probe, __u32 ifindex,
				     const struct addr *at,
				     const struct probe_row *after)
{
	struct probe_row key = { .ifindex = ifindex, .at = *at };
	size_t low = 0, high = probe->nr_answers, middle;

	if (after) {
		low = after + 1 - probe->answers;
	} else {
		while (low < high) {
			middle = low + (high - low) / 2;
			if (compare_rows(&probe->answers[middle], &key) < 0)
				low = middle + 1;
			else
				high = middle;
		}
	}
	if (low == probe->nr_answers ||
	    compare_rows(&probe->answers[low], &key))
		return NULL;
	return &probe->answers[low];
}

/* Sorts rows and removes duplicates; returns the new count. */
static size_t sort_unique(struct probe_row *rows, size_t count,
			  int (*compare)(const void *a, const void *b))
{
	size_t kept = 0;
	size_t i;

	if (count)
		qsort(rows, count, sizeof(*rows), compare);
	for (i = 0; i < count; i++) {
		if (!kept || compare(&rows[kept - 1], &rows[i]))
			rows[kept++] = rows[i];
	}
	return kept;
}

/*
 * The sender is an address of the device that is not asked for. IPv4: preferably
 * not a /32, which may be a VIP. IPv6: preferably a link-local one. A question
 * without a sender is one of duplicate address detection, which is answered too.
 */
static bool is_better(const struct address *new, const struct address *old)
{
	if (!old)
		return true;
	if (new->at.family == AF_INET)
		return new->prefix < old->prefix;
	return IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)new->at.bytes) &&
	       !IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)old->at.bytes);
}

static void choose_sender(struct segment *segment, const struct host *host)
{
	const struct address *address, *best = NULL;
	struct probe_row key;

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		key.ifindex = segment->link->ifindex;
		key.at = address->at;
		if (address->link == segment->link &&
		    address->at.family == segment->family &&
		    !address->tentative && !address->dad_failed &&
		    !bsearch(&key, segment->first, segment->count, sizeof(key),
			     compare_rows) &&
		    is_better(address, best))
			best = address;
	}
	segment->has_sender = best;
	if (best)
		segment->sender = best->at;
}

/* Of IPv6 the socket receives only neighbour advertisements. */
static int filter_answers(int fd)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
			 offsetof(struct ip6_hdr, ip6_nxt)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, sizeof(struct ip6_hdr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ~0U),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = {
		.len = ARRAY_SIZE(code),
		.filter = code,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
			  sizeof(filter));
}

/* Bound last, so that every frame was filtered. */
static int segment_open(const struct segment *segment)
{
	struct sockaddr_ll here = {
		.sll_family = AF_PACKET,
		.sll_ifindex = segment->link->ifindex,
		.sll_protocol = htons(segment->family == AF_INET ? ETH_P_ARP :
								   ETH_P_IPV6),
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	int error;

	if (fd < 0)
		return -1;
	if ((segment->family == AF_INET || !filter_answers(fd)) &&
	    !bind(fd, (struct sockaddr *)&here, sizeof(here)))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static bool send_frame(int fd, const struct segment *segment, __u16 protocol,
		       const __u8 *to, const void *frame, size_t size)
{
	struct sockaddr_ll there = {
		.sll_family = AF_PACKET,
		.sll_ifindex = segment->link->ifindex,
		.sll_protocol = htons(protocol),
		.sll_halen = ETH_ALEN,
	};

	memcpy(there.sll_addr, to, ETH_ALEN);
	return sendto(fd, frame, size, 0, (struct sockaddr *)&there,
		      sizeof(there)) >= 0;
}

static bool send_arp(int fd, const struct segment *segment,
		     const struct addr *at)
{
	static const __u8 broadcast[ETH_ALEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	struct ether_arp arp = {
		.ea_hdr = {
			.ar_hrd = htons(ARPHRD_ETHER),
			.ar_pro = htons(ETH_P_IP),
			.ar_hln = ETH_ALEN,
			.ar_pln = 4,
			.ar_op = htons(ARPOP_REQUEST),
		},
	};

	memcpy(arp.arp_sha, segment->link->mac, ETH_ALEN);
	if (segment->has_sender)
		memcpy(arp.arp_spa, segment->sender.bytes, 4);
	memcpy(arp.arp_tpa, at->bytes, 4);
	return send_frame(fd, segment, ETH_P_ARP, broadcast, &arp, sizeof(arp));
}

static __u16 checksum(const __u8 *data, size_t size, __u32 sum)
{
	size_t i;

	for (i = 0; i < size; i++)
		sum += i % 2 ? data[i] : data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static bool send_ns(int fd, const struct segment *segment,
		    const struct addr *at)
{
	__u8 group[ETH_ALEN] = { 0x33, 0x33, 0xff };
	struct solicitation frame = {
		.ip = {
			.ip6_flow = htonl(6U << 28),
			.ip6_nxt = IPPROTO_ICMPV6,
			.ip6_hlim = 255,
		},
		.ns.nd_ns_type = ND_NEIGHBOR_SOLICIT,
		.option = {
			.nd_opt_type = ND_OPT_SOURCE_LINKADDR,
			.nd_opt_len = 1,
		},
	};
	size_t size = sizeof(frame.ns);
	__u8 *to = frame.ip.ip6_dst.s6_addr;

	/* The solicited-node multicast group of the address. */
	memcpy(group + 3, at->bytes + 13, 3);
	memcpy(to, "\xff\x02\0\0\0\0\0\0\0\0\0\1\xff", 13);
	memcpy(to + 13, at->bytes + 13, 3);
	memcpy(&frame.ns.nd_ns_target, at->bytes, 16);
	if (segment->has_sender) {
		memcpy(&frame.ip.ip6_src, segment->sender.bytes, 16);
		memcpy(frame.mac, segment->link->mac, ETH_ALEN);
		size += sizeof(frame.option) + ETH_ALEN;
	}
	frame.ip.ip6_plen = htons(size);
	/* The pseudo header: addresses of the frame, length and protocol. */
	frame.ns.nd_ns_cksum = htons(checksum((__u8 *)&frame.ip.ip6_src,
					      32 + size,
					      size + IPPROTO_ICMPV6));
	return send_frame(fd, segment, ETH_P_IPV6, group, &frame,
			  sizeof(frame.ip) + size);
}

static bool is_own(const struct host *host, const __u8 *mac)
{
	size_t i;

	for (i = 0; i < host->nr_links; i++) {
		if (host->links[i].ethernet &&
		    !memcmp(host->links[i].mac, mac, ETH_ALEN))
			return true;
	}
	return false;
}

/**
 * probe_parse() - read an answer
 * @family: AF_INET for ARP, of which requests count too; AF_INET6 for neighbour
 *	advertisements
 * @frame: without the Ethernet header, from any host
 * @size: of it
 * @from: the MAC that sent it
 * @row: gets address and MAC
 *
 * Return: false if it is not an answer.
 */
bool probe_parse(int family, const __u8 *frame, size_t size, const __u8 *from,
		struct probe_row *row)
{
	const struct nd_opt_hdr *option;
	struct nd_neighbor_advert na;
	struct ether_arp arp;

	memset(&row->at, 0, sizeof(row->at));
	row->at.family = family;
	memcpy(row->mac, from, ETH_ALEN);
	if (family == AF_INET) {
		if (size < sizeof(arp))
			return false;
		memcpy(&arp, frame, sizeof(arp));
		if (arp.ea_hdr.ar_pro != htons(ETH_P_IP) ||
		    arp.ea_hdr.ar_hln != ETH_ALEN || arp.ea_hdr.ar_pln != 4)
			return false;
		memcpy(row->at.bytes, arp.arp_spa, 4);
		memcpy(row->mac, arp.arp_sha, ETH_ALEN);
		return true;
	}
	if (size < sizeof(struct ip6_hdr) + sizeof(na))
		return false;
	memcpy(&na, frame + sizeof(struct ip6_hdr), sizeof(na));
	memcpy(row->at.bytes, &na.nd_na_target, 16);
	/* The option may name another MAC than the sender's. */
	frame += sizeof(struct ip6_hdr) + sizeof(na);
	size -= sizeof(struct ip6_hdr) + sizeof(na);
	option = (const void *)frame;
	if (size >= sizeof(*option) + ETH_ALEN &&
	    option->nd_opt_type == ND_OPT_TARGET_LINKADDR)
		memcpy(row->mac, frame + sizeof(*option), ETH_ALEN);
	return true;
}

/* Read all answers that wait on a socket. */
static void collect(struct probe *probe, const struct host *host, int fd,
		    const struct segment *segment)
{
	struct probe_row row = { .ifindex = segment->link->ifindex };
	struct probe_row *question;
	struct sockaddr_ll from;
	socklen_t length;
	__u8 frame[256];
	ssize_t size;

	for (;;) {
		length = sizeof(from);
		size = recvfrom(fd, frame, sizeof(frame), 0,
				(struct sockaddr *)&from, &length);
		if (size < 0)
			return;
		if (from.sll_pkttype == PACKET_OUTGOING ||
		    from.sll_halen != ETH_ALEN ||
		    !probe_parse(segment->family, frame, size, from.sll_addr,
				&row) || is_own(host, row.mac))
			continue;
		question = bsearch(&row, segment->first, segment->count,
				   sizeof(row), compare_rows);
		if (!question)
			continue;
		question->answered = true;
		probe_add_answer(probe, &row);
	}
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int ask_segment(struct probe *probe, const struct host *host, int fd,
		       const struct segment *segment)
{
	const struct probe_row *row;
	size_t sent = 0;
	bool good;

	for (row = segment->first; row < segment->first + segment->count;
	     row++) {
		if (row->answered)
			continue;
		do {
			good = segment->family == AF_INET ?
			       send_arp(fd, segment, &row->at) :
			       send_ns(fd, segment, &row->at);
			if (!good && errno != EAGAIN && errno != ENOBUFS)
				return -1;
			if (!good || ++sent % BURST == 0) {
				poll(NULL, 0, 1);
				collect(probe, host, fd, segment);
			}
		} while (!good);
	}
	return 0;
}

static int ask_and_listen(struct probe *probe, const struct host *host,
			  const struct segment *segments, struct pollfd *fds,
			  size_t count)
{
	long begun = now_ms();
	long end, left;
	size_t i;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < count; i++) {
			if (ask_segment(probe, host, fds[i].fd, &segments[i]))
				return -1;
		}
		end = round == ROUNDS - 1 ? begun + LISTEN_MS :
					    now_ms() + ROUND_MS;
		while ((left = end - now_ms()) > 0) {
			if (poll(fds, count, left) < 0 && errno != EINTR)
				return -1;
			for (i = 0; i < count; i++)
				collect(probe, host, fds[i].fd, &segments[i]);
		}
	}
	return 0;
}

/* Questions are sorted by device and family. */
static size_t find_segments(struct probe *probe, const struct host *host,
			    struct segment *segments)
{
	struct segment *segment = NULL;
	size_t count = 0;
	size_t i;

	for (i = 0; i < probe->nr_questions; i++) {
		struct probe_row *row = &probe->questions[i];

		if (!segment || segment->first->ifindex != row->ifindex ||
		    segment->family != row->at.family) {
			segment = &segments[count++];
			memset(segment, 0, sizeof(*segment));
			segment->link = host_link(host, row->ifindex);
			segment->family = row->at.family;
			segment->first = row;
		}
		segment->count++;
	}
	for (i = 0; i < count; i++)
		choose_sender(&segments[i], host);
	return count;
}

/**
 * probe_run() - send all questions and wait for the answers
 * @probe: with questions, each on a device that is up and link_is_nic()
 * @host: the host
 *
 * Always takes LISTEN_MS: a second answer to a question is what matters.
 *
 * Return: 0, or -1 and errno.
 */
int probe_run(struct probe *probe, const struct host *host)
{
	struct segment *segments;
	size_t count, opened;
	struct pollfd *fds;
	int status = -1;
	int error;

	probe->nr_questions = sort_unique(probe->questions, probe->nr_questions,
					  compare_rows);
	if (!probe->nr_questions)
		return 0;
	segments = calloc(probe->nr_questions, sizeof(*segments));
	fds = calloc(probe->nr_questions, sizeof(*fds));
	if (!segments || !fds) {
		free(segments);
		free(fds);
		return -1;
	}
	count = find_segments(probe, host, segments);
	for (opened = 0; opened < count; opened++) {
		fds[opened].fd = segment_open(&segments[opened]);
		fds[opened].events = POLLIN;
		if (fds[opened].fd < 0)
			break;
	}
	if (opened == count)
		status = ask_and_listen(probe, host, segments, fds, count);
	error = errno;
	while (opened)
		close(fds[--opened].fd);
	free(segments);
	free(fds);
	probe->nr_answers = sort_unique(probe->answers, probe->nr_answers,
					compare_answers);
	errno = error;
	return status;
}
