# Holdfast. `make` leaves the program at build/holdfast; `make help` lists the targets.
BUILD   ?= build
CC      ?= gcc
PKGS    := libsodium libzstd jansson libarchive sqlite3 libcurl inih
VERSION := $(shell sed -n '1,/^\#\# \[/s/^\#\# \[\([^]]*\)\].*/\1/p' CHANGELOG.md 2>/dev/null | head -n 1)

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wcast-qual -Wwrite-strings -Wnull-dereference -Wswitch-enum -Werror
HARD := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fPIE
OPT  ?= -O2 -g
CPPFLAGS += -Iinclude -Isrc -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DHOLDFAST_VERSION='"$(or $(VERSION),0.0.0)"' $(shell pkg-config --cflags $(PKGS))
CFLAGS  += -std=c17 $(OPT) $(WARN) $(HARD) -pthread $(SAN)
LDFLAGS += -pie -Wl,-z,relro,-z,now -pthread $(SAN)
LDLIBS  += $(shell pkg-config --libs $(PKGS)) -lm

LIB_SRC := $(wildcard src/base/*.c src/crypto/*.c src/format/*.c src/vault/*.c src/source/*.c \
	src/engine/*.c backends/*.c)
CLI_SRC := $(wildcard src/cli/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/%.o)
UNIT    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

all: $(BUILD)/holdfast

$(BUILD)/holdfast: $(CLI_OBJ) $(BUILD)/libholdfast.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libholdfast.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libholdfast.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) -MMD -MP -o $@ $< $(LDFLAGS) $(BUILD)/libholdfast.a -lcmocka $(LDLIBS)

unit-tests: $(UNIT)

clean:
	rm -rf build

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(UNIT:=.d)
.PHONY: all unit-tests clean
