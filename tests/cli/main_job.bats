#!/usr/bin/env bats
# The main job from end to end: back up, change, restore, look, check.
load helper

@test "what was backed up is what is restored, night after night" {
	new_vault
	database "$T/crm.db" 20000
	cp "$T/crm.db" "$T/day1.db"
	hf add crm "$T/crm.db"
	run -0 hf backup
	[[ $output =~ ^crm\ +full\ +snapshot\ 1\  ]]
	sql "$T/crm.db" "update customers set name = 'changed' where id % 1000 = 0"
	cp "$T/crm.db" "$T/day2.db"
	run -0 hf backup
	[[ $output =~ ^crm\ +incremental\ +snapshot\ 2\ +[0-9.]+\ %\ changed\ +.*\ stored\  ]]
	run -0 hf backup
	[[ $output =~ ^crm\ +unchanged\ +snapshot\ [23]\  ]]
	run -0 with_pass restore crm@1 --to "$T/out1"
	cmp "$T/out1/crm.db" "$T/day1.db"
	run -0 with_pass restore crm --to "$T/out2"
	cmp "$T/out2/crm.db" "$T/day2.db"
	run -0 with_pass restore crm@2 --to "$T/out3"
	cmp "$T/out3/crm.db" "$T/day2.db"
}

@test "backup --json ends with an object for each store" {
	crm_vault
	database "$T/b.db" 10
	hf add -q b "$T/b.db"
	run -0 --separate-stderr hf backup --json --full
	[ "${#lines[@]}" -eq 2 ]
	for key in store snapshot kind bytes_read bytes_changed bytes_evacuated bytes_stored packs duration_ms; do
		[ "$(json $key <<<"$output")" != null ]
	done
	[ "$(json store <<<"${lines[0]}")" = crm ]
	[ "$(json kind <<<"${lines[0]}")" = full ]
	[ "$(json snapshot <<<"${lines[0]}")" = 2 ]
	[ -z "$stderr" ]
}

@test "on a terminal a line tells how far the work is, and is gone at the end" {
	new_vault
	database "$T/crm.db" 100000
	hf add -q crm "$T/crm.db"
	run -0 python3 "$BATS_TEST_DIRNAME/on_tty.py" -- "$HOLDFAST" -c "$CONF" backup
	[[ $output =~ crm\ \ (reading|committing) ]]
	[[ $output == *$'\r\e[K'"crm  full  snapshot 1"* ]]
	run -0 python3 "$BATS_TEST_DIRNAME/on_tty.py" -- "$HOLDFAST" -c "$CONF" backup -q --full
	[ -z "$output" ]
	run -0 --separate-stderr hf backup --full
	[ -z "$stderr" ]
}

@test "-q is silent when all went well, and tells everything when not" {
	crm_vault
	run -0 hf backup -q
	[ -z "$output" ]
	printf '[store bad]\ntype = command\ncommand = false\n' >>"$CONF"
	run -3 --separate-stderr hf backup -q
	[[ $stderr == "holdfast: bad: "* ]]
	[[ $output == *crm* ]]
	[[ $output == *"1 of 2 stores done"* ]]
}

@test "one store that fails has its own exit status, some of several have 3" {
	crm_vault
	printf '[store bad]\ntype = command\ncommand = false\n' >>"$CONF"
	run -1 hf backup bad
	run -3 hf backup
	run -0 hf backup crm
}

@test "a dry run stores nothing" {
	crm_vault
	sql "$T/crm.db" "delete from orders"
	find "$V" -type f | sort >"$T/before"
	run -0 hf backup -n
	find "$V" -type f | sort | diff "$T/before" -
	run -0 with_pass restore crm --to "$T/out" -n
	[ ! -e "$T/out/crm.db" ]
}

@test "patterns choose stores, of fleets too" {
	new_vault
	mkdir "$T/tenants"
	for name in acme beta 'with space' 客户; do database "$T/tenants/$name.db" 5; done
	hf add -q tenants "$T/tenants/*.db"
	run -0 hf backup
	[[ $output == "tenants (4)  4 full"* ]]
	run -0 hf backup -v 'tenants/b*'
	[[ $output == "tenants/beta"* ]]
	run -0 hf backup tenants/acme
	run -0 with_pass restore 'tenants/*' --to "$T/out"
	[ "$(ls "$T/out" | sort)" = "$(ls "$T/tenants" | sort)" ]
	for name in acme beta 'with space' 客户; do cmp "$T/out/$name.db" "$T/tenants/$name.db"; done
	run -0 with_pass restore 'tenants/with space' --to "$T/one"
	cmp "$T/one/with space.db" "$T/tenants/with space.db"
}

@test "stores whose files have one name restore side by side" {
	new_vault
	mkdir "$T/a" "$T/b"
	database "$T/a/x.db" 5
	database "$T/b/x.db" 9
	hf add -q a "$T/a/x.db"
	hf add -q b "$T/b/x.db"
	hf backup -q
	run -0 with_pass restore '*' --to "$T/out"
	cmp "$T/out/a/x.db" "$T/a/x.db"
	cmp "$T/out/b/x.db" "$T/b/x.db"
}

