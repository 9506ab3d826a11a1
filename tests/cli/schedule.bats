#!/usr/bin/env bats
# holdfast schedule: what systemd and cron are given is right, locked in, and nobody else's file.
load helper

setup_file() { export SYSTEMD_LOG_LEVEL=warning; }

configured() {
	new_vault
	cat >>"$CONF" <<-END
		[store crm]
		type = sqlite
		path = /srv/crm/crm.db
		[store www]
		type = files
		path = /srv/www
		at = mon-fri 22:30
	END
}

SERVICE=etc/systemd/system/holdfast.service
TIMER=etc/systemd/system/holdfast.timer
MAIL=etc/systemd/system/holdfast-mail.service

@test "systemd takes the units, and knows when they run next" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	configured
	run -0 hf schedule install --root "$T/root" --delay 20m
	[[ $output == *"Next: systemctl "*"enable --now holdfast.timer" ]]
	run -0 systemd-analyze verify --man=no "$T/root/$SERVICE" "$T/root/$TIMER" "$T/root/$MAIL"
	[ -z "$output" ]
	grep -qx 'OnCalendar=\*-\*-\* 02:15:00' "$T/root/$TIMER"
	grep -qx 'OnCalendar=Mon,Tue,Wed,Thu,Fri \*-\*-\* 22:30:00' "$T/root/$TIMER"
	grep -qx 'Persistent=true' "$T/root/$TIMER"
	grep -qx 'RandomizedDelaySec=1200' "$T/root/$TIMER"
	grep -qx 'OnFailure=holdfast-mail.service' "$T/root/$SERVICE"
	sed -n 's/^OnCalendar=//p' "$T/root/$TIMER" | while read -r when; do
		systemd-analyze calendar "$when" >/dev/null
	done
}

@test "the night that begins summer time has a run all the same" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	configured
	hf schedule install -q --root "$T/root" >/dev/null
	# 02:15 does not exist on 29 March 2026 in Berlin
	sed -n 's/^OnCalendar=//p' "$T/root/$TIMER" | while read -r when; do
		TZ=Europe/Berlin systemd-analyze calendar --base-time='2026-03-29 00:00:00' "$when"
	done >"$T/next"
	grep -q 'Next elapse: Sun 2026-03-29 03:15:00 CEST' "$T/next"
}

@test "the service is locked in as far as its work allows" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	configured
	[ "$(id -u)" -eq 0 ] || skip "needs root: the units are the system's"
	hf schedule install -q --root "$T/root" >/dev/null
	run -0 systemd-analyze security --offline=true --threshold=30 --no-pager "$T/root/$SERVICE"
	for path in "$T/state" "$T/keys" "$V" /srv/crm; do
		grep -qxF "ReadWritePaths=-\"$path\"" "$T/root/$SERVICE"
	done
	run ! grep -q '/srv/www' "$T/root/$SERVICE"
	run ! grep -q 'AF_INET' "$T/root/$SERVICE"
	grep -qx 'PrivateNetwork=yes' "$T/root/$SERVICE"
	run ! grep -q 'CAP_SETUID' "$T/root/$SERVICE"
	# a timestamp authority is somewhere else
	cp "$CONF" "$T/plain.conf"
	sed -i "s|^keys = .*|&\ntsa = https://tsa.example/\ntsa-ca = /etc/holdfast/tsa.pem|" "$CONF"
	hf schedule install -q --root "$T/root" >/dev/null
	grep -qx 'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK' "$T/root/$SERVICE"
	run ! grep -qx 'PrivateNetwork=yes' "$T/root/$SERVICE"
	cp "$T/plain.conf" "$CONF"
	# a dump as another user needs that user's id; a vault elsewhere needs a network
	printf '[store pg]\ntype = postgres-dump\ndatabase = x\nuser = postgres\n' >>"$CONF"
	hf schedule install -q --root "$T/root" >/dev/null
	grep -q '^CapabilityBoundingSet=.* CAP_SETUID CAP_SETGID CAP_KILL$' "$T/root/$SERVICE"
	grep -qx 'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK' "$T/root/$SERVICE"
	run -0 systemd-analyze security --offline=true --threshold=40 --no-pager "$T/root/$SERVICE"
	# of a command nothing is known: sudo must go on to work
	printf '[store odd]\ntype = command\ncommand = sudo -u x dump\n' >>"$CONF"
	hf schedule install -q --root "$T/root" >/dev/null
	run ! grep -Eq 'NoNewPrivileges|CapabilityBoundingSet|MemoryDeny|SystemCallFilter|PrivateTmp' "$T/root/$SERVICE"
	grep -q '^ProtectSystem=full$' "$T/root/$SERVICE"
}

