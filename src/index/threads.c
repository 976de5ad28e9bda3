/*
 * threads.c — finds the turn that a request goes on from: among those remembered first, in the
 * store after a restart.
 */
#include "index/threads.h"

#include <stdlib.h>

#include <xxhash.h>

#include "base/mem.h"

enum { BUCKET = 8 }; /* slots in which a turn may stand */

struct known {
    struct known_turn turn;
    uint64_t used_at; /* 0: empty */
};

/* The turns of a session and agent, or of a client without ids. */
struct scope {
    uint64_t key;
    uint64_t used_at;       /* 0: empty */
    bool is_loaded;         /* what the store has of it was remembered */
    struct known_turn main; /* newest turn of the thread that has tools; .turn 0: none */
    int64_t main_tools;
};

struct thread_memory {
    struct known turns[THREADS_TURNS_MAX];
    struct scope scopes[THREADS_SCOPES_MAX];
};

void threads_init(struct threads *t, const struct index_store *store)
{
    *t = (struct threads){.store = store};
}

void threads_release(struct threads *t)
{
    free(t->memory);
    t->memory = NULL;
}

/* --- keys --- */

static uint64_t hash_text(uint64_t before, struct str s)
{
    return hash_join(before, XXH3_64bits(s.ptr ? s.ptr : "", s.len));
}

/* The address without its port, which differs from connection to connection. */
static struct str host_of(struct str addr)
{
    size_t end = addr.len;
    while (end > 0 && addr.ptr[end - 1] != ':')
        end--;
    return str_head(addr, end);
}

static uint64_t scope_key(const struct record *r, struct str agent)
{
    if (r->session_id.len)
        return hash_text(hash_text(1, r->session_id), agent);
    return hash_text(hash_text(2, r->client), host_of(r->client_addr));
}

static int64_t turn_key(uint64_t scope, const struct message_chain *chain, size_t count)
{
    return hash_key(hash_join(scope, chain->list[count - 1]));
}

/* --- what is remembered --- */

static struct known *bucket_of(struct threads *t, int64_t turn)
{
    return &t->memory->turns[(uint64_t)turn % (THREADS_TURNS_MAX / BUCKET) * BUCKET];
}

static const struct known_turn *recall(struct threads *t, int64_t turn)
{
    struct known *bucket = bucket_of(t, turn);
    for (size_t i = 0; i < BUCKET; i++)
        if (bucket[i].used_at && bucket[i].turn.turn == turn) {
            bucket[i].used_at = ++t->clock;
            return &bucket[i].turn;
        }
    return NULL;
}

static void remember(struct threads *t, const struct known_turn *turn)
{
    struct known *bucket = bucket_of(t, turn->turn), *place = bucket;
    for (size_t i = 0; i < BUCKET; i++) {
        if (bucket[i].used_at && bucket[i].turn.turn == turn->turn) {
            place = &bucket[i];
            break;
        }
        if (bucket[i].used_at < place->used_at)
            place = &bucket[i];
    }
    *place = (struct known){*turn, ++t->clock};
}

/* The thread with the most tools is the one that the user talks to; side questions of a client
 * (titles, summaries of pages) have few or none. */
static void note_main(struct scope *s, const struct known_turn *turn, int64_t tool_count)
{
    bool goes_on = s->main.turn && turn->conversation == s->main.conversation;
    if (tool_count <= 0 || (!goes_on && tool_count <= s->main_tools))
        return;
    s->main = *turn;
    s->main_tools = tool_count;
}

/* --- what is stored --- */

struct loading {
    struct threads *threads;
    struct scope *scope;
};

static void on_stored(const struct known_turn *turn, int64_t tool_count, void *owner)
{
    struct loading *l = owner;
    remember(l->threads, turn);
    note_main(l->scope, turn, tool_count);
}

/* What the session's rows say. False when that was known before. */
static bool load_scope(struct threads *t, struct scope *s, struct str session, struct str agent)
{
    struct loading l = {t, s};
    if (s->is_loaded || !session.len || !t->store->session_turns)
        return false;
    s->is_loaded = true;
    t->store->session_turns(t->store->owner, session, agent, THREADS_LOADED_MAX, on_stored, &l);
    return true;
}

static struct scope *enter_scope(struct threads *t, uint64_t key)
{
    struct scope *scopes = t->memory->scopes, *oldest = scopes;
    for (size_t i = 0; i < THREADS_SCOPES_MAX; i++) {
        if (scopes[i].used_at && scopes[i].key == key) {
            scopes[i].used_at = ++t->clock;
            return &scopes[i];
        }
        if (scopes[i].used_at < oldest->used_at)
            oldest = &scopes[i];
    }
    *oldest = (struct scope){.key = key, .used_at = ++t->clock};
    return oldest;
}

