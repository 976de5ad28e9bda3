/*
 * transcript_line.c — reads one line of a transcript: one table of members, in any order.
 *
 * The client adds kinds of lines and members with its releases: what is not known here is passed
 * over, and a line of an unknown kind is one of the client's own notes.
 */
#include "record/json_walk.h"
#include "record/title.h"
#include "record/transcript.h"

static const char *const kinds[TRANSCRIPT_KINDS] = {
    [TRANSCRIPT_OTHER] = "other",           [TRANSCRIPT_USER] = "user",
    [TRANSCRIPT_ASSISTANT] = "assistant",   [TRANSCRIPT_SYSTEM] = "system",
    [TRANSCRIPT_ATTACHMENT] = "attachment", [TRANSCRIPT_SUMMARY] = "summary",
};

const char *transcript_kind_name(enum transcript_kind kind)
{
    return kinds[kind];
}

struct reading {
    struct arena *arena;
    struct transcript_line *line;
    struct str message; /* the raw member */
};

static void read_kind(struct str raw, struct reading *r)
{
    struct str text = json_read_text(raw, TRANSCRIPT_ID_MAX, r->arena);
    for (int i = TRANSCRIPT_OTHER + 1; i < TRANSCRIPT_KINDS; i++)
        if (str_equal(text, str_of(kinds[i])))
            r->line->kind = (enum transcript_kind)i;
}

static void read_uuid(struct str raw, struct reading *r)
{
    r->line->has_uuid =
        uuid_parse(json_read_text(raw, TRANSCRIPT_ID_MAX, r->arena), &r->line->uuid);
}

static void read_parent(struct str raw, struct reading *r)
{
    r->line->has_parent =
        uuid_parse(json_read_text(raw, TRANSCRIPT_ID_MAX, r->arena), &r->line->parent);
}

static void read_message(struct str raw, struct reading *r)
{
    r->message = raw;
}

static void read_naming(struct str raw, struct reading *r)
{
    struct str title = title_of_string(raw, r->arena);
    if (title.len)
        r->line->naming = title;
}

static const struct member {
    const char *name;
    void (*read)(struct str raw, struct reading *r); /* or, without it: */
    size_t at, max;                                  /* a text */
    uint32_t flag;                                   /* set when the value is true */
} members[] = {
    {"type", read_kind, 0, 0, 0},
    {"uuid", read_uuid, 0, 0, 0},
    {"parentUuid", read_parent, 0, 0, 0},
    {"message", read_message, 0, 0, 0},
    {"summary", read_naming, 0, 0, 0},
    {"customTitle", read_naming, 0, 0, 0},
    {"aiTitle", read_naming, 0, 0, 0},
    {"timestamp", NULL, offsetof(struct transcript_line, time), TRANSCRIPT_ID_MAX, 0},
    {"sessionId", NULL, offsetof(struct transcript_line, session_id), TRANSCRIPT_ID_MAX, 0},
    {"agentId", NULL, offsetof(struct transcript_line, agent_id), TRANSCRIPT_ID_MAX, 0},
    {"requestId", NULL, offsetof(struct transcript_line, request_id), TRANSCRIPT_ID_MAX, 0},
    {"attributionAgent", NULL, offsetof(struct transcript_line, agent_type), TRANSCRIPT_ID_MAX, 0},
    {"cwd", NULL, offsetof(struct transcript_line, cwd), TRANSCRIPT_TEXT_MAX, 0},
    {"gitBranch", NULL, offsetof(struct transcript_line, branch), TRANSCRIPT_TEXT_MAX, 0},
    {"isSidechain", NULL, 0, 0, TRANSCRIPT_IS_SIDECHAIN},
    {"isMeta", NULL, 0, 0, TRANSCRIPT_IS_META},
    {"isApiErrorMessage", NULL, 0, 0, TRANSCRIPT_IS_ERROR},
    {"isCompactSummary", NULL, 0, 0, TRANSCRIPT_IS_COMPACTED},
};

static void take_member(struct str key, struct str raw, struct reading *r)
{
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const struct member *m = &members[i];
        if (!json_key_is(key, str_of(m->name)))
            continue;
        if (m->read)
            m->read(raw, r);
        else if (m->flag)
            r->line->flags |= str_equal(raw, STR("true")) ? m->flag : 0;
        else
            *(struct str *)((char *)r->line + m->at) = json_read_text(raw, m->max, r->arena);
        return;
    }
}

/* The first text block that says something. */
static struct str title_of_blocks(struct str content, struct arena *arena)
{
    struct json_walk w;
    struct str title = STR_NONE;
    json_walk_init(&w, content);
    if (!json_enter(&w, '['))
        return STR_NONE;
    while (!title.len && json_next_element(&w)) {
        struct str block = json_take(&w);
        if (str_equal(json_member(block, STR("type")), STR("\"text\"")))
            title = title_of_string(json_member(block, STR("text")), arena);
    }
    return title;
}

/* What the client writes in the user's name begins with a mark: <command-name>, <bash-stdout>… */
static struct str title_of_content(struct str content, struct arena *arena)
{
    struct str title = content.len && content.ptr[0] == '"' ? title_of_string(content, arena)
                                                            : title_of_blocks(content, arena);
    return title.len && title.ptr[0] != '<' ? title : STR_NONE;
}

static void look_into_message(struct reading *r)
{
    struct transcript_line *line = r->line;
    if (!r->message.len || r->message.ptr[0] != '{')
        return;
    if (line->kind == TRANSCRIPT_ASSISTANT)
        line->message_id =
            json_read_text(json_member(r->message, STR("id")), TRANSCRIPT_ID_MAX, r->arena);
    const uint32_t not_asked = TRANSCRIPT_IS_META | TRANSCRIPT_IS_COMPACTED;
    if (line->kind == TRANSCRIPT_USER && !(line->flags & not_asked))
        line->title = title_of_content(json_member(r->message, STR("content")), r->arena);
}

bool transcript_line_read(struct str line, struct arena *arena, struct transcript_line *out)
{
    struct json_walk w;
    struct str key;
    struct reading r = {.arena = arena, .line = out};
    *out = (struct transcript_line){.kind = TRANSCRIPT_OTHER};
    json_walk_init(&w, line);
    if (!json_enter(&w, '{'))
        return false;
    while (json_next_key(&w, &key))
        take_member(key, json_take(&w), &r);
    if (w.is_stuck || (w.flags & JSON_SCAN_INVALID) || json_peek(&w) != -1)
        return false;
    look_into_message(&r);
    return true;
}
