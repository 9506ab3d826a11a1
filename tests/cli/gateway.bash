# gateway - a Ceph gateway for the tests of one file. Load it behind helper.
# shellcheck shell=bash
# Tests are skipped by `bucket` where no gateway is installed. RGW_SIZE, RGW_EXTRA: see ceph-rgw.sh.
# shellcheck source=tests/services/_s3.sh
. "$BATS_TEST_DIRNAME/../services/_s3.sh"

setup_file() {
	gateway_installed || return 0
	export GATEWAY=$BATS_FILE_TMPDIR/rgw
	gateway_start "$GATEWAY" >"$BATS_FILE_TMPDIR/start.log" 2>&1 || {
		cat "$BATS_FILE_TMPDIR/start.log" >&2
		return 1
	}
	export S3_ENDPOINT S3_ACCESS_KEY S3_SECRET_KEY
}

teardown_file() {
	[ -z "${GATEWAY:-}" ] || gateway_stop "$GATEWAY"
}

# bucket URL [LINE...]: the configuration's vault is there
bucket() {
	[ -n "${GATEWAY:-}" ] || skip "no Ceph gateway is installed"
	cat >"$CONF" <<-END
		[vault]
		url = $1
		state = $T/state
		keys = $T/keys
		endpoint = $S3_ENDPOINT
		credentials = $HOLDFAST_TEST_S3_CREDENTIALS
	END
	shift
	printf '%s\n' "$@" >>"$CONF"
}

# forget_machine: state and keys are gone, as on another machine
forget_machine() { rm -rf "$T/out" "$T/state" "$T/keys"; }

# restores DATABASE: a machine with nothing but URL, credentials and passphrase restores these bytes
restores() {
	forget_machine
	with_pass restore -q crm --to "$T/out"
	cmp "$T/out/crm.db" "$1"
}

# requests [METHOD [PART]]: how many the gateway has answered, of paths with that part
requests() { grep -cE "\"${1:-(GET|PUT|HEAD|POST|DELETE)} /[^ ]*${2:-}" "$GATEWAY/log/client.rgw.log"; }

# s3_ask METHOD PATH [OPTION...]: one signed request; fails unless it was answered well
s3_ask() {
	curl -sSf --aws-sigv4 aws:amz:us-east-1:s3 --user "$S3_ACCESS_KEY:$S3_SECRET_KEY" \
		-H x-amz-content-sha256:UNSIGNED-PAYLOAD -X "$1" "${@:3}" "$S3_ENDPOINT/$2"
}

# s3_keys BUCKET PREFIX: the names of at most a thousand objects
s3_keys() {
	s3_ask GET "$1?list-type=2&prefix=${2//\//%2F}" |
		python3 -c 'import re, sys; print("\n".join(re.findall("<Key>([^<]*)</Key>", sys.stdin.read())))'
}
