// SPDX-License-Identifier: GPL-2.0
/*
 * Linked to a fuzzer in place of the resolver.
 */
#include <netdb.h>

/* Names would be asked for over the network: none is known here. */
int getaddrinfo(const char *node, const char *service,
		const struct addrinfo *hints, struct addrinfo **res)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)res;
	return EAI_NONAME;
}
