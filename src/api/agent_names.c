/*
 * agent_names.c — joins agents to the calls that began them.
 */
#include "api/agent_names.h"

#include <stdlib.h>

#include "api/api_requests.h"
#include "base/mem.h"

enum { CALLS_MAX = 512, CALL_TEXT_MAX = 256 };

struct spawn_call {
    struct str tool_use_id, type, description, prompt, agent_id; /* in the document */
};

struct calls {
    struct spawn_call list[CALLS_MAX];
    size_t count;
};

static struct str text_of(yyjson_val *v)
{
    return str_make(yyjson_get_str(v), yyjson_get_len(v));
}

static yyjson_doc *read_json(struct buf *bytes)
{
    return bytes->len ? yyjson_read(bytes->ptr, bytes->len, 0) : NULL;
}

static bool is_spawner(yyjson_val *name)
{
    return yyjson_equals_str(name, "Agent") || yyjson_equals_str(name, "Task");
}

static void take_call(struct calls *c, yyjson_val *block)
{
    yyjson_val *input = yyjson_obj_get(block, "input");
    if (!is_spawner(yyjson_obj_get(block, "name")) || c->count == CALLS_MAX)
        return;
    c->list[c->count++] =
        (struct spawn_call){.tool_use_id = text_of(yyjson_obj_get(block, "id")),
                            .type = text_of(yyjson_obj_get(input, "subagent_type")),
                            .description = text_of(yyjson_obj_get(input, "description")),
                            .prompt = text_of(yyjson_obj_get(input, "prompt"))};
}

/* "agentId: <id> (use …)", as the client writes it behind an agent's answer. */
static struct str agent_id_in(struct str text)
{
    static const char mark[] = "agentId: ";
    const char *at = text.len ? memmem(text.ptr, text.len, mark, sizeof mark - 1) : NULL;
    if (!at)
        return STR_NONE;
    struct str rest = str_from(text, (size_t)(at - text.ptr) + sizeof mark - 1);
    size_t end = 0;
    while (end < rest.len && !strchr(" \n\r\t(),", rest.ptr[end]))
        end++;
    return str_head(rest, end);
}

static void take_result(struct calls *c, yyjson_val *block)
{
    struct str id = text_of(yyjson_obj_get(block, "tool_use_id"));
    yyjson_val *content = yyjson_obj_get(block, "content"), *part;
    struct spawn_call *call = NULL;
    for (size_t i = 0; i < c->count; i++)
        if (str_equal(c->list[i].tool_use_id, id))
            call = &c->list[i];
    if (!call)
        return;
    if (yyjson_is_str(content))
        call->agent_id = agent_id_in(text_of(content));
    size_t i, max;
    yyjson_arr_foreach(content, i, max, part)
    {
        struct str found = agent_id_in(text_of(yyjson_obj_get(part, "text")));
        call->agent_id = found.len ? found : call->agent_id;
    }
}

static void take_message(struct calls *c, yyjson_val *message)
{
    yyjson_val *block;
    size_t i, max;
    yyjson_arr_foreach(yyjson_obj_get(message, "content"), i, max, block)
    {
        yyjson_val *type = yyjson_obj_get(block, "type");
        if (yyjson_equals_str(type, "tool_use"))
            take_call(c, block);
        else if (yyjson_equals_str(type, "tool_result"))
            take_result(c, block);
    }
}

/* Is the call's prompt what the agent was first told? */
static bool was_told(yyjson_val *message, struct str prompt)
{
    yyjson_val *content = yyjson_obj_get(message, "content"), *block;
    struct str text = text_of(content);
    if (yyjson_is_str(content))
        return memmem(text.ptr, text.len, prompt.ptr, prompt.len) != NULL;
    size_t i, max;
    yyjson_arr_foreach(content, i, max, block)
    {
        text = text_of(yyjson_obj_get(block, "text"));
        if (text.len && memmem(text.ptr, text.len, prompt.ptr, prompt.len))
            return true;
    }
    return false;
}

