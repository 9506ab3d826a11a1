#!/usr/bin/env bats
# drill: on the machine that writes, and on a second one that has nothing but a grant.

load helper.bash

drill_vault() {
	crm_vault
	cat >>"$CONF" <<-CONF
		[drill weekly]
		stores = crm
		every = 7d
		rto = 1h
		asset = CRM-01
		[assert fresh-orders]
		store = crm
		sql = SELECT count(*) FROM orders
		expect = >= 1
	CONF
}

@test "a drill passes, says so, and its evidence verifies with and without Holdfast" {
	drill_vault
	run --separate-stderr with_pass drill run
	expect_status 0
	[[ ${lines[0]} == "RECOVERY DRILL "*"PASSED" ]]
	[[ $output == *"fresh-orders: expected >= 1, got 2000"* ]]
	[[ $output == *"objective 1:00:00 h   met"* ]]
	[[ $output == *"Teardown   complete"* ]]
	id=$(sed -n '1s/RECOVERY DRILL \([0-9a-f]*\).*/\1/p' <<<"$output")
	hf drill keys "$T/keys-for-auditor" >/dev/null
	hf drill show "$id" --to "$T/evidence" >/dev/null
	run --separate-stderr hf drill verify "$T/evidence" --keys "$T/keys-for-auditor"
	expect_status 0
	# without keys from elsewhere it proves less
	run hf drill verify "$T/evidence"
	expect_status 4
	(cd "$T/evidence" && sh VERIFY.txt | grep -q "ALL CHECKS PASSED")
	sed -i 's/passed/failed/' "$T/evidence/report.json"
	run hf drill verify "$T/evidence" --keys "$T/keys-for-auditor"
	expect_status 20
	run hf ledger verify
	expect_status 0
}

