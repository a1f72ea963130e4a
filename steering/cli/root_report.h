/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a root says, who has signed it and who is still missing, judged together with the root before it. */
#ifndef POLYNYA_CLI_ROOT_REPORT_H
#define POLYNYA_CLI_ROOT_REPORT_H

#include "steering/cli/document.h"

enum root_verdict {
    ROOT_INCOMPLETE, /* a resolver would refuse it */
    ROOT_COMPLETE, /* a resolver would take it: by itself as version 1, else on its way from the one before */
    ROOT_UNKNOWN   /* signed by its own keys, but the root before is not at hand */
};

struct root_report {
    const char *path; /* of the root */
    struct envelope envelope;
    struct root root;
    bool has_before; /* always false of version 1, which nobody has to agree to */
    struct root before;
    struct role signers; /* the root keys of both, each once: whose signature counts */
    enum root_verdict verdict;
    struct refusal why; /* if it is incomplete */
};

/* Finds and loads the root before: `after`, or the root-(N-1).json beside the file if it is NULL. False
 * (said) if one is named, or is there, and cannot be read. */
bool root_report_before(struct cli *c, const char *after, struct root_report *r);
/* The root a publisher signs under: the newest of the folder that is not incomplete; each newer one is named
 * on stderr. False (said) if there is none. */
bool root_report_newest(struct cli *c, const char *dir, struct root *out);
/* Judges and prints it: text for people, or JSON. Returns an exit status: CLI_OK if it could be judged,
 * complete or not. */
int root_report_print(struct cli *c, struct root_report *r, bool json);

#endif
