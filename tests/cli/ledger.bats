#!/usr/bin/env bats
# The ledger: every act is an entry, and what is taken away is missed.
load helper

log_of() { echo "$V"/*/log; }

# entries [KIND]: how many
entries() { hf ledger show --json | jq -r .entry.kind | grep -cx -- "${1:-.*}"; }

two_nights() {
	crm_vault
	sql "$T/crm.db" "update customers set name = 'changed' where id % 100 = 0"
	hf backup -q
}

@test "each backup and each restore is an entry" {
	two_nights
	[ "$(entries run)" -eq 2 ]
	run -0 with_pass restore crm --to "$T/out"
	[ "$(entries restore)" -eq 1 ]
	# the file is in the way: that is an attempt
	run -1 with_pass restore crm --to "$T/out"
	[ "$(entries attempt)" -eq 1 ]
	run -0 hf ledger verify
	[[ $output == "no problems found in 1 ledger, 4 entries; 2 snapshots and 0 drills compared" ]]
	run -0 hf ledger show
	[[ ${lines[1]} =~ run\ +1\ stores:\ 1\ made,\ 0\ unchanged,\ 0\ failed ]]
	[[ ${lines[3]} =~ restore\ +store\ .*passed ]]
}

@test "a restore of many stores is as many entries in few appends" {
	tenants_vault 70
	run -0 with_pass restore 'tenants/*' --to "$T/out"
	[ "${#lines[@]}" -eq 70 ]
	[ "$(find "$T/out" -name 't*.db' | wc -l)" -eq 70 ]
	[ "$(entries restore)" -eq 70 ]
	# each append leaves its own partial tile: of the backup, of 64 restores, of the rest
	[ "$(find "$(log_of)/tile/entries" -type f | wc -l)" -eq 3 ]
	# those that fail are entries as well, and the others are restored
	rm "$T/out/t7.db"
	run -3 with_pass restore 'tenants/*' --to "$T/out"
	[ "$(entries attempt)" -eq 69 ]
	[ "$(entries restore)" -eq 71 ]
	run -0 hf ledger verify
}

@test "a killed restore of many stores loses no entry of what it had restored" {
	tenants_vault 150
	"$HOLDFAST" -c "$CONF" restore 'tenants/*' --to "$T/out" --passphrase-file "$T/pass" >/dev/null 3>&- &
	until [ "$(find "$T/out" -name 't*.db' 2>/dev/null | wc -l)" -ge 20 ]; do sleep 0.01; done
	kill -9 $!
	wait $! || true
	restored=$(find "$T/out" -name 't*.db' | wc -l)
	sql "$T/tenants/t1.db" "update customers set name = 'changed'"
	run -0 hf backup
	# the last one was perhaps not told of yet
	[ "$(entries restore)" -le "$restored" ]
	[ "$(entries restore)" -ge $((restored - 1)) ]
	run -0 hf ledger verify
}

@test "a dry run is no entry" {
	crm_vault
	run -0 hf backup -n
	[ "$(entries run)" -eq 1 ]
	run -0 with_pass restore -n crm --to "$T/out"
	[ "$(entries)" -eq 1 ]
}

@test "a run in which a store failed tells so" {
	crm_vault
	hf add -q gone "$T/crm.db"
	sed -i "s|^path = $T/crm.db\$|path = $T/away.db|" "$CONF"
	run hf backup
	[ "$status" -ne 0 ]
	[ "$(hf ledger show --json | jq -r 'select(.index == 1) | .entry.failed')" -ge 1 ]
	[ "$(hf ledger show --json | jq -r 'select(.index == 1) | .entry.items[0][3]')" = failed ]
	run -0 hf ledger verify
}

@test "no names, reasons or values are in the ledger" {
	two_nights
	run ! grep -rqaE 'crm|customer|holdfast.conf|[^n]changed' "$(log_of)"
}

@test "a ledger that is set back is told with both sizes and roots" {
	two_nights
	log=$(log_of)
	cp -r "$log" "$T/old"
	sql "$T/crm.db" "update customers set name = 'again' where id % 100 = 0"
	hf backup -q
	rm -r "$log"
	cp -r "$T/old" "$log"
	run -20 hf ledger verify
	[[ $output =~ "was set back: it has 2 entries, root "[0-9a-f]{64}"; this machine saw 3, root "[0-9a-f]{64} ]]
	# the next backup says so too, and goes on where this machine was
	run -20 hf backup
	[[ $output == *"ledger: was set back: the vault has 2 entries, root "* ]]
	run -0 hf ledger verify
	[ "$(entries run)" -eq 4 ]
}

@test "the mail of a run names a ledger that was set back" {
	two_nights
	log=$(log_of)
	cp -r "$log" "$T/old"
	sql "$T/crm.db" "update customers set name = 'again' where id % 100 = 0"
	hf backup -q
	rm -r "$log"
	cp -r "$T/old" "$log"
	faketime -f +1d true 2>/dev/null || skip "no faketime"
	run -20 faketime -f +1d "$HOLDFAST" -c "$CONF" run -q
	[[ $output == *"NOTE    ledger: was set back: the vault has 2 entries, root "* ]]
}

@test "a ledger that is gone is missed" {
	two_nights
	rm -r "$(log_of)"
	run -20 hf ledger verify
	[[ $output == *"is gone; this machine saw 2 entries, root "* ]]
	# by a machine that never saw it too: its snapshots are in no ledger
	run -20 "$HOLDFAST" ledger verify --vault "$V"
	[[ $output == *"is in no ledger"* ]]
}

@test "a checkpoint that was kept finds a cut that nobody remembers" {
	two_nights
	cp "$(log_of)/checkpoint" "$T/kept"
	run -0 "$HOLDFAST" ledger verify --vault "$V" --against "$T/kept"
	rm -r "$V"/*/*/snapshots/00000002 "$(log_of)"
	crm=$(echo "$V"/*/*/packs)
	[ -d "$crm" ]
	HOME=$T/other run -20 "$HOLDFAST" ledger verify --vault "$V" --against "$T/kept"
	[[ $output == *"the checkpoint kept elsewhere saw 2 entries"* ]]
	echo nonsense >"$T/kept"
	run -2 hf ledger verify --against "$T/kept"
}

