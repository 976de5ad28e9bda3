/*
 * transcripts.c — glue: the reader of transcripts knows the store only through these.
 */
#include "transcripts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/store_transcripts.h"

static int64_t id_of(void *owner, struct str path)
{
    struct transcripts *t = owner;
    return store_transcript_id(t->store, str_of(t->place), path);
}

static enum err each(void *owner, store_transcript_fn *fn, void *fn_owner, struct fail *f)
{
    struct transcripts *t = owner;
    return store_each_transcript(t->store_reader, str_of(t->place), fn, fn_owner, f);
}

static enum err find(void *owner, int64_t id, struct arena *arena, struct transcript_file *out,
                     struct fail *f)
{
    struct transcripts *t = owner;
    bool is_here;
    return store_transcript(t->store_reader, id, str_of(t->place), arena, out, &is_here, f);
}

static enum err put(void *owner, const struct transcript_file *file,
                    const struct transcript_event *events, size_t count, struct fail *f)
{
    struct transcripts *t = owner;
    return store_put_transcript(t->store, str_of(t->place), file, events, count, f);
}

static enum err drop(void *owner, int64_t id, bool *more, struct fail *f)
{
    struct transcripts *t = owner;
    return store_drop_transcript(t->store, id, more, f);
}

void transcripts_init(struct transcripts *t, const struct config *cfg, struct store *s)
{
    struct str node = store_node(s);
    *t = (struct transcripts){.store = s};
    if (!cfg->transcripts_enabled || !*cfg->transcripts_dir)
        return;
    size_t room = node.len + strlen(cfg->transcripts_dir) + 2;
    t->place = mem_alloc(room);
    snprintf(t->place, room, "%.*s:%s", STR_ARGS(node), cfg->transcripts_dir);
    t->store_reader = store_reader_new(s);
    const struct transcript_store port = {
        .owner = t, .id_of = id_of, .each = each, .find = find, .put = put, .drop = drop};
    t->reader = transcript_reader_new(&port, cfg->transcripts_dir);
}

void transcripts_add_chores(struct transcripts *t, struct chores *c)
{
    if (t->reader)
        chores_add(c, "transcripts", transcript_reader_step, t->reader);
}

void transcripts_release(struct transcripts *t)
{
    transcript_reader_free(t->reader);
    if (t->store_reader)
        store_reader_free(t->store_reader);
    free(t->place);
}
