// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and writes the settings of devices, net.ipv4.conf and net.ipv6.conf, by
 * /proc/sys, which shows those of the namespace that the process is in.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#include "host.h"

/* As sysctl(8) takes it: with slashes where the device has a dot, as a VLAN. */
const char *conf_name(const char *dev, const char *name, char *text)
{
	snprintf(text, CONF_NAME, strchr(dev, '.') ? "net/ipv4/conf/%s/%s" :
						     "net.ipv4.conf.%s.%s",
		 dev, name);
	return text;
}

static int conf_open(int family, const char *dev, const char *name, int flags)
{
	char path[256];

	/* The name of a device has no '/'. */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv%d/conf/%s/%s",
		 family == AF_INET ? 4 : 6, dev, name);
	return open(path, flags | O_CLOEXEC);
}

/**
 * conf_read() - read one setting
 * @family: AF_INET or AF_INET6
 * @dev: the device's name, or "all"
 * @name: the setting's
 * @value: what it is
 *
 * Return: 0 or an errno.
 */
int conf_read(int family, const char *dev, const char *name, long *value)
{
	int fd = conf_open(family, dev, name, O_RDONLY);
	char text[32] = "";
	int error = 0;
	char *end;

	if (fd < 0)
		return errno;
	if (read(fd, text, sizeof(text) - 1) < 0)
		error = errno;
	close(fd);
	if (error)
		return error;
	*value = strtol(text, &end, 10);
	return end == text ? EINVAL : 0;
}

/* Returns 0 or an errno. */
int conf_write(int family, const char *dev, const char *name, long value)
{
	int fd = conf_open(family, dev, name, O_WRONLY);
	int error = 0;

	if (fd < 0)
		return errno;
	if (dprintf(fd, "%ld\n", value) < 0)
		error = errno;
	close(fd);
	return error;
}
