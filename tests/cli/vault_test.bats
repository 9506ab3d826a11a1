#!/usr/bin/env bats
# holdfast vault test: what a place is like, said before the first backup.
load helper

# try RULES: vault test over the faulty driver
try() { hf vault test --vault "faulty://$1/file://$V"; }

@test "a folder: everything allowed, and a thief can destroy it" {
	run -0 --separate-stderr hf vault test
	[ -z "$stderr" ]
	[[ $output == *"put        yes"*"get        yes"*"list       yes"*"remove     yes"* ]]
	[[ $output =~ exclusive\ +yes ]]
	[[ $output =~ up\ +[0-9.]+\ .iB/s ]]
	[[ $output =~ down\ +[0-9.]+\ .iB/s ]]
	[[ $output =~ latency\ +[0-9.]+\ ms ]]
	[[ $output == *"destroy the history? yes: they may remove objects, and neither older versions nor locks"* ]]
	[ -z "$(find "$V" -type f 2>/dev/null)" ]
}

@test "as JSON" {
	run -0 --separate-stderr hf vault test --json
	all_json <<<"$output"
	[ "$(json credential_can_destroy <<<"$output")" = true ]
	[ "$(json exclusive <<<"$output")" = true ]
	[ "$(json up_bytes_per_s <<<"$output")" -gt 1000 ]
	[ "$(json latency_us <<<"$output")" -gt 0 ]
	[ "$(json rights <<<"$output")" = "{'get': True, 'list': True, 'put': True, 'remove': True}" ]
}

@test "a right that backups need is missing: exit 1, and which commands need it" {
	run -1 --separate-stderr try get=1+:denied
	[[ $output =~ get\ +NO\ +backup,\ restore,\ check,\ copy:\ probe/.*denied ]]
	run -1 --separate-stderr try list=1+:denied
	[[ $output =~ list\ +NO\ +backup,\ restore ]]
	run -1 --separate-stderr try put=1+:denied
	[[ $output =~ put\ +NO\ +backup,\ copy\ to\ it ]]
	[[ $output =~ remove\ +\? ]]
}

@test "a credential that may not remove is enough, and what it leaves is told" {
	run -0 --separate-stderr try remove=1+:denied
	[[ $output =~ remove\ +NO\ +expiring\ old\ snapshots\ only ]]
	[[ $output == *"yes: they may not remove objects, but overwrite them"* ]]
	[[ $output == *"could not be removed again"* ]]
	new_vault
	run -0 hf check
}

@test "a place that does not answer is one error" {
	run -1 --separate-stderr try any=1+:unreachable
	[[ $stderr == "holdfast: vault test: faulty://"*"probe/"* ]]
	[ -z "$output" ]
	run -2 --separate-stderr hf vault
	[[ $stderr == *"an operand is missing"* ]]
	run -2 --separate-stderr hf vault tset
	[[ $stderr == *"'tset' is not known"* ]]
}

@test "it harms no vault that is there" {
	crm_vault
	find "$V" -type f | sort | xargs sha256sum >"$T/before"
	run -0 hf vault test
	find "$V" -type f | sort | xargs sha256sum | diff "$T/before" -
}

@test "the key id that a policy must name is shown, once there is a vault" {
	run -0 --separate-stderr hf vault test
	[[ $output == *"No vault is here yet: 'holdfast init' makes the key id that a policy names."* ]]
	crm_vault
	id=$(find "$V" -path '*/packs/*' -type f | head -n 1)
	id=${id#"$V/"}
	id=${id%%/*}
	run -0 --separate-stderr hf vault test
	[[ $output == *"names its key id: $id"* ]]
	run -0 --separate-stderr hf vault test --json
	[ "$(json key_id <<<"$output")" = "$id" ]
	rm -r "$T/keys"
	run -0 --separate-stderr hf vault test
	[[ $output == *"is not known: this machine has no key for this vault"* ]]
	run -0 --separate-stderr hf vault test --json
	[ "$(json key_id <<<"$output")" = null ]
}