@test "a snapshot that is gone, and one that is replaced, is missed" {
	two_nights
	mv "$V"/*/*/snapshots/00000001 "$T/one"
	run -20 hf ledger verify
	[[ $output == *"snapshots/00000001: is gone from the vault; the ledger of "* ]]
	mv "$T/one" "$(echo "$V"/*/*/snapshots)/00000001"
	run -0 hf ledger verify
}

@test "a changed entry is found" {
	two_nights
	tile=$(echo "$(log_of)"/tile/entries/000.p/2)
	sed -i 's/"made":1/"made":0/' "$tile"
	run -20 hf ledger verify
	[[ $output == *"or entry 0, was changed"* ]]
	run -20 hf ledger show
}

@test "a run that was killed before its entry is adopted by the next" {
	two_nights
	# as if the second run had died behind its snapshot
	run_id=0123456789abcdef0123456789abcdef
	hf ledger show --json >"$T/before"
	line=$(jq -r 'select(.index == 1) | .entry.items[0] | map(tostring) | join(" ")' "$T/before")
	state=$(echo "$T"/state/*/ledger)
	rm -r "$(log_of)" "$state"
	hf backup -q >/dev/null 2>&1 || true
	[ "$(entries adopted)" -eq 1 ]
	run -0 hf ledger verify
	rm -r "$(log_of)" "$state"
	mkdir -p "$state/runs"
	echo "$line" >"$state/runs/$run_id"
	run -0 hf backup
	[ ! -e "$state/runs/$run_id" ]
	[ "$(entries adopted)" -eq 1 ]
	run -0 hf ledger verify
}

@test "an export is verified by a shell, openssl and coreutils alone" {
	two_nights
	for i in 1 2 3 4 5; do hf backup -q; done
	cp "$(log_of)/checkpoint" "$T/kept"
	hf backup -q
	run -0 hf ledger export "$T/export"
	cd "$T/export"
	run -0 env -i PATH=/usr/bin:/bin dash COMPLETE.txt
	[[ $output =~ ": 8 entries, root "[0-9a-f]{64}": ok" ]]
	run -0 dash COMPLETE.txt "$(dirname -- */checkpoint)" "$T/kept"
	[[ $output =~ ": 7 entries, root " ]]
	sed -i '3s/"made":0/"made":1/' -- */entries
	run -1 dash COMPLETE.txt
	[[ $output == *"THE ROOT IS ANOTHER ONE" ]]
	run -1 dash COMPLETE.txt "$(dirname -- */checkpoint)" "$T/kept"
	# entries and root together: then the signature does not fit
	sed -i '2s/8/7/' -- */checkpoint
	run -1 dash COMPLETE.txt
	[[ $output == *"THE SIGNATURE FAILS" ]]
	run -1 hf ledger export "$T/export"
	[[ $output == *"is not empty"* ]]
}

