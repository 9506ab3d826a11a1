#!/usr/bin/env bats
# holdfast status: ages, and copies that are late.
load helper

copied_vault() {
	crm_vault
	printf '[vault second]\nurl = file://%s/second\n' "$T" >>"$CONF"
	hf copy -q --to second
}

@test "one vault: the newest snapshot and its age" {
	crm_vault
	hf backup -q
	run -0 --separate-stderr hf status
	[[ ${lines[1]} =~ ^crm\ +2\ +20[0-9-]+\ [0-9:]+\ +[0-9]+\ s$ ]]
	[ -z "$stderr" ]
	run -0 hf status -q
	[ -z "$output" ]
}

@test "a copy that has the newest snapshot is not late" {
	copied_vault
	run -0 --separate-stderr hf status --json
	[ "${#lines[@]}" -eq 2 ]
	[ "$(json vault <<<"$output")" = second ]
	[ "$(json snapshot <<<"$output")" = 1 ]
	[ "$(json late <<<"$output")" = false ]
	[ "$(json age_s <<<"$output")" -lt 600 ]
}

@test "a copy that lacks the newest snapshot is late: exit 4" {
	copied_vault
	hf backup -q
	run -4 --separate-stderr hf status
	[[ ${lines[2]} =~ ^crm\ +second\ +1\ .*LATE$ ]]
	[[ $stderr == *"1 copy is late: 'holdfast copy --to NAME' brings what is missing"* ]]
	run -4 --separate-stderr hf status -q
	[[ $output == *LATE* ]]
	database "$T/b.db" 10
	hf add -q b "$T/b.db"
	hf backup -q b
	run -4 --separate-stderr hf status b
	[[ ${lines[2]} =~ ^b\ +second\ +none\ +LATE$ ]]
	hf copy -q --to second
	run -0 hf status
}

@test "a copy that cannot be looked at is told: exit 4" {
	copied_vault
	rm -r "$T/second"
	run -4 --separate-stderr hf status
	[[ $stderr == *"holdfast: vault second: file://$T/second: no vault here"* ]]
	[[ ${lines[1]} =~ ^crm\ +1 ]]
	sed "s,$V,$T/second,; s,/keys\$,/keys2,; s,/state\$,/state2," "$CONF" | head -n 4 >"$T/other.conf"
	"$HOLDFAST" -c "$T/other.conf" init -q --passphrase-file "$T/pass" --slot-cost 1:8192 >"$T/sheet2" 2>&1
	run -4 --separate-stderr hf status
	[[ $stderr == *"holdfast: vault second: is another vault"* ]]
}