@test "a backup works with no more of root's rights than the unit leaves" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v setpriv >/dev/null || skip "no setpriv"
	new_vault
	mkdir "$T/theirs"
	database "$T/theirs/wal.db" 20
	sql "$T/theirs/wal.db" 'pragma journal_mode = wal'
	mkdir "$T/tree"
	echo private >"$T/tree/file"
	chmod 600 "$T/tree/file"
	chown -R 12345:12345 "$T/theirs" "$T/tree"
	chmod 711 "$T" "$T/theirs"
	hf add -q wal "$T/theirs/wal.db"
	hf add -q tree "$T/tree"
	hf schedule install -q --root "$T/root" >/dev/null
	read -ra caps < <(sed -n 's/^CapabilityBoundingSet=//p' "$T/root/$SERVICE" | tr '[:upper:]' '[:lower:]' |
		sed 's/cap_/+/g')
	keep=$(IFS=,; echo "${caps[*]}")
	run -0 setpriv --inh-caps=-all --bounding-set="-all,$keep" --no-new-privs "$HOLDFAST" -c "$CONF" run -q
	[ "$(stat -c %u "$T/theirs/wal.db")" = 12345 ]
	for side in "$T"/theirs/wal.db-*; do
		[ ! -e "$side" ] || [ "$(stat -c %u "$side")" = 12345 ]
	done
}

@test "odd paths arrive whole in units and crontabs" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	odd="$T/a b%h'\"\$x"
	mkdir "$odd"
	CONF="$odd/holdfast.conf"
	printf '[vault]\nurl = file://%s\nstate = %s/state\nkeys = %s/keys\n' "$V" "$T" "$T" >"$CONF"
	new_vault
	printf '[store crm]\ntype = files\npath = %s\n' "$T" >>"$CONF"
	hf schedule install -q --root "$T/root" >/dev/null
	run -0 systemd-analyze verify --man=no "$T/root/$SERVICE"
	[ -z "$output" ]
	# as systemd reads it: quotes, %% and $$ undone
	python3 - "$T/root/$SERVICE" "$CONF" <<-'END'
		import re, sys
		line = re.search(r"^ExecStart=(.*)$", open(sys.argv[1]).read(), re.M).group(1)
		words = [re.sub(r"\\\\(.)", r"\1", w[1:-1]) if w[0] == '"' else w
		         for w in re.findall(r'"(?:[^"\\]|\\.)*"|\S+', line)]
		plain = lambda m: m[1] if m[1] in "%$" else "<replaced>"
		assert re.sub(r"[%$](.)", plain, words[2]).replace('\\"', '"') == sys.argv[2], words
	END
	hf schedule install -q --cron --root "$T/root"
	# what cron hands to the shell: behind the sixth field up to a %, \% being %
	line=$(grep '^15 2 ' "$T/root/etc/cron.d/holdfast" |
		sed 's/^\([^ ]* \)\{6\}//; s/\\%/\x01/g; s/%.*//; s/\x01/%/g')
	run -0 sh -c "$line -n"
	[ "$output" = "backup  crm, for the first time" ]
}

@test "cron: the times, mail only on trouble, and what was missed after a start" {
	configured
	run -0 hf schedule install --cron --root "$T/root"
	file=$T/root/etc/cron.d/holdfast
	[ "$(stat -c %a "$file")" = 644 ]
	grep -qE "^15 2 \* \* \* root '[^']+' -c '$CONF' run -q$" "$file"
	grep -qE "^30 22 \* \* 1,2,3,4,5 root " "$file"
	grep -qE "^@reboot root sleep 120 && " "$file"
	run -2 hf schedule install --cron --delay 5m --root "$T/root"
	sed -i 's/^at = .*/every = 6h/' "$CONF"
	hf schedule install -q --cron --root "$T/root"
	grep -qE "^15 2,8,14,20 \* \* \* root " "$file"
	sed -i 's/^every = .*/every = 15m/' "$CONF"
	hf schedule install -q --cron --root "$T/root"
	[ "$(grep -cE '^(0|15|30|45) \* \* \* \* root ' "$file")" -eq 4 ]
}

