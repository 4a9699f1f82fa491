# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the scripts that make a kernel of our own, after cache.sh: Debian's
# newest linux-source in trixie-backports, made by the host's gcc. $kind is the
# kernel's label.

# Never compiled, and two thirds of the source: left in the archive.
unwanted=(--exclude='*/drivers/gpu/*.[ch]' --exclude='*/drivers/media/*.[ch]'
	--exclude='*/drivers/net/ethernet/*.[ch]'
	--exclude='*/drivers/net/wireless/*.[ch]'
	--exclude='*/drivers/staging/*.[ch]' --exclude='*/drivers/scsi/*.[ch]'
	--exclude='*/drivers/infiniband/*.[ch]' --exclude='*/sound/*.[ch]'
	--exclude='*.dts' --exclude='*.dtsi' --exclude='*/Documentation/*.rst'
	--exclude='*/tools/testing/selftests' --exclude='*/tools/perf')

# fetch DIR: the newest source package, by the host's apt, but with sources and
# lists of its own.
fetch()
{
	local dir=$1 options package

	mkdir -p "$dir/lists/partial" "$dir/archives/partial" || return 1
	: >"$dir/status"
	sources trixie >"$dir/sources.list"
	options=(-q=2 -o "Dir::Etc::SourceList=$dir/sources.list"
		-o Dir::Etc::SourceParts=/dev/null
		-o Dir::Etc::PreferencesParts=/dev/null
		-o "Dir::State::Lists=$dir/lists" -o "Dir::State::Status=$dir/status"
		-o "Dir::Cache=$dir" -o APT::Sandbox::User=root
		-o Acquire::Languages=none)
	apt-get "${options[@]}" update || return 1
	package=$(apt-cache "${options[@]}" pkgnames linux-source- |
		grep -E '^linux-source-[0-9.]+$' | sort -V | tail -n 1)
	[ -n "$package" ] || return 1
	say "Fetching $package"
	(cd "$dir" && apt-get "${options[@]}" download "$package/trixie-backports")
}

# unpack DEB DIR
unpack()
{
	say 'Unpacking the source'
	dpkg-deb --fsys-tarfile "$1" |
		tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ -C "$2" --strip-components=1 "${unwanted[@]}"
}

# configure DIR ARCH FRAGMENT: a symbol that was asked for and is not there fails.
configure()
{
	local lost

	make -s -C "$1" "ARCH=$2" KCONFIG_ALLCONFIG="$3" allnoconfig || return 1
	lost=$(grep '^CONFIG_' "$3" | grep -vxF -f "$1/.config")
	[ -z "$lost" ] || die "not in the resulting configuration:" "$lost"
}

# compile DIR ARCH IMAGE: a line of progress for every few hundred files.
compile()
{
	local log=$1/build.log

	say "Compiling the ${kind:?} kernel: some six minutes on two CPUs"
	make -C "$1" "ARCH=$2" -j"$(nproc)" "$3" modules 2>&1 </dev/null |
		tee "$log" | progress
	if [ "${PIPESTATUS[0]}" -ne 0 ]; then
		tail -n 30 "$log"
		return 1
	fi
	make -s -C "$1" "ARCH=$2" INSTALL_MOD_PATH="$1/installed" modules_install
}

progress()
{
	local line files=0

	while IFS= read -r line; do
		case $line in
		'  CC '*)
			((++files % 200)) ||
				echo "   $files files in $SECONDS s, now ${line##* }"
			;;
		esac
	done
}

# trim DIR: what building a module, or the style checks, do not read.
trim()
{
	(
		cd "$1" || exit 1
		rm -f vmlinux.o vmlinux.a vmlinux.unstripped .tmp_*
		find . -path ./scripts -prune -o -path ./tools -prune -o \
			-path ./installed -prune -o -type f \
			! -name bzImage \( -name '*.[oacS]' -o -name '*.ko' -o -name '.*.cmd' \
			-o -name '*.mod' \) -print0 | xargs -0 rm -f
	)
}
