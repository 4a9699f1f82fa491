// SPDX-License-Identifier: GPL-2.0
/*
 * Reads net.ipv4.conf from /proc/sys, of the network namespace of the process.
 */
#include <stdio.h>
#include <string.h>

#include "doctor.h"

/* As sysctl(8) takes it: with slashes if the name of the device has a dot. */
const char *conf_name(const char *dev, const char *name, char *text)
{
	snprintf(text, CONF_NAME, strchr(dev, '.') ? "net/ipv4/conf/%s/%s" :
						     "net.ipv4.conf.%s.%s",
		 dev, name);
	return text;
}

/* Returns 0 for a setting that cannot be read, the kernel's default. */
long conf_read(const char *dev, const char *name)
{
	char path[128];
	long value = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", dev,
		 name);
	root_number(path, &value);
	return value;
}

/**
 * conf_max() - read a setting whose greater value of "all" and device applies
 * @dev: the device
 * @name: the setting
 * @whose: gets "all" or @dev, whose value applies; may be NULL
 *
 * Return: the value.
 */
long conf_max(const char *dev, const char *name, const char **whose)
{
	long all = conf_read("all", name);
	long own = conf_read(dev, name);

	if (whose)
		*whose = own > all ? dev : "all";
	return own > all ? own : all;
}
