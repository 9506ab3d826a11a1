#!/usr/bin/env bats
# Secrets are in none of the places that others see: output, logs, arguments, environments, objects,
# state, core files. With keys of a session from the gateway's own token service.
load helper
export RGW_EXTRA=$'rgw_s3_auth_use_sts = true\n\t\trgw_sts_key = abcdefghijklmnop'
load gateway

sts_ask() {
	curl -sSf --aws-sigv4 aws:amz:us-east-1:s3 --user "$S3_ACCESS_KEY:$S3_SECRET_KEY" "$S3_ENDPOINT/" "$@"
}

# session_keys FILE: credentials with a token; the secret parts go to $T/secrets, one a line
session_keys() {
	radosgw-admin -n client.rgw -c "$GATEWAY/ceph.conf" caps add --uid=test --caps='user-policy=*' >/dev/null
	sts_ask --data-urlencode Action=PutUserPolicy --data-urlencode Version=2010-05-08 \
		--data-urlencode UserName=test --data-urlencode PolicyName=all --data-urlencode \
		'PolicyDocument={"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","sts:*"],"Resource":["*"]}]}' \
		>/dev/null
	sts_ask -d 'Action=GetSessionToken&DurationSeconds=3600&Version=2011-06-15' | python3 -c '
import re, sys
text = sys.stdin.read()
part = lambda name: re.search(f"<{name}>([^<]+)</{name}>", text)[1]
secret, token = part("SecretAccessKey"), part("SessionToken")
print(f"""[default]
aws_access_key_id = {part("AccessKeyId")}
aws_secret_access_key = {secret}
aws_session_token = {token}""", file=open(sys.argv[1], "w"))
print(secret, token, sep="\n", file=open(sys.argv[2], "a"))' "$1" "$T/secrets"
	chmod 600 "$1"
}

# session_vault [LINE...]: a vault with a generated recovery code, which is in $T/pass, and $ROWS of crm
session_vault() {
	bucket "s3://plain/$BATS_TEST_NUMBER" "$@"
	session_keys "$T/session"
	sed -i "s,^credentials.*,credentials = $T/session," "$CONF"
	hf init -q --slot-cost 1:8192 >"$T/sheet"
	sed -n 's/^ *Recovery code *//p' "$T/sheet" >"$T/pass"
	rm "$T/sheet"
	cat "$T/pass" >>"$T/secrets"
	tr - ' ' <"$T/pass" >>"$T/secrets"
	[ "$(wc -l <"$T/secrets")" -eq 4 ]
	database "$T/crm.db" "${ROWS:-2000}"
	hf add -q crm "$T/crm.db"
}

# witness FILE [LINE]: a program for holdfast to run, which keeps in $T/said what is seen of itself and of
# all that it descends from, and prints LINE
witness() {
	cat >"$1" <<-END
		#!/bin/sh
		p=\$\$
		while [ "\$p" -gt 1 ]; do
			tr '\\0' '\\n' <"/proc/\$p/cmdline"
			p=\$(sed -n 's/^PPid:[^0-9]*//p' "/proc/\$p/status")
		done >>"$T/said/arguments"
		env >>"$T/said/environments"
		cat ${2:-/dev/null}
	END
	chmod 700 "$1"
}

# said STATUS COMMAND...: run it; what it says is kept in $T/said
said() {
	local expected=$1 code=0
	shift
	"$@" >>"$T/said/output" 2>&1 || code=$?
	[ $code -eq "$expected" ] || {
		echo "status $code instead of $expected: $*"
		tail -n 5 "$T/said/output"
		return 1
	}
}

# hidden PATH...: none of the secrets is there
hidden() {
	local found
	found=$(grep -rlaFf "$T/secrets" "$@") || return 0
	echo "a secret is in: $found"
	return 1
}

fetch_objects() {
	local key
	for key in $(s3_keys plain "$BATS_TEST_NUMBER/"); do
		mkdir -p "$T/objects/${key%/*}"
		s3_ask GET "plain/$key" -o "$T/objects/$key"
	done
}