static const struct spawn_call *match_by_prompt(struct api_job *job, const struct calls *calls,
                                                const struct named_agent *agent)
{
    const struct spawn_call *found = NULL;
    struct buf body;
    if (agent->first->request_bytes > NAMING_BODY_MAX)
        return NULL;
    buf_init(&body, NAMING_BODY_MAX);
    if (!requests_read_request(job, &agent->first->id, &body)) {
        yyjson_doc *doc = read_json(&body);
        yyjson_val *messages = yyjson_obj_get(yyjson_doc_get_root(doc), "messages");
        /* one message only: a forked agent has its parent's before its own */
        yyjson_val *last = yyjson_arr_get_last(messages);
        for (size_t i = calls->count; last && !found && i-- > 0;)
            if (calls->list[i].prompt.len && !calls->list[i].agent_id.len &&
                was_told(last, calls->list[i].prompt))
                found = &calls->list[i];
        yyjson_doc_free(doc);
    }
    buf_release(&body);
    return found;
}

static const struct spawn_call *match_by_id(const struct calls *calls, struct str id)
{
    for (size_t i = calls->count; i-- > 0;)
        if (str_equal(calls->list[i].agent_id, id))
            return &calls->list[i];
    return NULL;
}

static void name_agent(struct api_job *job, struct named_agent *agent,
                       const struct spawn_call *call)
{
    if (!agent->type.len && call->type.len)
        agent->type = arena_str(&job->arena, str_head(call->type, CALL_TEXT_MAX));
    if (!agent->description.len && call->description.len)
        agent->description = arena_str(&job->arena, str_head(call->description, CALL_TEXT_MAX));
}

static bool wants_name(const struct named_agent *a)
{
    return a->id.len && (!a->type.len || !a->description.len);
}

/* What `bytes` holds of calls; they point into the document that is returned. */
static yyjson_doc *read_calls(struct calls *calls, struct buf *bytes, bool is_answer)
{
    yyjson_doc *doc = read_json(bytes);
    yyjson_val *root = yyjson_doc_get_root(doc), *message;
    size_t i, max;
    if (is_answer)
        take_message(calls, yyjson_obj_get(root, "message"));
    yyjson_arr_foreach(yyjson_obj_get(root, "messages"), i, max, message)
    {
        take_message(calls, message);
    }
    return doc;
}

/* Names the agents that `parent` began. */
static void name_children(struct api_job *job, const struct named_agent *parent,
                          struct named_agent *agents, size_t count, int *compared)
{
    struct calls *calls = MEM_NEW(struct calls);
    struct buf sent, answered;
    buf_init(&sent, NAMING_BODY_MAX);
    buf_init(&answered, NAMING_BODY_MAX);
    yyjson_doc *docs[2] = {NULL, NULL};
    if (parent->longest->request_bytes <= NAMING_BODY_MAX &&
        !requests_read_request(job, &parent->longest->id, &sent))
        docs[0] = read_calls(calls, &sent, false);
    if (parent->caller && !requests_read_message(job, &parent->caller->id, &answered))
        docs[1] = read_calls(calls, &answered, true);
    for (size_t i = 0; i < count && calls->count; i++) {
        if (!wants_name(&agents[i]) || !str_equal(agents[i].parent_id, parent->id))
            continue;
        const struct spawn_call *call = match_by_id(calls, agents[i].id);
        if (!call && (*compared)++ < NAMING_AGENTS_MAX)
            call = match_by_prompt(job, calls, &agents[i]);
        if (call)
            name_agent(job, &agents[i], call);
    }
    yyjson_doc_free(docs[0]);
    yyjson_doc_free(docs[1]);
    buf_release(&sent);
    buf_release(&answered);
    free(calls);
}

static bool has_unnamed(const struct named_agent *parent, const struct named_agent *agents,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (wants_name(&agents[i]) && str_equal(agents[i].parent_id, parent->id))
            return true;
    return false;
}

void agent_names_find(struct api_job *job, struct named_agent *agents, size_t count)
{
    int parents = 0, compared = 0;
    for (size_t i = 0; i < count && parents < NAMING_PARENTS_MAX; i++)
        if (agents[i].longest && has_unnamed(&agents[i], agents, count)) {
            name_children(job, &agents[i], agents, count, &compared);
            parents++;
        }
}
