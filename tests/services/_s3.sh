# shellcheck shell=bash
# A Ceph gateway with buckets for tests (sourced, never run): for run-s3 and tests/cli/s3.bats.
#
# gateway_start DIR [CA] sets S3_ENDPOINT, and exports HOLDFAST_TEST_S3_CREDENTIALS (a file). CA: a folder
#   that tls-ca.sh made; then it is https. In memory unless RGW_STORE says otherwise.
#   Buckets: plain, versioned, locked (versioned with object lock, no default retention), and full,
#   whose quota is one object of at most 64 KiB. Its output is of interest where it fails.
# gateway_stop DIR

gateway_services=$(dirname "${BASH_SOURCE[0]}")

gateway_installed() { command -v radosgw >/dev/null; }

# gateway_ask METHOD PATH [BODY [HEADER]]: one signed request; its status must be 200
gateway_ask() {
	local hash answer
	hash=$(printf %s "${3:-}" | sha256sum | cut -d ' ' -f 1)
	answer=$(curl -sS ${gateway_ca:+--cacert "$gateway_ca/ca.pem"} -w '%{http_code}' --aws-sigv4 aws:amz:us-east-1:s3 \
		--user "$S3_ACCESS_KEY:$S3_SECRET_KEY" -X "$1" -H "x-amz-content-sha256: $hash" \
		${3:+--data-binary "$3"} ${4:+-H "$4"} "$S3_ENDPOINT/$2")
	[ "$answer" = 200 ] || {
		echo "$1 $2: $answer"
		return 1
	}
}

gateway_buckets() {
	local admin=(radosgw-admin -n client.rgw -c "$1/ceph.conf" --bucket=full --quota-scope=bucket)
	gateway_ask PUT plain && gateway_ask PUT versioned && gateway_ask PUT full &&
		gateway_ask PUT locked '' 'x-amz-bucket-object-lock-enabled: true' &&
		gateway_ask PUT 'versioned?versioning=' \
			'<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>' &&
		"${admin[@]}" quota set --max-objects=1 --max-size=65536 && "${admin[@]}" quota enable
}

gateway_start() {
	gateway_ca=${2:-}
	RGW_STORE=${RGW_STORE:-memstore} SVC_TLS_CERT=${2:+$2/good.pem} SVC_TLS_KEY=${2:+$2/good.key} \
		"$gateway_services/ceph-rgw.sh" start "$1" || return 1
	# shellcheck disable=SC1091
	. "$1/svc.env"
	gateway_buckets "$1" || return 1
	(
		umask 077
		printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' \
			"$S3_ACCESS_KEY" "$S3_SECRET_KEY" >"$1/credentials"
	)
	export HOLDFAST_TEST_S3_CREDENTIALS=$1/credentials
}

gateway_stop() { "$gateway_services/ceph-rgw.sh" stop "$1"; }
