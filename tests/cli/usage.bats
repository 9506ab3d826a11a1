#!/usr/bin/env bats
# The command line itself: options, help, versions, exit status 2.
load helper

@test "no command: the list of commands, and exit 2" {
	run -2 "$HOLDFAST"
	[[ $output == *"backup     take snapshots"* ]]
}

@test "every command has help that names its options" {
	for command in init add backup run schedule snapshots ls restore dump diff check copy stats log rescue status vault version \
		help; do
		run -0 --separate-stderr "$HOLDFAST" "$command" --help
		[[ $output == "Usage: holdfast $command"* ]]
		[[ $output == *"--json"* ]]
		[ -z "$stderr" ]
	done
}

@test "an unknown option is refused with the nearest" {
	run -2 --separate-stderr "$HOLDFAST" backup --ful
	expect_message "backup: unknown option '--ful'" "did you mean '--full'?"
	run -2 --separate-stderr "$HOLDFAST" restore crm --too /x
	expect_message "restore: unknown option '--too'" "did you mean '--to'?"
	run -2 --separate-stderr "$HOLDFAST" backup -x
	expect_message "backup: unknown option '-x'" "'holdfast backup --help' lists the options"
}

@test "the beginning of an option is not the option" {
	run -2 --separate-stderr "$HOLDFAST" restore --pass=x
	expect_message "restore: unknown option '--pass'" "did you mean '--passphrase-file'?"
}

@test "arguments that are missing or too many are refused" {
	run -2 --separate-stderr "$HOLDFAST" restore --to
	[[ $stderr == "holdfast: restore: an argument is missing behind '--to'"* ]]
	run -2 --separate-stderr "$HOLDFAST" backup --full=yes
	[[ $stderr == "holdfast: backup: no argument is allowed in '--full=yes'"* ]]
	run -2 --separate-stderr "$HOLDFAST" ls
	expect_message "ls: an operand is missing" "usage: holdfast ls STORE[@SNAPSHOT]"
	run -2 --separate-stderr "$HOLDFAST" ls a b
	expect_message "ls: too many operands: 'b'" "usage: holdfast ls STORE[@SNAPSHOT]"
}

@test "a command's verbs are told, and take only their own options" {
	for command in ledger drill key; do
		run -2 --separate-stderr "$HOLDFAST" "$command" shwo
		[[ $stderr == "holdfast: $command: 'shwo' is not known"* ]]
		[[ $stderr == *"hint: "*" or "* && $stderr != *'\n'* ]]
	done
	run -2 --separate-stderr "$HOLDFAST" ledger show --against x
	expect_message "ledger show: --against means nothing here" "usage: holdfast ledger show [--since T] [--key KEY]"
}

@test "an unknown command is refused with the nearest" {
	run -2 --separate-stderr "$HOLDFAST" bakcup
	expect_message "unknown command 'bakcup'" "did you mean 'backup'?"
}

@test "a dry run exists only where something changes" {
	run -2 --separate-stderr "$HOLDFAST" ls -n crm
	expect_message "ls: unknown option '-n'" "'holdfast ls --help' lists the options"
}

@test "the version names program, format and libraries" {
	run -0 "$HOLDFAST" --version
	[[ $output == "holdfast "*", vault format 1"*libsodium* ]]
	"$HOLDFAST" version --json | all_json
}

@test "without configuration the next step is named" {
	export HOLDFAST_CONFIG=$T/none.conf
	run -2 --separate-stderr "$HOLDFAST" backup
	[ "$stderr" = "holdfast: $T/none.conf: No such file or directory" ]
	rm "$CONF" && touch "$CONF"
	run -2 --separate-stderr hf backup
	expect_message "$CONF: there is no [vault] section" \
		"begin with 'holdfast init --vault URL', or name one with --vault URL"
}

@test "options may stand before the command and behind operands" {
	run -10 --separate-stderr "$HOLDFAST" --config "$CONF" backup crm --full
	run -10 --separate-stderr "$HOLDFAST" backup crm -c "$CONF"
}

@test "a full standard output is an error" {
	run -1 --separate-stderr bash -c "'$HOLDFAST' version >/dev/full"
	[ "$stderr" = "holdfast: standard output: No space left on device" ]
}

@test "closed standard descriptors do no harm" {
	new_vault
	run -2 bash -c "'$HOLDFAST' -c '$CONF' backup <&- >&- 2>&-"
	hf snapshots -q
}