@test "what is said, logged, passed on and stored holds no secret" {
	session_vault
	mkdir "$T/said"
	witness "$T/store" "$CONF"
	witness "$T/pass-command" "$T/pass"
	sed -i "s,^endpoint,passphrase-command = $T/pass-command\n&," "$CONF"
	printf '[store seen]\ntype = command\ncommand = %s\n' "$T/store" >>"$CONF"
	said 0 hf backup -v
	said 0 hf backup --json
	said 0 hf restore crm --to "$T/out" -v
	cmp "$T/out/crm.db" "$T/crm.db"
	said 0 hf copy --to "$T/second" -v
	said 0 hf vault test
	said 0 with_pass check --read-data --json

	# failures say much: of storage, of the passphrase, of damage
	sed 's/^\(aws_secret_access_key = \).*/\1not-this-one-either/' "$T/session" >"$T/wrong"
	echo not-this-one-either >>"$T/secrets"
	chmod 600 "$T/wrong"
	sed "s,^credentials.*,credentials = $T/wrong," "$CONF" >"$T/wrong.conf"
	said 1 "$HOLDFAST" -c "$T/wrong.conf" backup -v
	sed -i 's/^\(aws_session_token = ....\)/\1XXXX/' "$T/session"
	said 1 with_pass restore crm --to "$T/no"
	sed -i 's/XXXX//' "$T/session"
	echo 'surely-not-the-code' | tee "$T/other" >>"$T/secrets"
	said 12 hf restore crm --to "$T/no" --passphrase-file "$T/other"
	fetch_objects
	for pack in $(s3_keys plain "$BATS_TEST_NUMBER/" | grep /packs/); do
		s3_ask PUT "plain/$pack" --data-binary junk
	done
	said 20 with_pass restore crm --to "$T/no" --json

	grep -q "pack [0-9a-f]" "$T/said/output"
	grep -qx restore "$T/said/arguments"
	grep -qx backup "$T/said/arguments"
	grep -q ^PATH= "$T/said/environments"
	hidden "$T/said" "$T/state" "$T/keys" "$T/objects" "$T/second" "$CONF" "$T/home"
	run -1 hidden "$T/session"
	run -1 hidden "$T/pass"
}

@test "secrets in the environment are not left there, nor passed on" {
	session_vault
	printf '[store environment]\ntype = command\ncommand = env\n' >>"$CONF"
	sed -i '/^credentials/d' "$CONF"
	. <(sed -n 's/^\(aws_[a-z_]*\) = \(.*\)/export \U\1\E="\2"/p' "$T/session")
	hf backup -q
	export HOLDFAST_PASSPHRASE
	HOLDFAST_PASSPHRASE=$(cat "$T/pass")
	hf dump environment >"$T/environment" 2>/dev/null
	grep -q PATH= "$T/environment"
	hidden "$T/environment"
	mkfifo "$T/pipe"
	"$HOLDFAST" -c "$CONF" dump crm >"$T/pipe" 2>/dev/null 3>&- &
	pid=$!
	exec 4<"$T/pipe"
	head -c 1000 <&4 >/dev/null
	tr '\0' '\n' <"/proc/$pid/environ" >"$T/environ"
	exec 4<&-
	wait $pid || true
	grep -q AWS_SESSION_TOKEN "$T/environ"
	! grep -qFf "$T/pass" "$T/environ"
}

# machine_dumps_core: does a crash leave a core file in the folder it happens in?
machine_dumps_core() {
	mkdir -p "$T/control"
	(cd "$T/control" && ulimit -c unlimited && bash -c 'kill -SEGV $$') 2>/dev/null || true
	[ -n "$(ls "$T/control")" ]
}

# slowly COMMAND...: begin it in $T/crash with cores allowed; $pid
slowly() {
	mkdir -p "$T/crash"
	(cd "$T/crash" && ulimit -c unlimited && exec "$HOLDFAST" -c "$CONF" "$@") >"$T/slow" 2>&1 3>&- &
	pid=$!
}

# moves_data METHOD: wait until the gateway has answered some of these from now on
moves_data() {
	local i before
	before=$(requests "$1")
	for ((i = 0; i < 400; i++)); do
		[ "$(requests "$1")" -lt $((before + ${2:-3})) ] || return 0
		kill -0 $pid || break
		sleep 0.05
	done
	cat "$T/slow"
	return 1
}

crashes() {
	local code=0
	kill -SEGV $pid
	wait $pid || code=$?
	[ $code -eq 139 ]
	[ -z "$(ls "$T/crash")" ]
}

@test "a crash in the middle of a backup or a restore leaves no core file" {
	ROWS=20000 session_vault "limit-up = 300K" "limit-down = 300K"
	machine_dumps_core || skip "this machine writes no core files"
	slowly backup
	moves_data GET 1
	sleep 1
	crashes
	sed -i '/^limit-up/d' "$CONF"
	hf backup -q
	slowly restore crm --to "$T/out" --passphrase-file "$T/pass"
	moves_data GET
	crashes
}

# Root's debugger may read everything; what it writes leaves out memory that is marked for that. Keys of
# the storage are with libcurl, which marks none.
@test "a dump made by root's debugger holds no recovery code" {
	skip_unless_root
	command -v gcore >/dev/null || skip "no gdb"
	ROWS=20000 session_vault "limit-down = 300K"
	hf backup -q
	slowly restore crm --to "$T/out" --passphrase-file "$T/pass"
	moves_data GET
	gcore -o "$T/core" $pid >"$T/gcore" 2>&1
	kill -KILL $pid
	[ "$(stat -c %s "$T/core.$pid")" -gt 1000000 ]
	grep -qaF "$T/crm.db" "$T/core.$pid" || grep -qaF "$T/pass" "$T/core.$pid"
	! grep -qaFf "$T/pass" "$T/core.$pid"
}
