// SPDX-License-Identifier: GPL-2.0
#include "lbctl.h"
int apply_run(struct nl *nl, const struct request *req)
{
	(void)nl; (void)req;
	return EXIT_REFUSED;
}
