/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Envelopes: see envelope.h. */
#include "data/list/envelope.h"

#include "data/list/field.h"

/* The two fields, the signatures, and room for fields of later versions. */
enum { ENVELOPE_VALUES_MAX = 64 };

static bool read_signature(const json_t *value, struct arena *arena, struct bytes *out, struct refusal *why)
{
    size_t len = json_string_length(value);
    if (!json_is_string(value))
        return refuse(why, REFUSAL_BAD_FIELD, "signatures");
    if (len > MINISIGN_SIG_MAX)
        return refuse(why, REFUSAL_TOO_LARGE, "signatures");
    *out = arena_copy(arena, bytes_of(json_string_value(value), len));
    return out->data || refuse(why, REFUSAL_NO_MEMORY, "signatures");
}

static bool read_signatures(const json_t *list, struct arena *arena, struct envelope *out,
                            struct refusal *why)
{
    size_t i;
    json_t *value;
    if (!json_is_array(list))
        return refuse(why, REFUSAL_BAD_FIELD, "signatures");
    if (json_array_size(list) > ENVELOPE_SIGNATURES_MAX)
        return refuse(why, REFUSAL_TOO_MANY, "signatures");
    json_array_foreach(list, i, value)
    {
        if (!read_signature(value, arena, &out->signatures[i], why))
            return false;
        out->count++;
    }
    return true;
}

bool envelope_read(const json_t *value, size_t max, struct arena *arena, struct envelope *out,
                   struct refusal *why)
{
    const json_t *text = json_object_get(value, "signed");
    *out = (struct envelope){.count = 0};
    if (!json_is_string(text))
        return refuse(why, REFUSAL_BAD_FIELD, "signed");
    if (json_string_length(text) > max)
        return refuse(why, REFUSAL_TOO_LARGE, "signed");
    out->text = arena_copy(arena, bytes_of(json_string_value(text), json_string_length(text)));
    if (!out->text.data)
        return refuse(why, REFUSAL_NO_MEMORY, "signed");
    return read_signatures(json_object_get(value, "signatures"), arena, out, why);
}

bool envelope_parse(struct bytes file, size_t max, struct arena *arena, struct envelope *out,
                    struct refusal *why)
{
    if (file.len > max)
        return refuse(why, REFUSAL_TOO_LARGE, "%zu bytes", file.len);
    json_t *object = field_open(file, ENVELOPE_VALUES_MAX, why);
    bool ok = object && envelope_read(object, max, arena, out, why);
    json_decref(object);
    return ok;
}

json_t *envelope_json(const struct envelope *e)
{
    json_t *object = json_object(), *list = json_array();
    bool ok = object && list;
    for (unsigned i = 0; ok && i < e->count; i++)
        ok = json_array_append_new(
                 list, json_stringn((const char *)e->signatures[i].data, e->signatures[i].len)) == 0;
    ok = ok &&
         json_object_set_new(object, "signed", json_stringn((const char *)e->text.data, e->text.len)) == 0 &&
         json_object_set(object, "signatures", list) == 0;
    json_decref(list);
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

struct bytes envelope_write(const struct envelope *e, struct arena *arena)
{
    return field_print(envelope_json(e), true, arena);
}

bool envelope_add(struct envelope *e, struct bytes signature, struct refusal *why)
{
    for (unsigned i = 0; i < e->count; i++)
        if (bytes_equal(e->signatures[i], signature))
            return true;
    if (e->count == ENVELOPE_SIGNATURES_MAX)
        return refuse(why, REFUSAL_TOO_MANY, "signatures");
    e->signatures[e->count++] = signature;
    return true;
}

/* True if any of the signatures is by this key. */
static bool signed_by(const struct envelope *e, const struct minisign_public *key,
                      const struct minisign_digest *digest)
{
    struct minisign_signature s;
    for (unsigned i = 0; i < e->count; i++)
        if (minisign_signature_parse(e->signatures[i], &s, NULL) && minisign_verify_digest(key, &s, digest))
            return true;
    return false;
}

static bool stands_before(const struct minisign_public *const *keys, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (memcmp(keys[k]->key, keys[i]->key, sizeof keys[i]->key) == 0)
            return true;
    return false;
}

unsigned envelope_signers(const struct envelope *e, const struct minisign_public *const *keys, unsigned count)
{
    struct minisign_digest digest;
    unsigned signers = 0;
    if (!minisign_hash(e->text, &digest))
        return 0;
    for (unsigned i = 0; i < count; i++)
        if (!stands_before(keys, i) && signed_by(e, keys[i], &digest))
            signers++;
    return signers;
}

bool envelope_verify(const struct envelope *e, const struct minisign_public *const *keys, unsigned count,
                     unsigned threshold, struct refusal *why)
{
    unsigned signers = envelope_signers(e, keys, count);
    if (threshold > 0 && signers >= threshold)
        return true;
    return refuse(why, REFUSAL_FEW_SIGNATURES, "%u of %u", signers, threshold);
}
