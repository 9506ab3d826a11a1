#!/usr/bin/env bats
# Several vaults in one configuration: options of their storage, copies after a backup, reads that
# fall back from one to another.
load helper

# two_vaults [KEY=VALUE...]: crm in the vault, and a whole copy of it in [vault second]
two_vaults() {
	crm_vault
	sql "$T/crm.db" "update customers set name = 'second night' where id % 100 = 0"
	hf backup -q
	printf '[vault second]\nurl = file://%s/second\n' "$T" >>"$CONF"
	cp -a "$V" "$T/second"
	cp "$T/crm.db" "$T/good.db"
}

# restores_from_second STORE: a degraded restore that names the other vault, of the right bytes
restores_from_second() {
	rm -rf "$T/out"
	run -4 --separate-stderr with_pass restore "$1" --to "$T/out"
	[[ $stderr == *"read from vault second"* ]]
	cmp "$T/out/crm.db" "$T/good.db"
}

@test "wrong values of storage keys are refused with what is allowed" {
	while read -r line expected; do
		printf '[vault x]\nurl = file:///x\n%s\n' "${line//_/ }" >"$T/wrong.conf"
		run -2 --separate-stderr "$HOLDFAST" -c "$T/wrong.conf" backup
		[[ $stderr == "holdfast: $T/wrong.conf:3: "*"is not ${expected}"* ]] || {
			echo "$line: $stderr"
			return 1
		}
	done <<-'END'
		limit-up_=_fast a limit such as
		connections_=_33 auto, or a number from 1 to 32
		lock_=_governance compliance or governance and a duration
		lock_=_never_30d compliance or governance and a duration
		style_=_virtual path or virtual-host
		host-keys_=_no strict or accept-new
		ca-file_=_ca.pem an absolute path
		pinned-key_=_sha256//abc sha256//
		copy_=_always never or after-backup
		stall-timeout_=_soon a duration
	END
}

@test "a misspelled storage key is refused with the nearest" {
	printf '[vault]\nurl = file:///x\nlimit-upp = 3M\n' >"$CONF"
	run -2 --separate-stderr hf backup
	expect_message "$CONF:3: unknown key 'limit-upp' in [vault]" "did you mean 'limit-up'?"
}

@test "the past needs storage that keeps it" {
	crm_vault
	run -2 --separate-stderr hf snapshots --as-of yesterday
	expect_message "snapshots: --as-of needs storage that keeps versions: s3" \
		"an earlier snapshot is STORE@TIME"
	run -2 --separate-stderr hf snapshots --as-of soon
	[[ $stderr == "holdfast: snapshots: 'soon' is not a time"* ]]
	run -2 --separate-stderr hf backup --as-of yesterday
	[[ $stderr == "holdfast: backup: unknown option '--as-of'"* ]]
}

@test "a pack that is damaged is read from another vault" {
	two_vaults
	damage "$(objects "$V" /packs/ | head -n 1)"
	damage "$(objects "$V" /packs/ | tail -n 1)"
	restores_from_second crm
	[[ $stderr == *"crm: "*"and 1 more object likewise"* ]]
	with_pass dump crm 2>/dev/null | cmp - "$T/good.db"
	run -20 with_pass check --read-data
}

@test "a pack that is gone is read from another vault" {
	two_vaults
	rm $(objects "$V" /packs/)
	restores_from_second crm
	run -4 --separate-stderr with_pass restore crm --to "$T/out2" --json
	[ "$(json degraded <<<"$output")" = true ]
}

@test "a snapshot object that is damaged or gone is read from another vault" {
	two_vaults
	damage "$(objects "$V" /snapshots/00000002)"
	restores_from_second crm
	rm "$(objects "$V" /snapshots/00000002)"
	restores_from_second crm@2
	rm "$(objects "$V" /snapshots/00000001)"
	restores_from_second crm
}

@test "a key object that is damaged or gone is read from another vault" {
	two_vaults
	damage "$(objects "$V" /vault/keys/)"
	restores_from_second crm
	rm "$(objects "$V" /vault/keys/)"
	restores_from_second crm
}

# a changed byte in a slot cannot be told from a wrong passphrase
@test "a slot that is cut off or gone is read from another vault" {
	two_vaults
	truncate -s 100 "$(objects "$V" /slots/)"
	restores_from_second crm
	rm "$(objects "$V" /slots/)"
	restores_from_second crm
	echo 'another passphrase' >"$T/pass"
	run -12 with_pass restore crm --to "$T/out2"
}

@test "another vault's objects are not taken for this one's" {
	two_vaults
	rm -r "$T/second"
	sed "s,$V,$T/second,; s,/keys\$,/keys2,; s,/state\$,/state2," "$CONF" | head -n 4 >"$T/other.conf"
	"$HOLDFAST" -c "$T/other.conf" init -q --passphrase-file "$T/pass" --slot-cost 1:8192 >"$T/sheet2" 2>&1
	for pack in $(objects "$V" /packs/); do
		mkdir -p "$(dirname "${pack/$V/$T/second}")"
		mv "$pack" "${pack/$V/$T/second}"
	done
	run -20 --separate-stderr with_pass restore crm --to "$T/out"
	[[ $stderr == *"is gone from the vault"* ]]
}

