#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measures, inside a guest whose clock is the time, what a packet takes by each method of
# forwarding, with lbdr and with ip_vs; see native.sh.
set -u

exec "$(dirname "$0")/native.sh" tunnels
