#!/usr/bin/env bats
# A vault in a bucket of a real Ceph gateway, from init to restore on a bare machine.
load helper
load gateway

teardown() {
	[ ! -e "$T/proxy/port" ] || "$BATS_TEST_DIRNAME/../services/faultproxy.sh" stop "$T/proxy"
}

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

@test "a second machine with address, credentials and code restores it, and has nothing else" {
	bucket "s3://plain/$BATS_TEST_NUMBER/vault"
	two_nights
	mv "$T/crm.db" "$T/good.db"
	rm -r "$T/state" "$T/keys" "$CONF"
	mkdir "$T/second"
	# where the server is not Amazon's, that is part of the address
	printf '[vault]\nurl = s3://plain/%s/vault\nendpoint = %s\n' "$BATS_TEST_NUMBER" "$S3_ENDPOINT" >"$T/second/conf"
	. <(sed -n 's/^\(aws_[a-z_]*\) = \(.*\)/\U\1\E="\2"/p' "$HOLDFAST_TEST_S3_CREDENTIALS")
	second() {
		env -i HOME="$T/second" AWS_ACCESS_KEY_ID="$AWS_ACCESS_KEY_ID" \
			AWS_SECRET_ACCESS_KEY="$AWS_SECRET_ACCESS_KEY" \
			"$HOLDFAST" -c "$T/second/conf" "$@" --passphrase-file "$T/pass"
	}
	run -0 second snapshots
	[[ $output == *crm* ]]
	second restore crm --to "$T/out"
	cmp "$T/out/crm.db" "$T/good.db"
	second restore crm@1 --to "$T/first"
	! cmp -s "$T/first/crm.db" "$T/good.db"
	run -0 second check --read-data
	[ -z "$(find "$T/second" -name '*.key')" ]
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

# asked COMMAND...: how many requests it makes
asked() {
	local before
	before=$(requests)
	"$@"
	sleep 0.2
	echo $(($(requests) - before))
}

@test "an unchanged store costs two questions and the run's entry, a small incremental ten requests" {
	bucket "s3://plain/$BATS_TEST_NUMBER"
	two_nights
	# a file that has just been written is read once more
	sleep 2.1
	hf backup -q
	# the charter is listed and the checkpoint read; two tiles and the next checkpoint are put
	[ "$(asked hf backup -q)" -eq 5 ]
	run -0 --separate-stderr hf backup
	[[ $output =~ ^crm\ +unchanged\ +snapshot\ 3\  ]]
	# its keys are listed, a pack is put, it and the doom marks are listed, the snapshot is put
	sql "$T/crm.db" "update customers set name = 'third night' where id % 50 = 1"
	[ "$(asked hf backup -q)" -eq 10 ]
	run -0 --separate-stderr hf ledger verify
	restores "$T/crm.db"
}

@test "an unchanged night of a thousand stores makes at most six requests" {
	bucket "s3://plain/$BATS_TEST_NUMBER"
	tenants_vault 1000
	sleep 2.1
	hf backup -q
	[ "$(asked hf backup -q)" -le 6 ]
	run -0 --separate-stderr hf status --json
	[ "$(grep -c '"overdue": *false' <<<"$output")" -ge 1000 ]
	# of one that changed the others stay as they are
	sql "$T/tenants/t7.db" "update customers set name = 'x'"
	[ "$(asked hf backup -q)" -le 11 ]
	run -0 --separate-stderr hf ledger verify
}

@test "many stores behind a long way are asked about, and restored, at once" {
	bucket "s3://plain/$BATS_TEST_NUMBER"
	tenants_vault 66
	hf copy -q --to "file://$T/near"
	sed "s|^url = .*|url = file://$T/near|" "$CONF" >"$T/near.conf"
	chmod 600 "$T/near.conf"
	near() { "$HOLDFAST" -c "$T/near.conf" "$@"; }
	SVC_UPSTREAM=${S3_ENDPOINT#*://} "$BATS_TEST_DIRNAME/../services/faultproxy.sh" start "$T/proxy" 2>/dev/null
	. "$T/proxy/svc.env"
	echo 'latency=50' >"$PROXY_FAULT"
	sed -i "s|^endpoint = .*|endpoint = http://127.0.0.1:$PROXY_PORT|" "$CONF"
	# every thread has connections of its own: one after the other would need one
	connections() { sleep 0.2 && wc -l <"$PROXY_STATS"; }
	for command in 'snapshots' 'stats' 'snapshots --json' 'restore --json'; do
		before=$(connections)
		run -0 --separate-stderr hf $command
		far=$output
		[ $(($(connections) - before)) -ge 8 ]
		run -0 --separate-stderr near $command
		diff <(echo "$far") <(echo "$output")
	done
	before=$(connections)
	run -0 --separate-stderr hf status
	[ $(($(connections) - before)) -ge 8 ]
	before=$(requests PUT /log/checkpoint)
	run -0 --separate-stderr with_pass restore 'tenants/*' --to "$T/out"
	# told in the order of the names, each with its entry, in a few appends
	[ "$(cut -d @ -f 1 <<<"$output")" = "$(cut -d @ -f 1 <<<"$output" | LC_ALL=C sort)" ]
	[ "$(wc -l <<<"$output")" -eq 66 ]
	for i in $(seq 66); do cmp "$T/out/t$i.db" "$T/tenants/t$i.db"; done
	sleep 0.2   # until the gateway has written its log
	appends=$(($(requests PUT /log/checkpoint) - before))
	[ "$appends" -ge 2 ]
	[ "$appends" -le 6 ]
	sed -i "s|^endpoint = .*|endpoint = $S3_ENDPOINT|" "$CONF"
	[ "$(hf ledger show --json | jq -r .entry.kind | grep -c restore)" -eq 66 ]
	run -0 hf ledger verify
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
	# a file of this machine that is gone says nothing about the vault
	rm "$T/wrong"
	run -2 --separate-stderr hf snapshots
	[[ $stderr == *"$T/wrong"* ]]
	[[ $stderr != *"holdfast init"* ]]
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
