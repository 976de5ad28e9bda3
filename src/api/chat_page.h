/*
 * chat_page.h — a path through a conversation's turns as one continuous chat, a page at a time.
 *
 * The messages of a path are those of its last request and its answer. Where a history was written
 * anew (compacted), a new part begins: what came before it is the last request's before it. So a
 * page reads one body for each part that it touches, however many turns there were.
 */
#ifndef API_CHAT_PAGE_H
#define API_CHAT_PAGE_H

#include "api/api_job.h"
#include "api/thread_tree.h"

struct chat_part {
    size_t first, last;    /* in the path's nodes */
    int64_t start;         /* index of its first message in the chat */
    int64_t message_count; /* of its last request */
    bool has_answer;       /* the last request's answer stands behind them */
};

struct chat_path {
    const struct thread_tree *tree;
    size_t *nodes; /* from the conversation's first turn to the leaf */
    size_t count;
    struct chat_part *parts;
    size_t part_count;
    int64_t total; /* messages */
};

void chat_path_init(struct chat_path *p, const struct thread_tree *tree, size_t leaf);
void chat_path_release(struct chat_path *p);

/* Adds "total", "from", "next_from", "parts", "messages" and "requests" to `root`. `from`: index
 * of the first message; UNKNOWN: the newest `limit` ones. A body that cannot be read leaves its
 * messages out and is told in its part. */
enum err chat_page_put(struct api_job *job, yyjson_mut_doc *doc, yyjson_mut_val *root,
                       const struct chat_path *path, int64_t from, int limit) MUST_CHECK;

/* A copy of one JSON value; NULL when it is none. Bytes that are no UTF-8 become U+FFFD. */
yyjson_mut_val *json_copy(yyjson_mut_doc *doc, struct str json);

#endif
