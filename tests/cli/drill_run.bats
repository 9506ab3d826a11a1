#!/usr/bin/env bats
# drills as a duty of run: on the machine that writes, and on one that holds nothing but a grant.

load helper.bash

drill_vault() {
	crm_vault
	cat >>"$CONF" <<-CONF
		[drill weekly]
		stores = crm
		every = 7d
		[assert fresh-orders]
		store = crm
		sql = SELECT count(*) FROM orders
		expect = >= 1
	CONF
}

# second_machine: a home with its own keys, granted crm; `second` is holdfast there
second_machine() {
	H2=$T/second
	mkdir -p -m 711 "$H2/state"
	cat >"$H2/holdfast.conf" <<-CONF
		[vault]
		url = file://$V
		state = $H2/state
		keys = $H2/keys
		[drill weekly]
		stores = crm
		every = 7d
		[assert fresh-orders]
		store = crm
		sql = SELECT count(*) FROM orders
		expect = >= 1
	CONF
	chmod 600 "$H2/holdfast.conf"
	second key enroll -q --role drill --name drill1 >"$T/request" 2>/dev/null
	hf key accept -q --yes - <"$T/request"
}
second() { "$HOLDFAST" -c "$H2/holdfast.conf" "$@" </dev/null; }

@test "run drills on a second machine that holds a vault, a drill and its grant: unattended" {
	drill_vault
	second_machine
	# not granted yet: no turn is lost
	run --separate-stderr second run -q
	expect_status 6
	[[ $output == *"FAILED  drill weekly   crm: no such store in the vault"* ]]
	with_pass key grant drill1 crm
	run second run -n
	[ "$output" = "drill   weekly" ]
	run --separate-stderr second run
	expect_status 0
	[[ ${lines[0]} == "holdfast run on drill1, "*": 1 drill passed" ]]
	run second run -q
	expect_status 0
	[ -z "$output" ]
	run second drill list
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[1]} == *drill1*passed* ]]
	run hf ledger verify
	expect_status 0
	run second schedule show
	[[ $output == *"drill weekly"*"02:15 every 7 d"*today* ]]
	run second schedule install -n --root "$T/root"
	[[ $output == *"OnCalendar="*"02:15:00"* && $output == *"# [drill]: who knows"* ]]
	[[ $output != *RestrictNamespaces* && $output != *ProtectKernelTunables* ]]
}

@test "a drill that does not pass: run says why and ends with 6, once in its turn" {
	drill_vault
	second_machine
	with_pass key grant drill1 crm
	sed -i 's/^expect = .*/expect = >= 1000000/' "$H2/holdfast.conf"
	printf '[run]\nnotify-command = %s\n' "tee $T/news" >>"$H2/holdfast.conf"
	run --separate-stderr second run -q
	expect_status 6
	[[ ${lines[0]} == *": 1 of 1 drill NOT PASSED" ]]
	[[ ${lines[1]} == "FAILED  drill weekly   failed: crm: fresh-orders failed: 2000" ]]
	[[ ${lines[2]} == *"none has passed that is known here" ]]
	[[ ${lines[3]} == *"next: holdfast drill show "* ]]
	[[ $output == *"exit 6; log: "* ]]
	[ "$(json exit <"$T/news")" = 6 ]
	grep -q '"verdict":"failed"' "$T/news"
	run second log
	[[ $output == *"drill weekly: failed: crm"* ]]
	run second run -q
	expect_status 0
}

@test "where backups are made too, drills come after them, and their codes are held against each other" {
	drill_vault
	printf '[run]\nlog = %s/log\n' "$T" >>"$CONF"
	rm -r "$T/state/outcomes.json"
	# a day later: the store is due again
	command -v faketime >/dev/null || skip "no faketime"
	sed -i "s|^keys = .*|&\npassphrase-command = cat $T/pass|" "$CONF"
	sed -i 's/^expect = .*/expect = < 0/' "$CONF"
	run --separate-stderr faketime -f +2d "$HOLDFAST" -c "$CONF" run
	expect_status 6
	[[ ${lines[0]} == *": 1 store good; 1 of 1 drill NOT PASSED" ]]
	[ "$(grep -n ' crm: .* stored' "$T/log" | cut -d: -f1)" -lt \
		"$(grep -n 'drill weekly: failed' "$T/log" | cut -d: -f1)" ]
	# a store that fails outranks the drill
	printf '[store gone]\ntype = sqlite\npath = %s/gone.db\n' "$T" >>"$CONF"
	run --separate-stderr faketime -f +10d "$HOLDFAST" -c "$CONF" run -q
	expect_status 3
	[[ ${lines[0]} == *"1 of 2 stores FAILED, 1 good; 1 of 1 drill NOT PASSED" ]]
	[[ $output == *"FAILED  drill weekly"* ]]
}

@test "without a way to read, run leaves the drill alone and says so once a day" {
	drill_vault
	hf run -q || [ $? -eq 4 ]
	run hf run
	expect_status 0
	run hf drill list
	[ -z "$output" ]
	command -v faketime >/dev/null || skip "no faketime"
	run faketime -f +1d "$HOLDFAST" -c "$CONF" run -q
	expect_status 4
	[[ $output == *"1 store good"*"NOTE    drill weekly: is due, and nothing here opens crm"* ]]
	[[ $output == *"next: with the recovery code: holdfast drill run --due"* ]]
}

@test "a vault that is away is told on a machine that only drills" {
	drill_vault
	second_machine
	with_pass key grant drill1 crm
	mv "$V" "$T/away"
	run --separate-stderr second run -q
	expect_status 10
	[[ ${lines[0]} == *": FAILED, nothing was done" ]]
	[[ ${lines[1]} == "FAILED  vault   "* ]]
	mv "$T/away" "$V"
	run second run
	expect_status 0
	[[ $output == *"1 drill passed"* ]]
}
