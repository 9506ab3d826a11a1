/*
 * scripted - an HTTP server of a test that answers by script, one connection and one piece of script
 * per request, and keeps what was asked.
 */
#ifndef SCRIPTED_H
#define SCRIPTED_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SCRIPTED_MAX = 16, SCRIPTED_REQUEST_MAX = 64 << 10 };

struct scripted {
	int fd;
	char url[64];
	pthread_t thread;
	const char *const *script;   /* NULL at its end; "" closes without an answer */
	unsigned n;                  /* requests so far */
	char *requests[SCRIPTED_MAX];
};

static inline bool scripted_whole(const char *text, size_t len)
{
	const char *end = memmem(text, len, "\r\n\r\n", 4);
	const char *at = end ? strcasestr(text, "\r\ncontent-length:") : NULL;
	size_t body = at && at < end ? strtoul(at + 17, NULL, 10) : 0;
	return end && len >= (size_t)(end - text) + 4 + body;
}

static inline void scripted_answer(struct scripted *s, int fd)
{
	char *text = calloc(1, SCRIPTED_REQUEST_MAX + 1);
	size_t len = 0;
	ssize_t n = 1;
	while (text && n > 0 && !scripted_whole(text, len)) {
		n = read(fd, text + len, SCRIPTED_REQUEST_MAX - len);
		len += n > 0 ? (size_t)n : 0;
	}
	const char *answer = s->script[s->n];
	s->requests[s->n++] = text;
	if (write(fd, answer, strlen(answer)) < 0)
		perror("scripted");
}

static inline void *scripted_run(void *arg)
{
	struct scripted *s = arg;
	while (s->n < SCRIPTED_MAX && s->script[s->n]) {
		int fd = accept(s->fd, NULL, NULL);
		if (fd < 0)
			break;
		scripted_answer(s, fd);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
	return NULL;
}

static inline bool scripted_start(struct scripted *s, const char *const *script)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof at;
	*s = (struct scripted){ .script = script, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(s->fd, 16) != 0 ||
	    getsockname(s->fd, (struct sockaddr *)&at, &len) != 0)
		return false;
	snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", ntohs(at.sin_port));
	return pthread_create(&s->thread, NULL, scripted_run, s) == 0;
}

/* Requests that were not asked are given up. */
static inline void scripted_stop(struct scripted *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (unsigned i = 0; i < s->n; i++)
		free(s->requests[i]);
}

#endif
