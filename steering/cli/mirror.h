/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mirror as it is written on the command line. */
#ifndef POLYNYA_CLI_MIRROR_H
#define POLYNYA_CLI_MIRROR_H

#include "data/list/registration.h"
#include "steering/cli/cli.h"

/* "m1,198.51.100.7,2001:db8::7,weight=100,kind=terminate,alpn=h2,ech=BASE64,blocked-in=RU,port=443": the id,
 * then addresses and settings in any order; all but the id and one address have defaults. False (said) if
 * malformed. */
bool mirror_parse(struct cli *c, const char *given, struct mirror *out);

#endif
