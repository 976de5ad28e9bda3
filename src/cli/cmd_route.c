/*
 * cmd_route.c — `claude-code-proxy route explain`: where a request would go by the rules, and why.
 * The words are proxy/route_explain.c's. Nothing is sent.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "agent_files.h"
#include "cli/command.h"
#include "cli/configured.h"
#include "cli/usage.h"
#include "proxy/route_explain.h"
#include "record/body_decode.h"
#include "record/project.h"
#include "storage.h"

enum { REQUEST_MAX = 64 << 20 /* bytes of a request that is explained */ };

enum { FLAG_AGENT, FLAG_CLASS, FLAG_SESSION, FLAG_CLIENT, FLAG_HEADER, FLAG_JSON };

static const struct command_flag flags[] = {
    {0, "agent", "NAME", "As if this agent asked."},
    {0, "class", "NAME", "As if it were of this class: main, agent, title, compaction ..."},
    {0, "session", "ID", "As if it were of this session."},
    {0, "client", "TEXT", "As if this User-Agent asked."},
    {0, "header", "TEXT", "As if it had this header: \"Name: value\"."},
    {0, "json", NULL, "As JSON."},
    {0, NULL, NULL, NULL},
};

struct asked {
    const struct options *options;
    struct arena arena;
    struct buf body, decoded;
    struct head head;
    struct identity who;
    bool is_who_given;
    struct record row; /* of a recorded request */
    bool is_recorded;
    struct fail why;
};

/* --- a file --- */

static enum err read_all(FILE *file, struct buf *out)
{
    char piece[16384];
    size_t got;
    enum err err = ERR_OK;
    while (!err && (got = fread(piece, 1, sizeof piece, file)) > 0)
        err = buf_append(out, str_make(piece, got));
    return err ? err : ferror(file) ? ERR_IO : ERR_OK;
}

static enum err read_file(struct asked *x, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!file)
        return fail(&x->why, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    enum err err = read_all(file, &x->body);
    if (file != stdin)
        fclose(file);
    return err ? fail(&x->why, err, "%s: cannot be read, or is too long", path) : ERR_OK;
}

/* In the place of what the request has under this name. */
static void set_header(struct asked *x, struct str name, struct str value)
{
    for (size_t i = 0; i < x->head.count; i++)
        if (str_equal_nocase(x->head.headers[i].name, name)) {
            x->head.headers[i].value = value;
            return;
        }
    head_add(&x->head, &x->arena, name, value);
}

/* {"headers": {"Name": "value"}, …} */
static void take_headers(struct asked *x, struct str object)
{
    struct json_walk w;
    struct str key;
    json_walk_init(&w, object);
    bool inside = json_enter(&w, '{');
    while (inside && json_next_key(&w, &key)) {
        struct str value = json_read_text(json_take(&w), HEAD_LINE_MAX, &x->arena);
        head_add(&x->head, &x->arena, json_read_inside(key, HEAD_LINE_MAX, &x->arena), value);
    }
}

static enum err take_request(struct asked *x, const char *path, struct str *body)
{
    enum err err = read_file(x, path);
    struct json_walk w;
    if (err)
        return err;
    *body = buf_str(&x->body);
    json_walk_init(&w, *body);
    if (json_peek(&w) != '{')
        return fail(&x->why, ERR_CORRUPT, "%s: is no JSON object", path);
    struct str inner = json_member(*body, STR("body"));
    x->head.method = STR("POST");
    x->head.target = STR("/v1/messages");
    if (!inner.len || json_member(*body, STR("model")).len)
        return ERR_OK;
    take_headers(x, json_member(*body, STR("headers")));
    *body = inner;
    return ERR_OK;
}

/* --- a recorded one --- */

static enum err take_recorded(struct asked *x, const struct config *cfg, const struct uuid *id,
                              struct str *body)
{
    struct store *store = NULL;
    struct record_detail detail = {0};
    record_init(&x->row);
    enum err err = storage_open_to_read(&store, cfg, &x->why);
    if (err)
        return err;
    struct store_reader *reader = store_reader_new(store);
    store_reader_be_patient(reader);
    err = store_get(reader, id, &x->arena, &x->row, &detail, &x->why);
    if (!err)
        err = store_body(reader, id, BODY_REQUEST, &x->body, &x->why);
    if (!err && !route_head_read(detail.request_head, &x->arena, &x->head))
        err = ERR_CORRUPT;
    *body = body_text(head_get(&x->head, STR("content-encoding")), buf_str(&x->body), &x->decoded);
    x->is_recorded = !err;
    store_reader_free(reader);
    store_close(store);
    return err;
}

