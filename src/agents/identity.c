/*
 * identity.c — the order in which what is known of a request is believed.
 *
 * The class: the path; words that only side traffic begins with; the agent's headers; the billing
 * line; words of the main prompt; an agent's prompt; what the request brings. The agent's name:
 * the call that began it; its file; its fingerprint; words of the client's own agents.
 */
#include "agents/identity.h"

#include "agents/catalog.h"
#include "agents/known_agents.h"
#include "agents/spawns.h"
#include "record/json_cut.h"
#include "record/project.h"

enum {
    BEGINNING_MAX = 96,   /* bytes of a text that markers are looked for in */
    BILLING_MAX = 512,    /* bytes of the billing line */
    SYSTEM_BLOCKS_MAX = 16,
    MESSAGE_BLOCKS_MAX = 16 /* of a first message, that may be an agent's prompt */
};

static const char *const class_names[] = {
#define REQUEST_CLASS(NAME, name) [CLASS_##NAME] = name,
#include "agents/identity.def"
#undef REQUEST_CLASS
};

static const char *const source_names[] = {
#define IDENTITY_SOURCE(NAME, name) [IDENTITY_BY_##NAME] = name,
#include "agents/identity.def"
#undef IDENTITY_SOURCE
};

enum place { PLACE_SYSTEM, PLACE_NEWEST, PLACE_WHOLE };

static const struct {
    enum request_class class;
    enum place place;
    struct str words;
} class_markers[] = {
#define CLASS_MARKER(class, place, words) {CLASS_##class, PLACE_##place, {words, sizeof words - 1}},
#include "agents/identity.def"
#undef CLASS_MARKER
};

static const struct str main_markers[] = {
#define MAIN_MARKER(words) {words, sizeof words - 1},
#include "agents/identity.def"
#undef MAIN_MARKER
};

static const struct {
    struct str name, words;
} agent_markers[] = {
#define AGENT_MARKER(name, words) {{name, sizeof name - 1}, {words, sizeof words - 1}},
#include "agents/identity.def"
#undef AGENT_MARKER
};

const char *class_name(enum request_class class)
{
    return class < CLASS_COUNT ? class_names[class] : "";
}

static bool name_find(const char *const *names, size_t count, struct str name, size_t *out)
{
    for (*out = 0; *out < count; (*out)++)
        if (str_equal(name, str_of(names[*out])))
            return true;
    return false;
}

bool class_parse(struct str name, enum request_class *out)
{
    size_t at;
    bool found = name_find(class_names, CLASS_COUNT, name, &at);
    if (found)
        *out = (enum request_class)at;
    return found;
}

const char *identity_source_name(enum identity_source source)
{
    return source < IDENTITY_SOURCES ? source_names[source] : "";
}

bool identity_source_parse(struct str name, enum identity_source *out)
{
    size_t at;
    bool found = name_find(source_names, IDENTITY_SOURCES, name, &at);
    if (found)
        *out = (enum identity_source)at;
    return found;
}

struct str identity_session(const struct request_parts *parts, struct arena *arena)
{
    return metadata_session(parts->metadata, arena);
}

struct str identity_project(const struct request_parts *parts, struct arena *arena)
{
    struct str project = project_find(parts->system, arena);
    const struct str *first = parts->first;
    if (project.len || !first[0].len)
        return project;
    const struct str *last = first[1].len ? &first[1] : first;
    size_t len = (size_t)(last->ptr - first->ptr) + last->len;
    return project_find_in_messages(str_make(first->ptr, len), arena);
}

/* --- what the texts say --- */

struct reading {
    const struct identity_sources *from;
    const struct identity_request *q;
    struct arena *arena;
    struct identity *out;
    bool is_claude, is_billed, is_subagent, is_main; /* as the system prompt has it */
    struct str marked;                    /* the client's own agent, by how its prompt begins */
};

/* How a text begins, blanks before it left out. */
static struct str beginning(struct str raw, struct arena *arena)
{
    struct str text = json_read_text(raw, BEGINNING_MAX, arena);
    while (text.len && (unsigned char)text.ptr[0] <= ' ')
        text = str_from(text, 1);
    return text;
}

static void decide(struct reading *r, enum request_class class, enum identity_source by)
{
    if (r->out->class_by == IDENTITY_BY_NONE) {
        r->out->class = class;
        r->out->class_by = by;
    }
}

static void look_for_class(struct reading *r, enum place place, struct str text)
{
    for (size_t i = 0; i < COUNT_OF(class_markers); i++)
        if (class_markers[i].place == place && str_starts(text, class_markers[i].words) &&
            (place != PLACE_WHOLE || text.len == class_markers[i].words.len))
            decide(r, class_markers[i].class, IDENTITY_BY_MARKER);
}