static bool ask_store(struct threads *t, int64_t turn)
{
    struct known_turn found;
    if (!t->store->find_turn || !t->store->find_turn(t->store->owner, turn, &found))
        return false;
    remember(t, &found);
    return true;
}

/* --- placing --- */

/* The longest beginning that is a turn by itself: *shared messages of it. */
static const struct known_turn *find_parent(struct threads *t, uint64_t scope,
                                            const struct message_chain *chain, size_t *shared)
{
    for (size_t count = chain->count; count-- > 1;) {
        const struct known_turn *found = recall(t, turn_key(scope, chain, count));
        if (found) {
            *shared = count;
            return found;
        }
    }
    return NULL;
}

/* The same in the store, after a restart: all that it has of a session; without one, the newest
 * few beginnings. What has one message only goes on from nothing. */
static const struct known_turn *find_stored_parent(struct threads *t, const struct record *r,
                                                   struct scope *s, struct str agent,
                                                   const struct message_chain *chain,
                                                   size_t *shared)
{
    if (chain->count < 2)
        return NULL;
    if (r->session_id.len)
        return load_scope(t, s, r->session_id, agent) ? find_parent(t, s->key, chain, shared)
                                                      : NULL;
    size_t least = chain->count > THREADS_ASKED_MAX ? chain->count - THREADS_ASKED_MAX : 1;
    for (size_t count = chain->count; count-- > least;)
        if (ask_store(t, turn_key(s->key, chain, count)))
            return find_parent(t, s->key, chain, shared);
    return NULL;
}

/* A forked agent begins with the messages of the agent it was forked from. */
static const struct known_turn *find_origin(struct threads *t, const struct record *r,
                                            const struct message_chain *chain, size_t *shared)
{
    if (!r->session_id.len || !r->agent_id.len || chain->count < 2)
        return NULL;
    struct scope *s = enter_scope(t, scope_key(r, r->parent_agent_id));
    const struct known_turn *found = find_parent(t, s->key, chain, shared);
    return found ? found : find_stored_parent(t, r, s, r->parent_agent_id, chain, shared);
}

static struct known_turn child_of(const struct known_turn *parent, int64_t turn, size_t shared)
{
    return (struct known_turn){.turn = turn, .conversation = parent->conversation,
                               .parent = parent->turn, .shared = (int64_t)shared};
}

/* Where nothing in its own scope is its beginning. */
static struct known_turn begin(struct threads *t, const struct record *r, const struct scope *s,
                               const struct message_chain *chain, int64_t turn)
{
    size_t shared = 0;
    const struct known_turn *origin = find_origin(t, r, chain, &shared);
    if (!origin && r->session_id.len && s->main.turn && r->tool_count == s->main_tools)
        return child_of(&s->main, turn, 0); /* its history was written anew: compacted */
    struct known_turn first = {.turn = turn, .conversation = conversation_begun_by(&r->id)};
    if (origin) {
        first.parent = origin->turn;
        first.shared = (int64_t)shared;
    }
    return first;
}

static struct known_turn place(struct threads *t, const struct record *r, struct scope *s,
                               const struct message_chain *chain)
{
    int64_t turn = turn_key(s->key, chain, chain->count);
    bool has_session = r->session_id.len > 0;
    size_t shared;
    /* without a session, two that begin with the same words are two conversations */
    const struct known_turn *found = has_session || chain->count > 1 ? recall(t, turn) : NULL;
    if (found)
        return *found; /* asked once more */
    found = find_parent(t, s->key, chain, &shared);
    if (!found)
        found = find_stored_parent(t, r, s, r->agent_id, chain, &shared);
    return found ? child_of(found, turn, shared) : begin(t, r, s, chain, turn);
}

void threads_place(struct threads *t, struct record *r, const struct message_chain *chain)
{
    if (!chain->count)
        return;
    if (!t->memory)
        t->memory = MEM_NEW(struct thread_memory);
    struct scope *s = enter_scope(t, scope_key(r, r->agent_id));
    struct known_turn it = place(t, r, s, chain);
    remember(t, &it);
    note_main(s, &it, r->tool_count);
    r->conversation = it.conversation;
    r->turn = it.turn;
    r->parent_turn = it.parent ? it.parent : UNKNOWN;
    r->shared_count = it.parent ? it.shared : UNKNOWN;
}
