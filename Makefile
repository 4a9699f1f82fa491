# SPDX-License-Identifier: GPL-2.0
# lbdr: the module, the tool, their tests. `make help` lists what there is.

KDIR	?= /lib/modules/$(shell uname -r)/build
# One place for the version: the module's header.
VERSION	:= $(shell sed -n 's/^\#define LBDR_MODULE_VERSION[^"]*"\(.*\)"/\1/p' module/lbdr.h)

all: module ctl

module:
	+$(MAKE) -C $(KDIR) M=$(CURDIR) modules

ctl:
	+$(MAKE) -C ctl VERSION=$(VERSION)

install: all
	+$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install
	+$(MAKE) -C ctl VERSION=$(VERSION) install

clean:
	[ ! -d $(KDIR) ] || $(MAKE) -C $(KDIR) M=$(CURDIR) clean
	$(MAKE) -C ctl clean
	rm -rf build

check:
	selftests/check

check-all:
	ALL=1 selftests/check

soak:
	selftests/soak

# The packets' walk and what changes under it, under KCSAN.
check-races:
	T='path packets change services persist fragments races at_scale' selftests/check kcsan

# Which lines of module/ the tests execute.
coverage:
	selftests/coverage/run

# lbdr-dkms, lbdr-ipvs, lbctl and lbdr-doctor for Debian, in build/deb, and whether they install.
deb:
	packaging/deb

check-deb:
	selftests/packaging

# The readers of lines and messages, each for FUZZ_SECONDS, and all of the tool's
# own tests under valgrind.
fuzz:
	selftests/fuzz

valgrind:
	selftests/valgrind

demo:
	selftests/demo

demo-pair:
	selftests/demo pair

demo-fleet:
	selftests/demo fleet

bench:
	selftests/bench/bench

help:
	@echo 'make            the module for this kernel (KDIR=... for another), ctl/lbctl and ctl/lbdr-doctor'
	@echo 'make install    both, with the man pages'
	@echo 'make demo       the reference deployment in a virtual machine, as root'
	@echo 'make demo-pair  two directors under keepalived, one of which dies, likewise'
	@echo 'make demo-fleet  three directors behind a router, one of which dies, likewise'
	@echo 'make check      all the tests, each where it can find something, as root'
	@echo '                (SEED=... for other random numbers)'
	@echo 'make check-all  all the tests on all kernels, as root'
	@echo 'make soak       the random tests with new seeds, for hours (none begins after SOAK_MINUTES=60), as root'
	@echo 'make check-races  selftests on a kernel that looks for data races, as root'
	@echo 'make coverage   which lines of module/ the tests execute, as root'
	@echo 'make bench      what a packet costs, beside ip_vs and others, as root'
	@echo 'make deb        Debian packages of the module, by DKMS, and of the tools'
	@echo 'make check-deb  whether they install and remove, as root'
	@echo 'make fuzz       what lbctl reads, under a fuzzer (FUZZ_SECONDS=60 for each)'
	@echo 'make valgrind   the tests of the tool under valgrind'
	@echo 'make clean      remove what was built'

.PHONY: all module ctl install clean check check-all check-races coverage soak deb check-deb \
	fuzz valgrind demo demo-pair demo-fleet bench help
