#!/usr/bin/env bats
# holdfast copy: a vault to another place, object by object, without a key.
load helper

# nights N: so many snapshots of crm, each with a change
nights() {
	local n
	for ((n = 1; n <= $1; n++)); do
		sql "$T/crm.db" "update customers set name = 'night $n' where id % 50 = $n"
		hf backup -q
	done
}

@test "an empty place becomes a copy, byte for byte, without a key" {
	crm_vault
	nights 2
	rm -r "$T/keys"
	run -0 --separate-stderr hf copy --to "$T/second"
	[[ $output == *"1 store copied to $T/second: "* ]]
	same_vaults "$V" "$T/second"
	run -0 "$HOLDFAST" restore --vault "$T/second" '*' --to "$T/out" --passphrase-file "$T/pass"
	cmp "$T/out/crm.db" "$T/crm.db"
}

@test "only what is missing is copied" {
	crm_vault
	hf copy -q --to "$T/second"
	touch -d '2020-01-01' $(objects "$T/second" /packs/)
	nights 1
	run -0 --separate-stderr hf copy --to "$T/second" --json
	all_json <<<"$output"
	[ "$(json objects <<<"${lines[0]}")" = 2 ]
	# and a tile of entries, one of hashes, the checkpoint
	[ "$(json objects <<<"${lines[1]}")" = 5 ]
	[ "$(json skipped <<<"$output")" -gt 6 ]
	same_vaults "$V" "$T/second"
	[ "$(find "$T/second" -path '*/packs/*' -newermt 2021-01-01 -type f | wc -l)" = 1 ]
	run -0 hf copy --to "$T/second" --json
	[ "$(json objects <<<"$output")" = 0 ]
	[ "$(json bytes <<<"$output")" = 0 ]
}

@test "a dry run says what would be copied, and makes nothing" {
	crm_vault
	run -0 --separate-stderr hf copy -n --to "$T/second" --json
	planned=$(json bytes <<<"$output")
	[ ! -e "$T/second" ]
	run -0 --separate-stderr hf copy --to "$T/second" --json
	[ "$(json bytes <<<"$output")" = "$planned" ]
}

@test "another vault is not copied over" {
	crm_vault
	hf copy -q --to "$T/second"
	sed "s,$V,$T/other,; s,/keys\$,/keys2,; s,/state\$,/state2," "$CONF" | head -n 4 >"$T/other.conf"
	"$HOLDFAST" -c "$T/other.conf" init -q --passphrase-file "$T/pass" --slot-cost 1:8192 >"$T/sheet2" 2>&1
	cp -a "$T/other" "$T/before"
	run -20 --separate-stderr hf copy --to "$T/other"
	[[ $stderr == *"$T/other: vault.json: is of another vault"* ]]
	same_vaults "$T/other" "$T/before"
	mkdir "$T/full"
	touch "$T/full/something"
	run -1 --separate-stderr hf copy --to "$T/full"
	[[ $stderr == *"holds no vault, but is not empty (something)"* ]]
}

@test "a vault is not copied onto itself, nor to nowhere" {
	crm_vault
	run -2 --separate-stderr hf copy --to "file://$V/"
	[[ $stderr == *"is the vault that is copied"* ]]
	run -2 --separate-stderr hf copy
	expect_message "copy: no vault to copy to is named" "add --to NAME|URL"
}

@test "a damaged pack is named and left out with its snapshots; the rest is copied" {
	new_vault
	database "$T/crm.db"
	database "$T/b.db" 10
	hf add -q crm "$T/crm.db"
	hf add -q b "$T/b.db"
	hf backup -q
	sql "$T/b.db" "update customers set name = 'changed' where id = 1"
	hf backup -q b
	pack=$(find "$V" -path '*/packs/*' -size +100k | head -n 1)
	cp "$pack" "$T/pack"
	damage "$pack"
	run -20 --separate-stderr hf copy --to "$T/second"
	[[ $stderr == *"pack ${pack##*/}: its content is not what its name says"* ]]
	[[ $stderr == *"snapshots/00000001: is not copied: its pack ${pack##*/} is damaged or gone"* ]]
	[ ! -e "${pack/$V/$T/second}" ]
	[ "$(objects "$T/second" /snapshots/ | wc -l)" = 2 ]
	run -0 hf check --vault "$T/second" --read-data
	run -20 --separate-stderr hf copy -q --to "$T/second" --json
	[ "$(json problems <<<"$output")" = 2 ]
	cp "$T/pack" "$pack"
	run -0 hf copy --to "$T/second"
	same_vaults "$V" "$T/second"
}

