/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What libFuzzer calls, by the names it has for it: fuzz_begin() once, then
 * fuzz_input() with one input after the other.
 */
#ifndef LBCTL_FUZZ_H
#define LBCTL_FUZZ_H

#include <linux/types.h>

int fuzz_begin(int *argc, char ***argv) __asm__("LLVMFuzzerInitialize");
int fuzz_input(const __u8 *data, size_t size) __asm__("LLVMFuzzerTestOneInput");

#endif
