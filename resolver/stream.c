/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What DNS over TCP, TLS and HTTPS have in common: see stream.h. */
#include "resolver/stream.h"

#include "data/base/clock.h"

void stream_init(struct stream *s, const struct stream_methods *is, const struct stream_env *env)
{
    *s = (struct stream){.is = is, .env = *env};
    idle_init(&s->idle);
    link_init(&s->failing);
}

bool stream_may_dial(const struct stream *s)
{
    return clock_mono_ms() >= s->refrain_until;
}

void stream_not_opened(struct stream *s, enum dial_end why)
{
    if (dial_end_is_tls(why))
        s->refrain_until = clock_mono_ms() + STREAM_REFRAIN;
    s->env.failed(s->env.self, why);
}

void stream_give_up(struct stream *s, struct stream_query *q)
{
    link_append(&s->failing, &q->ring);
}

void stream_fail_all(struct stream *s)
{
    while (!link_empty(&s->failing)) {
        struct stream_query *q = holder_of(s->failing.next, struct stream_query, ring);
        link_remove(&q->ring);
        q->stream = NULL;
        q->failed(q);
    }
}
