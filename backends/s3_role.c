/*
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html
 */
#include "s3_role.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"
#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "net.h"
#include "s3_keys.h"
#include "s3_xml.h"

#define MACHINE "http://169.254.169.254"
#define CONTAINER "http://169.254.170.2"
#define TOKEN_HEADER "X-aws-ec2-metadata-token"

enum {
	URL_BYTES = 1024,
	HEADER_BYTES = 4096,
	ANSWER_MAX = 64 << 10,
	CONNECT_TIMEOUT_S = 2,   /* where there is no such service, nothing answers */
	TIMEOUT_S = 10,
};

static const char *environment(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

bool s3_role_in_container(void)
{
	return environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") ||
	       environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
}

bool s3_role_in_machine(bool amazon)
{
	const char *disabled = environment("AWS_EC2_METADATA_DISABLED");
	if (disabled && strcmp(disabled, "true") == 0)
		return false;
	return amazon || environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
}

/* ---- JSON ---- */

static bool take(char *out, size_t cap, const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));
	if (!text || !*text || strlen(text) >= cap)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

int s3_role_parse(struct s3_keys *keys, const char *json, size_t len, struct err *err)
{
	struct s3_keys k = { 0 };
	char expires[64] = "";
	JSON_AUTO j = json_decode(json, len, "keys of a role", err);
	if (!j)
		return err->code = ERR_IO;
	bool ok = take(k.id, sizeof k.id, j, "AccessKeyId") &&
	          take(k.secret, sizeof k.secret, j, "SecretAccessKey") &&
	          take(k.token, sizeof k.token, j, "Token");
	if (take(expires, sizeof expires, j, "Expiration"))
		ok = ok && (k.expires_s = s3_time_parse(expires)) > 0;
	if (ok)
		*keys = k;
	explicit_bzero(&k, sizeof k);
	return ok ? 0 : err_set(err, ERR_IO, "keys of a role: the answer does not hold them");
}

/* ---- HTTP ---- */

/* The service is on this machine or its link: a proxy would carry the keys elsewhere. */
static int without_proxy(CURL *easy, struct net_call *call, void *arg, struct err *err)
{
	(void)call;
	(void)arg;
	if (curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK)
		return 0;
	return err_no_memory(err);
}

static struct net *connect_to(const struct backend_options *options, struct err *err)
{
	const struct backend_options own = { .stop = options->stop,
		                             .connect_timeout_s = CONNECT_TIMEOUT_S,
		                             .timeout_s = TIMEOUT_S };
	return net_new(&own, "http,https", "the service that hands out a role's keys", err);
}

static int ask(struct net *net, const char *method, const char *url, const char *header,
               struct buf *out, struct err *err)
{
	const char *const headers[] = { header, NULL };
	struct net_call call = { .url = url, .method = method, .headers = header ? headers : NULL,
		                 .prepare = without_proxy, .text = out };
	/* the token is asked for with an empty body */
	if (strcmp(method, "PUT") == 0)
		call.body = "";
	buf_clear(out);
	int rc = net_do(net, &call, err);
	if (rc == 0 && (call.status < 200 || call.status > 299)) {
		rc = err_set(err, ERR_DENIED, "the service that hands out a role's keys answers %ld",
		             call.status);
		err_hint(err, "is a role attached to this machine or container?");
	}
	net_call_end(&call);
	return rc;
}

/* ---- containers ---- */

static bool url_allowed(const char *url)
{
	static const char *const starts[] = { "https://", "http://127.0.0.1", "http://localhost",
		                              "http://[::1]", CONTAINER, "http://169.254.170.23",
		                              "http://[fd00:ec2::23]" };
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		size_t n = strlen(starts[i]);
		if (strncmp(url, starts[i], n) == 0 && (i == 0 || url[n] == '/' || url[n] == ':'))
			return true;
	}
	return false;
}

static int container_url(char url[URL_BYTES], struct err *err)
{
	const char *relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	int n = relative ? snprintf(url, URL_BYTES, CONTAINER "%s%s", *relative == '/' ? "" : "/", relative)
	                 : snprintf(url, URL_BYTES, "%s", full);
	if (n >= URL_BYTES || !url_allowed(url))
		return err_set(err, ERR_INVALID, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https:// nor "
		               "on this machine");
	return 0;
}