@test "a second vault that does not answer changes nothing for a whole one" {
	two_vaults
	rm -r "$T/second"
	run -0 --separate-stderr with_pass restore crm --to "$T/out"
	[ -z "$stderr" ]
}

@test "a vault is chosen by its section's name, with what that says" {
	two_vaults
	run -0 hf snapshots --vault second
	printf 'state = %s/elsewhere\n' "$T" >>"$CONF"
	run -0 hf snapshots --vault second
	hf backup -q --vault second
	[ -n "$(find "$T/elsewhere" -mindepth 2 -type d)" ]
	run -2 --separate-stderr hf snapshots --vault secnd
	expect_message "secnd: no [vault secnd] in the configuration" "did you mean 'second'?"
}

@test "init takes the section that it is asked for" {
	printf '[vault second]\nurl = file://%s/second\nkeys = %s/keys2\nstate = %s/state2\n' "$T" "$T" "$T" >>"$CONF"
	hf init -q --vault second --passphrase-file "$T/pass" --slot-cost 1:8192 >/dev/null
	[ -e "$T/second/vault.json" ]
	[ -d "$T/keys2" ]
	[ ! -e "$V" ]
}

# after_backup: crm in the vault, and [vault second], [vault third] that get copies each night
after_backup() {
	crm_vault
	printf '[vault %s]\nurl = file://%s/%s\ncopy = after-backup\n' second "$T" second third "$T" third >>"$CONF"
}

@test "each night is copied to the vaults that ask for it" {
	after_backup
	printf '[vault fourth]\nurl = file://%s/fourth\n' "$T" >>"$CONF"
	run -0 --separate-stderr hf backup
	[[ $output == *"copied to vault second: "*"copied to vault third: "* ]]
	same_vaults "$V" "$T/second"
	same_vaults "$V" "$T/third"
	[ ! -e "$T/fourth" ]
	run -0 --separate-stderr hf backup --json
	[ "$(grep -c copied_to <<<"$output")" = 2 ]
	[ "$(json store <<<"$output")" = crm ]
	same_vaults "$V" "$T/second"
	run -0 --separate-stderr hf backup -q
	[ -z "$output$stderr" ]
	run -0 hf backup -n
	same_vaults "$V" "$T/second"
}

@test "only what was backed up is copied" {
	new_vault
	database "$T/crm.db" 10
	hf add -q crm "$T/crm.db"
	hf backup -q
	printf '[vault second]\nurl = file://%s/second\ncopy = after-backup\n' "$T" >>"$CONF"
	database "$T/b.db" 10
	hf add -q b "$T/b.db"
	run -0 hf backup b
	[ "$(objects "$T/second" /snapshots/ | wc -l)" = 1 ]
	printf '[store bad]\ntype = command\ncommand = false\n' >>"$CONF"
	run -3 hf backup
	[ "$(objects "$T/second" /snapshots/ | wc -l)" = 4 ]
}

@test "a copy whose vault is away is no lost night, and is made up for" {
	after_backup
	sed -i "s,^url = file://$T/second,url = faulty://any=1+:unreachable/file://$T/second," "$CONF"
	run -4 --separate-stderr hf backup
	[[ $stderr == *"copy to vault second: "* ]]
	[[ $stderr == *"hint: the backup itself is done; "*"'holdfast copy --to second'"* ]]
	[[ $output == *"crm "*"snapshot 2"* ]]
	[[ $output == *"copy FAILED to vault second"* ]]
	same_vaults "$V" "$T/third"
	run -0 hf log
	[[ $output == *"exit 4"*"copy to vault second"* ]]
	run -4 --separate-stderr hf backup --json
	[ "$(grep -c '"code":"unreachable"' <<<"$output")" = 1 ]
	sed -i "s,faulty://any=1+:unreachable/,," "$CONF"
	run -0 hf backup
	same_vaults "$V" "$T/second"
}

@test "damage that a copy finds outranks a copy that is late" {
	after_backup
	hf backup -q
	echo x >>"$(objects "$T/second" /snapshots/00000001)"
	run -20 --separate-stderr hf backup
	[[ $stderr == *"snapshots/00000001: is another object in file://$T/second"* ]]
}

@test "when the first vault is away, the other one is named" {
	after_backup
	hf backup -q
	sed -i "s,^url = file://$V,url = faulty://any=1+:unreachable/file://$V," "$CONF"
	run -1 --separate-stderr hf backup
	[[ $stderr == *"hint: is it reachable from here? The configuration has another one: --vault second" ]]
	run -1 --separate-stderr with_pass restore crm --to "$T/out"
	[[ $stderr == *"--vault second" ]]
	run -0 with_pass restore crm --to "$T/out" --vault second
	cmp "$T/out/crm.db" "$T/crm.db"
	run -0 hf backup --vault second
	[[ $output =~ ^crm\ +unchanged\ +snapshot\ [23]\  ]]
	sed -i "s,faulty://any=1+:unreachable/,," "$CONF"
	run -20 --separate-stderr hf backup
	[[ $output =~ ^crm\ +full\  ]]
	run -0 hf backup
	run -0 hf check
}

