/*
 * exchange_copy.h — one exchange with all that was recorded of it, on its way out of a store or
 * into one. Strings and lists are borrowed.
 */
#ifndef RECORD_EXCHANGE_COPY_H
#define RECORD_EXCHANGE_COPY_H

#include "record/record.h"

enum body_fate {
    BODY_WHOLE,   /* as it was recorded; also when there was none */
    BODY_DAMAGED, /* could not be read any more: left out */
    BODY_GONE,    /* was aged out: left out */
    BODY_TOO_LONG /* longer than this form takes: left out */
};

struct body_copy {
    enum body_fate fate;
    struct str bytes;
    uint8_t hash[16]; /* XXH3-128 of the whole body */
};

/* Times that nobody knows are UNKNOWN. */
struct exchange_copy {
    struct uuid id;
    enum ending state;
    int64_t started_us; /* wall clock */
    struct str client_addr, provider;
    struct str request_head, response_head; /* as in struct frame_begin and frame_resp_head */
    struct str upstream_addr;
    bool is_ours, is_reused;
    bool is_translated, is_demoted; /* as in struct frame_resp_head */
    struct str asked_model; /* of the provider, where it was translated */
    struct str losses;      /* of the translation, as JSON; or empty */
    struct frame_decision decision;
    bool is_untimed; /* when the answer came is not known: ttfb_us and the timeline do not count */
    int64_t connect_us, sent_us, ttfb_us, duration_us;
    struct str error_type, error_message;
    int64_t request_bytes, response_bytes, client_bytes; /* as counted while it was relayed */
    struct body_copy request, response;
    const struct chunk_mark *timeline;
    size_t timeline_len;
};

#endif
