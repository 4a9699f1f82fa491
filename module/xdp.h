/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Entry at XDP.
 */
#ifndef _LBDR_XDP_H
#define _LBDR_XDP_H

#include "compat.h"

#ifdef LBDR_HAS_XDP
struct xdp_md;

int lbdr_xdp_forward(struct xdp_md *ctx);
void lbdr_xdp_init(void);
#else
static inline void lbdr_xdp_init(void)
{
}
#endif

#endif /* _LBDR_XDP_H */
