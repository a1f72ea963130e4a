/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What no row of the table of settings can say: which values follow from others, and which do not go
 * together. */
#ifndef POLYNYA_CONF_RULES_H
#define POLYNYA_CONF_RULES_H

#include "data/conf/loader.h"

/* Fills in what was not given and follows from other settings, or from the system. False after a complaint.
 */
bool rules_complete(const struct loader *l);
/* Whether the settings go together, once complete. False after a complaint. */
bool rules_check(const struct loader *l);

#endif
