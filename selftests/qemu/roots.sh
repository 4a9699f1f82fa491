#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The Debian systems in which the module is built and which the guests boot.
#
#   roots.sh path LABEL     the root's directory, made if need be
#   roots.sh release LABEL  the kernel's release
#   roots.sh kdir LABEL     the kernel's build directory (in the root, or the
#                           UML build on the host)
#   roots.sh kernel LABEL   the kernel's image
#   roots.sh image LABEL    the ext2 image that a guest boots from
#   roots.sh initrd LABEL   what loads the drivers of its disks, where the kernel lacks them
#   roots.sh refresh        forget roots and images: the next use takes the
#                           newest kernels
#
# LABEL is bookworm, trixie, backports, rt, uml, kcsan, native or coverage. rt has a root of its
# own, with trixie's kernel for real time. Two roots serve all others: the one of trixie has the
# kernel of trixie-backports beside its own.
set -u

# shellcheck source=selftests/qemu/cache.sh
. "$(dirname "$0")/cache.sh"

# What builds the module and the tool, and what the selftests call.
packages=(gcc libc6-dev make pkg-config libmnl-dev libjansson-dev sparse kmod
	linux-image-cloud-amd64 linux-headers-cloud-amd64
	bash mount netbase procps iproute2 iputils-ping tcpdump curl nginx python3 ethtool
	socat nftables iptables conntrack ipvsadm iperf3 dnsmasq-base tmux
	keepalived ldirectord prometheus-node-exporter frr bird2)
backports=(linux-image-cloud-amd64 linux-headers-cloud-amd64)

# Not needed in a guest: the compilers and headers are most of a root's size. The
# resolver that the root was made with is not there to be asked.
unneeded=(etc/resolv.conf 'boot/*' usr/include usr/src usr/lib/gcc usr/libexec/gcc
	'usr/lib/linux-kbuild-*' usr/share/doc
	usr/share/locale usr/share/man var/cache/apt var/lib/apt
	var/lib/dpkg/info)
# Of the kernel's modules, what networking needs.
modules='^kernel/(net|lib|crypto|arch|drivers/(net|ptp))/'

suite_of()
{
	case $1 in
	bookworm) echo bookworm ;;
	trixie | backports | uml | kcsan | native | coverage) echo trixie ;;
	rt) echo rt ;;
	*) die "no such kernel: $1 (bookworm, trixie, backports, rt, uml, kcsan, native, coverage)" ;;
	esac
}

# make_root SUITE DIR: no initrd (the drivers needed are built in), no manuals.
# Whatever mmdebstrap mounts, even one that is killed, goes with its namespace.
make_root()
{
	local suite=$1 dir=$2 extra=()

	say "Making a Debian $suite system with kernel, headers and tools"
	[ "$suite" != trixie ] || extra=(--customize-hook="chroot \"\$1\" \
		apt-get -qqy --no-install-recommends -t trixie-backports \
		install ${backports[*]} >\"\$1/tmp/log\" 2>&1 || {
			cat \"\$1/tmp/log\" >&2; exit 1; }
		rm \"\$1/tmp/log\"")
	sources "$suite" |
		INITRD=No unshare --mount --propagation private \
			mmdebstrap --quiet --mode=root --variant=apt \
			--include="$(IFS=,; echo "${packages[*]}")" \
			--aptopt='APT::Install-Recommends "false"' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			--dpkgopt=force-unsafe-io \
			"${extra[@]}" "$suite" "$dir/root" - ||
		die "mmdebstrap could not make the $suite system"
}

# The kernel for real time is for every machine, so the drivers of its disks are modules.
make_rt_root()
{
	local packages=("${packages[@]//-cloud-/-rt-}" busybox-static) backports=()

	make_root trixie "$1"
}

# path_of LABEL
path_of()
{
	local suite dir

	suite=$(suite_of "$1") || exit 1
	if [ "$suite" = rt ]; then
		dir=$(cached roots "rt-$(hash_of "${packages[@]}" \
			"$(declare -f make_rt_root make_root sources)")" make_rt_root) || exit 1
		echo "$dir/root"
		return
	fi
	dir=$(cached roots "$suite-$(hash_of "${packages[@]}" "${backports[@]}" \
		"$(declare -f make_root sources)")" make_root "$suite") || exit 1
	echo "$dir/root"
}

releases()
{
	local release

	for release in "$1"/lib/modules/*; do
		echo "${release##*/}"
	done | sort -V
}

# release_of LABEL: of the trixie root's two kernels, backports is the newer.
release_of()
{
	local root

	root=$(path_of "$1") || exit 1
	case $1 in
	uml | kcsan | native | coverage) "$TOP/selftests/$1/build" release ;;
	backports) releases "$root" | tail -n 1 ;;
	*) releases "$root" | head -n 1 ;;
	esac
}

