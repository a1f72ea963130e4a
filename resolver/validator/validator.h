/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers validated: judged at once when the chain of trust to them is known, later when it must be asked
 * for.
 *
 * One per worker. An answer block comes in with its RRSIGs and proofs (asked with DO and CD) and goes out
 * with a verdict, its TTLs cut to what was signed. */
#ifndef POLYNYA_VALIDATOR_VALIDATOR_H
#define POLYNYA_VALIDATOR_VALIDATOR_H

#include "resolver/validator/chain.h"

struct validator;
struct validation;

/* block is the validation's own and borrowed for the call. */
typedef void validator_done(void *self, const struct verdict *verdict, uint8_t *block, size_t len);

/* o->bench is ignored. NULL without memory. */
struct validator *validator_new(const struct chain_options *o);
/* Validations under way are forgotten; cancel them first. */
void validator_free(struct validator **v);
/* Judges the block that answers q. NULL: *verdict is there, and the block's TTLs are cut. Else done is called
 * later, once; the block was copied. */
struct validation *validator_check(struct validator *v, const struct dns_query *q, uint8_t *block, size_t len,
                                   struct verdict *verdict, validator_done *done, void *self);
/* done will not be called. Not from within it. */
void validation_cancel(struct validation **x);
/* The name's place is known to be bogus: so are all answers about it. */
bool validator_is_bogus(const struct validator *v, const struct dns_name *name);
/* See chain_clock_wrong. */
bool validator_clock_wrong(const struct validator *v);

#endif
