// SPDX-License-Identifier: GPL-2.0
/*
 * Waits for input, a time, or a signal, in commands that run until they are
 * interrupted. Signals are read from a signalfd, so there are no signal handlers.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lbctl.h"

static const struct {
	int number;
	enum wake means;
	bool screen;		/* only for a program with a screen */
} signals[] = {
	{ SIGINT, WAKE_END, false },
	{ SIGTERM, WAKE_END, false },
	{ SIGHUP, WAKE_END, false },
	{ SIGQUIT, WAKE_END, true },
	{ SIGTSTP, WAKE_STOP, true },
	{ SIGWINCH, WAKE_RESIZE, true },
};

/* Signals that the caller ignores, as nohup does, stay ignored. */
static bool is_ignored(int number)
{
	struct sigaction action;

	return !sigaction(number, NULL, &action) &&
	       action.sa_handler == SIG_IGN;
}

/**
 * wait_begin() - block signals, for wait_for()
 * @screen: also those of a terminal
 *
 * Return: a descriptor for wait_for(), or -1 after a message.
 */
int wait_begin(bool screen)
{
	sigset_t set;
	size_t i;
	int fd;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		if ((screen || !signals[i].screen) &&
		    !is_ignored(signals[i].number))
			sigaddset(&set, signals[i].number);
	}
	fd = sigprocmask(SIG_BLOCK, &set, NULL) ?
		     -1 : signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		complain("cannot wait for signals: %s", strerror(errno));
	return fd;
}

static enum wake read_signal(int fd)
{
	struct signalfd_siginfo info;
	size_t i;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return WAKE_END;
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		if (signals[i].number == (int)info.ssi_signo)
			return signals[i].means;
	}
	return WAKE_END;
}

/**
 * wait_for() - wait for what comes first
 * @signal_fd: from wait_begin()
 * @fd: whose input is waited for
 * @milliseconds: for so long, or -1 for ever
 *
 * Return: what came; WAKE_READY also where reading will only fail.
 */
enum wake wait_for(int signal_fd, int fd, int milliseconds)
{
	struct pollfd fds[] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};
	int ready;

	/* Being stopped and continued interrupts it. */
	do {
		ready = poll(fds, ARRAY_SIZE(fds), milliseconds);
	} while (ready < 0 && errno == EINTR);
	if (!ready)
		return WAKE_TIME;
	if (ready < 0)
		return WAKE_END;
	return fds[0].revents ? read_signal(signal_fd) : WAKE_READY;
}