@test "a copy that does not know of a machine enrolled since is restored from all the same" {
	two_vaults
	printf '[vault]\nurl = file://%s\nstate = %s/b/state\nkeys = %s/b/keys\n' "$V" "$T" "$T" >"$T/b.conf"
	setsid -w "$HOLDFAST" -c "$T/b.conf" key enroll -q --role writer --name b </dev/null | hf key accept -q --yes -
	mv "$V" "$T/lost"
	run -0 --separate-stderr with_pass restore crm --to "$T/out" --vault second
	[[ $stderr == *"its charter is older than"*"so it is read all the same"* ]]
	cmp "$T/out/crm.db" "$T/good.db"
	# who writes there would lose what the first one has
	run -20 --separate-stderr hf backup --vault second
	[[ $stderr == *"its charter is older than"* ]]
	# without its section's name it is a vault that was set back
	sed -i "s,^url = file://$V,url = file://$T/second,; /^\[vault second\]/,\$d" "$CONF"
	run -20 --separate-stderr with_pass restore crm --to "$T/out2"
	[[ $stderr == *"its charter is older than"* ]]
}

@test "a copy that is a night late is told as late by who verifies it; the vault itself was set back" {
	two_vaults
	sql "$T/crm.db" "update customers set name = 'third night' where id % 100 = 0"
	hf backup -q
	run -4 --separate-stderr hf check --vault second
	[[ $output == *"no problems found"*"1 snapshot that this machine made is not in this copy"* ]]
	run -4 --separate-stderr hf check --json --vault second
	[ "$(json late <<<"$output")" = 1 ]
	run -4 --separate-stderr hf check -q --vault second
	[[ $output == *"1 snapshot that this machine made"* ]]
	run -4 --separate-stderr hf ledger verify --vault second
	[[ $output == *"no problems found"* ]]
	[[ $stderr == *"this copy has 2 entries of it, and this machine saw 3: it is late, or was set back"* ]]
	# what it saw of the vault is not forgotten for that
	mv "$V" "$T/away"
	cp -a "$T/second" "$V"
	run -20 --separate-stderr hf ledger verify
	[[ $stderr == *"was set back: it has 2 entries"*"this machine saw 3"* ]]
	run -20 --separate-stderr hf check
	[[ $stderr == *"was written by this machine and is not in the vault"* ]]
	rm -r "$V"
	mv "$T/away" "$V"
	hf copy -q --to second
	run -0 hf check --vault second
	run -0 hf ledger verify --vault second
}

@test "a copy that does not know of a machine enrolled since is verified all the same" {
	two_vaults
	printf '[vault]\nurl = file://%s\nstate = %s/b/state\nkeys = %s/b/keys\n' "$V" "$T" "$T" >"$T/b.conf"
	setsid -w "$HOLDFAST" -c "$T/b.conf" key enroll -q --role writer --name b </dev/null | hf key accept -q --yes -
	run -0 --separate-stderr hf ledger verify --vault second
	[[ $stderr == *"it is a copy and may be late"* ]]
	run -0 --separate-stderr hf check --vault second
	run -0 --separate-stderr hf status --vault second
	run -0 --separate-stderr hf stats --vault second
	mv "$V" "$T/away"
	cp -a "$T/second" "$V"
	run -20 --separate-stderr hf ledger verify
	[[ $stderr == *"its charter is older than"* ]]
}

@test "a store that is copied less often than another is behind in the copy, not damaged" {
	crm_vault
	mkdir "$T/papers"
	echo one >"$T/papers/one"
	printf '[vault second]\nurl = %s\n[store papers]\ntype = files\npath = %s\n' "$T/second" "$T/papers" >>"$CONF"
	hf backup -q
	hf copy -q --to second
	echo two >"$T/papers/two"
	sql "$T/crm.db" "update customers set name = 'second night' where id % 100 = 0"
	hf backup -q
	hf copy -q crm --to second
	run -4 --separate-stderr hf ledger verify --vault second
	[[ $stderr == *"1 snapshot of 1 store that ledgers tell of is not in this copy"* ]]
	# one that was there is missed
	papers=$(cd "$T/second" && for d in */*/snapshots; do [ -e "$d/00000002" ] || dirname "$d"; done)
	cp "$V/$papers/snapshots/00000002" "$T/second/$papers/snapshots/"
	run -0 hf ledger verify --vault second
	rm "$T/second/$papers/snapshots/00000001"
	run -20 --separate-stderr hf ledger verify --vault second
	[[ $stderr == *"is gone from the vault"* ]]
}
