#include "sftp_login.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "location.h"
#include "login.h"

enum { PATH_MAX_HERE = 1024, KEY_MAX = 4096, LINE_MAX_HERE = 6400 };

enum host_verdict { HOST_FINE, HOST_UNKNOWN, HOST_CHANGED, HOST_UNWRITTEN };

struct sftp_login {
	struct location location;
	char key[PATH_MAX_HERE];           /* "": none */
	char known_hosts[PATH_MAX_HERE];
	char password[LOGIN_PASSWORD_MAX];
	long types;
	bool accept_new;
	atomic_int verdict;
	char accepted[LINE_MAX_HERE];      /* only the thread that drives curl looks at it */
};

/* ---- files ---- */

static int in_home(const char *name, char out[PATH_MAX_HERE], struct err *err)
{
	const char *home = getenv("HOME");
	int n = snprintf(out, PATH_MAX_HERE, "%s/.ssh/%s", home ? home : "", name);
	if (home && *home && n > 0 && n < PATH_MAX_HERE)
		return 0;
	return err_set(err, ERR_INVALID, "there is no HOME to look for .ssh/%s in", name);
}

static int copy_path(char out[PATH_MAX_HERE], const char *path, struct err *err)
{
	if (snprintf(out, PATH_MAX_HERE, "%s", path) < PATH_MAX_HERE)
		return 0;
	return err_set(err, ERR_INVALID, "path is too long: %.100s...", path);
}

static int find_identity(struct sftp_login *l, const char *identity, struct err *err)
{
	if (copy_path(l->key, identity, err) != 0 ||
	    login_check_private(l->key, "identity", err) != 0)
		return err->code;
	l->types = CURLSSH_AUTH_PUBLICKEY;
	return 0;
}

/* Not RSA: libssh2 1.10 can sign with it only in a way that servers refuse. */
static void find_keys(struct sftp_login *l)
{
	static const char *const names[] = { "id_ed25519", "id_ecdsa" };
	struct err ignored;
	const char *agent = getenv("SSH_AUTH_SOCK");
	if (agent && *agent)
		l->types |= CURLSSH_AUTH_AGENT;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (in_home(names[i], l->key, &ignored) == 0 &&
		    login_check_private(l->key, "key", &ignored) == 0) {
			l->types |= CURLSSH_AUTH_PUBLICKEY;
			return;
		}
	l->key[0] = '\0';
}

static int find_logins(struct sftp_login *l, const struct backend_options *o, struct err *err)
{
	if (o->identity && find_identity(l, o->identity, err) != 0)
		return err->code;
	if (!o->identity)
		find_keys(l);
	if (o->password_file) {
		if (login_read_password(o->password_file, l->password, err) != 0)
			return err->code;
		l->types |= CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD;
	}
	if (l->types)
		return 0;
	err_set(err, ERR_INVALID, "there is no key to log in at %s with", l->location.host);
	return err_hint(err, "name a private key without passphrase with identity, or start an ssh-agent");
}

static int no_known_hosts(struct sftp_login *l, struct err *err)
{
	char port[16] = "";
	if (l->location.port)
		snprintf(port, sizeof port, "-p %u ", l->location.port);
	err_set(err, ERR_DENIED, "%s is not there, so no host is known", l->known_hosts);
	return err_hint(err, "compare what 'ssh-keyscan %s%.100s' prints with the server's own keys and "
	                     "add it to that file", port, l->location.host);
}

static int find_known_hosts(struct sftp_login *l, const struct backend_options *o, struct err *err)
{
	int rc = o->known_hosts ? copy_path(l->known_hosts, o->known_hosts, err)
	                        : in_home("known_hosts", l->known_hosts, err);
	if (rc != 0)
		return rc;
	if (access(l->known_hosts, R_OK) == 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(err, "%s", l->known_hosts);
	if (!o->accept_new_host)
		return no_known_hosts(l, err);
	char folder[PATH_MAX_HERE];
	snprintf(folder, sizeof folder, "%s", l->known_hosts);
	char *slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		if (io_make_dirs(folder, 0700, err) != 0)
			return err->code;
	}
	IO_AUTO_FD fd = open(l->known_hosts, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, "%s", l->known_hosts) : 0;
}

struct sftp_login *sftp_login_new(const struct backend_options *options,
                                  const struct location *location, struct err *err)
{
	AUTO(sftp_login) l = calloc(1, sizeof *l);
	if (!l) {
		err_no_memory(err);
		return NULL;
	}
	l->location = *location;
	l->accept_new = options->accept_new_host;
	if (find_logins(l, options, err) != 0 || find_known_hosts(l, options, err) != 0)
		return NULL;
	return TAKE(l);
}

void sftp_login_free(struct sftp_login *l)
{
	if (!l)
		return;
	explicit_bzero(l->password, sizeof l->password);
	free(l);
}

/* ---- the host's key ---- */

