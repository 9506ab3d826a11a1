# bash completion for holdfast(1)
# shellcheck shell=bash

_holdfast_config()
{
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config)
			printf '%s\n' "${COMP_WORDS[i + 1]}"
			return
			;;
		esac
	done
	printf '%s\n' "${HOLDFAST_CONFIG:-/etc/holdfast/holdfast.conf}"
}

_holdfast_sections()
{
	local config
	config=$(_holdfast_config)
	sed -n "s/^[[:blank:]]*\\[$1 \\(.*\\)\\][[:blank:]]*$/\\1/p" "$config" \
		"${config%/*}"/conf.d/*.conf 2>/dev/null
}

_holdfast_options()
{
	local common='--config --vault --passphrase-file --json --quiet --verbose --help'
	case $1 in
	init) echo "$common --slot-cost" ;;
	add) echo "$common --type --dry-run" ;;
	backup) echo "$common --full --reread --accept-missing --dry-run" ;;
	restore) echo "$common --to --path --overwrite --mask --mask-template --as-of --dry-run" ;;
	dump) echo "$common --table --archive --temp --as-of" ;;
	check) echo "$common --read-data --read-data-subset --as-of" ;;
	copy) echo "$common --to --as-of --dry-run" ;;
	log) echo "$common --since --run" ;;
	ledger) echo "$common --since --key --against --cosigner --snapshot --signer --name --as-of" ;;
	run) echo "$common --dry-run" ;;
	schedule) echo "$common --cron --user --delay --root --force --dry-run" ;;
	status) echo "$common --prometheus" ;;
	rescue) echo "$common --to --as-of" ;;
	key) echo "$common --role --name --yes --all --dry-run" ;;
	drill) echo "$common --due --to --keys --ticket --text --by --close --signature" ;;
	report) echo "$common --from --to --html --csv --lang" ;;
	evidence) echo "$common --from --to --out" ;;
	snapshots | ls | diff | stats) echo "$common --as-of" ;;
	*) echo "$common" ;;
	esac
}

_holdfast()
{
	local commands='init add backup run schedule snapshots ls restore dump diff check copy stats log rescue status drill report evidence ledger vault key version help'
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' word
	COMPREPLY=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ " $commands " == *" $word "* ]] && {
			command=$word
			break
		}
	done
	if [[ $command == copy && $prev == --to ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_sections vault)" -- "$cur")
		return
	fi
	case $prev in
	-c | --config | --passphrase-file | --prometheus | --mask | --against | --cosigner | --signer | --signature)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--to | --temp | --root)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--type)
		mapfile -t COMPREPLY < <(compgen -W 'sqlite files command mariadb-dump postgres-dump' -- "$cur")
		return
		;;
	--archive)
		mapfile -t COMPREPLY < <(compgen -W 'tar zip' -- "$cur")
		return
		;;
	--since | --as-of)
		mapfile -t COMPREPLY < <(compgen -W 'today yesterday 7d' -- "$cur")
		return
		;;
	--role)
		mapfile -t COMPREPLY < <(compgen -W 'writer drill restorer auditor admin' -- "$cur")
		return
		;;
	--vault)
		mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_sections vault)" -- "$cur")
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_options "$command")" -- "$cur")
	elif [[ -z $command || $command == help ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
	elif [[ $command == schedule ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'show install remove' -- "$cur")
	elif [[ $command == run ]]; then
		:
	elif [[ $command == vault ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'test' -- "$cur")
	elif [[ $command == ledger && $prev == ledger ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'show verify proof export timestamp cosign' -- "$cur")
	elif [[ $command == ledger ]]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
	elif [[ $command == drill && $prev == drill ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'run plan list show verify keys finding approve' -- "$cur")
	elif [[ $command == drill && ($prev == run || $prev == plan) ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_sections drill) $(_holdfast_sections store)" -- "$cur")
	elif [[ $command == drill ]]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
	elif [[ $command == key && $prev == key ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'enroll accept grant list show recover' -- "$cur")
	elif [[ $command == add ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_holdfast_sections store)" -- "$cur")
	fi
}
complete -o filenames -F _holdfast holdfast