@test "a file that is not ours is neither replaced nor removed" {
	configured
	mkdir -p "$T/root/etc/systemd/system" "$T/root/etc/cron.d"
	echo '[Timer]' >"$T/root/$TIMER"
	run -1 --separate-stderr hf schedule install --root "$T/root"
	expect_message "$T/root/$TIMER: was not written by 'holdfast schedule'; nothing was changed" \
		"look at it; --force goes on all the same"
	[ ! -e "$T/root/$SERVICE" ]
	[ "$(cat "$T/root/$TIMER")" = '[Timer]' ]
	run -1 hf schedule remove --root "$T/root"
	run -0 hf schedule install --force --root "$T/root"
	run -0 hf schedule show --root "$T/root"
	[[ $output == *"run by $T/root/$TIMER" ]]
	run -0 hf schedule remove -n --root "$T/root"
	[ -e "$T/root/$TIMER" ]
	run -0 hf schedule remove --root "$T/root"
	[ -z "$(find "$T/root" -type f)" ]
	run -0 hf schedule remove --root "$T/root"
	[ "$output" = "nothing was installed" ]
}

@test "a dry run prints the files and writes none; a user has units of their own" {
	configured
	run -0 hf schedule install -n --root "$T/root"
	[[ $output == *"==> $T/root/$SERVICE"*"[Service]"* ]]
	[ ! -e "$T/root" ]
	export XDG_CONFIG_HOME=$T/xdg
	run -0 hf schedule install -n --user
	[[ $output == *"==> $T/xdg/systemd/user/holdfast.timer"* ]]
	[ ! -e "$T/xdg" ]
	# the journal has the run's own lines, so that the unit's output adds nothing when all is well
	[[ $output == *" run"$'\n'* && $output != *" run -q"* ]]
	printf '[run]\nlog = journal\n' >>"$CONF"
	run -0 hf schedule install -n --user
	[[ $output == *" run -q"$'\n'* ]]
	[[ $output != *CapabilityBoundingSet* && $output != *ProtectSystem* ]]
	run -2 hf schedule install --user --cron
	run -2 hf schedule elsewhere
}

@test "the mail unit sends what the failed run said to whom the configuration names" {
	configured
	printf '[run]\nmail = ops@example.com\n' >>"$CONF"
	hf schedule install -q --root "$T/root" >/dev/null
	mkdir "$T/bin"
	printf '#!/bin/sh\ncat >%s/mail\n' "$T" >"$T/bin/sendmail"
	printf '#!/bin/sh\necho "journal $*"\n' >"$T/bin/journalctl"
	chmod +x "$T/bin/"*
	# as systemd reads it: C escapes, %% and $$ undone
	python3 - "$T/root/$MAIL" "$T" >"$T/command" <<-'END'
		import re, sys
		unit = open(sys.argv[1]).read()
		line = re.search(r"^ExecStart=/bin/sh -c '(.*)'$", unit, re.M).group(1)
		line = line.replace("\\\\", "\\").replace("%%", "%").replace("$$", "$")
		print(line.replace("/usr/sbin/sendmail", sys.argv[2] + "/bin/sendmail"))
	END
	grep -qx 'Environment="MAIL_TO=ops@example.com"' "$T/root/$MAIL"
	PATH="$T/bin:$PATH" MAIL_TO=ops@example.com MONITOR_EXIT_STATUS=3 MONITOR_INVOCATION_ID=4711 \
		sh -c "$(cat "$T/command")"
	grep -qx 'To: ops@example.com' "$T/mail"
	grep -qx "Subject: holdfast run on $(uname -n): exit 3" "$T/mail"
	grep -qx 'journal -o cat --no-pager _SYSTEMD_INVOCATION_ID=4711' "$T/mail"
}
