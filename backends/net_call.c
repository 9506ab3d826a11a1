#include "net_call.h"

#include <string.h>

#include "base/buf.h"

void net_call_end(struct net_call *call)
{
	buf_free(call->reason);
	call->reason = NULL;
}

const char *net_wanted(const struct net_call *call, const char *name)
{
	for (size_t i = 0; i < NET_HEADERS_MAX && call->wanted[i].name; i++)
		if (strcasecmp(call->wanted[i].name, name) == 0)
			return call->wanted[i].value;
	return "";
}
