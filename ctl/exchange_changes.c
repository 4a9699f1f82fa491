// SPDX-License-Identifier: GPL-2.0
/*
 * Whether another program has changed the configuration since it was saved: by the
 * notifications of the module. A change is notified before the command that made it is
 * acknowledged.
 */
#include <errno.h>
#include <poll.h>

#include "exchange.h"
#include "lbctl.h"

/**
 * exchange_changes_begin() - begin to listen
 * @changes: to be ended by exchange_changes_end(), also after an error
 *
 * Return: the exit status, after a message.
 */
int exchange_changes_begin(struct exchange_changes *changes)
{
	int status = nl_open(&changes->nl, NULL);

	return status ? status : nl_listen(changes->nl);
}

static bool ignore(const struct nlmsghdr *nlh, void *data)
{
	(void)nlh;
	(void)data;
	return true;
}

/**
 * exchange_changes_any() - check for changes since the last call
 * @changes: after exchange_changes_begin()
 *
 * Return: true if there were any.
 */
bool exchange_changes_any(struct exchange_changes *changes)
{
	struct pollfd fd = { .fd = nl_fd(changes->nl), .events = POLLIN };
	bool any = false;
	int err = 0;

	/* Some were lost where there was no room for them. */
	while ((!err || err == -ENOBUFS) && poll(&fd, 1, 0) > 0) {
		any = true;
		err = nl_hear(changes->nl, ignore, NULL);
	}
	return any;
}

/**
 * exchange_changes_end() - end to listen
 * @changes: those of exchange_changes_begin(), or none
 *
 * Before everything is removed: the module makes no notifications that nobody wants.
 */
void exchange_changes_end(struct exchange_changes *changes)
{
	nl_close(changes->nl);
	changes->nl = NULL;
}
