#!/usr/bin/env bats
# holdfast status: ages against objectives, copies that are late, metrics.
load helper

copied_vault() {
	crm_vault
	printf '[vault second]\nurl = file://%s/second\n' "$T" >>"$CONF"
	hf copy -q --to second
}

@test "one vault: the newest snapshot and its age, and the space that is left" {
	crm_vault
	hf backup -q
	run -0 --separate-stderr hf status
	[[ ${lines[0]} =~ ^vault\ +file://$V,\ [0-9.]+\ [KMGT]iB\ free\ of\ [0-9.]+\ [KMGT]iB$ ]]
	[[ ${lines[2]} =~ ^crm\ +today\ [0-9:]{5}\ +0m/-$ ]]
	[ -z "$stderr" ]
	run -0 hf status -v
	[[ $output =~ crm\ +today\ [0-9:]{5}\ +0m/-\ +2\ +1,\ 0m/- ]]
	run -0 hf status -q
	[ -z "$output" ]
}

@test "a copy that has the newest snapshot is not late" {
	copied_vault
	run -0 --separate-stderr hf status --json
	[ "${#lines[@]}" -eq 4 ]
	[ "$(json reachable <<<"${lines[1]}")" = true ]
	[ "$(json overdue <<<"${lines[2]}")" = false ]
	[ "$(json epoch <<<"${lines[2]}")" = 1 ]
	[ "$(json vault <<<"$output")" = second ]
	[ "$(json snapshot <<<"$output")" = 1 ]
	[ "$(json late <<<"$output")" = false ]
	[ "$(json age_s <<<"$output")" -lt 600 ]
	all_json <<<"$output"
}

@test "a copy that lacks the newest snapshot is late: exit 4" {
	copied_vault
	hf backup -q
	run -4 --separate-stderr hf status
	[[ ${lines[1]} =~ ^copy\ +second:\ file://$T/second,\ .*,\ newest\ today\ [0-9:]{5},\ 1\ LATE$ ]]
	[[ $output == *"1 copy is late: 'holdfast copy --to second' brings what is missing"* ]]
	run -4 --separate-stderr hf status -q
	[[ $output == *LATE* ]]
	database "$T/b.db" 10
	hf add -q b "$T/b.db"
	hf backup -q b
	run -4 --separate-stderr hf status b --json
	[ "$(json late <<<"$output")" = true ]
	[ "$(json snapshot <<<"$output")" = None ] || [ "$(json snapshot <<<"$output")" = null ]
	hf copy -q --to second
	run -0 hf status
}

@test "a copy that cannot be looked at is told: exit 4" {
	copied_vault
	rm -r "$T/second"
	run -4 --separate-stderr hf status
	[[ $stderr == *"holdfast: vault second: file://$T/second: no vault here"* ]]
	[[ $output == *"copy    second: file://$T/second, cannot be looked at"* ]]
	[[ ${lines[3]} =~ ^crm\ +today ]]
	sed "s,$V,$T/second,; s,/keys\$,/keys2,; s,/state\$,/state2," "$CONF" | head -n 4 >"$T/other.conf"
	"$HOLDFAST" -c "$T/other.conf" init -q --passphrase-file "$T/pass" --slot-cost 1:8192 >"$T/sheet2" 2>&1
	run -4 --separate-stderr hf status
	[[ $stderr == *"holdfast: vault second: is another vault"* ]]
}

@test "a store of the configuration without a snapshot is overdue: exit 5" {
	crm_vault
	database "$T/b.db" 10
	hf add -q b "$T/b.db"
	run -5 --separate-stderr hf status
	[[ $output =~ b\ +never\ +\?/-\ +LATE ]]
	[[ $output == *"1 store late (exit 5). Details: holdfast log b"* ]]
	run -0 hf status crm
	run -5 hf status b -q
	run -1 hf status c
}

@test "a fleet is one line that names the member that is late" {
	new_vault
	mkdir "$T/tenants"
	for name in acme beta gamma; do database "$T/tenants/$name.db" 5; done
	hf add -q tenants "$T/tenants/*.db"
	hf backup -q
	run -0 hf status
	[[ $output =~ tenants\ \(3\)\ +3\ good\ +0m/- ]]
	database "$T/tenants/delta.db" 5
	run -5 hf status
	[[ $output =~ tenants\ \(4\)\ +3\ good\ +0m/-\ +LATE:\ tenants/delta\ never ]]
	run -5 hf status tenants
	[ "$(grep -c ^tenants/ <<<"$output")" -eq 4 ]
	run -0 hf status 'tenants/[abg]*'
}

@test "without the vault, what this machine remembers is told, and that it is no more" {
	crm_vault
	mv "$V" "$T/away"
	run -10 --separate-stderr hf status
	[[ $stderr == "holdfast: file://$V: no vault here"* ]]
	[[ $output == *"what follows is what this machine remembers"* ]]
	[[ $output =~ crm\ +today\ [0-9:]{5}\ +0m/- ]]
	run -10 hf status --prometheus "$T/m.prom" -q
	grep -q '^holdfast_vault_up{vault="main"} 0$' "$T/m.prom"
	grep -q '^holdfast_store_last_success_timestamp_seconds{store="crm"} 1' "$T/m.prom"
}

# check_metrics FILE: each metric has HELP, TYPE and then all its samples, each sample once
check_metrics() {
	python3 - "$1" <<-'END'
		import re, sys
		seen, kinds, last = set(), {}, None
		for line in open(sys.argv[1], encoding="utf-8"):
		    assert line.endswith("\n"), line
		    if m := re.fullmatch(r"# HELP (holdfast_[a-z_]+) [A-Z0-9][^\\]*\.\n", line):
		        assert m[1] not in kinds, line
		        last = m[1]
		    elif m := re.fullmatch(r"# TYPE (\S+) (gauge)\n", line):
		        assert m[1] == last, line
		        kinds[last] = m[2]
		    else:
		        m = re.fullmatch(r'(\w+)((?:\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) -?[0-9]+\n', line)
		        assert m and m[1] == last and last in kinds and m[1] + m[2] not in seen, line
		        seen.add(m[1] + m[2])
		assert len(seen) >= 12
	END
	# the real judge, where it is installed
	! command -v promtool >/dev/null || [ -z "$(promtool check metrics <"$1" 2>&1)" ]
}

@test "what a run found unchanged is as good as new, without a snapshot" {
	needs_faketime
	crm_vault
	sleep 2.1   # a file that has just been written is read once more
	hf backup -q
	printf '[defaults]\nrpo = 26h\n' >>"$CONF"
	later=$(date -u -d '+30 hours' '+%F %T')
	run -5 at "$later" status
	newest=$(hf snapshots crm --json | json snapshot)
	at "$later" backup -q
	run -0 --separate-stderr at "$later" status --json
	[ "$(json snapshot <<<"$output")" = "$newest" ]
	[ "$(hf snapshots crm --json | json snapshot)" = "$newest" ]
	run -0 hf ledger verify
	# a machine that only reads knows it as well
	rm -r "$T/state"
	run -0 at "$later" status
}

@test "metrics are what Prometheus wants, replaced whole, readable for all" {
	copied_vault
	mkdir "$T/odd"
	database "$T/odd/a\"b\\c.db" 5
	hf add -q odd "$T/odd/*.db"
	printf '[defaults]\nrpo = 26h\n' >>"$CONF"
	hf backup -q --full crm
	run -5 hf status -q --prometheus "$T/m.prom"
	check_metrics "$T/m.prom"
	[ "$(stat -c %a "$T/m.prom")" = 644 ]
	grep -q '^holdfast_store_rpo_seconds{store="crm"} 93600$' "$T/m.prom"
	grep -q '^holdfast_store_overdue{store="crm"} 0$' "$T/m.prom"
	grep -qF 'holdfast_store_overdue{store="odd/a\"b\\c"} 1' "$T/m.prom"
	grep -q '^holdfast_copy_late{store="crm",vault="second"} 1$' "$T/m.prom"
	[ "$(hf status --json | grep '"store":"crm"' | head -n 1 | json time)" = \
		"$(sed -n 's/^holdfast_store_last_success_timestamp_seconds{store="crm"} //p' "$T/m.prom")" ]
	ls "$T" | grep -v tmp >"$T/names"
	run ! grep -q 'm\.prom\.' "$T/names"
	run -1 --separate-stderr hf status --prometheus "$T/none/m.prom"
}

@test "drills stand in JSON and in the metrics, and -q tells of them though all stores are well" {
	crm_vault
	run -0 hf status --prometheus "$T/m.prom" -q
	[[ $(cat "$T/m.prom") != *drill* ]]
	printf '[drill weekly]\nstores = crm\n[assert some]\nstore = crm\nsql = SELECT count(*) FROM orders\n' >>"$CONF"
	printf 'expect = >= 1\n' >>"$CONF"
	run -5 --separate-stderr hf status -q --prometheus "$T/m.prom"
	[[ $output == *"drill   weekly: never passed here; OVERDUE"* ]]
	check_metrics "$T/m.prom"
	grep -q '^holdfast_drill_overdue{drill="weekly"} 1$' "$T/m.prom"
	run ! grep -q 'holdfast_drill_verdict' "$T/m.prom"
	with_pass drill run --due -q
	run -0 hf status -q
	[ -z "$output" ]
	[ "$(hf status --json | grep '"drill":' | json verdict)" = passed ]
	[ "$(hf status --json | json drills_not_finished)" = 0 ]
	hf status --json | all_json
	sed -i 's/^expect = .*/expect = < 0/' "$CONF"
	with_pass drill run weekly -q || true
	run -6 hf status -q --prometheus "$T/m.prom"
	[[ $output == *"drill   weekly: last passed today"*"; the last one did NOT PASS"* ]]
	check_metrics "$T/m.prom"
	grep -q '^holdfast_drill_verdict{drill="weekly",verdict="failed"} 1$' "$T/m.prom"
	grep -q '^holdfast_drill_verdict{drill="weekly",verdict="passed"} 0$' "$T/m.prom"
	[ "$(hf status --json | grep '"drill":' | json passed)" = \
		"$(sed -n 's/^holdfast_drill_last_passed_timestamp_seconds{drill="weekly"} //p' "$T/m.prom")" ]
	# stores that are named are told of alone
	run -0 hf status crm
	[[ $output != *weekly* ]]
}