@test "restore to its place keeps the old file beside" {
	crm_vault
	cp "$T/crm.db" "$T/good"
	sql "$T/crm.db" "drop table orders"
	cp "$T/crm.db" "$T/bad"
	run -1 with_pass restore crm
	cmp "$T/crm.db" "$T/bad"
	run -0 with_pass restore crm --overwrite
	cmp "$T/crm.db" "$T/good"
	cmp "$T/crm.db.before-restore" "$T/bad"
}

@test "restore without a store tells what there is and what to type" {
	crm_vault
	run -0 with_pass restore
	[[ $output == *"crm"*"Next: holdfast restore crm --to DIR"* ]]
}

@test "a bare machine needs address and passphrase, and nothing else" {
	crm_vault
	rm -rf "$T/state" "$T/keys" "$CONF"
	export HOLDFAST_CONFIG=
	run -0 env HOME="$T/nobody" "$HOLDFAST" restore --vault "file://$V" --passphrase-file "$T/pass"
	[[ $output == *"Next: holdfast restore --vault file://$V crm --to DIR"* ]]
	run -0 env HOME="$T/nobody" "$HOLDFAST" restore --vault "$V" crm --to "$T/out" \
		--passphrase-file "$T/pass"
	cmp "$T/out/crm.db" "$T/crm.db"
}

@test "a bare machine without the passphrase says so" {
	crm_vault
	rm -rf "$T/state" "$T/keys" "$CONF"
	run -12 --separate-stderr setsid "$HOLDFAST" restore --vault "$V" crm --to "$T/out"
	[[ $stderr == "holdfast: restore crm: this machine holds no key of vault "* ]]
}

@test "snapshots, ls, diff and stats tell what is there" {
	crm_vault
	sql "$T/crm.db" "delete from orders where id % 2"
	hf backup -q
	run -0 hf snapshots
	[[ ${lines[0]} == SNAPSHOT* ]]
	[[ ${lines[1]} =~ ^crm@1\ +20.*full ]]
	[[ ${lines[2]} =~ ^crm@2\ +20.*incremental ]]
	run -0 with_pass ls crm@1
	[[ $output =~ crm\.db$ ]]
	run -0 with_pass diff crm@1 crm@2
	[[ $output == M*crm.db* ]]
	run -0 with_pass diff crm@1 1
	[ "$output" = "no difference" ]
	run -0 hf stats
	[[ ${lines[1]} =~ ^crm\ +2\ +1\ +1\ +0\  ]]
	for command in snapshots 'ls crm' 'diff crm@1' stats restore check log; do
		with_pass $command --json | all_json
	done
}

@test "snapshots are found by number, time and word" {
	crm_vault
	run -0 with_pass ls crm@latest
	run -0 with_pass ls "crm@$(date +%Y-%m-%d)"
	run -0 with_pass ls "crm@$(date -d '+1 hour' +%Y-%m-%dT%H:%M)"
	run -1 with_pass ls crm@yesterday
	run -1 with_pass ls crm@7
}

@test "dump writes a file, a table, an archive" {
	crm_vault
	with_pass dump crm >"$T/dumped"
	cmp "$T/dumped" "$T/crm.db"
	with_pass dump crm --table orders >"$T/orders.sql"
	python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())' \
		"$T/again.db" "$T/orders.sql"
	[ "$(sql "$T/again.db" 'select count(*), sum(total) from orders')" = \
		"$(sql "$T/crm.db" 'select count(*), sum(total) from orders')" ]
	run -1 --separate-stderr with_pass dump crm --table order
	[[ $stderr == "holdfast: dump crm: "* ]]
	memory=$(mktemp -d /dev/shm/dump-test.XXXXXX)
	with_pass dump crm --table orders --temp "$memory" | cmp - "$T/orders.sql"
	rmdir "$memory"   # nothing is left in it
	with_pass dump crm --archive tar >"$T/crm.tar"
	tar -xOf "$T/crm.tar" crm.db | cmp - "$T/crm.db"
	run -2 --separate-stderr bash -c "'$HOLDFAST' -c '$CONF' dump crm --table orders --temp / \
		--passphrase-file '$T/pass' | cat; exit \${PIPESTATUS[0]}"
	[[ $stderr == *"is on a disk, where the database would lie in clear"* ]]
}

