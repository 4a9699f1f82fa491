/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tunnel.c: options, attributes and texts of the tunnel to a server.
 */
#ifndef LBCTL_TUNNEL_H
#define LBCTL_TUNNEL_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>
#include <libmnl/libmnl.h>

#include "request.h"

#define TUNNEL_TEXT 24

int tunnel_read(struct tunnel_args *args, bool direct, bool letters, bool adds);
int tunnel_check(const struct tunnel_args *args, const struct endpoint *server);
void tunnel_put(struct nlmsghdr *nlh, const struct tunnel_args *args,
		const struct endpoint *server, bool letters, bool adds);
bool tunnel_decode(const struct nlattr **attrs, struct server *server);
bool tunnel_equal(const struct tunnel *a, const struct tunnel *b);
void tunnel_save(FILE *out, const struct tunnel *is, const struct tunnel *tunnel,
		 bool ipvsadm);
void tunnel_change(FILE *out, const struct tunnel *is, const struct tunnel *want);
const char *tunnel_text(const struct tunnel *tunnel, char *text);
const char *tunnel_column(const struct tunnel *tunnel, char *text);
void tunnel_print(const struct tunnel *tunnel);
json_t *tunnel_json(const struct tunnel *tunnel);

#endif
