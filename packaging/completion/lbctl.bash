# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion for lbctl, which is asked itself for what may come next.

_lbctl()
{
	local line=${COMP_LINE:0:COMP_POINT} current='' cut='' word
	local -a words

	# Addresses have colons, at which readline would begin a new word; so the
	# line is taken apart anew, and what readline has already is cut off.
	read -ra words <<<"$line"
	if [[ $line != *[[:space:]] ]]; then
		current=${words[-1]}
		unset 'words[-1]'
	fi
	[[ $COMP_WORDBREAKS != *:* ]] || cut=${current%"${current##*:}"}
	COMPREPLY=()
	while IFS= read -r word; do
		# It stands for names of files.
		if [[ $word == :files ]]; then
			compopt -o filenames 2>/dev/null
			while IFS= read -r word; do
				COMPREPLY+=("${word#"$cut"}")
			done < <(compgen -f -- "$current")
			continue
		fi
		[[ $word != "$current"* ]] || COMPREPLY+=("${word#"$cut"}")
	done < <("$1" complete "${words[@]:1}" 2>/dev/null)
}
complete -o default -F _lbctl lbctl
