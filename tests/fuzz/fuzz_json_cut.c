/*
 * fuzz_json_cut.c — cuts tile every body; what yyjson accepts is not called invalid; all ways to
 * skip agree; facts are bounded and valid UTF-8; who goes by the cuts finds what who reads all finds.
 */
#include "fuzz.h"

#include <yyjson.h>

#include "agents/request_parts.h"
#include "record/json_cut.h"
#include "record/json_scan.h"
#include "record/record.h"

static void check_text(struct str text, size_t max)
{
    PROMISE(text.len <= max);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_doc_set_root(doc, yyjson_mut_strn(doc, text.ptr ? text.ptr : "", text.len));
    char *json = yyjson_mut_write(doc, 0, NULL); /* refuses what is no UTF-8 */
    PROMISE(json);
    free(json);
    yyjson_mut_doc_free(doc);
}

static void check_facts(struct str body, const struct request_facts *f)
{
    check_text(f->model, 256);
    check_text(f->title, 120);
    check_text(f->user_session_id, 128);
    PROMISE(f->max_tokens >= UNKNOWN && f->message_count >= UNKNOWN && f->tool_count >= UNKNOWN);
    yyjson_doc *doc = body.len ? yyjson_read(body.ptr, body.len, 0) : NULL;
    PROMISE(!doc || !(f->flags & RECORD_REQUEST_INVALID));
    yyjson_doc_free(doc);
}

static void check_cuts(struct str body, const struct json_cuts *cuts)
{
    size_t at = 0;
    for (size_t i = 0; i < cuts->count; i++) {
        PROMISE(cuts->list[i].start == at && cuts->list[i].len > 0);
        at += cuts->list[i].len;
    }
    PROMISE(at == body.len && cuts->count <= JSON_CUTS_MAX);
}

static void check_variants(struct str body)
{
    size_t count, at = MIN_OF(str_find(body, '{'), str_find(body, '['));
    const struct json_scan *const *all = json_scan_all(&count);
    if (at == body.len)
        return;
    uint32_t flags = 0, string_flags = 0;
    size_t end = all[0]->container(body, at, 0, NULL, &flags);
    size_t string_end = all[0]->string(body, at, &string_flags);
    for (size_t i = 1; i < count; i++) {
        uint32_t other = 0, other_string = 0;
        if (!all[i]->is_usable())
            continue;
        PROMISE(all[i]->container(body, at, 0, NULL, &other) == end && other == flags);
        PROMISE(all[i]->string(body, at, &other_string) == string_end);
        PROMISE(other_string == string_flags);
    }
}

static bool is_same(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || a.ptr == b.ptr);
}

static void check_parts(struct str body, const struct json_cuts *cuts,
                        const struct request_facts *facts)
{
    struct request_parts a, b;
    if (!json_cuts_are_all(cuts, facts))
        return;
    request_parts_read(body, NULL, &a);
    request_parts_read(body, cuts, &b);
    PROMISE(a.message_count == b.message_count && is_same(a.messages, b.messages));
    PROMISE(is_same(a.model, b.model) && is_same(a.system, b.system) && is_same(a.tools, b.tools));
    PROMISE(is_same(a.metadata, b.metadata) && is_same(a.max_tokens, b.max_tokens));
    PROMISE(is_same(a.output_config, b.output_config));
    for (size_t i = 0; i < PARTS_FIRST; i++)
        PROMISE(is_same(a.first[i], b.first[i]));
    for (size_t i = 0; i < PARTS_NEWEST; i++)
        PROMISE(is_same(a.newest[i], b.newest[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = str_make(data, size);
    struct arena arena;
    struct json_cuts cuts = {0};
    struct request_facts facts;
    arena_init(&arena);
    json_cut(body, &arena, &cuts, &facts);
    check_cuts(body, &cuts);
    check_facts(body, &facts);
    check_variants(body);
    check_parts(body, &cuts, &facts);
    json_cuts_release(&cuts);
    arena_release(&arena);
    return 0;
}
