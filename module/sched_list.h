/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The schedulers: one line each, in the order in which sched-get dumps them. A
 * scheduler is registered by its line here and by its object file in Kbuild.
 *
 * No include guard: each user defines LBDR_SCHED(name), which stands for
 * struct lbdr_sched_ops lbdr_sched_<name>, and includes this file.
 */
LBDR_SCHED(rr),
LBDR_SCHED(wrr),
LBDR_SCHED(lc),
LBDR_SCHED(wlc),
LBDR_SCHED(lblc),
LBDR_SCHED(lblcr),
LBDR_SCHED(dh),
LBDR_SCHED(sh),
LBDR_SCHED(sed),
LBDR_SCHED(nq),
LBDR_SCHED(fo),
LBDR_SCHED(ovf),
LBDR_SCHED(mh),
LBDR_SCHED(twos)
#undef LBDR_SCHED
