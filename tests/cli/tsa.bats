#!/usr/bin/env bats
# tsa: a timestamp authority signs checkpoints; what it answers is checked, and that it is away fails no
# drill. It is openssl ts behind a small web server.

load helper.bash

# tsa_vault: a vault with a drill, and an authority
tsa_vault() {
	crm_vault
	mkdir "$T/tsa"
	python3 "$BATS_TEST_DIRNAME/authority.py" "$T/tsa" 3>&- &
	for _ in $(seq 200); do
		[ ! -e "$T/tsa/port" ] || break
		sleep 0.1
	done
	sed -i "s|^keys = .*|&\ntsa = http://127.0.0.1:$(<"$T/tsa/port")/tsr\ntsa-ca = $T/tsa/tsa-ca.pem|" "$CONF"
	cat >>"$CONF" <<-CONF
		[drill weekly]
		stores = crm
		every = 7d
	CONF
}

teardown() { [ ! -d "$T/tsa" ] || touch "$T/tsa/stop"; }

@test "a drill's evidence has a timestamp of its checkpoint, and an auditor verifies it" {
	tsa_vault
	run --separate-stderr with_pass drill run
	expect_status 0
	[ -z "$stderr" ]
	id=$(sed -n '1s/RECOVERY DRILL \([0-9a-f]*\).*/\1/p' <<<"$output")
	hf drill keys "$T/auditor" >/dev/null
	cmp "$T/auditor/tsa-ca.pem" "$T/tsa/tsa-ca.pem"
	hf drill show "$id" --to "$T/evidence" >/dev/null
	(cd "$T/evidence" && openssl ts -verify -data checkpoint -in checkpoint.tsr -CAfile "$T/auditor/tsa-ca.pem")
	run hf drill verify "$T/evidence" --keys "$T/auditor"
	expect_status 0
	[[ $output == *"timestamp"*"not proved"*"of this checkpoint, "* ]]
	run sh -c "cd '$T/evidence' && sh '$T/auditor/VERIFY.txt' '$T/auditor'"
	expect_status 0
	[[ $output == *"ok      timestamp: "* ]]
	# one of another checkpoint is found
	with_pass drill run -q
	other=$(hf drill list --json | json id)
	hf drill show "$other" --to "$T/evidence2" >/dev/null
	cp "$T/evidence2/checkpoint.tsr" "$T/evidence/"
	run hf drill verify "$T/evidence" --keys "$T/auditor"
	expect_status 20
	[[ $output == *"checkpoint.tsr is for another checkpoint"* ]]
}

@test "an authority that is away, or answers wrongly, fails no drill: a warning, 4, and no timestamp" {
	tsa_vault
	touch "$T/tsa/stop"
	sleep 0.5
	run --separate-stderr with_pass drill run
	expect_status 4
	[[ ${lines[0]} == *PASSED ]]
	[[ $stderr == "holdfast: drill "*": timestamp: http://127.0.0.1: "* ]]
	id=$(hf drill list --json | json id)
	hf drill show "$id" --to "$T/evidence" >/dev/null
	[ ! -e "$T/evidence/checkpoint.tsr" ] && [ ! -e "$T/evidence/tsa-ca.pem" ]
	hf drill keys "$T/auditor" >/dev/null
	run hf drill verify "$T/evidence" --keys "$T/auditor"
	expect_status 0
	[[ $output == *"timestamp"*"none"* ]]
	run hf ledger verify
	expect_status 0
	run --separate-stderr with_pass drill run --json
	expect_status 4
	[[ $(json unstamped <<<"$output") == "drill "*": timestamp: "* ]]
	# the drill's own verdict comes first
	printf '[assert a]\nstore = crm\nsql = SELECT 1\nexpect = 2\n' >>"$CONF"
	run --separate-stderr with_pass drill run -q
	expect_status 6
	[[ $stderr == *": timestamp: "* ]]
}

@test "run tells of a drill that has no timestamp" {
	tsa_vault
	touch "$T/tsa/stop"
	sleep 0.5
	sed -i "s|^keys = .*|&\npassphrase-command = cat $T/pass|" "$CONF"
	run --separate-stderr hf run
	expect_status 4
	[[ $output == *"1 drill passed"*"NOTE    drill weekly: drill "*": timestamp: "* ]]
}

@test "ledger timestamp: a stamped checkpoint to be kept elsewhere" {
	tsa_vault
	run --separate-stderr hf ledger timestamp "$T/kept"
	expect_status 0
	[[ $output == "$T/kept: a checkpoint of 1 entry, seen "* ]]
	(cd "$T/kept" && openssl ts -verify -data checkpoint -in checkpoint.tsr -CAfile tsa-ca.pem)
	hf ledger verify --against "$T/kept/checkpoint"
	hf ledger timestamp "$T/kept2" --json | all_json
	run --separate-stderr hf ledger timestamp "$T/kept"
	expect_status 1
	[[ $stderr == *"is not empty"* ]]
	run --separate-stderr hf ledger timestamp "$T/kept3" --key nobody
	expect_status 1
	sed -i '/^tsa/d' "$CONF"
	run --separate-stderr hf ledger timestamp "$T/kept3"
	expect_status 2
	[[ $stderr == *"no timestamp authority is configured"* ]]
	[ ! -e "$T/kept3" ]
}

# refused MODE STATUS TEXT: what the authority answers then is not taken
refused() {
	echo "$1" >"$T/tsa/mode"
	run --separate-stderr hf ledger timestamp "$T/kept"
	expect_status "$2"
	[[ $stderr == *"timestamp: "*"$3"* ]] || {
		echo "$1: $stderr"
		return 1
	}
	[ ! -e "$T/kept" ]
}

@test "an answer that is not one to our question is refused" {
	tsa_vault
	refused nonce 20 "answered another question than ours"
	refused imprint 20 "stamped something else"
	refused refused 1 "refused (status 2)"
	refused cut 20 "not an answer of a timestamp authority"
	refused junk 20 "not an answer of a timestamp authority"
	refused short 1 "http://127.0.0.1: "
	refused long 1 "the answer is longer than 65536 bytes"
	refused forged 20 "its signature does not verify by"
	refused 503 1 "answers with status 503"
	refused 302 1 "answers with status 302"
	refused 403 1 "answers with status 403"
	# without openssl nobody says whether the signature holds
	rm "$T/tsa/mode"
	run --separate-stderr env PATH="$T" "$HOLDFAST" -c "$CONF" ledger timestamp "$T/kept"
	expect_status 1
	[[ $stderr == *openssl* ]]
	[ ! -e "$T/kept" ]
	# certificates that are not there, or not theirs
	sed -i "s|^tsa-ca = .*|tsa-ca = $T/none.pem|" "$CONF"
	run --separate-stderr hf ledger timestamp "$T/kept"
	expect_status 1
	sed -i "s|^tsa-ca = .*|tsa-ca = $T/tsa/other/tsa-ca.pem|" "$CONF"
	refused good 20 "its signature does not verify by"
}

@test "an authority without its certificates, or with an address that is none, is no configuration" {
	new_vault
	cp "$CONF" "$T/good.conf"
	sed -i "s|^keys = .*|&\ntsa = http://tsa.example/|" "$CONF"
	run --separate-stderr hf ledger show
	expect_status 2
	[[ $stderr == *"'tsa-ca' is missing in [vault]"* ]]
	sed "s|^keys = .*|&\ntsa = tsa.example\ntsa-ca = /x.pem|" "$T/good.conf" >"$CONF"
	run --separate-stderr hf ledger show
	expect_status 2
	[[ $stderr == *"is not an address"* ]]
}