# make_image ROOT DIR: hard links make the trimmed copy cheap. The modules are
# unpacked: an emulated CPU would take a second to do it at every boot.
make_image()
{
	local root=$1 dir=$2 tree=$2/tree release

	say "Making a guest's disk of ${root%/root}"
	cp -al "$root" "$tree" || return 1
	(
		cd "$tree" || exit 1
		# shellcheck disable=SC2068 # the patterns are to expand
		rm -rf ${unneeded[@]}
		find usr/lib -name '*.a' -delete
		for release in lib/modules/*; do
			(
				cd "$release" || exit 1
				find kernel -type f | grep -Ev "$modules" |
					tr '\n' '\0' | xargs -0 rm -f
				find kernel -name '*.xz' -print0 |
					xargs -0r -n 50 -P 2 xz -dfk
				find kernel -name '*.xz' -delete
			) || exit 1
			rm -f "$release"/modules.{dep,alias,symbols,softdep,devname}*
			depmod -b . "${release##*/}" || exit 1
		done
		cat >init.new <<-'END' || exit 1
			#!/bin/bash
			# Unpack what this run brought along, and go on there. NVMe
			# disks are known by their nsid: the kernel numbers them as
			# it likes.
			mount -t proc proc /proc
			mount -t sysfs sysfs /sys
			mount -t devtmpfs devtmpfs /dev
			for disk in /sys/block/nvme*; do
				[ -e "$disk/nsid" ] || continue
				case $(<"$disk/nsid") in
				2) payload=/dev/${disk##*/} ;;
				3) verdict=/dev/${disk##*/} ;;
				esac
			done
			export verdict
			tar -xf "$payload" -C / && exec /lbdr/selftests/qemu/init
		END
		chmod 755 init.new
		mv init.new init
		mkdir -p lbdr
	) || return 1
	# One partition from 1 MiB on, of type 83: a guest finds it by the disk's
	# id (see guest), however its kernel numbers the disks.
	truncate -s 2G "$dir/disk" &&
		mke2fs -q -t ext2 -E offset=1048576 -d "$tree" "$dir/disk" 2047M &&
		printf '\x72\x64\x62\x6c\0\0\0\0\0\0\x83\0\0\0\0\x08\0\0\0\xf8\x3f\0' |
		dd of="$dir/disk" bs=1 seek=440 conv=notrunc status=none &&
		printf '\x55\xaa' |
		dd of="$dir/disk" bs=1 seek=510 conv=notrunc status=none ||
		return 1
	rm -rf "$tree"
}

image_of()
{
	local root suite dir key

	suite=$(suite_of "$1") || exit 1
	root=$(path_of "$1") || exit 1
	key=$(hash_of "$root" "$(stat -c %W "$root")" "${unneeded[@]}" \
		"$modules" "$(declare -f make_image)")
	dir=$(cached images "$suite-$key" make_image "$root") || exit 1
	echo "$dir/disk"
}

# make_initrd ROOT DIR: loads the modules in the order that modprobe tells, and goes on in the
# first disk.
make_initrd()
{
	local root=$1 dir=$2 tree=$2/tree release n=100 module

	release=$(releases "$root")
	mkdir -p "$tree"/{bin,modules,proc,sys,dev,root} &&
		cp "$root/usr/bin/busybox" "$tree/bin/" || return 1
	for module in $(chroot "$root" modprobe -S "$release" --show-depends -a nvme ext4 |
		sed -n 's/^insmod //p' | awk '!seen[$1]++ { print $1 }'); do
		n=$((n + 1))
		xz -dc "$root$module" >"$tree/modules/$n.ko" || return 1
	done
	cat >"$tree/init" <<-'END' || return 1
		#!/bin/busybox sh
		export PATH=/bin
		/bin/busybox --install /bin
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		mount -t devtmpfs devtmpfs /dev
		for module in /modules/*; do
			insmod "$module"
		done
		until [ -n "$first" ] && mount -t ext4 "/dev/${first}p1" /root; do
			first=$(cd /sys/block && grep -lx 1 nvme*/nsid 2>/dev/null)
			first=${first%/nsid}
			sleep 0.1
		done
		umount /dev /sys /proc
		exec switch_root /root /init
	END
	chmod 755 "$tree/init"
	(cd "$tree" && find . | "$root/usr/bin/busybox" cpio -o -H newc) >"$dir/initrd" || return 1
	rm -rf "$tree"
}

initrd_of()
{
	local root dir

	[ "$1" = rt ] || return 0
	root=$(path_of "$1") || exit 1
	dir=$(cached images "initrd-$(hash_of "$root" "$(stat -c %W "$root")" \
		"$(declare -f make_initrd)")" make_initrd "$root") || exit 1
	echo "$dir/initrd"
}

kdir_of()
{
	local root release

	case $1 in
	uml | kcsan | native | coverage) "$TOP/selftests/$1/build" kdir ;;
	*)
		root=$(path_of "$1") && release=$(release_of "$1") || exit 1
		echo "$root/lib/modules/$release/build"
		;;
	esac
}

kernel_of()
{
	local root release kdir

	case $1 in
	uml | native | coverage)
		kdir=$(kdir_of "$1") || exit 1
		echo "$kdir/linux"
		;;
	kcsan)
		kdir=$(kdir_of "$1") || exit 1
		echo "$kdir/arch/x86/boot/bzImage"
		;;
	*)
		root=$(path_of "$1") && release=$(release_of "$1") || exit 1
		echo "$root/boot/vmlinuz-$release"
		;;
	esac
}

case ${1-}:$# in
path:2) path_of "$2" ;;
release:2) release_of "$2" ;;
kdir:2) kdir_of "$2" ;;
kernel:2) kernel_of "$2" ;;
image:2) image_of "$2" ;;
initrd:2) initrd_of "$2" ;;
refresh:1) rm -rf --one-file-system "${CACHE:?}"/{roots,images,uml,kcsan,native,coverage,objects} ;;
*)
	sed -n '3,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2
	exit 2
	;;
esac
