# SPDX-License-Identifier: GPL-2.0
# The plot of native.sh: gnuplot -e "data='...'; image='...'" native.gp

set terminal pngcairo size 900,600
set output image
set title "What a packet takes, by the number of UDP flows in random order (User-Mode Linux)"
set xlabel "flows"
set ylabel "nanoseconds a packet, whole: median, lowest and highest"
set logscale xy
set format x "10^{%T}"
set xrange [0.7:1.5e6]
set grid
set key left top autotitle columnheader noenhanced
stats data nooutput
plot for [i = 0:STATS_blocks - 1] data index i using 1:2:3:4 \
	with yerrorlines linewidth 2 pointtype i + 4
