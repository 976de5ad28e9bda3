/*
 * test_identity_golden.c — who asks, for requests that real clients sent (tests/identity:
 * cut down to what tells; the client's version is in each name). Once with the calls that began the
 * agents, which stand in the histories, and once by the agents' files alone.
 */
#include <dirent.h>
#include <stdio.h>

#include <yyjson.h>

#include "agents/catalog.h"
#include "agents/identity.h"
#include "agents/spawns.h"
#include "check.h"

#define FIXTURES SOURCE_ROOT "/tests/identity"

enum { PATH_ROOM = 1024 };

static yyjson_doc *read_json(const char *folder, const char *file)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, FIXTURES "/%s/%s", folder, file);
    yyjson_doc *doc = yyjson_read_file(path, 0, NULL, NULL);
    if (!doc)
        fail_msg("%s is not there, or no JSON", path);
    return doc;
}

static struct str text_of(yyjson_val *obj, const char *key)
{
    return str_of(yyjson_get_str(yyjson_obj_get(obj, key)));
}

static void add_definition(struct agent_catalog *c, const char *file)
{
    char path[PATH_ROOM], bytes[4096];
    snprintf(path, sizeof path, FIXTURES "/agents/%s", file);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t len = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    struct arena arena;
    struct definition d;
    arena_init(&arena);
    assert_null(definition_read(str_make(bytes, len), &arena, &d));
    const struct agent agent = {.name = d.name};
    assert_true(catalog_add(c, &agent, d.prompt));
    arena_release(&arena);
}

/* One request of a fixture, as identity_read() takes it. */
struct one {
    char *body;
    struct request_parts parts;
    struct identity_request q;
};

static void one_init(struct one *o, yyjson_val *request, struct arena *arena)
{
    yyjson_val *body = yyjson_obj_get(request, "body");
    size_t len = 0;
    o->body = body ? yyjson_val_write(body, 0, &len) : NULL;
    request_parts_read(str_make(o->body, len), NULL, &o->parts);
    o->q = (struct identity_request){
        .method = text_of(request, "method"), .path = text_of(request, "path"),
        .client = text_of(request, "user-agent"),
        .session_id = text_of(request, "x-claude-code-session-id"),
        .agent_id = text_of(request, "x-claude-code-agent-id"),
        .parent_agent_id = text_of(request, "x-claude-code-parent-agent-id"),
        .parts = body ? &o->parts : NULL};
    (void)arena;
}

/* The calls that begin agents, in what the request repeats. */
static void note_calls(struct spawns *spawns, yyjson_val *request, struct arena *arena)
{
    struct one o;
    one_init(&o, request, arena);
    struct str session = o.q.session_id.len ? o.q.session_id : identity_session(&o.parts, arena);
    yyjson_val *messages = yyjson_obj_get(yyjson_obj_get(request, "body"), "messages"), *m, *b;
    size_t i, j, count, blocks;
    yyjson_arr_foreach(messages, i, count, m) {
        yyjson_arr_foreach(yyjson_obj_get(m, "content"), j, blocks, b) {
            yyjson_val *input = yyjson_obj_get(b, "input");
            const struct spawn call = {
                text_of(input, "subagent_type"), spawn_hash(text_of(input, "prompt")),
                spawn_first(text_of(input, "prompt")),
                yyjson_get_bool(yyjson_obj_get(input, "run_in_background"))};
            if (call.agent_type.len)
                spawns_note(spawns, session, &call, 1);
        }
    }
    free(o.body);
}

static void check_one(const char *folder, size_t number, const struct identity *who, yyjson_val *want)
{
    const struct {
        const char *what;
        struct str got, want;
    } pairs[] = {
        {"class", str_of(class_name(who->class)), text_of(want, "class")},
        {"class_by", str_of(identity_source_name(who->class_by)), text_of(want, "class_by")},
        {"agent", who->agent, text_of(want, "agent")},
        {"agent_by", str_of(identity_source_name(who->agent_by)), text_of(want, "agent_by")},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        if (!str_equal(pairs[i].got, pairs[i].want))
            fail_msg("%s, request %zu, %s: %.*s instead of %.*s", folder, number, pairs[i].what,
                     STR_ARGS(pairs[i].got), STR_ARGS(pairs[i].want));
    if (who->is_background != yyjson_get_bool(yyjson_obj_get(want, "background")))
        fail_msg("%s, request %zu: in the background: %d", folder, number, who->is_background);
}

static void check_folder(const char *folder, const struct agent_catalog *catalog)
{
    struct arena arena;
    arena_init(&arena);
    yyjson_doc *input = read_json(folder, "input.json"), *expected = read_json(folder, "expected.json");
    yyjson_val *requests = yyjson_obj_get(yyjson_doc_get_root(input), "requests"), *request;
    struct spawns *spawns = spawns_new();
    size_t i, count;
    yyjson_arr_foreach(requests, i, count, request)
        note_calls(spawns, request, &arena);
    assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(expected)), yyjson_arr_size(requests));
    yyjson_arr_foreach(requests, i, count, request) {
        yyjson_val *want = yyjson_arr_get(yyjson_doc_get_root(expected), i);
        yyjson_val *alone = yyjson_obj_get(want, "without_calls");
        const struct identity_sources with = {.spawns = spawns, .catalog = catalog};
        const struct identity_sources without = {.catalog = catalog};
        struct identity who;
        struct one o;
        one_init(&o, request, &arena);
        identity_read(&with, &o.q, &arena, &who);
        check_one(folder, i, &who, want);
        assert_int_equal(who.is_nested, yyjson_get_bool(yyjson_obj_get(want, "nested")));
        identity_read(&without, &o.q, &arena, &who);
        check_one(folder, i, &who, alone ? alone : want);
        free(o.body);
    }
    spawns_free(spawns);
    yyjson_doc_free(input);
    yyjson_doc_free(expected);
    arena_release(&arena);
}

static void test_all(void **state)
{
    (void)state;
    struct agent_catalog *catalog = catalog_new();
    add_definition(catalog, "finder.md");
    add_definition(catalog, "boss.md");
    catalog_seal(catalog);
    DIR *dir = opendir(FIXTURES);
    assert_non_null(dir);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "agents"))
            continue;
        check_folder(entry->d_name, catalog);
        count++;
    }
    closedir(dir);
    assert_true(count >= 11);
    catalog_drop(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
