#!/usr/bin/env bats
# Damage of one store's objects hides no other store.

load helper

# key_of PATH-OF-A-SNAPSHOT: the newest key object of its store
key_of() {
	local store=${1%/snapshots/*}
	objects "$V" "keys/" | grep "/$(basename "$store")/\|$(basename "$store")" | head -n 1
}

@test "a damaged key costs its own store alone, on a bare machine" {
	tenants_vault 3
	bare=("$HOLDFAST" --vault "$V" --passphrase-file "$T/pass")
	damaged=$(objects "$V" /snapshots/00000001 | head -n 1)
	damage "$(key_of "$damaged")"
	run -20 --separate-stderr "${bare[@]}" restore
	[[ $stderr == *"holdfast: keys/"* ]]
	[[ $output == *"3 stores"* ]]
	[[ $output == *"its key is damaged"* ]]
	others=$(grep -o '^tenants/t[0-9]' <<<"$output")
	[ "$(wc -l <<<"$others")" = 2 ]
	for store in $others; do
		run -0 "${bare[@]}" restore "$store" --to "$T/out"
		cmp "$T/out/${store#tenants/}.db" "$T/one.db"
	done
	lost=$(printf 'tenants/t%s\n' 1 2 3 | grep -vxF "$others")
	run -20 --separate-stderr "${bare[@]}" restore "$lost" --to "$T/out"
	[[ $stderr == *"$lost: no store has that name, but one has a name that cannot be read: keys/"* ]]
	run -3 --separate-stderr "${bare[@]}" restore 'tenants/*' --to "$T/many"
	[[ $stderr == *"holdfast: keys/"*": whether 'tenants/*' means its store is not known"* ]]
	[ "$(find "$T/many" -name 't*.db' | wc -l)" = 2 ]
	run -20 "${bare[@]}" check --read-data
}

@test "an older epoch tells the name where the newest key is damaged" {
	crm_vault
	sed -i 's/^\[store crm\]/&\nrotate = 1d/' "$CONF"
	needs_faketime
	faketime -f +2d "$HOLDFAST" -c "$CONF" backup -q
	keys=$(objects "$V" keys/)
	[ "$(wc -l <<<"$keys")" = 2 ]
	damage "$(tail -n 1 <<<"$keys")"
	run -20 --separate-stderr "$HOLDFAST" --vault "$V" --passphrase-file "$T/pass" restore crm --to "$T/out"
	[[ $stderr == *"crm: "*"keys/"* ]]
	run -0 "$HOLDFAST" --vault "$V" --passphrase-file "$T/pass" restore crm@1 --to "$T/out"
}

@test "a damaged snapshot is named by status, which tells of all others and writes the metrics" {
	tenants_vault 3
	damage "$(objects "$V" /snapshots/00000001 | head -n 1)"
	run -20 --separate-stderr hf status -v --prometheus "$T/metrics"
	[[ $stderr == *"snapshots/00000001"* ]]
	[ "$(grep -c '^tenants/t.*DAMAGED' <<<"$output")" = 1 ]
	[ "$(grep -c '^tenants/t' <<<"$output")" = 3 ]
	[ "$(grep -c '^holdfast_store_overdue{.*} 1$' "$T/metrics")" = 1 ]
	[ "$(grep -c '^holdfast_store_overdue{.*} 0$' "$T/metrics")" = 2 ]
	run -20 --separate-stderr hf status --json
	[ "$(grep -c '"error":' <<<"$output")" = 1 ]
	run -20 --separate-stderr with_pass restore
	[ "$(grep -c '^tenants/t.* damaged' <<<"$output")" = 1 ]
	run -3 --separate-stderr with_pass restore 'tenants/*' --to "$T/many"
	[ "$(find "$T/many" -name 't*.db' | wc -l)" = 2 ]
}

@test "a store without a snapshot keeps no other from being restored" {
	tenants_vault 3
	rm -f "$(objects "$V" /snapshots/00000001 | head -n 1)"
	run -3 --separate-stderr with_pass restore 'tenants/*' --to "$T/many"
	[[ $stderr == *"has no snapshots"* ]]
	[ "$(find "$T/many" -name 't*.db' | wc -l)" = 2 ]
}

@test "a damaged ledger is named by status, which tells of the stores" {
	tenants_vault 2
	damage "$(objects "$V" /log/tile/entries/ | tail -n 1)"
	run -20 --separate-stderr hf status -v
	echo "$stderr"
	[[ $stderr == *"/log/"* ]]
	[ "$(grep -c '^tenants/t' <<<"$output")" = 2 ]
}
