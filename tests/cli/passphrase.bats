#!/usr/bin/env bats
# Every source of the passphrase, their order, and that none of them is an argument.
load helper

@test "from the file that an option names, and from standard input" {
	crm_vault
	run -0 hf ls crm --passphrase-file "$T/pass"
	run -0 hf ls crm --passphrase-file - <"$T/pass"
}

@test "from the environment, a file it names, and a credential folder" {
	crm_vault
	HOLDFAST_PASSPHRASE=$(cat "$T/pass") run -0 hf ls crm
	HOLDFAST_PASSPHRASE_FILE=$T/pass run -0 hf ls crm
	mkdir "$T/credentials"
	cp "$T/pass" "$T/credentials/holdfast-passphrase"
	CREDENTIALS_DIRECTORY=$T/credentials run -0 hf ls crm
}

@test "from passphrase-command, run without a shell" {
	crm_vault
	sed -i "/^keys/a passphrase-command = cat '$T/pass'" "$CONF"
	run -0 hf ls crm
	sed -i "s/^passphrase-command.*/passphrase-command = false/" "$CONF"
	run -12 --separate-stderr hf ls crm
	[ "$stderr" = "holdfast: passphrase-command: exited 1" ]
	sed -i "s|^passphrase-command.*|passphrase-command = echo a;touch $T/shell|" "$CONF"
	run -12 hf ls crm
	[ ! -e "$T/shell" ]
}

@test "the explicit option beats the environment" {
	crm_vault
	HOLDFAST_PASSPHRASE=wrong run -0 hf ls crm --passphrase-file "$T/pass"
}

@test "asked for on a terminal, without echo, three times" {
	crm_vault
	run -0 python3 "$BATS_TEST_DIRNAME/on_tty.py" 'passphrase of vault' wrong \
		'passphrase of vault' "$(cat "$T/pass")" -- "$HOLDFAST" -c "$CONF" ls crm
	[[ $output == *"wrong passphrase"* ]]
	[[ $output == *crm.db* ]]
	[[ $output != *"$(cat "$T/pass")"* ]]
	run -12 python3 "$BATS_TEST_DIRNAME/on_tty.py" 'passphrase of vault' a 'passphrase of vault' b \
		'passphrase of vault' c -- "$HOLDFAST" -c "$CONF" ls crm
}

@test "Ctrl-C at the prompt ends with 130" {
	crm_vault
	run -130 python3 "$BATS_TEST_DIRNAME/on_tty.py" 'passphrase of vault' '^C' -- \
		"$HOLDFAST" -c "$CONF" ls crm
}

@test "an explicit option beats the prompt" {
	crm_vault
	run -12 python3 "$BATS_TEST_DIRNAME/on_tty.py" -- "$HOLDFAST" -c "$CONF" ls crm \
		--passphrase-file /dev/null
	[[ $output != *"of vault"* || $output == *"empty"* ]]
}

@test "only one newline at the end is cut" {
	printf 'ends with blank \n' >"$T/pass"
	crm_vault
	printf 'ends with blank ' >"$T/same"
	printf 'ends with blank' >"$T/other"
	run -0 hf ls crm --passphrase-file "$T/same"
	run -12 hf ls crm --passphrase-file "$T/other"
}

@test "a passphrase file that is missing, empty or too long is told apart" {
	crm_vault
	run -1 --separate-stderr hf ls crm --passphrase-file "$T/none"
	[ "$stderr" = "holdfast: passphrase file $T/none: No such file or directory" ]
	: >"$T/empty"
	run -12 --separate-stderr hf ls crm --passphrase-file "$T/empty"
	[ "$stderr" = "holdfast: $T/empty: the passphrase is empty" ]
	head -c 2000 /dev/zero | tr '\0' x >"$T/long"
	run -1 --separate-stderr hf ls crm --passphrase-file "$T/long"
	[ "$stderr" = "holdfast: $T/long: the passphrase is longer than 1024 bytes" ]
}

@test "commands that are run do not see the passphrase" {
	new_vault
	printf '[store dump]\ntype = command\ncommand = env\n' >>"$CONF"
	HOLDFAST_PASSPHRASE=$(cat "$T/pass") run -0 hf backup -q
	run -0 --separate-stderr with_pass dump dump
	[[ $output == *PATH=* ]]
	[[ $output != *HOLDFAST_PASSPHRASE* ]]
}