@test "a proof leads from the entry to the signed root" {
	two_nights
	hf backup -q
	hf ledger proof 1 >"$T/proof"
	hf ledger proof --snapshot crm@2 >"$T/proof2"
	cmp "$T/proof" "$T/proof2"
	python3 - "$T/proof" "$(hf ledger show --json | jq -cS 'select(.index == 1) | .entry')" <<-'END'
		import base64, hashlib, sys
		sha = lambda b: hashlib.sha256(b).digest()
		head, note = open(sys.argv[1]).read().split("\n\n", 1)
		lines = head.split("\n")
		assert lines[0] == "c2sp.org/tlog-proof@v1" and lines[1] == "index 1"
		origin, size, root = note.split("\n")[:3]
		r, index, last = sha(b"\0" + sys.argv[2].encode()), 1, int(size) - 1
		for p in map(base64.b64decode, lines[2:]):
		    if index & 1 or index == last:
		        r = sha(b"\1" + p + r)
		        while not index & 1 and index:
		            index >>= 1; last >>= 1
		    else:
		        r = sha(b"\1" + r + p)
		    index >>= 1; last >>= 1
		assert last == 0 and r == base64.b64decode(root)
	END
	run -1 hf ledger proof 3
	[[ $output == *"the ledger has 3"* ]]
	run -2 hf ledger proof x
	run -2 hf ledger proof
	run -2 hf ledger nonsense
}

@test "a copy has the ledger, grows with it, and is not overwritten by one that was set back" {
	two_nights
	log=$(log_of)
	cp -r "$log" "$T/old"
	run -0 hf copy --to "$T/second"
	run -0 hf ledger verify --vault "$T/second"
	hf backup -q
	run -0 hf copy --to "$T/second"
	cmp "$log/checkpoint" "${log/$V/$T/second}/checkpoint"
	run -0 hf ledger verify --vault "$T/second"
	# nothing new: nothing is put
	run -0 hf copy --to "$T/second"
	[[ $output == *" 0 objects, "* ]]
	rm -r "$log"
	cp -r "$T/old" "$log"
	run -20 hf copy --to "$T/second"
	[[ $output == *"has 3 entries of this ledger, here are 2"* ]]
	run -0 hf ledger verify --vault "$T/second"
}

@test "a copy of some stores only is told so; a removed store of the first vault is an alarm" {
	crm_vault
	mkdir "$T/papers"
	echo paper >"$T/papers/one"
	printf '[vault second]\nurl = %s\n[store papers]\ntype = files\npath = %s\n' "$T/second" "$T/papers" >>"$CONF"
	hf backup -q
	run -0 hf copy crm --to second
	run -4 hf ledger verify --vault second
	[[ $output == *"1 snapshot of 1 store that ledgers tell of is not in this copy"* ]]
	[[ $output == *"no problems found"* ]]
	run -0 hf ledger verify
	# the same store, taken away
	store=$(cd "$V" && echo */*/snapshots | tr ' ' '\n' | while read -r d; do
		[ -e "$T/second/$d" ] || dirname "$d"; done)
	rm -r "${V:?}/${store:?}"
	run -20 hf ledger verify
	[[ $output == *"is gone from the vault"* ]]
}
