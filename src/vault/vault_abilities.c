/* What this machine can do with the keys at hand, and what is said where it cannot. */
#include <stdio.h>

#include "holdfast/err.h"
#include "vault/vault.h"
#include "vault/vault_struct.h"

bool vault_can_write(const struct vault *v)
{
	return v->self && v->self->roles & ROLE_WRITER;
}

bool vault_reads_store(const struct vault *v, const uint8_t writer[16], const uint8_t store[16])
{
	return vault_can_read(v) || (v->self && charter_granted(v->charter, v->self->id, writer, store));
}

void vault_abilities(const struct vault *v, struct vault_abilities *out)
{
	*out = (struct vault_abilities){ .read = READS_NOTHING };
	if (v->self) {
		out->machine = v->self->name;
		out->roles = v->self->roles;
	} else if (v->key && v->key->requested) {
		out->machine = v->key->name;
		out->waiting = true;
	}
	out->write = vault_can_write(v);
	out->enrol = out->roles & ROLE_ADMIN;
	if (vault_can_read(v))
		out->read = READS_EVERYTHING;
	else if (v->self && charter_granted_any(v->charter, v->self->id))
		out->read = READS_GRANTED;
}

char *vault_abilities_text(const struct vault *v, char out[VAULT_ABILITIES_MAX])
{
	static const char *const reads[] = {
		[READS_NOTHING] = "nothing without the recovery code",
		[READS_GRANTED] = "the stores granted to it",
		[READS_EVERYTHING] = "everything: the recovery code was given",
	};
	struct vault_abilities a;
	char roles[ROLES_TEXT_MAX];
	vault_abilities(v, &a);
	if (!a.machine)
		snprintf(out, VAULT_ABILITIES_MAX, "this machine has no key of the vault: it can write "
		         "nothing; can read %s", reads[a.read]);
	else
		snprintf(out, VAULT_ABILITIES_MAX, "this machine is %s (%s): it can write %s; can read %s",
		         a.machine, a.waiting ? "not accepted yet" : roles_text(roles, a.roles),
		         a.write ? "its own stores" : "nothing", reads[a.read]);
	return out;
}

static int not_accepted(const struct vault *v, struct err *err)
{
	if (!v->key->requested) {
		err_set(err, ERR_KEY, "vault %s: this machine's key is not in the charter", v->short_id);
		return err_hint(err, "'holdfast key recover' enrols it, with the recovery code");
	}
	err_set(err, ERR_KEY, "vault %s: this machine's key %s is not accepted yet", v->short_id,
	        v->key->name);
	return err_hint(err, "where an admin's key is: 'holdfast key accept REQUEST'; 'holdfast key show' "
	                "here prints the request");
}

int vault_need_writer(const struct vault *v, struct err *err)
{
	char roles[ROLES_TEXT_MAX];
	if (vault_can_write(v))
		return 0;
	if (v->key && !v->self)
		return not_accepted(v, err);
	if (v->self) {
		err_set(err, ERR_KEY, "vault %s: this machine (%s) is no writer of it but: %s", v->short_id,
		        v->self->name, roles_text(roles, v->self->roles));
		return err_hint(err, "back up from a machine whose key has the role writer");
	}
	err_set(err, ERR_KEY, "vault %s: this machine has no writer key for it", v->short_id);
	return err_hint(err, "'holdfast key enroll --role writer' asks for one; if the machine that wrote is "
	                "lost: 'holdfast key recover'");
}

static int not_granted(const struct vault *v, bool some, struct err *err)
{
	err_set(err, ERR_KEY, "vault %s: %s granted to this machine (%s)", v->short_id,
	        some ? "this store is not" : "no store is", v->self->name);
	return err_hint(err, "with the recovery code: 'holdfast key grant %.64s STORE'", v->self->name);
}

int vault_need_reader(const struct vault *v, struct err *err)
{
	if (vault_can_read(v))
		return 0;
	if (v->key && !v->self)
		return not_accepted(v, err);
	if (v->self && v->self->roles & ROLES_READERS)
		return not_granted(v, charter_granted_any(v->charter, v->self->id), err);
	err_set(err, ERR_KEY, "vault %s: %s", v->short_id,
	        v->key ? "this machine holds only the writer key, which cannot read backups"
	               : "the recovery secret is needed to read backups");
	return err_hint(err, "give the recovery code: at the prompt, with --passphrase-file, or "
	                "passphrase-command in the configuration");
}

int vault_need_store(const struct vault *v, const uint8_t writer[16], const uint8_t store[16],
                     struct err *err)
{
	return vault_reads_store(v, writer, store) ? 0 : vault_need_reader(v, err);
}
