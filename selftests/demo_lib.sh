# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the demos in a guest: what shows a command, and expects something of it. The
# deployment is that of lib.sh.

# shellcheck source=selftests/lib.sh
. ./lib.sh

SERVICE=$VIP:80
# shellcheck disable=SC2034 # for those who source this
RIP_A=192.168.1.62 RIP_B=192.168.1.64
dir=$(mktemp -d) && chmod 755 "$dir" || exit 1
checked=0

title() { printf '\n== %s\n' "$*"; }

# expect SENTENCE COMMAND...: it must succeed.
expect()
{
	checked=$((checked + 1))
	if "${@:2}"; then
		echo "   [as it should be: $1]"
	else
		echo "   [WRONG: $1]"
		failures=$((failures + 1))
	fi
}

# show PROMPT COMMAND...: with what it prints, which is also in $shown.
show()
{
	local status

	printf '%s %s\n' "$1" "${*:2}"
	shown=$("${@:2}" 2>&1)
	status=$?
	[ -z "$shown" ] || echo "$shown"
	return $status
}

# As they are shown: `on` and `-N` would tell of the lab and not of the cluster.
where=client
curl() { on "$where" curl -sS --max-time 20 "$@"; }
director() { where=director show 'director#' "$@"; }
client() { show 'client$' "$@"; }

# must COMMAND...: on the director, and without it the rest makes no sense.
must() { director "$@" || fatal "$* works"; }

# nginx_up HOST RIP: whose page is its own address. A connection that is kept open stays
# so however long a busy machine takes; by default nginx ends it after 75 s.
nginx_up()
{
	mkdir "$dir/$1" && echo "$2" >"$dir/$1/index.html" &&
		cat >"$dir/$1.conf" <<-END || return 1
			daemon off;
			worker_processes 1;
			pid $dir/$1.pid;
			error_log stderr;
			events { }
			http {
				access_log off;
				keepalive_timeout 1h;
				server { listen 80; root $dir/$1; }
			}
		END
	ip netns exec "$1" nginx -e stderr -c "$dir/$1.conf" &
	disown # the shell would say that it was killed, in the end
	within 20 on "$1" curl -s -o "$dir/page" "http://$2/" &&
		cmp -s "$dir/page" "$dir/$1/index.html"
}

# A connection that stays open: keep_open, and ask for a page on it, in $shown.
keep_open()
{
	coproc KEPT { exec ip netns exec client socat - "TCP:$SERVICE" 2>/dev/null; }
}

drop_kept()
{
	kill "$KEPT_PID"
	wait "$KEPT_PID"
} 2>/dev/null

ask_kept()
{
	local line

	printf 'GET / HTTP/1.1\r\nHost: %s\r\n\r\n' "$VIP" >&"${KEPT[1]}"
	while read -r -t 20 line <&"${KEPT[0]}"; do
		line=${line%$'\r'}
		[ -n "$line" ] || break
	done
	read -r -t 20 shown <&"${KEPT[0]}"
}

# demo_end: the verdict.
demo_end()
{
	printf '\n'
	if [ "$failures" -eq 0 ]; then
		echo "The demo is over: all $checked expectations were met, in $SECONDS s."
	else
		echo "The demo FAILED: $failures of $checked expectations were not met."
	fi
	rm -rf "$dir"
}
