#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Has others' parsers read the metrics that the tool's own tests compare its
# output with: Prometheus' promtool the older text, and the parser of its Python
# client, which takes nothing that is not to the letter, OpenMetrics. Both come out
# of Debian's packages, which are unpacked and not installed, for one is a server.
set -u

# shellcheck source=selftests/qemu/cache.sh
. "$(dirname "$0")/cache.sh"

packages=(prometheus python3-prometheus-client python3-decorator)

# make_parsers DIR
make_parsers()
{
	local dir=$1 package

	say 'Fetching promtool and a parser of OpenMetrics'
	(cd "$dir" && apt-get -qq -o APT::Sandbox::User=root download \
		"${packages[@]}") || return 1
	for package in "$dir"/*.deb; do
		dpkg -x "$package" "$dir" || return 1
	done
	rm -rf "$dir"/*.deb "${dir:?}"/usr/{bin/prometheus,share}
}

dir=$(cached parsers "metrics-$(hash_of "${packages[@]}" \
	"$(declare -f make_parsers)")" make_parsers) || exit 1
status=0
"$dir/usr/bin/promtool" check metrics <"$TOP/ctl/tests/check_metrics.prom" || status=1
PYTHONPATH=$dir/usr/lib/python3/dist-packages /usr/bin/python3 - \
	"$TOP/ctl/tests/check_metrics.om" <<-'END' || status=1
	import sys
	from prometheus_client.openmetrics import parser

	with open(sys.argv[1], encoding="utf-8") as file:
	    families = list(parser.text_string_to_metric_families(file.read()))
	bare = [one.name for one in families
	        if not one.samples or not one.documentation or
	        one.type not in ("counter", "gauge")]
	if bare or len(families) < 20:
	    sys.exit("of %d families without help, type or samples: %s" %
	             (len(families), bare))
END
[ "$status" -eq 0 ]
