// SPDX-License-Identifier: GPL-2.0
/*
 * The settings of a server: numbers with an option, an attribute and a JSON member
 * each. A row of the table is what the tool knows of a setting, so that a new one is a
 * row here, an option in options.c, its text in struct server_args and its member in
 * struct server.
 */
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

struct setting {
	const char *name;	/* in messages */
	const char *word;	/* in the output of monitor */
	const char *json;	/* the member in JSON */
	char letter;		/* the option in saved commands */
	bool always;		/* written also when it is usual */
	__u16 attr;		/* of type u32 */
	__u32 max;
	__u32 usual;		/* the value without the option */
	size_t value;		/* __u32 in struct server */
	size_t text;		/* of the option, in struct server_args */
};

#define IN_SERVER(member) offsetof(struct server, member)
#define IN_ARGS(member) offsetof(struct server_args, member)

static const struct setting settings[] = {
	{ "weight", "weight", "weight", 'w', true, LBDR_A_SERVER_WEIGHT,
	  LBDR_WEIGHT_MAX, 1, IN_SERVER(weight),
	  IN_ARGS(weight_text) },
	{ "upper threshold", "upper", "upper_threshold", 'x', false,
	  LBDR_A_SERVER_UPPER, ~0U, 0, IN_SERVER(upper),
	  IN_ARGS(upper_text) },
	{ "lower threshold", "lower", "lower_threshold", 'y', false,
	  LBDR_A_SERVER_LOWER, ~0U, 0, IN_SERVER(lower),
	  IN_ARGS(lower_text) },
};

static const struct setting *const settings_end = settings + ARRAY_SIZE(settings);

static __u32 *value_of(const struct setting *setting, struct server *server)
{
	return (__u32 *)((char *)server + setting->value);
}

static __u32 value(const struct setting *setting, const struct server *server)
{
	return *(const __u32 *)((const char *)server + setting->value);
}

static const char *text(const struct setting *setting, const struct server_args *args)
{
	return *(const char *const *)((const char *)args + setting->text);
}

/**
 * settings_read() - read the texts of a server's settings
 * @args: what the command line says
 *
 * Return: 0; -1 for wrong usage, and then fault_text() tells more.
 */
int settings_read(struct server_args *args)
{
	const struct setting *setting;

	for (setting = settings; setting < settings_end; setting++) {
		*value_of(setting, &args->want) = setting->usual;
		if (text(setting, args) &&
		    parse_number(setting->name, text(setting, args), 0,
				 setting->max, value_of(setting, &args->want)))
			return -1;
	}
	if (args->upper_text && args->lower_text && args->want.lower > args->want.upper)
		return fault("invalid lower threshold %u: must not be above the upper one, %u",
			     args->want.lower, args->want.upper);
	return 0;
}

/**
 * settings_put() - put a server's settings into a message
 * @nlh: the message
 * @args: what the command line says
 * @all: put all of them, as ipvsadm's letters do
 * @adds: the message adds the server
 *
 * Settings without a text stay as they are. A server that is added has a
 * weight.
 */
void settings_put(struct nlmsghdr *nlh, const struct server_args *args,
		  bool all, bool adds)
{
	const struct setting *setting;

	for (setting = settings; setting < settings_end; setting++) {
		if (text(setting, args) || all ||
		    (adds && setting->always))
			mnl_attr_put_u32(nlh, setting->attr,
					 value(setting, &args->want));
	}
}

/**
 * settings_equal() - compare the settings of two servers
 * @a: one server
 * @b: the other
 *
 * Return: true if all settings are the same.
 */
bool settings_equal(const struct server *a, const struct server *b)
{
	const struct setting *setting;

	for (setting = settings; setting < settings_end; setting++) {
		if (value(setting, a) != value(setting, b))
			return false;
	}
	return true;
}

/**
 * settings_save() - write the options that set a server's settings
 * @out: where to
 * @is: the server as it is, or NULL for one that is added
 * @want: the server as it is wanted
 *
 * Writes those that differ from @is, or from the usual ones.
 */
void settings_save(FILE *out, const struct server *is, const struct server *want)
{
	const struct setting *setting;
	__u32 before;

	for (setting = settings; setting < settings_end; setting++) {
		before = is ? value(setting, is) : setting->usual;
		if (value(setting, want) != before || (!is && setting->always))
			fprintf(out, " -%c %u", setting->letter,
				value(setting, want));
	}
}

/**
 * settings_print() - print a server's settings as words
 * @server: the server
 */
void settings_print(const struct server *server)
{
	const struct setting *setting;

	for (setting = settings; setting < settings_end; setting++) {
		if (setting->always || value(setting, server) != setting->usual)
			printf(" %s %u", setting->word, value(setting, server));
	}
}

/**
 * settings_members() - add a server's settings to its JSON object
 * @object: the object
 * @server: the server
 */
void settings_members(json_t *object, const struct server *server)
{
	const struct setting *setting;

	for (setting = settings; setting < settings_end; setting++)
		json_object_set_new(object, setting->json,
				    json_integer(value(setting, server)));
}
