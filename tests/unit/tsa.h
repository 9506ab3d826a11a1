/* tsa - a timestamp authority of one's own: openssl ts with a CA made for the test. */
#ifndef TSA_H
#define TSA_H

#include "shell.h"

/* DIR/tsa-ca.pem, and what tsa_stamp needs. 0 if it could be made. */
static inline int tsa_make(const char *dir)
{
	static const char conf[] =
		"[tsa]\ndefault_tsa = t\n[t]\nserial = ./tsa.serial\ncrypto_device = builtin\n"
		"signer_cert = ./tsa.pem\nsigner_key = ./tsa.key\nsigner_digest = sha256\n"
		"default_policy = 1.2.3.4.1\ndigests = sha256\nordering = no\ntsa_name = no\n"
		"ess_cert_id_chain = no\n"
		"[ext]\nbasicConstraints = critical,CA:FALSE\nkeyUsage = critical,digitalSignature\n"
		"extendedKeyUsage = critical,timeStamping\n";
	if (!shell_put(dir, "tsa.cnf", conf, sizeof conf - 1))
		return -1;
	return shell(dir, "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
	                  "-subj '/CN=test ca' -keyout ca.key -out tsa-ca.pem && "
	                  "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
	                  "-subj '/CN=test tsa' -keyout tsa.key -out tsa.csr && "
	                  "openssl x509 -req -in tsa.csr -CA tsa-ca.pem -CAkey ca.key -CAcreateserial "
	                  "-days 20 -extfile tsa.cnf -extensions ext -out tsa.pem && echo 01 >tsa.serial");
}

/* DIR/QUERY -> DIR/ANSWER */
static inline int tsa_stamp(const char *dir, const char *query, const char *answer)
{
	return shell(dir, "openssl ts -reply -config tsa.cnf -queryfile %s -out %s", query, answer);
}

#endif
