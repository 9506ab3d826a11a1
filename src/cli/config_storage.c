#include "cli/config_storage.h"

#include <limits.h>
#include <stddef.h>

#include "cli/config.h"
#include "cli/config_value.h"
#include "holdfast/backend.h"

static unsigned seconds(const struct config *c, const struct config_section *s, const char *key)
{
	uint64_t n = config_get_number(c, s, key);
	return n < UINT_MAX ? (unsigned)n : UINT_MAX;
}

static void connection(const struct config *c, const struct config_section *s,
                       struct backend_options *out)
{
	out->ca_file = config_get(c, s, "ca-file");
	out->client_cert = config_get(c, s, "client-cert");
	out->client_key = config_get(c, s, "client-key");
	out->pinned_key = config_get(c, s, "pinned-key");
	out->proxy = config_get(c, s, "proxy");
	out->limit_up = config_get(c, s, "limit-up");
	out->limit_down = config_get(c, s, "limit-down");
	out->connections = (unsigned)config_get_number(c, s, "connections");
	out->connect_timeout_s = seconds(c, s, "connect-timeout");
	out->stall_timeout_s = seconds(c, s, "stall-timeout");
	out->timeout_s = seconds(c, s, "timeout");
}

static void identity(const struct config *c, const struct config_section *s,
                     struct backend_options *out)
{
	out->password_file = config_get(c, s, "password-file");
	out->credentials = config_get(c, s, "credentials");
	out->profile = config_get(c, s, "profile");
	out->identity = config_get(c, s, "identity");
	out->known_hosts = config_get(c, s, "known-hosts");
	out->accept_new_host = config_get_number(c, s, "host-keys") != 0;
}

static void bucket(const struct config *c, const struct config_section *s,
                   struct backend_options *out)
{
	const char *lock = config_get(c, s, "lock");
	out->endpoint = config_get(c, s, "endpoint");
	out->region = config_get(c, s, "region");
	out->storage_class = config_get(c, s, "storage-class");
	out->virtual_host = config_get_number(c, s, "style") != 0;
	out->lock_compliance = lock && config_value_is_compliance(lock);
	out->lock_s = config_get_number(c, s, "lock");
}

void config_backend_options(const struct config *c, const struct config_section *s,
                            struct backend_options *out)
{
	*out = (struct backend_options){ .location = NULL };
	if (!s)
		return;
	connection(c, s, out);
	identity(c, s, out);
	bucket(c, s, out);
}
