/*
 * sftp_call - one connection's worth of the SFTP driver: names as the server knows them, a transfer or
 * commands, and what an answer means.
 *
 * Protocol and libcurl give a transfer and, before and after it, commands ("quotes") by path. A command
 * that begins with '*' may fail without ending the call.
 */
#ifndef SFTP_CALL_H
#define SFTP_CALL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "holdfast/backend.h"
#include "holdfast/err.h"
#include "location.h"
#include "net.h"

struct sftp_login;

#define SFTP_TEMPORARY ".tmp-"      /* an upload that is not renamed yet */
#define SFTP_REPLACED ".old-"       /* what a replacement put aside */

enum {
	SFTP_PATH_SIZE = LOCATION_PATH_MAX + BACKEND_NAME_MAX + 40,
	SFTP_LOST_TRIES = 4,            /* of a call whose connection is lost */
	SFTP_QUOTE_SIZE = 2 * (2 * SFTP_PATH_SIZE) + 40,
};

struct sftp {
	struct backend base;
	struct location location;
	struct sftp_login *login;
	struct net *net;
	atomic_bool seen;               /* the top folder was there */
	pthread_mutex_t replacing;
	pthread_mutex_t lock;           /* over the next two */
	bool zone_known;
	int64_t zone_s;                 /* what to add to the local times of listings */
};

/* ---- names: folder + mark + leaf ---- */

struct sftp_place {
	char folder[BACKEND_NAME_MAX + 2];   /* "" for the top, else ends with '/' */
	const char *leaf;                    /* in the name that was taken apart */
};

struct sftp_place sftp_place_of(const char *name);

/* The path as the server wants it. mark: "" or one of the two above. */
void sftp_path_of(const struct sftp *s, const char *folder, const char *mark, const char *leaf,
                  char out[SFTP_PATH_SIZE]);
void sftp_url_of(const struct sftp *s, const char *folder, const char *mark, const char *leaf,
                 char out[LOCATION_URL_MAX]);

/* ---- calls ---- */

/* What sftp_prepare sets on the handle of a call. */
struct sftp_request {
	struct sftp *sftp;
	char range[48];                 /* "": all */
	bool head;                      /* no content, but size and time */
	bool no_content;                /* only the quotes */
	bool make_folders;
	const char *before[2];          /* quotes, NULL where there is none */
	const char *after[5];
};

/* A quote of one path or two; to may be NULL. */
void sftp_quote(char out[SFTP_QUOTE_SIZE], const char *verb, const char *from, const char *to);

/* For a net_call's prepare, whose arg is a struct sftp_request or begins with one. ERR_NOMEM. */
int sftp_prepare(CURL *easy, struct net_call *call, void *arg, struct err *err);

/* 0 when there is an answer, whatever call->curl says; else what net_do gives, with a host key that
 * does not fit told as such. call->prepare is sftp_prepare where it is NULL. */
int sftp_run(struct sftp *s, struct net_call *call, struct sftp_request *r, struct err *err);

/* As sftp_run, of r's quotes alone; sets up *call, which net_call_end ends. */
int sftp_command(struct sftp *s, struct net_call *call, struct sftp_request *r, struct err *err);

/* One quote whose failure does not matter. */
void sftp_command_at_best(struct sftp *s, const char *verb, const char *from, const char *to);

/* ---- what the server says ---- */

/* Of a call that is not CURLE_OK: ERR_ABSENT, ERR_DENIED, ERR_EXISTS, ERR_SPACE, ERR_UNREACHABLE (the
 * connection was lost), ERR_IO. */
enum err_code sftp_code_of(const struct net_call *call);
int sftp_refused(const struct sftp *s, const struct net_call *call, struct err *err);   /* the same */

int sftp_no_such_object(const struct sftp *s, struct err *err);   /* ERR_ABSENT */

#endif
