/*
 * compact_format.h — what the compact form's writer and reader must agree on.
 */
#ifndef RECORD_COMPACT_FORMAT_H
#define RECORD_COMPACT_FORMAT_H

#include "record/compact.h"

/* Catches what text modes and mail do to files. */
#define COMPACT_MAGIC STR("CCPX\r\n\x1a\n")

enum { COMPACT_FRAME_HEAD_BYTES = 9 };

enum compact_frame {
    COMPACT_ABOUT = 1, /* program. No time: the same exchanges make the same bytes */
    COMPACT_EXCHANGE,  /* all but the bodies; then the request's bytes, then the answer's */
    COMPACT_NEW,       /* bytes */
    COMPACT_SAME,      /* pairs: how far back in the NEW bytes so far, how many */
    COMPACT_END        /* how many exchanges */
};

enum compact_flag {
    COMPACT_OURS = 1,
    COMPACT_REUSED = 2,
    COMPACT_UNTIMED = 4,
    COMPACT_TRANSLATED = 8,
    COMPACT_SHADOW = 16,
    COMPACT_BACKGROUND = 32,
    COMPACT_DEMOTED = 64
};

static inline void compact_put_u32(char *out, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(v >> (8 * i));
}

static inline uint32_t compact_get_u32(const char *at)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v |= (uint32_t)(uint8_t)at[i] << (8 * i);
    return v;
}

#endif
