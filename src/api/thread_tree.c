/*
 * thread_tree.c — turns find their parents by number.
 */
#include "api/thread_tree.h"

#include <stdlib.h>

#include "base/mem.h"

/* Turn to node: open addressing, at most half full. */
struct node_map {
    size_t *slots; /* 1 + node; 0: empty */
    size_t mask;
};

static size_t *slot_of(const struct node_map *m, const struct thread_tree *t, int64_t turn)
{
    size_t at = (size_t)turn & m->mask;
    while (m->slots[at] && t->nodes[m->slots[at] - 1].turn != turn)
        at = (at + 1) & m->mask;
    return &m->slots[at];
}

static struct node_map map_new(size_t count)
{
    size_t size = 16;
    while (size < count * 2)
        size *= 2;
    return (struct node_map){mem_zeroed(size * sizeof(size_t)), size - 1};
}

static bool is_better(const struct record *r, const struct record *than)
{
    return r->state == ENDING_COMPLETE || than->state != ENDING_COMPLETE;
}

/* Parents stand before their children, so one pass from the end tells each where below it the
 * newest activity is. */
static void note_activity(struct thread_tree *t)
{
    for (size_t i = t->count; i-- > 0;) {
        const struct thread_node *n = &t->nodes[i];
        struct thread_node *parent = n->parent != NO_NODE ? &t->nodes[n->parent] : NULL;
        if (!parent)
            continue;
        if (parent->newest_child == NO_NODE || n->last_us > t->nodes[parent->newest_child].last_us)
            parent->newest_child = i;
        parent->last_us = MAX_OF(parent->last_us, n->last_us);
    }
}

static size_t add_node(struct thread_tree *t, const struct node_map *map, const struct record *r,
                       size_t row)
{
    size_t *parent = r->parent_turn > 0 ? slot_of(map, t, r->parent_turn) : NULL;
    size_t node = t->count++;
    t->nodes[node] = (struct thread_node){.turn = r->turn,
                                          .parent = parent && *parent ? *parent - 1 : NO_NODE,
                                          .shared_count = MAX_OF(r->shared_count, 0),
                                          .message_count = MAX_OF(r->message_count, 0),
                                          .row = row,
                                          .newest_child = NO_NODE};
    if (t->nodes[node].parent != NO_NODE)
        t->nodes[node].depth = t->nodes[t->nodes[node].parent].depth + 1;
    return node;
}

void thread_tree_init(struct thread_tree *t, const struct record *rows, size_t row_count)
{
    struct node_map map = map_new(row_count);
    *t = (struct thread_tree){.rows = rows,
                              .nodes = mem_alloc((row_count + 1) * sizeof *t->nodes),
                              .node_of_row = mem_alloc((row_count + 1) * sizeof(size_t))};
    for (size_t i = 0; i < row_count; i++) {
        size_t *slot = slot_of(&map, t, rows[i].turn);
        if (!*slot)
            *slot = add_node(t, &map, &rows[i], i) + 1;
        size_t node = t->node_of_row[i] = *slot - 1;
        t->nodes[node].row_count++;
        if (is_better(&rows[i], &rows[t->nodes[node].row]))
            t->nodes[node].row = i;
        t->nodes[node].last_us = MAX_OF(t->nodes[node].last_us, rows[i].started_us);
    }
    free(map.slots);
    note_activity(t);
}

void thread_tree_release(struct thread_tree *t)
{
    free(t->nodes);
    free(t->node_of_row);
    *t = (struct thread_tree){0};
}

static size_t newest_root(const struct thread_tree *t)
{
    size_t best = NO_NODE;
    for (size_t i = 0; i < t->count; i++)
        if (t->nodes[i].parent == NO_NODE &&
            (best == NO_NODE || t->nodes[i].last_us >= t->nodes[best].last_us))
            best = i;
    return best;
}

size_t thread_tree_leaf(const struct thread_tree *t, size_t node)
{
    node = node == NO_NODE ? newest_root(t) : node;
    while (node != NO_NODE && t->nodes[node].newest_child != NO_NODE)
        node = t->nodes[node].newest_child;
    return node;
}
