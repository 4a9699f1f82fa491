// SPDX-License-Identifier: GPL-2.0
/*
 * Short RCU grace periods while packets are dropped. An exchange waits for about a dozen
 * of them, which take 10 to 30 ms each otherwise: those of synchronize_rcu() are expedited,
 * and the kernel looks sooner for CPUs that end the others, for which rcu_barrier() waits.
 *
 * A process beside this one restores the settings of the kernel when its input ends, also
 * if this process is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exchange.h"
#include "lbctl.h"

#define TREE "/sys/module/rcutree/parameters/"

static const struct {
	const char *path;
	const char *value;
} settings[RCU_SETTINGS] = {
	{ "/sys/kernel/rcu_expedited", "1" },
	{ TREE "jiffies_till_first_fqs", "0" },
	{ TREE "jiffies_till_next_fqs", "1" },
};

/* Fails where the kernel has no such setting: then everything takes longer. */
static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		complain("warning: cannot write %s: %s", path, strerror(errno));
	close(fd);
}

/* Reads a setting; empty if there is none. */
static void get(const char *path, char value[RCU_VALUE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = 0;

	if (fd >= 0) {
		size = read(fd, value, RCU_VALUE - 1);
		close(fd);
	}
	value[size > 0 ? size : 0] = '\0';
}

/* The process beside this one. Signals are blocked in it, as in this one. */
static void watch(const struct exchange_rcu *rcu, int input)
{
	char byte;
	size_t i;

	while (read(input, &byte, 1) < 0 && errno == EINTR)
		;
	for (i = 0; i < RCU_SETTINGS; i++)
		if (*rcu->before[i])
			set(settings[i].path, rcu->before[i]);
	_exit(EXIT_DONE);
}

/**
 * exchange_rcu_begin() - shorten grace periods from now on
 * @rcu: to be ended by exchange_rcu_end()
 *
 * Call it before exchange_rule_begin(): the process beside this one would keep the input of
 * nft open.
 */
void exchange_rcu_begin(struct exchange_rcu *rcu)
{
	int ends[2];
	size_t i;

	rcu->watcher = -1;
	if (pipe2(ends, O_CLOEXEC))
		return;
	for (i = 0; i < RCU_SETTINGS; i++)
		get(settings[i].path, rcu->before[i]);
	rcu->watcher = fork();
	if (!rcu->watcher) {
		close(ends[1]);
		watch(rcu, ends[0]);
	}
	close(ends[0]);
	rcu->end = ends[1];
	if (rcu->watcher < 0) {
		close(rcu->end);
		return;
	}
	for (i = 0; i < RCU_SETTINGS; i++)
		set(settings[i].path, settings[i].value);
}

/**
 * exchange_rcu_end() - let grace periods take their time again
 * @rcu: begun by exchange_rcu_begin()
 */
void exchange_rcu_end(struct exchange_rcu *rcu)
{
	if (rcu->watcher <= 0)
		return;
	close(rcu->end);
	while (waitpid(rcu->watcher, NULL, 0) < 0 && errno == EINTR)
		;
	rcu->watcher = -1;
}