@test "trees come back with all their names, and as archives" {
	new_vault
	mkdir -p "$T/tree/sub" "$T/tree/空"
	printf 'one' >"$T/tree/sub/one"
	printf 'odd' >"$T/tree/"$'new\nline \033[2J'
	printf 'bad' >"$T/tree/"$'no-utf8-\xff'
	ln -s sub/one "$T/tree/link"
	head -c 300000 /dev/urandom >"$T/tree/空/big"
	hf add -q tree "$T/tree"
	run -0 hf backup
	run -0 with_pass ls tree
	[[ $output == *'new\nline \x1b[2J'* ]]
	[[ $output == *'no-utf8-\xff'* ]]
	with_pass ls tree --json | all_json
	run -0 with_pass restore tree --to "$T/out"
	[ "$(cd "$T/tree" && find . -print0 | sort -z | md5sum)" = \
		"$(cd "$T/out" && find . -print0 | sort -z | md5sum)" ]
	diff -r --no-dereference "$T/tree" "$T/out"
	with_pass restore tree --to "$T/part" --path sub -q
	[ "$(cat "$T/part/sub/one")" = one ]
	[ ! -e "$T/part/空" ]
	[ "$(with_pass dump tree sub/one)" = one ]
	run -2 --separate-stderr bash -c "'$HOLDFAST' -c '$CONF' dump tree --passphrase-file '$T/pass' | cat
		exit \${PIPESTATUS[0]}"
	[[ $stderr == *"add --archive tar"* ]]
	with_pass dump tree --archive tar | tar -tf - >"$T/list"
	grep -q sub/one "$T/list"
	with_pass dump tree sub --archive zip >"$T/sub.zip"
	python3 -c 'import sys, zipfile; assert zipfile.ZipFile(sys.argv[1]).read("sub/one") == b"one"' "$T/sub.zip"
}

@test "a command's output comes back, and is piped into the restore command" {
	new_vault
	printf '[store dump]\ntype = command\ncommand = seq 50000\nend-marker = 50000\n' >>"$CONF"
	printf 'restore-command = tee %s\n' "$T/piped" >>"$CONF"
	run -0 hf backup
	seq 50000 | cmp - <(with_pass dump dump)
	run -0 with_pass restore dump --to "$T/out"
	[ ! -e "$T/piped" ]
	run -0 with_pass restore dump
	seq 50000 | cmp - "$T/piped"
}

@test "check finds nothing in a sound vault, and damage with exit 20" {
	crm_vault
	run -0 hf check
	[[ $output == "no problems found in 1 store, 1 snapshot, "* ]]
	run -0 --separate-stderr setsid "$HOLDFAST" -c "$CONF" check --read-data
	[[ $output == *"not decrypted"* ]]
	run -0 with_pass check --read-data
	[[ $output != *"not decrypted"* ]]
	run -0 with_pass check --read-data-subset=5%
	run -2 with_pass check --read-data-subset=5
	pack=$(find "$V" -path '*/packs/*' -type f | head -n 1)
	chmod u+w "$pack"
	printf 'X' | dd of="$pack" bs=1 seek=5000 conv=notrunc status=none
	run -20 --separate-stderr hf check --read-data
	[[ $stderr == *"crm"*"pack"* ]]
	run -20 --separate-stderr hf check --read-data --json
	all_json <<<"$output"
	rm -f "$pack"
	run -20 hf check
	run -20 with_pass restore crm --to "$T/out"
	[ ! -e "$T/out/crm.db" ]
}

@test "rescue rebuilds a database from packs and keys" {
	crm_vault
	sql "$T/crm.db" "update customers set name = 'x' where id = 5"
	hf backup -q
	find "$V" -path '*/snapshots/*' -type f -delete
	run -4 --separate-stderr with_pass rescue crm --to "$T/out"
	cmp "$T/out/crm.db" "$T/crm.db"
	[[ $stderr == "holdfast: rescue crm: "* ]]
}

@test "the log remembers what was run, also what failed" {
	crm_vault
	printf '[store bad]\ntype = command\ncommand = false\n' >>"$CONF"
	hf backup || true
	run -0 hf log
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[0]} == *"1 done"*"exit 0"* ]]
	[[ ${lines[1]} == *"1 done, 1 FAILED"*"exit 3"* ]]
	[[ ${lines[2]} == *bad*FAILED* ]]
	run -0 hf log crm --since yesterday
	[ "${#lines[@]}" -eq 2 ]
	run -0 --separate-stderr hf log --since 2999-01-01
	[ "$stderr" = "holdfast: nothing was run on this machine in that time" ]
	run -2 hf log --since soon
	echo 'no json' >>"$T/state/runs.log"
	run -0 hf log
	hf log --json | all_json
}

@test "interrupting a backup ends with 130 and leaves the vault sound" {
	crm_vault
	printf '[store slow]\ntype = command\ncommand = sleep 10\n' >>"$CONF"
	"$HOLDFAST" -c "$CONF" backup slow 3>&- &
	pid=$!
	sleep 1
	kill -INT "$pid" 2>/dev/null || true
	status=0
	wait "$pid" || status=$?
	[ "$status" -eq 130 ]
	run -0 hf check
	run -0 hf backup crm
}

@test "names that are not in the configuration need the passphrase" {
	crm_vault
	sed -i '/^\[store/,$d' "$CONF"
	run -0 --separate-stderr setsid "$HOLDFAST" -c "$CONF" snapshots
	[[ $output == *"name not known here"* ]]
	run -0 with_pass snapshots
	[[ $output == *crm@1* ]]
}
