/*
 * mask_inside - the half of a masked restore that runs in a sandbox: it opens the database that was backed
 * up, which may be anybody's work, and has none of this machine's keys in its memory.
 *
 * In its folder are "original" (veiled.h) and, to mask, what mask_rules_store wrote; it writes "masked"
 * there. Standard input gives a byte, 'm' to mask or 's' for a skeleton of rules, and the key of the veil.
 * It says what mask_talk.h has, on standard output.
 */
#ifndef MASK_INSIDE_H
#define MASK_INSIDE_H

#include "crypto/veil.h"
#include "holdfast/mask.h"

#define MASK_INSIDE_ORIGINAL "original"
#define MASK_INSIDE_MASKED "masked"

enum { MASK_INSIDE_MASK = 'm', MASK_INSIDE_SKELETON = 's', MASK_INSIDE_INPUT = 1 + VEIL_KEY_BYTES };

#endif
