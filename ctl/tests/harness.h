/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counts results, for the unit tests of lbctl and of lbdr-doctor.
 */
#ifndef LBCTL_HARNESS_H
#define LBCTL_HARNESS_H

#include <jansson.h>

#include "../common.h"

void harness_begin(const char *name, int argc, char **argv);
void result(bool good, const char *format, ...) __printf(2, 3);
void skip(const char *format, ...) __printf(1, 2);
char *quoted(const char *text);
json_t *quoted_json(const char *text);
int harness_end(void);

#endif
