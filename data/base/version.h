/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The version both programs print. Never sent to a client. */
#ifndef POLYNYA_BASE_VERSION_H
#define POLYNYA_BASE_VERSION_H

#define POLYNYA_VERSION "0.1.0"

#endif
