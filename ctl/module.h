/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel modules, see module.c.
 */
#ifndef LBCTL_MODULE_H
#define LBCTL_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PARAMETERS 32

/* Parameters of a module, as insmod(8) takes them. */
struct parameters {
	char *texts[PARAMETERS];
	size_t count;
};

bool program_run(const char *const *words);
bool module_is_loaded(const char *name);
int module_users(const char *name);
char *module_installed(const char *name);
char *module_path(const char *name);
int module_check(const char *file, const char *name);
void module_parameters(const char *name, struct parameters *parameters);
bool module_load(const char *file, const struct parameters *parameters);
pid_t module_unload_begin(const char *name);
bool module_unload_end(pid_t pid);

#endif
