#!/usr/bin/env bats
# A versioned bucket of a real Ceph gateway keeps what was overwritten and removed: a vault is read as it
# was at a time, and what somebody put over a good object does no harm.
load helper
load gateway

removed() { for key in "$@"; do s3_ask DELETE "versioned/$key"; done; }

# overwrite KEY FILE
overwrite() { s3_ask PUT "versioned/$1" --data-binary "@$2" >/dev/null; }

# vault_keys [PART]: objects of this test's vault
vault_keys() { s3_keys versioned "$BATS_TEST_NUMBER/" | grep -e "${1:-}"; }

# a moment of its own: versions have times of whole seconds
moment() {
	sleep 1.1
	date -u +%Y-%m-%dT%H:%M:%SZ
	sleep 1.1
}

# versioned_vault: crm with one night, and a copy of its bytes
versioned_vault() {
	bucket "s3://versioned/$BATS_TEST_NUMBER"
	crm_vault
	cp "$T/crm.db" "$T/good.db"
}

@test "what is overwritten and deleted later is read as of then, byte for byte" {
	versioned_vault
	first=$(moment)
	sql "$T/crm.db" "update customers set name = 'second night' where id % 50 = 0"
	hf backup -q
	second=$(moment)
	cp "$T/crm.db" "$T/second.db"
	mapfile -t keys < <(vault_keys)
	[ "${#keys[@]}" -gt 8 ]
	echo 'nothing of a vault' >"$T/junk"
	for key in "${keys[@]}"; do overwrite "$key" "$T/junk"; done
	removed "${keys[@]}"
	[ -z "$(vault_keys)" ]

	forget_machine
	run -10 with_pass restore crm --to "$T/none"
	run -0 with_pass restore crm --to "$T/out" --as-of "$second"
	cmp "$T/out/crm.db" "$T/second.db"
	run -0 with_pass restore crm --to "$T/out1" --as-of "$first"
	cmp "$T/out1/crm.db" "$T/good.db"
	run -0 with_pass dump crm@1 --as-of "$second"
	run -0 with_pass check --read-data --as-of "$second"
	run -0 --separate-stderr hf snapshots --as-of "$first" --json
	[ "${#lines[@]}" -eq 1 ]
}

@test "a time before the vault is told in clear words" {
	before=$(moment)
	versioned_vault
	forget_machine
	run -10 --separate-stderr with_pass restore crm --to "$T/out" --as-of "$before"
	expect_message "s3://versioned/$BATS_TEST_NUMBER: there was no vault as of $before" \
		"it was made later, or its older versions are gone: give --as-of a later time, or leave it out"
	[ ! -e "$T/out" ]
}

@test "the past is copied to another place, and nothing is written to it" {
	versioned_vault
	now=$(moment)
	sql "$T/crm.db" "update customers set name = 'second night' where id % 50 = 0"
	hf backup -q
	before=$(requests PUT)
	run -0 hf copy --to "$T/copy" --as-of "$now"
	run -2 hf backup --as-of "$now"
	[ "$(requests PUT)" = "$before" ]
	run -0 with_pass restore crm --vault "$T/copy" --to "$T/out"
	cmp "$T/out/crm.db" "$T/good.db"
}

# other_bytes FILE LENGTH: of the same length, none of them right
other_bytes() { head -c "$2" /dev/urandom >"$1"; }

# read_from_an_older_version COMMAND...: exit status 4, and words for it
read_from_an_older_version() {
	rm -rf "$T/out"
	run --separate-stderr with_pass "$@"
	expect_status 4
	[[ $stderr == *"is damaged or gone here; read from an older version"* ]]
}

@test "a pack that was overwritten is read from the version whose hash fits" {
	versioned_vault
	pack=$(vault_keys /packs/ | head -n 1)
	s3_ask GET "versioned/$pack" -o "$T/pack"
	other_bytes "$T/junk" "$(stat -c %s "$T/pack")"
	overwrite "$pack" "$T/junk"
	forget_machine
	read_from_an_older_version restore crm --to "$T/out"
	[[ $stderr == *"${pack#*/}"* ]]
	cmp "$T/out/crm.db" "$T/good.db"
	run -4 --separate-stderr with_pass restore crm --to "$T/out2" --json
	[ "$(json degraded <<<"$output")" = true ]
	# junk on junk, of other lengths, and a delete mark on top
	overwrite "$pack" "$T/pass"
	other_bytes "$T/junk" 1000000
	overwrite "$pack" "$T/junk"
	removed "$pack"
	read_from_an_older_version restore crm --to "$T/out"
	cmp "$T/out/crm.db" "$T/good.db"
}

@test "a snapshot or key that was overwritten is read from an older version" {
	versioned_vault
	echo 'nothing of a vault' >"$T/junk"
	overwrite "$(vault_keys /snapshots/)" "$T/junk"
	overwrite "$(vault_keys /keys/)" "$T/junk"
	forget_machine
	read_from_an_older_version restore crm --to "$T/out"
	[[ $stderr == *"and 1 more object likewise"* ]]
	cmp "$T/out/crm.db" "$T/good.db"
}

@test "a store whose keys were removed is no longer listed, and the message leads to the past" {
	versioned_vault
	now=$(moment)
	removed "$(vault_keys /keys/)"
	forget_machine
	run -1 --separate-stderr with_pass restore crm --to "$T/out"
	[[ $stderr == *"crm: no such store in the vault"*"--as-of TIME"* ]]
	run -0 with_pass restore crm --to "$T/out" --as-of "$now"
	cmp "$T/out/crm.db" "$T/good.db"
}

@test "where no version is the right one the pack is named, and nothing is restored" {
	bucket "s3://plain/$BATS_TEST_NUMBER"
	crm_vault
	pack=$(s3_keys plain "$BATS_TEST_NUMBER/" | grep /packs/)
	other_bytes "$T/junk" 300000
	s3_ask PUT "plain/$pack" --data-binary "@$T/junk" >/dev/null
	run -20 --separate-stderr with_pass restore crm --to "$T/out"
	[[ $stderr == *"${pack##*/}"* ]]
	[ ! -e "$T/out/crm.db" ]
}
