/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strict reading of JSON fields: what a document's parser asks for is there, of that kind and within bounds,
 * or the document is refused with the field's name. Unknown fields are not looked at. */
#ifndef POLYNYA_LIST_FIELD_H
#define POLYNYA_LIST_FIELD_H

#include <jansson.h>

#include "data/base/arena.h"
#include "data/dns/name.h"
#include "data/list/refusal.h"

/* Greatest number in our documents: JSON readers elsewhere keep integers exact up to here. */
#define FIELD_NUMBER_MAX ((uint64_t)1 << 53)

/* Where texts are copied to, and where refusals go. */
struct field_reader {
    struct arena *arena;
    struct refusal *why;
};

/* An object of at most max_values values in all: bounds what parsing costs in memory before anything is
 * verified. Duplicate keys are refused. A new reference, NULL when refused. */
json_t *field_open(struct bytes text, size_t max_values, struct refusal *why);
/* field_open and "type" being exactly that. */
json_t *field_open_document(struct bytes text, const char *type, size_t max_values, struct refusal *why);

/* A string of min..max bytes, copied; NULL when refused. */
const char *field_text(const struct field_reader *r, const json_t *object, const char *key, size_t min,
                       size_t max);
/* The same from a value; what names it in a refusal. */
const char *field_text_value(const struct field_reader *r, const json_t *value, const char *what, size_t min,
                             size_t max);
bool field_uint(const struct field_reader *r, const json_t *object, const char *key, uint64_t min,
                uint64_t max, uint64_t *out);
bool field_time(const struct field_reader *r, const json_t *object, const char *key, int64_t *out);
/* An array of min..max entries, borrowed; NULL when refused (TOO_MANY above max). */
json_t *field_array(const struct field_reader *r, const json_t *object, const char *key, size_t min,
                    size_t max);
json_t *field_object(const struct field_reader *r, const json_t *object, const char *key);
/* True if the key is missing or null. */
bool field_absent(const json_t *object, const char *key);
/* Index of the string among names (count of them); -1 and a refusal if it is none. */
int field_choice(const struct field_reader *r, const json_t *value, const char *what,
                 const char *const *names, int count);
/* 1..max of A-Z a-z 0-9 . _ - */
bool field_is_id(const char *text, size_t max);
/* Two upper-case letters. */
bool field_is_country(const char *text);
/* A host name of letters, digits, hyphens and underscores, without a closing dot, lower-cased in place and
 * into name; false if it is none. */
bool field_host_name(char *text, struct dns_name *name);
/* Such a name as a field: BAD_NAME. */
const char *field_domain(const struct field_reader *r, const json_t *object, const char *key,
                         struct dns_name *name);
/* count zeroed objects; refuses with NO_MEMORY. */
void *field_alloc(const struct field_reader *r, size_t count, size_t size);
/* Takes the reference and prints it into the arena, indented when people write it by hand; .data NULL on
 * failure. */
struct bytes field_print(json_t *object, bool indent, struct arena *arena);

#endif