static void read_system_block(struct reading *r, struct str raw)
{
    struct str text = beginning(raw, r->arena);
    if (str_starts(text, STR("x-anthropic-billing-header"))) {
        struct str line = json_read_text(raw, BILLING_MAX, r->arena);
        r->is_claude = r->is_billed = true;
        r->is_subagent |= str_contains_nocase(line, STR("cc_is_subagent=true"));
        return;
    }
    look_for_class(r, PLACE_SYSTEM, text);
    for (size_t i = 0; i < COUNT_OF(main_markers); i++)
        r->is_main |= str_starts(text, main_markers[i]);
    for (size_t i = 0; i < COUNT_OF(agent_markers) && !r->marked.len; i++)
        if (str_starts(text, agent_markers[i].words))
            r->marked = agent_markers[i].name;
}

static void read_system(struct reading *r)
{
    struct text_blocks blocks;
    struct str raw;
    text_blocks_init(&blocks, r->q->parts->system);
    for (int i = 0; i < SYSTEM_BLOCKS_MAX && text_blocks_next(&blocks, &raw); i++)
        read_system_block(r, raw);
}

static void read_messages(struct reading *r)
{
    const struct request_parts *p = r->q->parts;
    struct text_blocks blocks;
    struct str raw;
    text_blocks_of_message(&blocks, request_parts_newest(p));
    while (text_blocks_next(&blocks, &raw)) {
        struct str text = beginning(raw, r->arena);
        look_for_class(r, PLACE_NEWEST, text);
        if (p->message_count == 1)
            look_for_class(r, PLACE_WHOLE, text);
    }
}

/* A fork's task is marked so, in its parent's history. Escaped quotes are another text's. */
static bool has_fork_mark(struct str messages)
{
    static const struct str mark = {"\"<fork-boilerplate>", 19};
    const char *at;
    while (messages.len && (at = memmem(messages.ptr, messages.len, mark.ptr, mark.len))) {
        size_t index = (size_t)(at - messages.ptr);
        if (index && messages.ptr[index - 1] != '\\')
            return true;
        messages = str_from(messages, index + mark.len);
    }
    return false;
}

/* --- the class --- */

static bool is_claude_code(const struct identity_request *q)
{
    return q->session_id.len || q->agent_id.len || str_starts(q->client, STR("claude-cli/")) ||
           str_contains_nocase(q->beta, STR("claude-code-"));
}

/* True when the path alone tells what it is. */
static bool read_path(struct reading *r)
{
    const struct identity_request *q = r->q;
    if (str_ends(q->path, STR("/count_tokens")))
        decide(r, CLASS_COUNT_TOKENS, IDENTITY_BY_PATH);
    else if (str_equal(q->method, STR("HEAD")) ||
             (str_equal(q->method, STR("GET")) && is_claude_code(q)))
        decide(r, CLASS_PROBE, IDENTITY_BY_PATH);
    else if (!str_ends(q->path, STR("/v1/messages")) || !q->parts)
        decide(r, CLASS_OTHER, IDENTITY_BY_PATH);
    return r->out->class_by != IDENTITY_BY_NONE;
}

static bool is_empty_list(struct str raw)
{
    struct json_walk w;
    json_walk_init(&w, raw);
    return !json_enter(&w, '[') || !json_next_element(&w);
}

/* A title is asked for in a form of its own. */
static bool wants_title(struct str output_config)
{
    static const char *const path[] = {"format", "schema", "properties", "title"};
    for (size_t i = 0; i < COUNT_OF(path) && output_config.len; i++)
        output_config = json_member(output_config, str_of(path[i]));
    return output_config.len > 0;
}

static void read_shape(struct reading *r)
{
    const struct request_parts *p = r->q->parts;
    int64_t max_tokens;
    if (is_empty_list(p->tools) && wants_title(p->output_config))
        decide(r, CLASS_TITLE, IDENTITY_BY_SHAPE);
    if (json_read_int(p->max_tokens, INT64_MAX, &max_tokens) == JSON_INT_OK && max_tokens == 1)
        decide(r, CLASS_PROBE, IDENTITY_BY_SHAPE);
    else
        decide(r, is_empty_list(p->tools) ? CLASS_CLASSIFIER : CLASS_MAIN, IDENTITY_BY_SHAPE);
}

/* An agent or a fork, when the request says that it is one. */
static void read_agent_marks(struct reading *r, struct spawned told)
{
    bool by_header = r->q->agent_id.len > 0;
    if (!by_header && !r->is_subagent)
        return;
    bool is_fork = told.type.len ? str_equal(told.type, STR("fork"))
                                 : has_fork_mark(r->q->parts->messages);
    if (is_fork)
        decide(r, CLASS_FORK, IDENTITY_BY_MARKER);
    decide(r, CLASS_AGENT, by_header ? IDENTITY_BY_HEADER : IDENTITY_BY_MARKER);
}

