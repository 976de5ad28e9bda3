/*
 * errand.c — one request over the connections that relaying has, on a loop of its own that ends
 * with the answer.
 */
#include "upstream/errand.h"

#include "base/clock.h"
#include "upstream/attempt.h"

struct asking {
    const struct errand *errand;
    struct loop *loop;
    struct provider provider;
    struct pool pool;
    struct attempt *attempt; /* NULL: over */
    struct loop_sweep sweep;
    uint64_t until_ns;
    int *status;
    struct buf *answer;
    struct fail *fail;
    enum err err;
};

static void break_off(struct asking *a, const char *why)
{
    attempt_abort(a->attempt);
    a->attempt = NULL;
    a->err = fail(a->fail, ERR_UPSTREAM_CONNECT, "%s", why);
}

static void on_ready(void *owner)
{
    struct asking *a = owner;
    struct provider *p = &a->provider;
    struct str path = p->base_path.len ? p->base_path : STR("/");
    struct str head = arena_printf(&p->arena,
                                   "POST %.*s HTTP/1.1\r\n"
                                   "Host: %.*s\r\n"
                                   "User-Agent: claude-code-proxy/" VERSION "\r\n"
                                   "Accept: application/json\r\n"
                                   "Content-Type: application/json\r\n"
                                   "Content-Length: %zu\r\n"
                                   "Connection: close\r\n\r\n",
                                   STR_ARGS(path), STR_ARGS(p->host_header), a->errand->body.len);
    attempt_write(a->attempt, head);
    attempt_write(a->attempt, a->errand->body);
    attempt_sent(a->attempt);
}

static void on_head(void *owner, const struct head *h, bool *no_body)
{
    struct asking *a = owner;
    (void)no_body;
    *a->status = h->status;
}

static void on_body(void *owner, struct str bytes)
{
    struct asking *a = owner;
    if (buf_append(a->answer, bytes) != ERR_OK)
        break_off(a, "the answer is too long");
}

static void on_done(void *owner)
{
    struct asking *a = owner;
    a->attempt = NULL;
}

static void on_fail(void *owner, enum err err, const struct fail *f)
{
    struct asking *a = owner;
    (void)err;
    a->attempt = NULL;
    a->err = fail(a->fail, ERR_UPSTREAM_CONNECT, "%s", f->detail);
}

static void on_full(void *owner, bool is_full)
{
    (void)owner, (void)is_full; /* it is small */
}

static const struct attempt_events events = {on_ready, on_head, on_body, on_done, on_fail, on_full};

static void sweep(struct loop_sweep *self, uint64_t now_ns)
{
    struct asking *a = OWNER_OF(self, struct asking, sweep);
    if (a->attempt && (atomic_load(a->errand->is_over) || now_ns > a->until_ns))
        break_off(a, "no answer in time");
}

static void ask(struct asking *a)
{
    a->loop = loop_new();
    loop_sweep_add(a->loop, &a->sweep);
    pool_init(&a->pool, a->loop, &a->provider);
    a->attempt = attempt_new(&a->pool, &events, a);
    attempt_start(a->attempt);
    while (a->attempt || !pool_is_empty(&a->pool)) {
        uv_run(loop_uv(a->loop), UV_RUN_ONCE);
        if (!a->attempt)
            pool_close(&a->pool);
    }
    pool_release(&a->pool);
    loop_sweep_remove(a->loop, &a->sweep);
    loop_free(a->loop);
}

enum err errand_post(const struct errand *e, int *status, struct buf *answer, struct fail *f)
{
    struct asking a = {.errand = e, .sweep = {.fn = sweep}, .status = status, .answer = answer,
                       .fail = f, .until_ns = clock_mono_ns() + e->limit_ms * 1000000u};
    struct provider *p = &a.provider;
    a.err = provider_init(p, "errand", e->url, f);
    if (!a.err)
        a.err = provider_set_proxy(p, e->proxy, f);
    p->ca_file = e->ca_file;
    p->connect_timeout_ms = p->head_timeout_ms = p->idle_timeout_ms = e->limit_ms;
    if (!a.err)
        ask(&a);
    provider_release(p);
    return a.err;
}
