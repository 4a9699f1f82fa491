// SPDX-License-Identifier: GPL-2.0
/*
 * Settings of drivers, as ethtool(8) shows them. For lbctl and lbdr-doctor.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <net/if.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "ethtool.h"

/* A kernel has fewer than a hundred. */
#define FEATURES_MAX 1024

static bool ask(int fd, const char *device, void *command)
{
	struct ifreq request = { .ifr_data = command };

	snprintf(request.ifr_name, IFNAMSIZ, "%s", device);
	return !ioctl(fd, SIOCETHTOOL, &request);
}

/**
 * ethtool_number() - get a setting that is a number
 * @fd: a socket of the device's namespace
 * @device: the name of the device
 * @command: ETHTOOL_G...
 *
 * Return: the number, -1 if it is not known.
 */
long ethtool_number(int fd, const char *device, __u32 command)
{
	struct ethtool_value value = { .cmd = command };

	return ask(fd, device, &value) ? (long)value.data : -1;
}

static __u32 count_features(int fd, const char *device)
{
	struct {
		struct ethtool_sset_info info;
		__u32 count;
	} set = {
		.info.cmd = ETHTOOL_GSSET_INFO,
		.info.sset_mask = 1ULL << ETH_SS_FEATURES,
	};

	if (!ask(fd, device, &set) || !set.info.sset_mask || set.count > FEATURES_MAX)
		return 0;
	return set.count;
}

/* Returns the number of a feature, or @count. */
static __u32 find_feature(int fd, const char *device, __u32 count, const char *feature)
{
	struct ethtool_gstrings *strings;
	__u32 i = count;

	strings = or_exit(calloc(1, sizeof(*strings) + count * ETH_GSTRING_LEN));
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = count;
	if (ask(fd, device, strings))
		for (i = 0; i < count; i++)
			if (!strncmp((char *)strings->data + i * ETH_GSTRING_LEN, feature,
				     ETH_GSTRING_LEN))
				break;
	free(strings);
	return i;
}

/**
 * ethtool_feature() - get whether a feature of a device is on
 * @fd: a socket of the device's namespace
 * @device: the name of the device
 * @feature: its name, for example "rx-vlan-hw-parse"
 *
 * Return: true if it is on.
 */
bool ethtool_feature(int fd, const char *device, const char *feature)
{
	__u32 count = count_features(fd, device);
	__u32 number = find_feature(fd, device, count, feature);
	__u32 blocks = (count + 31) / 32;
	struct ethtool_gfeatures *features;
	bool on = false;

	if (number >= count)
		return false;
	features = or_exit(calloc(1, sizeof(*features) +
				     blocks * sizeof(features->features[0])));
	features->cmd = ETHTOOL_GFEATURES;
	features->size = blocks;
	if (ask(fd, device, features))
		on = features->features[number / 32].active & 1U << number % 32;
	free(features);
	return on;
}

/**
 * ethtool_strips_tags() - get whether the hardware takes the tags of VLANs out of frames
 * @fd: a socket of the device's namespace
 * @device: the name of the device
 *
 * Return: true if it takes out those of 802.1Q or 802.1ad.
 */
bool ethtool_strips_tags(int fd, const char *device)
{
	return ethtool_feature(fd, device, "rx-vlan-hw-parse") ||
	       ethtool_feature(fd, device, "rx-vlan-stag-hw-parse");
}