/* --- both --- */

static bool take_who(struct asked *x)
{
    const char *agent = x->options->own[FLAG_AGENT], *class = x->options->own[FLAG_CLASS];
    x->who.class = agent ? CLASS_AGENT : CLASS_MAIN;
    x->is_who_given = agent || class;
    x->who.agent = str_of(agent);
    if (class && !class_parse(str_of(class), &x->who.class))
        return usage_refuse(&command_route_explain, "--class: there is no class %s", class);
    return true;
}

static void take_flags(struct asked *x)
{
    const char *const *own = x->options->own;
    struct str line = own[FLAG_HEADER] ? str_of(own[FLAG_HEADER]) : STR_NONE;
    size_t colon = str_find(line, ':');
    if (own[FLAG_SESSION])
        set_header(x, STR("x-claude-code-session-id"), str_of(own[FLAG_SESSION]));
    if (own[FLAG_CLIENT])
        set_header(x, STR("user-agent"), str_of(own[FLAG_CLIENT]));
    if (line.len)
        set_header(x, str_trim(str_head(line, colon)), str_trim(str_from(line, colon + 1)));
    head_recognise(&x->head);
}

static void pass_over(const char *file, const char *why)
{
    (void)file, (void)why; /* `agents list` tells of it */
}

/* The agents of the project that the request names, else of this folder. */
static struct agent_catalog *known_here(struct asked *x, const struct config *cfg, struct str body)
{
    char cwd[4096];
    struct str project = project_find(json_member(body, STR("system")), &x->arena);
    if (!project.len)
        project = project_find_in_messages(json_member(body, STR("messages")), &x->arena);
    if (!project.len && getcwd(cwd, sizeof cwd))
        project = str_of(cwd);
    return agent_files_read(cfg, project, pass_over);
}

static enum err explain(struct asked *x, const struct config *cfg, const char *what)
{
    struct router *router = NULL;
    struct uuid id;
    struct str body;
    struct buf out;
    buf_init(&out, ROUTE_EXPLAIN_MAX);
    enum err err = router_new(&router, cfg, 0, &x->why);
    if (!err)
        err = uuid_parse(str_of(what), &id) ? take_recorded(x, cfg, &id, &body)
                                            : take_request(x, what, &body);
    if (err)
        goto out;
    take_flags(x);
    struct route_case c = {
        .router = router,
        .question = {.head = &x->head, .body = body, .who = x->is_who_given ? &x->who : NULL},
    };
    struct identity recorded;
    if (x->is_recorded)
        route_case_of_record(&c, &x->row, &recorded);
    struct identity_sources sources = {.catalog = known_here(x, cfg, body)};
    c.question.sources = &sources;
    err = x->options->own[FLAG_JSON] ? route_explain_json(&c, &x->arena, &out)
                                     : route_explain_text(&c, &x->arena, &out);
    catalog_drop((struct agent_catalog *)sources.catalog);
    if (!err)
        fwrite(out.ptr, 1, out.len, stdout);
    if (!err && x->options->own[FLAG_JSON])
        putchar('\n');
out:
    buf_release(&out);
    router_free(router);
    return err;
}

static int run(const struct options *options)
{
    int code;
    struct asked x = {.options = options};
    if (options->argument_count != 1) {
        usage_refuse(&command_route_explain, "one request has to be named");
        return EX_USAGE;
    }
    if (!take_who(&x))
        return EX_USAGE;
    struct config *config = configured(options, &command_route_explain, &code);
    if (!config)
        return code;
    arena_init(&x.arena);
    buf_init(&x.body, REQUEST_MAX);
    buf_init(&x.decoded, REQUEST_MAX);
    enum err err = explain(&x, config, options->arguments[0]);
    if (err)
        fprintf(stderr, "claude-code-proxy: %s\n", *x.why.detail ? x.why.detail : err_public(err));
    buf_release(&x.body);
    buf_release(&x.decoded);
    arena_release(&x.arena);
    config_free(config);
    return command_exit_code(err);
}

const struct command command_route_explain = {
    .name = "route explain",
    .summary = "Says where a request would go by the rules, and why.",
    .argument = "REQUEST.json|ID",
    .argument_max = 1,
    .flags = flags,
    .takes_flags = true,
    .run = run,
};
