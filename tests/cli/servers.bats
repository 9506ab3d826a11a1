#!/usr/bin/env bats
# Who is at the other end: host keys of SSH servers and certificates, and what is said of those that
# do not fit. Against a real sshd, and openssl's TLS server.
load helper
SERVICES=$BATS_TEST_DIRNAME/../services

setup_file() {
	local services=$BATS_TEST_DIRNAME/../services
	"$services/tls-ca.sh" start "$BATS_FILE_TMPDIR/ca" 2>/dev/null
	PATH=$PATH:/usr/sbin command -v sshd >/dev/null || return 0
	export SSHD=$BATS_FILE_TMPDIR/sshd
	"$services/sftp.sh" start "$SSHD" 2>"$BATS_FILE_TMPDIR/start.log" || {
		cat "$BATS_FILE_TMPDIR/start.log" >&2
		return 1
	}
}

teardown_file() {
	[ -z "${SSHD:-}" ] || "$BATS_TEST_DIRNAME/../services/sftp.sh" stop "$SSHD"
}

teardown() { [ -z "${tls_server:-}" ] || kill "$tls_server"; }

# sftp_vault [LINE...]: the configuration's vault is on the SSH server, which sees to these lines, too
sftp_vault() {
	[ -n "${SSHD:-}" ] || skip "no sshd is installed"
	SFTP=$(id -un)@127.0.0.1:$(<"$SSHD/port")
	cat >"$CONF" <<-END
		[vault]
		url = sftp://$SFTP/~/$BATS_TEST_NUMBER
		state = $T/state
		keys = $T/keys
		identity = $SSHD/client_ed25519
	END
	printf '%s\n' "$@" >>"$CONF"
}

# tls_vault CERTIFICATE: the configuration's vault is where a server shows this certificate of tls-ca.sh
tls_vault() {
	local ca=$BATS_FILE_TMPDIR/ca port i
	port=$(bash -c '. "$0/_lib.sh"; free_port' "$SERVICES")
	openssl s_server -quiet -accept "127.0.0.1:$port" -cert "$ca/$1.pem" -key "$ca/$1.key" \
		</dev/null >/dev/null 2>&1 3>&- &
	tls_server=$!
	for ((i = 0; i < 500; i++)); do
		! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
		sleep 0.02
	done
	WHERE=webdavs://127.0.0.1:$port/v
	cat >"$CONF" <<-END
		[vault]
		url = $WHERE
		state = $T/state
		keys = $T/keys
		ca-file = $ca/ca.pem
	END
}

# expect_refused_certificate WORDS: one sentence and what to do about it, and exit status 1
expect_refused_certificate() {
	run -1 --separate-stderr hf snapshots
	expect_message "$WHERE: vault.json: 127.0.0.1: $1" \
		"this may not be the server it claims to be; for an authority of your own set ca-file"
}

@test "a certificate of another host is refused" {
	tls_vault wronghost
	expect_refused_certificate \
		"SSL: no alternative certificate subject name matches target host name '127.0.0.1'"
}

@test "a certificate that expired is refused" {
	tls_vault expired
	expect_refused_certificate "SSL certificate problem: certificate has expired"
}

@test "a certificate that is not valid yet is refused" {
	tls_vault future
	expect_refused_certificate "SSL certificate problem: certificate is not yet valid"
}

@test "a certificate of an unknown authority is refused" {
	tls_vault otherca
	expect_refused_certificate "SSL certificate problem: unable to get local issuer certificate"
}

@test "a certificate that signed itself is refused" {
	tls_vault selfsigned
	expect_refused_certificate "SSL certificate problem: self-signed certificate"
}

@test "a pinned key that is another one is refused" {
	tls_vault good
	echo "pinned-key = sha256//$(printf 'A%.0s' {1..43})=" >>"$CONF"
	run -1 --separate-stderr hf snapshots
	[[ $stderr == "holdfast: $WHERE: vault.json: 127.0.0.1: SSL: public key does not match pinned public key"* ]]
}

@test "the host key of a new server is remembered with accept-new, and held to from then on" {
	sftp_vault "host-keys = accept-new"
	crm_vault
	[ "$(stat -c %a "$HOME/.ssh/known_hosts")" = 600 ]
	[ "$(wc -l <"$HOME/.ssh/known_hosts")" = 1 ]
	ssh-keygen -F "[127.0.0.1]:$(<"$SSHD/port")" -f "$HOME/.ssh/known_hosts" >/dev/null
	sed -i 's/^host-keys.*/host-keys = strict/' "$CONF"
	hf backup -q
	cp "$SSHD/known_hosts.bad" "$HOME/.ssh/known_hosts"
	sed -i 's/^host-keys.*/host-keys = accept-new/' "$CONF"
	run -1 hf backup
	cmp "$SSHD/known_hosts.bad" "$HOME/.ssh/known_hosts"
}

@test "a host key that changed is refused" {
	sftp_vault "known-hosts = $T/known"
	cp "$SSHD/known_hosts.bad" "$T/known"
	run -1 --separate-stderr hf snapshots
	expect_message "sftp://$SFTP/~/$BATS_TEST_NUMBER: vault.json: the host key of 127.0.0.1 changed: it is not the one in $T/known" \
		"somebody may be in between; if its administrator confirms a new key, remove the old one with 'ssh-keygen -R'"
}

@test "a host that is not known is refused" {
	sftp_vault "known-hosts = $T/known"
	: >"$T/known"
	run -1 --separate-stderr hf snapshots
	expect_message "sftp://$SFTP/~/$BATS_TEST_NUMBER: vault.json: the host key of 127.0.0.1 is not in $T/known" \
		"log in once with 'ssh' and compare its fingerprint with the server's, or set host-keys = accept-new"
}