@test "a drill that fails ends with 6, says what failed, and cannot be hidden" {
	drill_vault
	sed -i 's/^expect = .*/expect = >= 1000000/' "$CONF"
	run --separate-stderr with_pass drill run -q
	expect_status 6
	[ -z "$output" ]
	[[ $stderr == *"of crm: fresh-orders failed: 2000"* ]]
	run hf drill list
	expect_status 0
	[[ ${lines[1]} == *failed* ]]
	rm -r "$V"/*/drills/*
	run --separate-stderr hf ledger verify
	expect_status 20
	[[ $stderr$output == *"its report is gone; it said 'failed'"* ]]
}

@test "a drill that cannot read is not green" {
	drill_vault
	run --separate-stderr hf drill run </dev/null
	expect_status 6
	[[ ${lines[0]} == *"COULD-NOT-VERIFY" ]]
	[[ $output == *"SKIPPED"* ]]
}

@test "a damaged vault is found" {
	drill_vault
	pack=$(ls "$V"/*/*/packs/* | head -1)
	chmod 600 "$pack"
	printf 'x' | dd of="$pack" bs=1 seek=5000 conv=notrunc status=none
	run --separate-stderr with_pass drill run crm
	expect_status 6
	[[ ${lines[0]} == *"FAILED" ]]
	[ -z "$(ls -A "$T/state/sandbox")" ]
}

@test "--due drills once a turn; by hand it is a retry" {
	drill_vault
	run with_pass drill run --due
	expect_status 0
	[[ $output == *PASSED* ]]
	run with_pass drill run --due
	expect_status 0
	[ "$output" = "no drill is due" ]
	run with_pass drill run weekly
	[[ $output == *"RETRY: attempt 2"* ]]
	run hf drill list
	[[ ${lines[2]} == *retry ]]
}

@test "a report tells a drill that somebody began from one whose turn had come" {
	drill_vault
	operator() {
		"$HOLDFAST" -c "$CONF" drill show "$(hf drill list --json | json id)" --json |
			python3 -c 'import json, sys; print(json.load(sys.stdin)["report"]["operator"])'
	}
	with_pass run -q
	[ "$(operator)" = timer ]
	for how in '' weekly crm; do
		# shellcheck disable=SC2086  # no word is no operand
		with_pass drill run -q $how
		[ "$(operator)" = person ]
	done
	with_pass drill show "$(hf drill list --json | json id)" | grep -q "operator $(id -un)"
	needs_faketime
	faketime -f +8d "$HOLDFAST" -c "$CONF" drill run --due -q --passphrase-file "$T/pass"
	[ "$(operator)" = timer ]
}

@test "another drill of the same day is no retry" {
	drill_vault
	cat >>"$CONF" <<-CONF
		[drill monthly]
		stores = crm
		every = 7d
	CONF
	with_pass drill run -q
	with_pass drill run -q monthly
	with_pass drill run -q crm
	run hf drill list
	[ "${#lines[@]}" -eq 5 ]
	for i in 1 2; do [[ ${lines[i]} != *retry ]]; done
	[[ ${lines[3]} == *retry ]]
	# by hand it is of its section, and of another date: today
	[[ ${lines[4]} != *retry ]]
	[ "$(hf drill list --json | sed 's/.*"retry": *\([a-z]*\).*/\1/' | paste -s -d ' ')" = "false false true false" ]
	[ "$(hf report --csv | python3 -c 'import csv, sys
print(*(r["retry"] for r in csv.DictReader(sys.stdin)))')" = "no no yes no" ]
}

@test "a failed drill is not repeated before its next turn" {
	drill_vault
	sed -i 's/^expect = .*/expect = < 0/' "$CONF"
	run with_pass drill run --due
	expect_status 6
	run with_pass drill run --due
	expect_status 0
}

@test "plan says what would be drawn, and draws it" {
	drill_vault
	for _ in 1 2 3 4; do
		sql "$T/crm.db" "insert into orders(customer, total) values(1, 1)"
		hf backup -q
	done
	sed -i 's/^every = 7d/every = 7d\nselect = random/' "$CONF"
	planned=$(hf drill plan --json)
	run --separate-stderr with_pass drill run weekly --json
	expect_status 0
	[ "$(json population <<<"$planned")" = 5 ]
	python3 - "$planned" "$output" <<-'PY'
		import json, sys
		plan, done = json.loads(sys.argv[1]), json.loads(sys.argv[2])
		report = done["report"]
		assert report["snapshot"]["seq"] == plan["snapshot"], (plan, report["snapshot"])
		assert report["selection"]["seed"] == plan["seed"]
		# the rule of the manual, computed by somebody else
		seed = bytes.fromhex(plan["seed"])
		assert int.from_bytes(seed[:8], "little") % plan["population"] == plan["chosen"]
		assert report["selection"]["rule"] == "drawn"
	PY
}

@test "a second machine drills by its grant alone, without a passphrase" {
	drill_vault
	H2=$T/second
	mkdir -p -m 711 "$H2/state"
	cat >"$H2/holdfast.conf" <<-CONF
		[vault]
		url = file://$V
		state = $H2/state
		keys = $H2/keys
		[drill weekly]
		stores = crm
		[assert fresh-orders]
		store = crm
		sql = SELECT count(*) FROM orders
		expect = >= 1
	CONF
	chmod 600 "$H2/holdfast.conf"
	second() { "$HOLDFAST" -c "$H2/holdfast.conf" "$@" </dev/null; }
	second key enroll -q --role drill --name drill1 >"$T/request" 2>/dev/null
	hf key accept -q --yes - <"$T/request"
	with_pass key grant drill1 crm
	run --separate-stderr second drill run
	expect_status 0
	[[ ${lines[0]} == *PASSED ]]
	[[ $output == *"on a machine that does not write it"* ]]
	run second drill list
	[[ ${lines[1]} == *drill1*passed* ]]
	run hf ledger verify
	expect_status 0
}

@test "what the configuration says of drills is checked" {
	new_vault
	for bad in 'select = newest' 'rto = soon' 'memory = much' 'isolation = maybe' 'colour = red'; do
		cp "$CONF" "$T/bad.conf"
		printf '[drill weekly]\n%s\n' "$bad" >>"$T/bad.conf"
		run --separate-stderr "$HOLDFAST" -c "$T/bad.conf" drill list
		expect_status 2
	done
	printf '[assert x]\nstore = crm\nsql = SELECT 1\nexpect = >= many\n' >>"$CONF"
	run --separate-stderr hf drill list
	expect_status 2
	[[ $stderr == *"'many' is no number"* || $stderr == *"is not an expectation"* ]]
}

@test "a drill of a store that is not there says so" {
	drill_vault
	run --separate-stderr with_pass drill run crn
	expect_status 1
	[[ $stderr == *"did you mean 'crm'?"* ]]
	sed -i 's/^stores = crm/stores = crm, shop/' "$CONF"
	run --separate-stderr with_pass drill run
	expect_status 1
	[[ $stderr == *"shop: no such store"* ]]
}

@test "a drill that cannot be run keeps no other from being run" {
	drill_vault
	sed -i 's/^\[drill weekly\]/[drill first]\nstores = shop\n&/' "$CONF"
	for due in --due ''; do
		run --separate-stderr with_pass drill run $due
		expect_status 1
		[[ $stderr == *"drill first: shop: no such store"* ]]
		[[ $output == *"PASSED"*"fresh-orders"* ]]
	done
	run --separate-stderr with_pass drill plan
	expect_status 1
	[[ $stderr == *"drill first: shop: no such store"* && $output == weekly* ]]
	# what was found outranks what was not looked at
	sed -i 's/^expect = .*/expect = >= 1000000/' "$CONF"
	run --separate-stderr with_pass drill run
	expect_status 6
}

@test "an assertion about a store that is not there is told, and no drill passes without it" {
	drill_vault
	sed -i '/^\[assert/,$s/^store = crm/store = crn/' "$CONF"
	for verb in 'drill run' 'drill run crm' 'drill plan'; do
		run --separate-stderr with_pass $verb
		expect_status 1
		[[ $stderr == *"assert fresh-orders: crn: no such store"*"did you mean 'crm'?"* ]]
	done
	# of one that is configured, and was not backed up yet, there is nothing to ask
	printf '[store crn]\ntype = sqlite\npath = %s/crn.db\n' "$T" >>"$CONF"
	run --separate-stderr with_pass drill plan
	expect_status 0
}

@test "status tells of drills that are due, that failed, and that were killed" {
	drill_vault
	run --separate-stderr hf status
	expect_status 5
	[[ $output == *"drill   weekly: never passed here; OVERDUE"* ]]
	with_pass drill run --due -q
	run --separate-stderr hf status
	expect_status 0
	[[ $output == *"drill   weekly: last passed today"* ]]
	sed -i 's/^expect = .*/expect = < 0/' "$CONF"
	run with_pass drill run weekly -q
	run --separate-stderr hf status -q
	expect_status 6
	sed -i 's/^expect = .*/expect = >= 0/' "$CONF"
	# one that is killed while it checks, and the next
	sed -i 's/^every = 7d/every = 7d\ncheck-command = sleep 60/' "$CONF"
	"$HOLDFAST" -c "$CONF" drill run weekly -q --passphrase-file "$T/pass" 3>&- &
	pid=$!
	for _ in $(seq 600); do
		[ -z "$(find "$T/state/sandbox" -name crm.db 2>/dev/null)" ] || break
		sleep 0.05
	done
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	sed -i '/^check-command/d' "$CONF"
	with_pass drill run weekly -q
	[ -z "$(ls -A "$T/state/sandbox")" ]
	run hf drill list
	expect_status 6
	[[ $output == *"NOT FINISHED"* ]]
	run --separate-stderr hf status
	expect_status 6
	[[ $output == *"drill   1 started and NEVER FINISHED"* ]]
}
