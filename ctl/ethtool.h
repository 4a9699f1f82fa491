/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Settings of drivers.
 */
#ifndef LBCTL_ETHTOOL_H
#define LBCTL_ETHTOOL_H

#include <linux/types.h>

#include "common.h"

/* What makes ethtool_strips_tags() false; %s is the device. */
#define ETHTOOL_KEEP_TAGS "ethtool -K %s rxvlan off rx-vlan-stag-hw-parse off"

long ethtool_number(int fd, const char *device, __u32 command);
bool ethtool_feature(int fd, const char *device, const char *feature);
bool ethtool_strips_tags(int fd, const char *device);

#endif
