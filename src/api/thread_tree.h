/*
 * thread_tree.h — the requests of one conversation as a tree of turns. Numbers only: no bodies, no
 * JSON.
 */
#ifndef API_THREAD_TREE_H
#define API_THREAD_TREE_H

#include "record/record.h"

#define NO_NODE SIZE_MAX

/* One turn: a list of messages that was asked about once, or several times. */
struct thread_node {
    int64_t turn;
    size_t parent;        /* NO_NODE: it begins the conversation, or was forked from another */
    int64_t shared_count; /* messages that are the parent's; 0 with a parent: written anew */
    int64_t message_count;
    size_t row; /* of the request to show: the newest that was answered */
    size_t row_count;
    size_t newest_child; /* the one with the newest activity in or below it; NO_NODE: a leaf */
    int64_t last_us;     /* started_us of the newest request in or below it */
    size_t depth;        /* parents above it */
};

struct thread_tree {
    const struct record *rows; /* borrowed; oldest first */
    struct thread_node *nodes; /* parents before children */
    size_t count;
    size_t *node_of_row; /* one for each row */
};

/* `rows`: oldest first, all of one conversation and with a turn. */
void thread_tree_init(struct thread_tree *t, const struct record *rows, size_t row_count);
void thread_tree_release(struct thread_tree *t);
/* The leaf that the newest activity below `node` is in; of the whole tree for NO_NODE. */
size_t thread_tree_leaf(const struct thread_tree *t, size_t node);

#endif
