#!/usr/bin/env bats
# init and add: the first five minutes.
load helper

@test "init without a passphrase generates a code and prints the sheet" {
	run -0 --separate-stderr setsid "$HOLDFAST" -c "$CONF" init --slot-cost 1:8192 </dev/null
	[[ $output == "HOLDFAST RECOVERY SHEET"* ]]
	[[ $output == *"  Vault          file://$V"* ]]
	[[ $output =~ Fingerprint\ +([0-9a-f]{4}\ ){7}[0-9a-f]{4} ]]
	[[ $output =~ Recovery\ code\ +([a-z]+-)+[a-z]+ ]]
	[[ $output == *"holdfast restore --vault file://$V STORE --to DIR"* ]]
	[ -f "$V/vault.json" ]
	[ "$(stat -c %a "$T"/keys/*.key)" = 600 ]
}

@test "the code on the sheet opens the vault, in capitals and with blanks too" {
	setsid "$HOLDFAST" -c "$CONF" init --slot-cost 1:8192 </dev/null >"$T/sheet"
	database "$T/crm.db" 10
	hf add -q crm "$T/crm.db"
	hf backup -q
	code=$(sed -n 's/^  Recovery code  //p' "$T/sheet")
	tr 'a-z-' 'A-Z ' <<<"$code" >"$T/typed"
	run -0 hf ls crm --passphrase-file "$T/typed"
}