/* --- the name --- */

static void name_it(struct reading *r, struct str name, enum identity_source by)
{
    if (!name.len || r->out->agent.len)
        return;
    r->out->agent = name;
    r->out->agent_by = by;
}

static struct spawned find_spawn(struct reading *r, struct str session)
{
    struct spawns *spawns = r->from->spawns;
    if (!spawns || !session.len)
        return (struct spawned){0};
    struct spawned told = spawns_agent(spawns, session, r->q->agent_id);
    if (told.type.len || r->is_main || !spawns_began_any(spawns, session))
        return told;
    struct prompts prompts;
    prompts_read_known(spawns, session, r->q->parts, r->arena, &prompts);
    return spawns_recognise(spawns, session, r->q->agent_id, &prompts);
}

static struct str project_of(const struct reading *r)
{
    return r->q->project ? *r->q->project : identity_project(r->q->parts, r->arena);
}

static const struct agent *find_in(struct reading *r, const struct agent_catalog *c, struct str raw,
                                   int blocks_max)
{
    struct text_blocks blocks;
    struct str text;
    const struct agent *found = NULL;
    struct str project = c->has_ties ? project_of(r) : STR_NONE;
    text_blocks_init(&blocks, raw);
    for (int i = 0; !found && i < blocks_max && text_blocks_next(&blocks, &text); i++)
        found = catalog_find(c, text, project, r->arena);
    return found;
}

/* The agent whose prompt stands in the system prompt, or in the first messages. */
static const struct agent *find_agent(struct reading *r, const struct agent_catalog *c)
{
    const struct request_parts *p = r->q->parts;
    if (!c || !c->count || r->out->agent.len)
        return NULL;
    const struct agent *found = find_in(r, c, p->system, SYSTEM_BLOCKS_MAX);
    for (size_t i = 0; !found && i < PARTS_FIRST; i++)
        found = find_in(r, c, json_member(p->first[i], STR("content")), MESSAGE_BLOCKS_MAX);
    return found;
}

static void read_prompt(struct reading *r, const struct agent_catalog *c, enum identity_source by)
{
    const struct agent *found = find_agent(r, c);
    if (!found)
        return;
    name_it(r, arena_str(r->arena, found->name), by);
    r->out->is_background |= found->is_background;
    r->out->agent_model = arena_str(r->arena, found->model);
    if (!r->is_billed) /* clients that bill say of agents that they are */
        decide(r, CLASS_AGENT, by);
}

/* So that its agents are read, for this request or for those that follow. */
static void tell_project(struct reading *r)
{
    struct known_agents *known = r->from->known;
    if (known && !known_agents_want(known, project_of(r)))
        r->out->is_early = r->out->class == CLASS_AGENT && !r->out->agent.len;
}

static void read_body(struct reading *r)
{
    struct str session = r->q->session_id;
    r->is_claude = is_claude_code(r->q);
    read_system(r);
    if (!r->is_claude)
        return;
    if (!session.len)
        session = identity_session(r->q->parts, r->arena);
    read_messages(r);
    struct spawned told = find_spawn(r, session);
    r->out->is_background = told.is_background;
    read_agent_marks(r, told);
    if (r->is_main)
        decide(r, CLASS_MAIN, IDENTITY_BY_MARKER);
    if (told.type.len)
        decide(r, CLASS_AGENT, IDENTITY_BY_SPAWN);
    name_it(r, told.type, IDENTITY_BY_SPAWN);
    if (!r->is_main) {
        read_prompt(r, r->from->catalog, IDENTITY_BY_DEFINITION);
        read_prompt(r, r->from->fingerprints, IDENTITY_BY_FINGERPRINT);
    }
    tell_project(r);
    if (r->marked.len)
        decide(r, CLASS_AGENT, IDENTITY_BY_MARKER);
    read_shape(r);
    if (r->out->class == CLASS_FORK) {
        name_it(r, STR("fork"), IDENTITY_BY_MARKER);
        r->out->is_background = true;
    }
    name_it(r, r->marked, IDENTITY_BY_MARKER);
}

void identity_read(const struct identity_sources *from, const struct identity_request *q,
                   struct arena *arena, struct identity *out)
{
    struct reading r = {.from = from, .q = q, .arena = arena, .out = out};
    *out = (struct identity){0};
    out->is_nested = q->parent_agent_id.len > 0;
    if (!read_path(&r))
        read_body(&r);
}