@test "a snapshot that is another one in the target is told, and not replaced" {
	crm_vault
	nights 1
	hf copy -q --to "$T/second"
	snapshot=$(objects "$T/second" /snapshots/00000002)
	damage_early() { python3 -c 'import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[40] ^= 1
open(sys.argv[1], "wb").write(data)' "$1"; }
	damage_early "$snapshot"
	cp "$snapshot" "$T/kept"
	run -20 --separate-stderr hf copy --to "$T/second"
	[[ $stderr == *"snapshots/00000002: is another object in file://$T/second than here"* ]]
	cmp "$snapshot" "$T/kept"
	echo x >>"$(objects "$T/second" /snapshots/00000001)"
	run -20 --separate-stderr hf copy --to "$T/second"
	[[ $stderr == *"snapshots/00000001: is another object"* ]]
}

@test "a damaged snapshot, key or charter of the source is named and not spread" {
	crm_vault
	nights 1
	damage "$(objects "$V" /snapshots/00000001)"
	run -20 --separate-stderr hf copy --to "$T/a"
	[[ $stderr == *"snapshots/00000001: "* ]]
	[ ! -e "$(objects "$V" /snapshots/00000001 | sed "s,$V,$T/a,")" ]
	[ -e "$(objects "$V" /snapshots/00000002 | sed "s,$V,$T/a,")" ]
	damage "$(objects "$V" /vault/keys/)"
	damage "$V/RECOVERY.txt"
	run -20 --separate-stderr hf copy --to "$T/b"
	[[ $stderr == *"keys/"* ]]
	[[ $stderr == *"RECOVERY.txt: is not what was written"* ]]
	[ -z "$(find "$T/b" -path '*/keys/*' -type f)" ]
}

@test "a pack that is cut off in the target is copied again" {
	crm_vault
	hf copy -q --to "$T/second"
	truncate -s 1000 "$(objects "$T/second" /packs/ | head -n 1)"
	run -0 hf copy --to "$T/second" --json
	[ "$(json objects <<<"$output")" = 1 ]
	same_vaults "$V" "$T/second"
}

@test "doom marks come along" {
	crm_vault
	pack=$(objects "$V" /packs/ | head -n 1)
	writer=${pack#"$V/"}
	mkdir "$V/${writer%%/*}/doomed"
	echo mark >"$V/${writer%%/*}/doomed/${pack##*/}"
	run -0 hf copy --to "$T/second"
	same_vaults "$V" "$T/second"
	run -0 hf copy --to "$T/second" --json
	[ "$(json objects <<<"$output")" = 0 ]
}

@test "stores are chosen by name and pattern" {
	new_vault
	database "$T/crm.db" 10
	database "$T/b.db" 10
	hf add -q crm "$T/crm.db"
	hf add -q b "$T/b.db"
	hf backup -q
	run -0 hf copy 'c*' --to "$T/second"
	[ "$(objects "$T/second" /snapshots/ | wc -l)" = 1 ]
	run -1 --separate-stderr hf copy bb --to "$T/second"
	[[ $stderr == *"did you mean 'b'?"* ]]
	run -0 --separate-stderr hf copy --to "$T/second" --json
	[ "${#lines[@]}" -eq 3 ]
	same_vaults "$V" "$T/second"
}

@test "a moved vault goes on incrementally: copy, then change the url" {
	crm_vault
	nights 1
	hf copy -q --to "$T/moved"
	mv "$V" "$T/gone"
	sed -i "s,^url = .*,url = file://$T/moved," "$CONF"
	sql "$T/crm.db" "update customers set name = 'after the move' where id = 7"
	run -0 --separate-stderr hf backup
	[[ $output =~ ^crm\ +incremental\ +snapshot\ 3\  ]]
	[ -z "$stderr" ]
	run -0 with_pass restore crm --to "$T/out"
	cmp "$T/out/crm.db" "$T/crm.db"
}

@test "a target that is full or away ends the copy, and repeating goes on" {
	crm_vault
	nights 1
	run -1 --separate-stderr hf copy --to "faulty://put=7+:space/file://$T/second"
	[[ $stderr == *"No space left on device"* || $stderr == *"space"* ]]
	[ -z "$(objects "$T/second" /snapshots/)" ]
	run -1 --separate-stderr hf copy --to "faulty://any=1+:unreachable/file://$T/second"
	run -0 hf copy --to "$T/second"
	same_vaults "$V" "$T/second"
}
