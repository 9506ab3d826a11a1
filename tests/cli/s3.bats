#!/usr/bin/env bats
# A vault in a bucket of a real Ceph gateway, from init to restore on a bare machine.
load helper
load gateway

two_nights() {
	crm_vault
	sql "$T/crm.db" "update customers set name = 'second night' where id % 50 = 0"
	hf backup -q
}

@test "a vault in a bucket is backed up to and restored on a bare machine" {
	bucket "s3://plain/$BATS_TEST_NUMBER/vault"
	two_nights
	restores "$T/crm.db"
	run with_pass check
	expect_status 0
}

@test "a vault in a versioned bucket works as well" {
	bucket "s3://versioned/$BATS_TEST_NUMBER"
	two_nights
	restores "$T/crm.db"
}

@test "a vault in a bucket with object lock works with locks" {
	bucket "s3://locked/$BATS_TEST_NUMBER" "lock = governance 1d"
	two_nights
	restores "$T/crm.db"
}

@test "an unchanged store costs one put and few questions" {
	bucket "s3://plain/$BATS_TEST_NUMBER"
	two_nights
	before=$(requests PUT)
	hf backup -q
	after=$(requests PUT)
	[ $((after - before)) -eq 1 ]
}

@test "a full bucket fails the backup and says so" {
	bucket "s3://full/$BATS_TEST_NUMBER"
	run -1 --separate-stderr hf init -q --passphrase-file "$T/pass" --slot-cost 1:8192
	[[ $stderr == *quota* ]]
}

@test "wrong keys are told in clear words and never shown" {
	bucket "s3://plain/$BATS_TEST_NUMBER"
	crm_vault
	(umask 077 && sed 's/^aws_secret.*/aws_secret_access_key = wrongsecret/' \
		"$HOLDFAST_TEST_S3_CREDENTIALS" >"$T/wrong")
	sed -i "s,^credentials.*,credentials = $T/wrong," "$CONF"
	run --separate-stderr hf backup
	[ "$status" -ne 0 ]
	[[ $stderr == *"the secret key does not belong to the access key"* ]]
	[[ $stderr$output != *wrongsecret* ]]
}

# as USER METHOD PATH [OPTION...]: the status of one request with that user's keys
as() {
	curl -sS -o /dev/null -w '%{http_code}' --aws-sigv4 aws:amz:us-east-1:s3 --user "$1:$1-secret" \
		-H x-amz-content-sha256:UNSIGNED-PAYLOAD -X "$2" "${@:4}" "$S3_ENDPOINT/$3"
}

@test "the policy of the manual lets a host back up, and neither read others nor remove" {
	bucket "s3://plain/policy"
	crm_vault
	radosgw-admin -n client.rgw -c "$GATEWAY/ceph.conf" user create --uid=host1 --display-name=host1 \
		--access-key=host1 --secret-key=host1-secret >/dev/null
	all=$(s3_keys plain policy/)
	key=$(grep -oE 'policy/[0-9a-f]{32}/' <<<"$all" | head -n 1 | cut -d / -f 2)
	pack=$(grep -oE "policy/$key/[0-9a-f]+/packs/[0-9a-f]+" <<<"$all" | head -n 1)
	slot=$(grep -oE 'policy/slots/[0-9a-f]+' <<<"$all" | head -n 1)
	policy=$(sed -n '/^```json/,/^```/{/^```/!p}' "$BATS_TEST_DIRNAME/../../docs/OFFSITE.md" |
		sed "s/BUCKET/plain/g; s/FOLDER/policy/g; s/KEYID/$key/g; s/USER/host1/; s/OWNER/test/")
	run gateway_ask PUT 'plain?policy=' "$policy"
	[[ $output == *": 204" ]]

	(umask 077 && printf '[default]\naws_access_key_id = host1\naws_secret_access_key = host1-secret\n' >"$T/host1")
	sed "s|^credentials = .*|credentials = $T/host1|" -i "$CONF"
	sql "$T/crm.db" "update customers set name = 'by the host' where id % 50 = 0"
	run -0 hf backup
	[[ $output == *incremental* ]]
	[ "$(as host1 DELETE "plain/$pack")" = 403 ]
	[ "$(as host1 GET "plain/$slot")" = 403 ]
	[ "$(as host1 PUT "plain/policy/vault.json" --data-binary x)" = 403 ]
	[ "$(as host1 GET "plain/$pack")" = 200 ]

	sed "s|^credentials = .*|credentials = $HOLDFAST_TEST_S3_CREDENTIALS|" -i "$CONF"
	restores "$T/crm.db"
}
