// SPDX-License-Identifier: GPL-2.0
/*
 * Messages, arrays that grow, and network namespaces: for lbctl and lbdr-doctor.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

/* The name that the program was called by. */
const char *program;

const char *netns_directory = "/run/netns";

/* Called before a message is printed; NULL: nothing to do. */
void (*before_complaint)(void);

/**
 * complain() - print a message on stderr, after everything printed on stdout
 * @format: the message, without the program's name and newline
 */
void complain(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	if (before_complaint)
		before_complaint();
	fprintf(stderr, "%s: ", program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/**
 * or_exit() - end the program where there is no memory
 * @memory: an allocation, or another result that is NULL only without memory
 *
 * Return: @memory.
 */
void *or_exit(void *memory)
{
	if (!memory) {
		complain("out of memory");
		exit(EXIT_REFUSED);
	}
	return memory;
}

/* The end of a stream into memory, whose text is complete afterwards. */
void stream_end(FILE *out)
{
	if (fclose(out))
		or_exit(NULL);
}

/**
 * grow() - make room for one more element of an array
 * @array: the array, or NULL
 * @room: the number of elements that fit, updated
 * @used: the number of elements in use
 * @size: of an element, in bytes
 *
 * Exits the program if there is no memory.
 *
 * Return: the array, which may have moved.
 */
void *grow(void *array, size_t *room, size_t used, size_t size)
{
	if (used < *room)
		return array;
	*room = *room ? *room * 2 : 16;
	return or_exit(reallocarray(array, *room, size));
}

/**
 * netns_enter() - move the process to a network namespace
 * @name: as ip-netns(8) lists it
 *
 * Return: 0, or -1 after a message.
 */
int netns_enter(const char *name)
{
	char path[4096];
	int status = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", netns_directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		complain("network namespace '%s' not found: 'ip netns' lists them",
			 name);
	else if (fd < 0 || setns(fd, CLONE_NEWNET))
		complain("cannot enter the network namespace '%s': %s", name,
			 strerror(errno));
	else
		status = 0;
	if (fd >= 0)
		close(fd);
	return status;
}