int sftp_login_host_line(const struct location *location, const void *key, size_t len, char *out,
                         size_t out_size, struct err *err)
{
	uint32_t type_len = 0;
	char base64[KEY_MAX * 4 / 3 + 8], port[16] = "";
	if (len >= sizeof type_len && len <= KEY_MAX)
		memcpy(&type_len, key, sizeof type_len);
	type_len = ntohl(type_len);
	if (type_len == 0 || type_len > 64 || type_len > len - sizeof type_len)
		return err_set(err, ERR_INVALID, "the host's key is malformed");
	const char *type = (const char *)key + sizeof type_len;
	for (uint32_t i = 0; i < type_len; i++)
		if (type[i] <= ' ' || type[i] > '~')
			return err_set(err, ERR_INVALID, "the host's key is malformed");
	sodium_bin2base64(base64, sizeof base64, key, len, sodium_base64_VARIANT_ORIGINAL);

	/* IPv6 has brackets already, and without a port none */
	const char *host = location->host;
	int host_len = (int)strlen(host);
	bool brackets = host[0] == '[';
	bool other_port = location->port && location->port != 22;
	if (other_port)
		snprintf(port, sizeof port, "]:%u", location->port);
	int n = snprintf(out, out_size, "%s%.*s%s %.*s %s\n", other_port ? "[" : "",
	                 brackets ? host_len - 2 : host_len, host + brackets, port, (int)type_len, type,
	                 base64);
	return n > 0 && (size_t)n < out_size ? 0 : err_set(err, ERR_LIMIT, "the host's key is too long");
}

/* In one write, so that another process appending at the same time does no harm. */
static int append_line(const char *path, const char *line, struct err *err)
{
	IO_AUTO_FD fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "%s", path);
	return io_write(fd, line, strlen(line), err);
}

/* Only the first key that the host shows is new; connections made at the same time must show it too. */
static enum host_verdict accept_host(struct sftp_login *l, const struct curl_khkey *found)
{
	struct err err;
	char line[LINE_MAX_HERE];
	if (sftp_login_host_line(&l->location, found->key, found->len, line, sizeof line, &err) != 0)
		return HOST_UNKNOWN;
	if (l->accepted[0])
		return strcmp(line, l->accepted) == 0 ? HOST_FINE : HOST_CHANGED;
	if (append_line(l->known_hosts, line, &err) != 0)
		return HOST_UNWRITTEN;
	memcpy(l->accepted, line, sizeof line);
	return HOST_FINE;
}

static int judge_host(CURL *easy, const struct curl_khkey *known, const struct curl_khkey *found,
                      enum curl_khmatch match, void *arg)
{
	(void)easy;
	(void)known;
	struct sftp_login *l = arg;
	enum host_verdict verdict = HOST_CHANGED;
	if (match == CURLKHMATCH_OK)
		verdict = HOST_FINE;
	else if (match == CURLKHMATCH_MISSING)
		verdict = l->accept_new ? accept_host(l, found) : HOST_UNKNOWN;
	if (verdict != HOST_FINE)
		atomic_store(&l->verdict, (int)verdict);
	return verdict == HOST_FINE ? CURLKHSTAT_FINE : CURLKHSTAT_REJECT;
}

static int host_changed(struct sftp_login *l, struct err *err)
{
	err_set(err, ERR_DENIED, "the host key of %s changed: it is not the one in %s", l->location.host,
	        l->known_hosts);
	return err_hint(err, "somebody may be in between; if its administrator confirms a new key, remove "
	                     "the old one with 'ssh-keygen -R'");
}

static int host_unknown(struct sftp_login *l, struct err *err)
{
	err_set(err, ERR_DENIED, "the host key of %s is not in %s", l->location.host, l->known_hosts);
	return err_hint(err, "log in once with 'ssh' and compare its fingerprint with the server's, or set "
	                     "host-keys = accept-new");
}

int sftp_login_explain(struct sftp_login *l, struct err *err)
{
	if (err->code != ERR_DENIED)
		return err->code;
	switch ((enum host_verdict)atomic_load(&l->verdict)) {
	case HOST_CHANGED: return host_changed(l, err);
	case HOST_UNKNOWN: return host_unknown(l, err);
	case HOST_UNWRITTEN:
		return err_set(err, ERR_DENIED, "the host key of %s cannot be added to %s",
		               l->location.host, l->known_hosts);
	case HOST_FINE: break;
	}
	return err->code;
}

#define SET(option, value) (ok = ok && curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

int sftp_login_set(struct sftp_login *l, CURL *easy, struct err *err)
{
	bool ok = true;
	SET(CURLOPT_USERNAME, l->location.user);
	SET(CURLOPT_SSH_AUTH_TYPES, l->types);
	if (l->key[0])
		SET(CURLOPT_SSH_PRIVATE_KEYFILE, l->key);
	if (l->password[0])
		SET(CURLOPT_PASSWORD, l->password);
	SET(CURLOPT_SSH_KNOWNHOSTS, l->known_hosts);
	SET(CURLOPT_SSH_KEYFUNCTION, judge_host);
	SET(CURLOPT_SSH_KEYDATA, l);
	return ok ? 0 : err_set(err, ERR_NOMEM, "libcurl refuses an option, or is out of memory");
}
