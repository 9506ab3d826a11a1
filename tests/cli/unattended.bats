#!/usr/bin/env bats
# holdfast run: nights with a faked clock, failures, downtime, two at once; who is told, and the log.
load helper

teardown() { [ ! -d "$T/web" ] || touch "$T/web/stop"; }

two_stores() {
	new_vault
	database "$T/crm.db" 50
	database "$T/shop.db" 20
	hf add -q crm "$T/crm.db"
	hf add -q shop "$T/shop.db"
}

# web: start the recorder; $WEB is its address
web() {
	mkdir -p "$T/web"
	python3 "$BATS_TEST_DIRNAME/recorder.py" "$T/web" 3>&- &
	until [ -e "$T/web/port" ]; do sleep 0.1; done
	WEB=http://127.0.0.1:$(cat "$T/web/port")
}

# heard: the paths that were asked for, on one line
heard() { [ ! -e "$T/web/log" ] || python3 -c 'import json, sys
print(*[json.loads(line)["path"] for line in open(sys.argv[1])])' "$T/web/log"; }

@test "nights: due once each; a failure is counted and stops no other store; downtime is caught up once" {
	needs_faketime
	two_stores
	printf '[defaults]\nrpo = 26h\n' >>"$CONF"
	run -0 at '2026-11-20 20:00:00' run
	[[ ${lines[0]} =~ ^holdfast\ run\ on\ .*,\ 2026-11-20\ 20:00-20:0[0-9]\ \+00:00:\ 2\ stores\ good$ ]]
	[[ $output == *"exit 0; log: holdfast log --run "* ]]
	run -0 at '2026-11-20 23:00:00' run
	[ "$output" = "nothing is due; next: crm, Sat 21 Nov 02:15" ]
	run -0 at '2026-11-21 02:15:01' run -q
	[ -z "$output" ]

	mv "$T/shop.db" "$T/away"
	run -3 --separate-stderr at '2026-11-22 02:15:01' run -q
	[[ ${lines[0]} == *": 1 of 2 stores FAILED, 1 good" ]]
	[ "${lines[1]}" = "FAILED  shop   $T/shop.db: No such file or directory" ]
	[ "${lines[2]}" = "               no snapshot made; last good Sat 21 Nov 02:15" ]
	[ "${lines[3]}" = "               next: holdfast backup shop" ]
	[ -z "$stderr" ]
	# what failed is tried again by the next run, what is done is not
	run -3 at '2026-11-22 03:15:00' run
	[[ ${lines[0]} == *": 1 of 1 store FAILED, 0 good" ]]
	[[ $output != *"second night"* ]]
	run -3 at '2026-11-23 02:15:00' run -q
	[[ $output == *"no snapshot made; second night; last good Sat 21 Nov 02:15"* ]]
	run -5 at '2026-11-23 11:00:00' status
	[[ $output =~ shop\ +Sat\ 21\ Nov\ 02:15\ +56h/26h\ +LATE,\ failed\ 2\ times\ in\ a\ row ]]
	[[ $output =~ crm\ +today\ 02:15\ +8h/26h ]]

	# four days later: each store once, whatever was missed
	mv "$T/away" "$T/shop.db"
	run -5 at '2026-11-27 09:29:00' status -q
	[[ $output == *"2 stores late (exit 5)"* ]]
	run -0 at '2026-11-27 09:30:00' run
	[[ ${lines[0]} == *": 2 stores good" ]]
	run -0 at '2026-11-27 09:31:00' run
	[[ $output == "nothing is due; next: crm, Sat 28 Nov 02:15" ]]
	run -0 at '2026-11-27 09:32:00' status -q
	[ "$(at '2026-11-27 09:32:00' snapshots crm --json | wc -l)" -eq 5 ]
	run -0 at '2026-11-28 02:15:00' run -q
}

@test "a vault that is away is told once for all, and counted" {
	needs_faketime
	two_stores
	at '2026-11-21 02:15:00' run -q
	mv "$V" "$T/away"
	run -10 --separate-stderr at '2026-11-22 02:15:00' run -q
	[[ ${lines[0]} == *": FAILED, nothing was backed up" ]]
	[ "${lines[1]}" = "FAILED  vault   file://$V: no vault here (vault.json is absent)" ]
	[ "${lines[2]}" = "                nothing was backed up; last good Sat 21 Nov 02:15" ]
	run -10 at '2026-11-23 02:15:00' run -q
	[[ $output == *"nothing was backed up; second night; last good Sat 21 Nov 02:15"* ]]
	# a machine without its key can do nothing either
	mv "$T/away" "$V"
	mv "$T/keys" "$T/keys-away"
	run -12 at '2026-11-23 02:30:00' run -q
	[[ ${lines[0]} == *": FAILED, nothing was backed up" ]]
	[ "$(at '2026-11-23 02:31:00' log --json | tail -n 1 | json stores)" = '[]' ]
	mv "$T/keys-away" "$T/keys"
	run -0 at '2026-11-23 03:15:00' run -q
	run -0 at '2026-11-24 02:15:00' run -q
}

@test "without its memory a run asks the vault when there was a good backup" {
	needs_faketime
	two_stores
	at '2026-11-21 02:15:00' run -q
	rm "$T/state/outcomes.json"
	run -0 at '2026-11-21 12:00:00' run
	[[ ${lines[0]} == *": nothing was due" ]]
	[ "$(at '2026-11-21 12:00:00' snapshots crm --json | wc -l)" -eq 1 ]
	echo 'damaged' >"$T/state/outcomes.json"
	run -4 at '2026-11-22 02:15:00' run -q
	[[ $output == *"NOTE    $T/state/outcomes.json: is damaged, and begun anew"* ]]
	run -0 at '2026-11-23 02:15:00' run -q
}

@test "each store has its own times; of a fleet only what failed is tried again" {
	needs_faketime
	new_vault
	mkdir "$T/tenants"
	for name in a b c; do database "$T/tenants/$name.db" 3; done
	database "$T/crm.db" 5
	cat >>"$CONF" <<-END
		[store crm]
		type = sqlite
		path = $T/crm.db
		every = 6h
		[store tenants]
		type = sqlite
		path = $T/tenants/*.db
		at = mon-fri 22:30
	END
	at '2026-11-19 22:31:00' run -q   # a Thursday
	echo 'no database' >"$T/tenants/b.db"
	run -3 at '2026-11-20 22:30:00' run
	[[ $output == *"FAILED  tenants/b "* ]]
	[[ ${lines[0]} == *": 1 of 4 stores FAILED, 3 good" ]]
	rm "$T/tenants/b.db"
	database "$T/tenants/b.db" 3
	run -0 at '2026-11-21 02:16:00' run
	[[ ${lines[0]} == *": 2 stores good" ]]   # b, and crm's next turn
	at '2026-11-22 23:00:00' run -n --json >"$T/due"
	[ "$(wc -l <"$T/due")" -eq 1 ]
	[ "$(json store <"$T/due")" = crm ]
	run -0 at '2026-11-22 23:00:00' run -n
	[ "$output" = "backup  crm, last good Sat 21 Nov 02:16" ]
	run -0 at '2026-11-21 02:17:00' schedule
	[[ $output =~ crm\ +02:15\ every\ 6\ h\ +today\ 02:16\ +today\ 08:15 ]]
	[[ $output =~ tenants\ +mon-fri\ 22:30\ +today\ 02:16\ +Mon\ 23\ Nov\ 22:30 ]]
}

@test "what a further vault lacks is copied though no backup is due" {
	needs_faketime
	two_stores
	printf '[vault second]\nurl = file://%s/second\ncopy = after-backup\n' "$T" >>"$CONF"
	mkdir "$T/second"
	echo 'in the way' >"$T/second/file"
	run -4 --separate-stderr at '2026-11-21 02:15:00' run -q
	[[ $output == *"NOTE    copy to vault second: "*"        next: holdfast copy --to second"* ]]
	rm -r "$T/second"
	# a backup by hand copies what it made, and leaves it to the next run to make up for the rest
	at '2026-11-21 02:59:00' backup -q crm
	run -0 at '2026-11-21 03:00:00' run -n
	[ "$output" = "copy    to vault second, which is late" ]
	run -0 at '2026-11-21 03:00:00' run
	[[ ${lines[0]} == *": no backup was due" ]]
	run -0 at '2026-11-21 03:01:00' status -q
	same_vaults "$V" "$T/second"
	run -0 at '2026-11-21 04:00:00' run
	[[ $output == "nothing is due; "* ]]
}

@test "never two at once: the second says who runs; with -q it does not before a day has passed" {
	new_vault
	printf '[store slow]\ntype = command\ncommand = sh -c "touch %s/begun; while head -c 300000 /dev/zero; do sleep 0.2; done"\n' "$T" >>"$CONF"
	"$HOLDFAST" -c "$CONF" run -q 3>&- &
	pid=$!
	until [ -e "$T/begun" ]; do sleep 0.1; done
	run -11 --separate-stderr hf run
	[[ $stderr == "holdfast: run: pid $pid runs since "*"there is no lock to remove" ]]
	run -11 --separate-stderr hf run -q
	[ -z "$output$stderr" ]
	if command -v faketime >/dev/null; then
		run -11 --separate-stderr faketime -f +2d "$HOLDFAST" -c "$CONF" run -q
		[[ $stderr == "holdfast: run: pid $pid runs since "* ]]
	fi
	# who is stopped has not failed, and holds nothing
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 130 ]
	run ! grep -q '"failures"' "$T/state/outcomes.json"
	run -0 hf run -n
	[ "$output" = "backup  slow, for the first time" ]
}

@test "a watchdog hears start, success and failure; news go out on trouble; no address is printed" {
	two_stores
	web
	printf '[run]\nping-file = %s/ping\nnotify = %s/hook/SECRET\n' "$T" "$WEB" >>"$CONF"
	(umask 077 && echo "$WEB/ping/SECRET?create=1" >"$T/ping")
	run -0 hf run -q
	[ -z "$output" ]
	[ "$(heard)" = '/ping/SECRET/start?create=1 /ping/SECRET?create=1' ]
	run -0 hf run -q   # nothing is due, but the watchdog waits
	[ "$(heard | wc -w)" -eq 4 ]
	printf '[store bad]\ntype = command\ncommand = false\n' >>"$CONF"
	rm "$T/web/log"
	run -3 hf run
	[ "$(heard)" = '/ping/SECRET/start?create=1 /ping/SECRET/fail?create=1 /hook/SECRET' ]
	[[ $output != *SECRET* ]]
	sed -n 2p "$T/web/log" | json body >"$T/body"
	[[ $(cat "$T/body") == "holdfast run on "*": 1 of 1 store FAILED"*"FAILED  bad   "* ]]
	sed -n 3p "$T/web/log" | json body >"$T/news"
	[ "$(json result <"$T/news")" = failure ]
	[ "$(json exit <"$T/news")" = 3 ]
	[ "$(json failed <"$T/news")" = 1 ]
	[ "$(sed -n 3p "$T/web/log" | json type)" = application/json ]
}

@test "who cannot be told is noted, and no backup fails for it: exit 4" {
	two_stores
	web
	printf '[run]\nping = %s/ping/SECRET\n' "$WEB" >>"$CONF"
	echo 404 >"$T/web/answer"
	run -4 --separate-stderr hf run -q
	[[ ${lines[0]} == *": 2 stores good" ]]
	[ "${lines[1]}" = "NOTE    ping: http://127.0.0.1: answers with status 404" ]
	[ "${#lines[@]}" -eq 3 ]
	[[ $output$stderr != *SECRET* ]]
	sed -i "s,^ping = .*,ping-file = $T/ping," "$CONF"
	echo "$WEB/ping/SECRET" >"$T/ping"
	chmod 644 "$T/ping"
	run -4 hf run
	[[ $output == *"NOTE    ping: $T/ping: others can read this file, and it holds a secret"* ]]
	run -2 --separate-stderr hf -c <(printf '[vault]\nurl = /x\n[run]\nping = ftp://SECRET\n') run
	[[ $stderr != *SECRET* ]]
}

@test "a server whose certificate nobody vouches for is told nothing" {
	two_stores
	mkdir "$T/web"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -keyout "$T/web/tls.pem" -out "$T/web/cert" 2>/dev/null
	cat "$T/web/cert" >>"$T/web/tls.pem"
	web
	printf '[run]\nping = https://localhost:%s/SECRET\n' "${WEB##*:}" >>"$CONF"
	run -4 hf run -q
	[[ $output == *"NOTE    ping: https://localhost: SSL peer certificate "* ]]
	[ -z "$(heard)" ]
	[[ $output != *SECRET* ]]
}

@test "a command is told by JSON on its standard input" {
	new_vault
	cat >"$T/hear" <<-END
		#!/bin/sh
		cat >"$T/news"
	END
	chmod +x "$T/hear"
	cat >>"$CONF" <<-END
		[run]
		notify-command = $T/hear "a word"
		[store bad]
		type = command
		command = false
	END
	run -1 hf run -q
	[ "$(json result <"$T/news")" = failure ]
	sed -i 's/^command = false/command = echo dump/; s/^notify-command/notify-when = always\n&/' "$CONF"
	run -0 hf run -q
	[ "$(json result <"$T/news")" = success ]
	# nothing was due, and that is no news
	rm "$T/news"
	run -0 hf run -q
	[ -z "$output" ]
	[ ! -e "$T/news" ]
	sed -i 's/^notify-command.*/notify-command = false/; s/^command = .*/command = false/' "$CONF"
	faketime -f +1d true 2>/dev/null || skip "no faketime"
	run -1 faketime -f +1d "$HOLDFAST" -c "$CONF" run -q
	[[ $output == *"NOTE    notify-command: false exited 1"* ]]
}

@test "log = FILE gets a line for each store, with time and run, and log --run finds the run" {
	two_stores
	printf '[run]\nlog = %s/log\n' "$T" >>"$CONF"
	run -0 hf run
	id=${output##*--run }
	[ "$(stat -c %a "$T/log")" = 600 ]
	[[ $(sed -n 2p "$T/log") =~ ^20[0-9-]+T[0-9:]+\+0000\ holdfast\[$id\]:\ crm:\ full,\ snapshot\ 1,\ .*\ stored ]]
	[[ $(tail -n 1 "$T/log") == *"holdfast[$id]: run ends: exit 0" ]]
	run -0 hf log --run "$id"
	[ "$(wc -l <<<"$output")" -eq 3 ]
	[[ ${lines[0]} =~ run\ +2\ done\ +exit\ 0 ]]
	run -1 hf log --run 00000000
	sed -i "s,^log = .*,log = $T/none/log," "$CONF"
	database "$T/b.db" 3
	hf add -q b "$T/b.db"
	run -4 hf run -q
	[[ $output == *"NOTE    log: $T/none/log: No such file or directory"* ]]
}

@test "a run needs a configuration with stores" {
	new_vault
	run -2 --separate-stderr hf run
	[[ $stderr == *"run: $CONF: there is no store to back up, and no drill"* ]]
	run -2 hf run crm
	printf '[defaults]\nevery = 90s\n' >>"$CONF"
	run -2 --separate-stderr hf run
	[[ $stderr == *"'90s' is not a duration of whole days, or of whole minutes below a day"* ]]
}
