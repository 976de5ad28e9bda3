/*
 * text_flow.h — what an answer's text goes through on its way: halves of characters are joined,
 * <think> tags at its head taken out, stop sequences found. However the text is cut into pieces,
 * the same comes out, and nothing is held back longer than it could still become a tag or a stop.
 */
#ifndef DIALECT_TEXT_FLOW_H
#define DIALECT_TEXT_FLOW_H

#include "base/buf.h"

/* A surrogate's first half (three bytes), waiting for the second, which may be in the next piece. */
struct text_joint {
    char half[3];
    bool is_held;
    struct buf joined; /* ceiling: the piece's own size */
};

void text_joint_init(struct text_joint *j);
void text_joint_release(struct text_joint *j);
/* The piece as UTF-8, with halves joined or replaced by U+FFFD; borrowed until the next call. */
struct str text_joint_feed(struct text_joint *j, struct str piece);
/* What was still waiting. */
struct str text_joint_end(struct text_joint *j);

enum think_state { THINK_OFF, THINK_HEAD, THINK_INSIDE, THINK_BEHIND };

enum { THINK_HELD_MAX = 64 /* bytes: space in front of a tag, and the tag */ };

struct think_split {
    enum think_state state;
    char held[THINK_HELD_MAX];
    size_t held_len;
};

/* Where the parts of the text go. */
struct text_sink {
    void *owner;
    void (*thinking)(void *owner, struct str text);
    void (*text)(void *owner, struct str text);
};

void think_split_feed(struct think_split *t, struct str piece, const struct text_sink *sink);
void think_split_end(struct think_split *t, const struct text_sink *sink);

struct stop_match {
    const struct str *stops; /* borrowed; none is empty */
    size_t stop_count;
    struct buf held; /* ceiling: the longest stop and one piece */
    bool is_hit;
    struct str hit; /* which one */
};

void stop_match_init(struct stop_match *m, const struct str *stops, size_t count);
void stop_match_release(struct stop_match *m);
/* What is certainly no part of a stop sequence goes to `sink->text`. After a hit nothing does. */
void stop_match_feed(struct stop_match *m, struct str piece, const struct text_sink *sink);
void stop_match_end(struct stop_match *m, const struct text_sink *sink);

#endif
