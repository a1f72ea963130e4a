/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kinds of values that value.c has no code of its own for: how each is read into its field and written.
 *
 * Parsers and formatters do as value_parse and value_format say, for the kinds that settings.h lists. */
#ifndef POLYNYA_CONF_VALUE_KINDS_H
#define POLYNYA_CONF_VALUE_KINDS_H

#include "data/conf/value.h"

typedef bool value_parser(const struct setting *s, const char *text, const struct value_env *env, void *at);
typedef void value_formatter(const struct setting *s, const void *at, struct writer *w);

/* Texts: the field is a const char *, NULL if it is not set. */
value_parser path_parse, url_parse, page_parse, proxy_parse, urlpath_parse, user_parse, host_parse,
    name_parse;
value_formatter text_format;
bool text_present(const void *at);

/* Addresses. */
value_parser address_parse, server_parse, ip_value_parse, net_parse, pin_parse;
value_formatter address_format, ip_value_format, net_format, pin_format;
bool address_present(const void *at);
bool ip_value_present(const void *at);

#endif
