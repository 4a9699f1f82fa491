/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of lbctl's own test share.
 */
#ifndef LBCTL_CHECK_H
#define LBCTL_CHECK_H

#include <stdbool.h>

#include "lbctl.h"

void result(bool good, const char *format, ...) __printf(2, 3);
void check_lines(void);
void check_lists(void);
void check_words(void);
void check_doctor(void);
void check_messages(void);

#endif
