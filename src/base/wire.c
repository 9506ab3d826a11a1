#include "base/wire.h"

#include <string.h>

#include "base/buf.h"
#include "holdfast/err.h"

const uint8_t *wire_bytes(struct wire *w, size_t len)
{
	static const uint8_t none[1];
	if (w->bad || len > wire_left(w)) {
		w->bad = true;
		return NULL;
	}
	const uint8_t *p = w->at ? w->at : none;
	w->at += len;
	return p;
}

static uint64_t little_endian(struct wire *w, size_t len)
{
	const uint8_t *p = wire_bytes(w, len);
	uint64_t v = 0;
	for (size_t i = len; p && i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

uint8_t wire_u8(struct wire *w) { return (uint8_t)little_endian(w, 1); }
uint16_t wire_u16(struct wire *w) { return (uint16_t)little_endian(w, 2); }
uint32_t wire_u32(struct wire *w) { return (uint32_t)little_endian(w, 4); }
uint64_t wire_u64(struct wire *w) { return little_endian(w, 8); }

uint64_t wire_varint(struct wire *w)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t byte = wire_u8(w);
		if (w->bad || (shift == 63 && byte > 1) || (shift > 0 && byte == 0))
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	w->bad = true;
	return 0;
}

uint64_t wire_bounded(struct wire *w, uint64_t max)
{
	uint64_t v = wire_varint(w);
	if (v <= max)
		return v;
	w->bad = true;
	return 0;
}

void wire_copy(struct wire *w, void *out, size_t len)
{
	const uint8_t *p = wire_bytes(w, len);
	if (p)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

const uint8_t *wire_counted(struct wire *w, size_t max, size_t *len)
{
	*len = (size_t)wire_bounded(w, max);
	const uint8_t *p = wire_bytes(w, *len);
	if (!p)
		*len = 0;
	return p;
}

static uint8_t *put(uint8_t *p, uint64_t v, size_t len)
{
	for (size_t i = 0; i < len; i++, v >>= 8)
		p[i] = (uint8_t)v;
	return p + len;
}

uint8_t *wire_put_u16(uint8_t *p, uint16_t v) { return put(p, v, 2); }
uint8_t *wire_put_u32(uint8_t *p, uint32_t v) { return put(p, v, 4); }
uint8_t *wire_put_u64(uint8_t *p, uint64_t v) { return put(p, v, 8); }

uint8_t *wire_put_bytes(uint8_t *p, const void *data, size_t len)
{
	memcpy(p, data, len);
	return p + len;
}

uint8_t *wire_put_varint(uint8_t *p, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

int wire_add_u8(struct buf *b, uint8_t v, struct err *err)
{
	return buf_append(b, &v, 1, err);
}

int wire_add_u32(struct buf *b, uint32_t v, struct err *err)
{
	uint8_t bytes[4];
	wire_put_u32(bytes, v);
	return buf_append(b, bytes, sizeof bytes, err);
}

int wire_add_u64(struct buf *b, uint64_t v, struct err *err)
{
	uint8_t bytes[8];
	wire_put_u64(bytes, v);
	return buf_append(b, bytes, sizeof bytes, err);
}

int wire_add_varint(struct buf *b, uint64_t v, struct err *err)
{
	uint8_t bytes[WIRE_VARINT_MAX];
	return buf_append(b, bytes, (size_t)(wire_put_varint(bytes, v) - bytes), err);
}

int wire_add_counted(struct buf *b, const void *data, size_t len, struct err *err)
{
	if (wire_add_varint(b, len, err) != 0)
		return err->code;
	return buf_append(b, data, len, err);
}