# passes and KiB of the vault's only slot
slot_cost() { od -An -t u4 -j 12 -N 8 "$V"/slots/* | tr -s ' '; }

@test "a generated code has a slot of 64 MiB, a chosen passphrase one of 256 MiB" {
	setsid "$HOLDFAST" -c "$CONF" init </dev/null >"$T/sheet"
	[ "$(slot_cost)" = " 3 65536" ]
	rm -r "$V" "$T"/keys
	run -0 hf init --passphrase-file "$T/pass"
	[ "$(slot_cost)" = " 3 262144" ]
}

@test "a chosen passphrase is not printed" {
	run -0 hf init --passphrase-file "$T/pass" --slot-cost 1:8192
	[[ $output != *"$(cat "$T/pass")"* ]]
	[[ $output == *"the one you chose"* ]]
}

@test "on a terminal init asks, and takes an own passphrase typed twice" {
	run -0 python3 "$BATS_TEST_DIRNAME/on_tty.py" 'Use a generated recovery code' n \
		'New passphrase' 'correct horse battery' 'The same again' 'correct horse batterie' \
		'New passphrase' 'correct horse battery' 'The same again' 'correct horse battery' -- \
		"$HOLDFAST" -c "$CONF" init --slot-cost 1:8192
	[[ $output == *"The two differ"* ]]
	[[ $output != *"correct horse"* ]]
	printf 'correct horse battery' >"$T/typed"
	run -0 hf restore --passphrase-file "$T/typed"
}

@test "a weak passphrase is called weak" {
	echo aaaaaaaa >"$T/weak"
	run -0 --separate-stderr hf init --passphrase-file "$T/weak" --slot-cost 1:8192
	[[ $stderr == *"this passphrase is weak"* ]]
}

@test "init writes the vault section into a configuration that has none" {
	printf '[store later]\ntype = files\npath = %s' "$T" >"$CONF"
	run -2 --separate-stderr hf init
	expect_message "init: no vault is named" "for example 'holdfast init --vault /srv/vault'"
	skip_unless_as_user
	run -0 as_user "$HOLDFAST" -c "$CONF" init --vault "$V" --passphrase-file "$T/pass" \
		--slot-cost 1:8192
	grep -qx "url = file://$V" "$CONF"
	grep -qx "state = $HOME/.local/state/holdfast" "$CONF"
	grep -qx "keys = $HOME/.config/holdfast/keys" "$CONF"
	run -0 hf backup -n later
}

@test "a user's configuration lies at home, and XDG variables move it" {
	skip_unless_as_user
	rm "$CONF"
	run -0 as_user "$HOLDFAST" init -q --vault "$V" --passphrase-file "$T/pass" --slot-cost 1:8192
	[ "$(stat -c %a "$HOME/.config/holdfast/holdfast.conf")" = 600 ]
	run -0 as_user "$HOLDFAST" snapshots
	export XDG_CONFIG_HOME=$T/xdg
	run -0 as_user "$HOLDFAST" init -q --vault "$T/vault2" --passphrase-file "$T/pass" \
		--slot-cost 1:8192
	[ -f "$T/xdg/holdfast/holdfast.conf" ]
	mkdir "$T/xdg/holdfast/conf.d"
	printf '[store a]\ntype = files\npath = %s\n' "$T" >"$T/xdg/holdfast/conf.d/a.conf"
	run -2 --separate-stderr as_user "$HOLDFAST" backup b
	[[ $stderr == "holdfast: b: no such store in the configuration"*"did you mean 'a'?" ]]
}

@test "init does not touch the configuration of another vault" {
	run -1 --separate-stderr hf init --vault "$T/other" --passphrase-file "$T/pass"
	expect_message "init: $CONF names another vault: file://$V" \
		"name another configuration file with -c"
	[ ! -e "$T/other" ]
}

@test "init does not overwrite a vault" {
	new_vault
	before=$(cat "$V/vault.json")
	run -1 --separate-stderr hf init --passphrase-file "$T/pass" --slot-cost 1:8192
	[ -z "$output" ]
	[ "$(cat "$V/vault.json")" = "$before" ]
}

@test "init --json is one object" {
	run -0 --separate-stderr hf init --json --passphrase-file "$T/pass" --slot-cost 1:8192
	[ "$(json url <<<"$output")" = "file://$V" ]
	[ "$(json recovery_code <<<"$output")" = null ]
}

@test "a slot cost out of bounds is refused" {
	run -2 --separate-stderr hf init --slot-cost 1:100
	expect_message "init: '1:100' is not OPS:KIB with 1 to 16 passes and 8192 to 2097152 KiB" \
		"the default is 3:65536 for a generated code, 3:262144 else"
}

@test "add guesses the type of databases, folders and patterns" {
	new_vault
	database "$T/crm.db" 10
	mkdir "$T/tree" "$T/tenants"
	cp "$T/crm.db" "$T/tenants/a.db"
	cd "$T"
	hf add crm crm.db
	hf add tree ./tree
	hf add tenants "$T/tenants/*.db"
	hf add pg 'pg_dump -Fc crm' --type command
	hf add maria crm --type mariadb-dump
	cat >"$T/expected" <<-END

		[store crm]
		type = sqlite
		path = $T/crm.db

		[store tree]
		type = files
		path = $T/tree

		[store tenants]
		type = sqlite
		path = $T/tenants/*.db
		name = tenants/{stem}

		[store pg]
		type = command
		command = pg_dump -Fc crm

		[store maria]
		type = mariadb-dump
		database = crm
	END
	diff "$T/expected" <(tail -n +5 "$CONF")
}

@test "add refuses what cannot be backed up, and leaves the file alone" {
	new_vault
	database "$T/crm.db" 10
	echo text >"$T/text"
	before=$(cat "$CONF")
	run -1 --separate-stderr hf add x "$T/none"
	[ "$stderr" = "holdfast: add: $T/none: No such file or directory" ]
	run -2 --separate-stderr hf add x "$T/text"
	[[ $stderr == "holdfast: add: $T/text: neither a SQLite database nor a folder"* ]]
	run -1 hf add x "$T/none/*.db"
	run -2 --separate-stderr hf add 'a@b' "$T/crm.db"
	[[ $stderr == "holdfast: add: a store cannot be called 'a@b'"* ]]
	run -2 hf add x "$T/crm.db" --type sqllite
	run -2 hf add x 'dump ; rm' --type command
	run -0 hf add -n x "$T/crm.db"
	[[ $output == "[store x]"* ]]
	[ "$(cat "$CONF")" = "$before" ]
}

@test "add refuses a name that is taken" {
	new_vault
	database "$T/crm.db" 10
	hf add -q crm "$T/crm.db"
	run -1 --separate-stderr hf add crm "$T/crm.db"
	[ "$stderr" = "holdfast: add: [store crm] is already at $CONF:6" ]
}
