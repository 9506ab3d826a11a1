#!/usr/bin/env bats
# The mistakes that people make, and what they are told: fact, hint and exit status.
load helper

@test "an unknown key names file, line and the nearest key" {
	printf '[store crm]\ntype = sqlite\npaht = /srv/crm.db\n' >>"$CONF"
	run -2 --separate-stderr hf backup
	expect_message "$CONF:7: unknown key 'paht' in [store crm]" "did you mean 'path'?"
}

@test "no vault there" {
	run -10 --separate-stderr hf backup
	[[ $stderr == "holdfast: file://$V: no vault here"* ]]
	[[ $stderr == *"hint: check the path; a new vault is made with 'holdfast init --vault URL'" ]]
	mkdir "$V"
	run -10 hf snapshots
}

@test "wrong passphrase" {
	crm_vault
	echo wrong >"$T/wrong"
	run -12 --separate-stderr hf restore crm --to "$T/out" --passphrase-file "$T/wrong"
	[[ $stderr =~ ^"holdfast: vault "[0-9a-f]{4}-[0-9a-f]{4}": wrong passphrase" ]]
	[[ $stderr == *"  hint: "* ]]
	[ ! -e "$T/out" ]
}

@test "only the writer key is here" {
	crm_vault
	run -12 --separate-stderr setsid "$HOLDFAST" -c "$CONF" restore crm --to "$T/out"
	expect_message "restore crm: this machine holds only the writer key, which cannot read backups" \
		"run it where the restorer key is, or give the passphrase with --passphrase-file"
}

@test "permission denied" {
	skip_unless_as_user
	new_vault
	database "$T/crm.db" 10
	hf add -q crm "$T/crm.db"
	chmod 000 "$T/crm.db"
	run -1 --separate-stderr as_user "$HOLDFAST" -c "$CONF" backup
	[[ $stderr == "holdfast: crm: $T/crm.db: "*"ermission denied"* ]]
	[[ $stderr == *"  hint: "* ]]
}

@test "fewer files than last time, and what was taken" {
	new_vault
	mkdir "$T/tenants"
	for i in 1 2 3 4; do database "$T/tenants/t$i.db" 5; done
	hf add -q tenants "$T/tenants/*.db"
	hf backup -q
	rm "$T/tenants/t1.db" "$T/tenants/t2.db"
	for night in 1 2; do
		run -4 --separate-stderr hf backup -q
		expect_message "tenants: 2 files match $T/tenants/*.db, 4 at the last run; kept the old stores, backed up 2" \
			"is it mounted? If they are gone for good: 'holdfast backup tenants --accept-missing'"
	done
	run -0 hf backup -q --accept-missing
	run -0 hf backup -q
}

@test "a few may go without a word if the configuration says so" {
	new_vault
	mkdir "$T/tenants"
	for i in 1 2 3; do database "$T/tenants/t$i.db" 5; done
	hf add -q tenants "$T/tenants/*.db"
	echo 'max-missing = 1' >>"$CONF"
	hf backup -q
	rm "$T/tenants/t1.db"
	run -0 hf backup -q
}

@test "a fleet without a single file is a failure" {
	new_vault
	mkdir "$T/tenants"
	database "$T/tenants/t1.db" 5
	database "$T/crm.db" 5
	hf add -q tenants "$T/tenants/*.db"
	hf backup -q
	rm "$T/tenants/t1.db"
	run -1 --separate-stderr hf backup
	[[ $stderr == "holdfast: tenants: "* ]]
	hf add -q crm "$T/crm.db"
	run -3 hf backup
}

@test "another backup of the store is running" {
	new_vault
	printf '[store slow]\ntype = command\ncommand = sleep 5\n' >>"$CONF"
	"$HOLDFAST" -c "$CONF" backup -q 3>&- &
	first=$!
	for _ in $(seq 100); do
		pgrep -P "$first" >/dev/null && break
		sleep 0.1
	done
	run -11 --separate-stderr hf backup slow
	kill "$first"
	sleep 0.2
	kill "$first" 2>/dev/null || true   # the second ends it at once
	wait "$first" || true
	[[ $stderr == "holdfast: slow: a backup by pid $first is running"* ]]
}

@test "the target exists" {
	crm_vault
	run -1 --separate-stderr with_pass restore crm
	[ "${stderr%%$'\n'*}" = "holdfast: restore crm: $T/crm.db exists; nothing was changed" ]
	[[ $stderr == *"  hint: another --to, or --overwrite"* ]]
}

@test "not enough space at the target" {
	skip_unless_root
	crm_vault
	mkdir "$T/small"
	unshare -m true 2>/dev/null || skip "no mount namespaces"
	run -1 --separate-stderr unshare -m bash -c "mount -t tmpfs -o size=128k none '$T/small' &&
		'$HOLDFAST' -c '$CONF' restore crm --to '$T/small' --passphrase-file '$T/pass'; s=\$?
		[ -z \"\$(ls -A '$T/small')\" ] || exit 99; exit \$s"
	[[ $stderr =~ "holdfast: restore crm: needs ".*" has ".*" free; nothing was written" ]]
}

@test "a store that does not exist is told with the nearest" {
	crm_vault
	run -2 --separate-stderr hf backup crn
	expect_message "crn: no such store in the configuration" "did you mean 'crm'?"
	run -1 --separate-stderr with_pass restore crn --to "$T/out"
	expect_message "crn: no such store in the vault" "did you mean 'crm'?"
}

@test "a time before the first snapshot names what there is" {
	crm_vault
	run -1 --separate-stderr with_pass restore crm@2001-01-01 --to "$T/out"
	[[ $stderr == "holdfast: restore crm: "* ]]
	run -2 --separate-stderr with_pass restore crm@whenever --to "$T/out"
	[[ $stderr == "holdfast: restore crm: "* ]]
}

@test "restoring a tree needs a place" {
	new_vault
	mkdir "$T/tree"
	echo a >"$T/tree/a"
	hf add -q tree "$T/tree"
	hf backup -q
	run -2 --separate-stderr with_pass restore tree
	expect_message "restore tree: no folder to restore into is given" "add --to DIR"
}

@test "dump does not write bytes to a terminal" {
	crm_vault
	run -2 python3 "$BATS_TEST_DIRNAME/on_tty.py" -- "$HOLDFAST" -c "$CONF" dump crm \
		--passphrase-file "$T/pass"
	[[ $output == *"dump: standard output is a terminal"* ]]
}
