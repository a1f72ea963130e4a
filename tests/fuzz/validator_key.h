/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The root key that signed the corpus of fuzz_validator. */
#ifndef POLYNYA_FUZZ_VALIDATOR_KEY_H
#define POLYNYA_FUZZ_VALIDATOR_KEY_H

#define ROOT_KEY                                                                                             \
    ". 3600 IN DNSKEY 257 3 13 Y4KEdSpxLXIyqgDaKGEnC7zOeydrVGMT qe4v/k1T8Q5d545Po0RuCJ8NcYLEEYjY "           \
    "XOb4ams5S2vLdrTPLBnqYw=="

#endif
