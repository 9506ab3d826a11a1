#!/bin/sh
# Computes the root of every ledger in this folder again, from every entry, and compares it with the
# signed checkpoint. Needs sh, openssl, sed, grep and coreutils. Run it in this folder:
#
#     sh COMPLETE.txt                          every ledger, as it was exported
#     sh COMPLETE.txt KEY-ID OLD-CHECKPOINT    does it begin with what a kept checkpoint signs?
#
# Compare log.pem in each folder with the key that you were given on paper: a key that lies beside
# what it signs proves nothing. Some 200 entries a second.
#
# The tree is that of RFC 6962: leaf SHA-256(00 entry), node SHA-256(01 left right).
set -eu
export LC_ALL=C

leaf() {
	{ printf '\000'; printf %s "$1"; } | sha256sum | cut -c1-64
}
node() {
	{ printf '\001'; printf %s "$1$2" | tr a-f A-F | basenc --base16 -d; } | sha256sum | cut -c1-64
}

# root FILE COUNT: over its first lines. `stack` holds level:hash of complete subtrees, the newest
# first; two of one level become one of the next.
root() {
	stack='' count=0
	while [ "$count" -lt "$2" ] && IFS= read -r line; do
		hash=$(leaf "$line") level=0 count=$((count + 1))
		while [ "${stack%%:*}" = "$level" ]; do
			first=${stack%% *} rest=${stack#* }
			[ "$rest" != "$stack" ] || rest=''
			hash=$(node "${first#*:}" "$hash") level=$((level + 1)) stack=$rest
		done
		stack="$level:$hash${stack:+ $stack}"
	done <"$1"
	[ "$count" -eq "$2" ] || { echo "only $count entries"; return; }
	hash=''
	for top in $stack; do
		hash=${hash:+$(node "${top#*:}" "$hash")}
		hash=${hash:-${top#*:}}
	done
	echo "${hash:-$(printf '' | sha256sum | cut -c1-64)}"
}

# check FOLDER CHECKPOINT [older]
check() {
	name=$(sed -n 1p "$2") size=$(sed -n 2p "$2") verdict=ok
	signed=$(sed -n 3p "$2" | base64 -d | basenc --base16 -w 0 | tr A-F a-f)
	tmp=$(mktemp -d)
	sed '/^$/,$d' "$2" >"$tmp/text"
	sed '1,/^$/d' "$2" | grep -F " $name " | head -n 1 | sed 's/.* //' | base64 -d | tail -c 64 >"$tmp/sig"
	openssl pkeyutl -verify -rawin -pubin -inkey "$1/log.pem" -in "$tmp/text" \
		-sigfile "$tmp/sig" >/dev/null 2>&1 || verdict='THE SIGNATURE FAILS'
	rm -r "$tmp"
	lines=$(wc -l <"$1/entries")
	if [ "$verdict" != ok ]; then
		:
	elif [ "$(root "$1/entries" "$size")" != "$signed" ]; then
		verdict='THE ROOT IS ANOTHER ONE'
	elif [ $# -eq 2 ] && [ "$lines" -ne "$size" ]; then
		verdict="THERE ARE $lines ENTRIES"
	fi
	echo "$1: $size entries, root $signed: $verdict"
	[ "$verdict" = ok ]
}

bad=0
if [ $# -eq 2 ]; then
	check "$1" "$2" older || bad=1
else
	for log in */checkpoint; do
		check "${log%/*}" "$log" || bad=1
	done
fi
exit "$bad"