static int authorization(char header[HEADER_BYTES], struct err *err)
{
	const char *path = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	AUTO(buf) text = buf_new(HEADER_BYTES, err);
	if (!text || (path && io_read_file(path, text, err) != 0) ||
	    (path && !(token = buf_text(text, err))))
		return err->code;
	header[0] = '\0';
	if (!token)
		return 0;
	int len = (int)strcspn(token, "\r\n");
	if (snprintf(header, HEADER_BYTES, "Authorization: %.*s", len, token) >= HEADER_BYTES)
		return err_set(err, ERR_LIMIT, "AWS_CONTAINER_AUTHORIZATION_TOKEN is too long");
	return 0;
}

static int ask_container(struct s3_keys *keys, struct net *net, const char *header, struct err *err)
{
	char url[URL_BYTES];
	AUTO(buf) text = buf_new(ANSWER_MAX, err);
	if (!text || container_url(url, err) != 0 ||
	    ask(net, "GET", url, *header ? header : NULL, text, err) != 0)
		return err->code;
	return s3_role_parse(keys, (const char *)text->bytes, text->len, err);
}

int s3_role_of_container(struct s3_keys *keys, const struct backend_options *options,
                         struct err *err)
{
	char header[HEADER_BYTES];
	AUTO(net) net = connect_to(options, err);
	if (!net || authorization(header, err) != 0)
		return err->code;
	int rc = ask_container(keys, net, header, err);
	explicit_bzero(header, sizeof header);
	return rc;
}

/* ---- EC2 machines ---- */

static int machine_url(char url[URL_BYTES], const char *path, const char *role, struct err *err)
{
	const char *base = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	size_t len = strlen(base ? base : MACHINE);
	if (base && base[len - 1] == '/')
		len--;
	int n = snprintf(url, URL_BYTES, "%.*s%s%s", (int)len, base ? base : MACHINE, path, role);
	return n < URL_BYTES ? 0 : err_set(err, ERR_LIMIT, "the metadata service's URL is too long");
}

/* The first line of an answer, as text that ends. */
static const char *first_line(struct buf *text, struct err *err)
{
	char *line = buf_text(text, err) ? (char *)text->bytes : NULL;
	if (line)
		line[strcspn(line, "\r\n")] = '\0';
	return line;
}

static int machine_token(char header[HEADER_BYTES], struct net *net, struct buf *text,
                         struct err *err)
{
	char url[URL_BYTES];
	if (machine_url(url, "/latest/api/token", "", err) != 0 ||
	    ask(net, "PUT", url, TOKEN_HEADER "-ttl-seconds: 21600", text, err) != 0)
		return err->code;
	const char *token = first_line(text, err);
	if (!token)
		return err->code;
	if (snprintf(header, HEADER_BYTES, TOKEN_HEADER ": %s", token) >= HEADER_BYTES)
		return err_set(err, ERR_LIMIT, "the metadata service's token is too long");
	return 0;
}

static int ask_machine(struct s3_keys *keys, struct net *net, struct err *err)
{
	static const char path[] = "/latest/meta-data/iam/security-credentials/";
	char header[HEADER_BYTES], url[URL_BYTES], role[256];
	AUTO(buf) text = buf_new(ANSWER_MAX, err);
	if (!text || machine_token(header, net, text, err) != 0 ||
	    machine_url(url, path, "", err) != 0 || ask(net, "GET", url, header, text, err) != 0)
		return err->code;
	const char *line = first_line(text, err);
	if (!line)
		return err->code;
	snprintf(role, sizeof role, "%s", line);
	if (machine_url(url, path, role, err) != 0 || ask(net, "GET", url, header, text, err) != 0)
		return err->code;
	return s3_role_parse(keys, (const char *)text->bytes, text->len, err);
}

int s3_role_of_machine(struct s3_keys *keys, const struct backend_options *options, struct err *err)
{
	AUTO(net) net = connect_to(options, err);
	if (!net)
		return err->code;
	int rc = ask_machine(keys, net, err);
	if (rc == ERR_UNREACHABLE) {
		err_set(err, ERR_DENIED, "no credentials for s3:// were found, and no EC2 machine's role");
		err_hint(err, "set 'credentials' to a file with aws_access_key_id and "
		              "aws_secret_access_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
	}
	return rc;
}
