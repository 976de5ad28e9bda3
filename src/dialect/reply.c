/*
 * reply.c — the order of blocks: one open at a time, thinking sealed, text after text, the end.
 * Tool calls are in reply_calls.c.
 */
#include "dialect/reply.h"

#include <xxhash.h>

#include "dialect/envelope.h"

/* finish_reason, stop_reason, finishReason, incomplete_details.reason: all that were ever seen. */
static const struct {
    const char *reason;
    enum finish finish;
} finishes[] = {
    {"stop", FINISH_STOP},
    {"STOP", FINISH_STOP},
    {"eos", FINISH_STOP},
    {"end_turn", FINISH_STOP},
    {"completed", FINISH_STOP},
    {"length", FINISH_LENGTH},
    {"max_tokens", FINISH_LENGTH},
    {"MAX_TOKENS", FINISH_LENGTH},
    {"max_output_tokens", FINISH_LENGTH},
    {"model_length", FINISH_LENGTH},
    {"tool_calls", FINISH_TOOLS},
    {"tool_use", FINISH_TOOLS},
    {"function_call", FINISH_TOOLS},
    {"stop_sequence", FINISH_SEQUENCE},
    {"pause_turn", FINISH_PAUSE},
    {"model_context_window_exceeded", FINISH_CONTEXT},
    {"content_filter", FINISH_REFUSAL},
    {"refusal", FINISH_REFUSAL},
    {"SAFETY", FINISH_REFUSAL},
    {"RECITATION", FINISH_REFUSAL},
    {"LANGUAGE", FINISH_REFUSAL},
    {"BLOCKLIST", FINISH_REFUSAL},
    {"PROHIBITED_CONTENT", FINISH_REFUSAL},
    {"SPII", FINISH_REFUSAL},
    {"IMAGE_SAFETY", FINISH_REFUSAL},
    {"insufficient_system_resource", FINISH_OVERLOADED},
    {"error", FINISH_ERROR},
    {"MALFORMED_FUNCTION_CALL", FINISH_ERROR},
};

const char *stop_reason_name(enum stop_reason reason)
{
    static const char *const names[] = {"end_turn",
                                        "tool_use",
                                        "max_tokens",
                                        "stop_sequence",
                                        "refusal",
                                        "pause_turn",
                                        "model_context_window_exceeded"};
    assert(reason < COUNT_OF(names));
    return names[reason];
}

void reply_init(struct reply *r, const struct reply_sink *sink, struct arena *arena)
{
    *r = (struct reply){.sink = sink, .arena = arena};
    buf_init(&r->blank, REPLY_BLANK_MAX);
    buf_init(&r->late_text, REPLY_LATE_TEXT_MAX);
    buf_init(&r->sealed, ENVELOPE_MAX);
    buf_init(&r->whole, REPLY_WHOLE_MAX);
    buf_init(&r->whole_more, REPLY_WHOLE_MAX);
    buf_init(&r->whole_thinking, REPLY_WHOLE_MAX);
    buf_init(&r->whole_calls, REPLY_WHOLE_MAX);
    buf_init(&r->whole_details, REPLY_WHOLE_MAX);
    buf_init(&r->whole_citations, REPLY_WHOLE_MAX);
    text_calls_init(&r->text_calls);
    text_joint_init(&r->text_joint);
    text_joint_init(&r->thinking_joint);
    stop_match_init(&r->stop, NULL, 0);
}

void reply_release(struct reply *r)
{
    reply_calls_release(r);
    reply_details_release(r);
    buf_release(&r->blank);
    buf_release(&r->late_text);
    buf_release(&r->sealed);
    buf_release(&r->whole);
    buf_release(&r->whole_more);
    buf_release(&r->whole_thinking);
    buf_release(&r->whole_calls);
    buf_release(&r->whole_details);
    buf_release(&r->whole_citations);
    text_calls_release(&r->text_calls);
    text_joint_release(&r->text_joint);
    text_joint_release(&r->thinking_joint);
    stop_match_release(&r->stop);
}

/* Twenty-four characters that are different for each number, and the same in every run. */
struct str reply_make_id(struct reply *r, const char *prefix, uint64_t number)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    XXH128_hash_t hash = XXH3_128bits_withSeed(r->id.ptr, r->id.len, number);
    uint64_t halves[2] = {hash.high64, hash.low64};
    char text[24];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = digits[halves[i / 12] % 62];
        halves[i / 12] /= 62;
    }
    return arena_printf(r->arena, "%s%.*s", prefix, (int)sizeof text, text);
}

void reply_start(struct reply *r)
{
    if (r->is_started || r->is_over)
        return;
    r->is_started = true;
    r->sink->start(r);
}

/* Something must come back with the next thinking. */
static bool has_seal(const struct reply *r)
{
    return r->shows_thinking && (r->sealed_kind || r->detail_count || r->raw_signature.len);
}

void reply_open(struct reply *r, enum reply_part part, struct str id, struct str name)
{
    assert(r->part == PART_NONE);
    reply_start(r);
    if (part != PART_THINKING &&
        has_seal(r)) { /* what came without a readable thought goes first */
        reply_open(r, PART_THINKING, STR_NONE, STR_NONE);
        reply_close(r);
    }
    r->part = part;
    r->has_delta = false;
    r->sink->open(r, part, id, name);
    r->next_index++;
}

static struct str take_signature(struct reply *r)
{
    struct envelope e = {.kind = ENVELOPE_PLAIN, .origin = r->origin};
    struct str details = reply_details_json(r);
    if (r->raw_signature.len) {
        struct str own = r->raw_signature;
        r->raw_signature = STR_NONE;
        return own;
    }
    if (details.len) {
        e.kind = ENVELOPE_DETAILS;
        e.payload = details;
    } else if (r->sealed_kind) {
        e.kind = (enum envelope_kind)r->sealed_kind;
        e.payload = buf_str(&r->sealed);
    }
    struct str sealed = envelope_seal(r->arena, &e);
    r->sealed_kind = 0;
    buf_clear(&r->sealed);
    return sealed;
}

static void end_thinking_joint(struct reply *r)
{
    struct str rest = text_joint_end(&r->thinking_joint);
    if (rest.len && !r->hides_thinking)
        r->sink->delta(r, rest);
}

void reply_close(struct reply *r)
{
    enum reply_part part = r->part;
    if (part == PART_NONE)
        return;
    if (part == PART_THINKING)
        end_thinking_joint(r);
    r->sink->close(r, part == PART_THINKING ? take_signature(r) : STR_NONE);
    r->part = PART_NONE;
}

void reply_delta(struct reply *r, struct str text)
{
    if (!text.len)
        return;
    r->has_delta = true;
    r->sink->delta(r, text);
}

/* Makes way for another kind of block. False: a tool call is not complete and must not be cut. */
static bool make_way(struct reply *r, enum reply_part part)
{
    if (r->part == part && part != PART_TOOL)
        return true;
    if (!reply_calls_close(r, false))
        return false;
    reply_close(r);
    return true;
}

void reply_seal(struct reply *r, int envelope_kind, struct str payload)
{
    if (!r->shows_thinking)
        return;
    buf_clear(&r->sealed);
    if (buf_append(&r->sealed, payload)) {
        loss_report_note(r->losses, LOSS_KIND_DROPPED, STR("thinking.signature"), STR_NONE,
                         "larger than can be sent along");
        return;
    }
    r->sealed_kind = envelope_kind;
}

static bool is_blank(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr(" \t\r\n", text.ptr[i]) || !text.ptr[i])
            return false;
    return true;
}

static void put_late(struct reply *r, struct str text)
{
    if (buf_append(&r->late_text, text))
        loss_report_note(r->losses, LOSS_KIND_DROPPED, STR("answer.text"), STR_NONE,
                         "too much text between the pieces of a tool call");
}

/* Text in its final form. Blanks in front of it wait: many models put an empty line before a tool
 * call, and no client expects a block of nothing. */
static void put_text(void *owner, struct str text)
{
    struct reply *r = owner;
    r->output_chars += (int64_t)text.len;
    if (r->part != PART_TEXT && is_blank(text) && !buf_append(&r->blank, text))
        return;
    if (!make_way(r, PART_TEXT)) {
        put_late(r, text);
        return;
    }
    if (r->part != PART_TEXT)
        reply_open(r, PART_TEXT, STR_NONE, STR_NONE);
    reply_delta(r, buf_str(&r->blank));
    buf_clear(&r->blank);
    reply_delta(r, text);
}

static void put_thinking(void *owner, struct str text)
{
    struct reply *r = owner;
    r->output_chars += (int64_t)text.len;
    if (!r->shows_thinking)
        return;
    if (!make_way(r, PART_THINKING)) {
        loss_report_note(r->losses, LOSS_KIND_DROPPED, STR("answer.thinking"), STR_NONE,
                         "it stood between the pieces of a tool call");
        return;
    }
    if (r->part != PART_THINKING) {
        buf_clear(&r->blank);
        reply_open(r, PART_THINKING, STR_NONE, STR_NONE);
    }
    if (!r->hides_thinking)
        reply_delta(r, text);
}

static void to_stop_match(void *owner, struct str text)
{
    struct reply *r = owner;
    const struct text_sink sink = {r, put_thinking, put_text};
    stop_match_feed(&r->stop, text, &sink);
    if (r->stop.is_hit && !r->is_satisfied) {
        r->is_satisfied = true;
        r->stop_sequence = r->stop.hit;
    }
}

static bool tell_text_call(void *owner, struct str name, struct str args)
{
    struct reply *r = owner;
    struct call_piece piece = {.name = name, .args = args, .index = -1, .is_whole = true};
    if (!tool_names_know(r->names, name))
        return false;
    r->is_telling_call = true;
    reply_call(r, &piece);
    r->is_telling_call = false;
    return true;
}

static void to_text_calls(void *owner, struct str text)
{
    struct reply *r = owner;
    const struct text_calls_sink sink = {r, to_stop_match, tell_text_call};
    if (r->reads_text_calls && r->has_tools)
        text_calls_feed(&r->text_calls, text, &sink);
    else
        to_stop_match(r, text);
}

static void split(struct reply *r, struct str text)
{
    const struct text_sink sink = {r, put_thinking, to_text_calls};
    think_split_feed(&r->think, text, &sink);
}

/* Half a character that text ended with before something else came. */
static void end_joint(struct reply *r)
{
    struct str rest = text_joint_end(&r->text_joint);
    if (rest.len)
        split(r, rest);
}

void reply_reasoning(struct reply *r, struct str text)
{
    if (r->is_over || r->is_satisfied || !text.len)
        return;
    reply_start(r);
    text = text_joint_feed(&r->thinking_joint, text);
    if (text.len)
        put_thinking(r, text);
}

void reply_text(struct reply *r, struct str text)
{
    if (r->is_over || r->is_satisfied || !text.len)
        return;
    reply_start(r);
    text = text_joint_feed(&r->text_joint, text);
    if (text.len)
        split(r, text);
}

void reply_refusal(struct reply *r, struct str text)
{
    if (text.len)
        r->has_refusal = true;
    reply_text(r, text);
}

/* What text is still held goes out before something else begins. */
void reply_flush_text(struct reply *r)
{
    const struct text_sink to_calls = {r, put_thinking, to_text_calls};
    const struct text_sink to_client = {r, put_thinking, put_text};
    const struct text_calls_sink found = {r, to_stop_match, tell_text_call};
    if (!r->is_telling_call) {
        end_joint(r);
        think_split_end(&r->think, &to_calls);
        text_calls_end(&r->text_calls, &found);
    }
    stop_match_end(&r->stop, &to_client);
    buf_clear(&r->blank);
}

void reply_search(struct reply *r, struct str id, struct str query, struct str results)
{
    if (r->is_over || r->is_satisfied)
        return;
    reply_start(r);
    reply_flush_text(r);
    if (!make_way(r, PART_NONE))
        return;
    r->sink->search(r, id, query, results);
}

void reply_finish(struct reply *r, struct str reason)
{
    if (!reason.len)
        return;
    r->finish = FINISH_STOP; /* a reason that we do not know is still an end */
    for (size_t i = 0; i < COUNT_OF(finishes); i++)
        if (str_equal(reason, str_of(finishes[i].reason)))
            r->finish = finishes[i].finish;
}

/* The last that says anything counts: some tell it once, some in every chunk, growing. */
void reply_usage(struct reply *r, const struct reply_usage *usage)
{
    if (!usage->is_known)
        return;
    if (usage->input || usage->cache_read || usage->cache_write || !r->usage.is_known) {
        r->usage.input = usage->input;
        r->usage.cache_read = usage->cache_read;
        r->usage.cache_write = usage->cache_write;
    }
    if (usage->output || !r->usage.is_known)
        r->usage.output = usage->output;
    if (usage->reasoning)
        r->usage.reasoning = usage->reasoning;
    r->usage.is_known = true;
}

void reply_fail(struct reply *r, const struct provider_error *e)
{
    if (r->is_over)
        return;
    r->is_over = r->is_error = true;
    r->error = *e;
    /* Without a start there is still a status to say it with. An open block stays open, as in
     * Anthropic's own streams that break: clients take a closed one for whole, and then neither
     * ask again nor hesitate to run it. */
    if (r->is_started)
        r->sink->fail(r, e);
}

void reply_fail_with(struct reply *r, int status, const char *type, struct str message)
{
    struct provider_error e;
    provider_error_make(&e, status, type, message);
    reply_fail(r, &e);
}

static enum stop_reason reason_of(const struct reply *r)
{
    static const struct {
        enum finish finish;
        enum stop_reason reason;
    } reasons[] = {{FINISH_LENGTH, STOP_MAX_TOKENS},
                   {FINISH_REFUSAL, STOP_REFUSAL},
                   {FINISH_SEQUENCE, STOP_SEQUENCE},
                   {FINISH_PAUSE, STOP_PAUSE_TURN},
                   {FINISH_CONTEXT, STOP_CONTEXT}};
    if (r->is_satisfied)
        return STOP_SEQUENCE;
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (r->finish == reasons[i].finish)
            return reasons[i].reason;
    if (r->has_refusal)
        return STOP_REFUSAL;
    return r->call_count ? STOP_TOOL_USE : STOP_END_TURN;
}

/* Reasoning that only the provider can read, and that came behind the last thinking. */
static void put_left_seal(struct reply *r)
{
    if (!has_seal(r))
        return;
    if (r->part != PART_THINKING) {
        reply_close(r);
        reply_open(r, PART_THINKING, STR_NONE, STR_NONE);
    }
    reply_close(r);
}

void reply_end_thinking(struct reply *r)
{
    if (r->is_over || r->is_satisfied)
        return;
    if (r->part == PART_THINKING)
        reply_close(r);
    else if (has_seal(r) && make_way(r, PART_THINKING))
        put_left_seal(r);
}

void reply_redacted(struct reply *r, struct str data)
{
    if (r->is_over || r->is_satisfied || !r->shows_thinking || !data.len)
        return;
    reply_end_thinking(r);
    if (!make_way(r, PART_NONE))
        return;
    r->raw_signature = arena_str(r->arena, data);
    r->is_redacted = true;
    reply_open(r, PART_THINKING, STR_NONE, STR_NONE);
    reply_close(r);
    r->is_redacted = false;
}

static void estimate_usage(struct reply *r)
{
    if (r->usage.is_known)
        return;
    r->usage.input = r->input_estimate;
    r->usage.output = r->output_chars / 4 + (r->output_chars > 0);
    loss_report_note(r->losses, LOSS_KIND_APPROXIMATED, STR("usage"), STR_NONE,
                     "the provider counted no tokens; these are estimated");
}

static bool fails_by_finish(struct reply *r)
{
    if (r->finish == FINISH_OVERLOADED)
        reply_fail_with(r, 529, "overloaded_error",
                        STR("The provider has no room for this request now."));
    else if (r->finish == FINISH_ERROR && !r->is_satisfied)
        reply_fail_with(r, 502, "api_error",
                        STR("The provider broke the answer off with an error."));
    return r->is_over;
}

void reply_end(struct reply *r)
{
    if (r->is_over || fails_by_finish(r))
        return;
    reply_start(r);
    reply_flush_text(r);
    if (!reply_calls_close(r, true))
        return; /* it has failed */
    if (r->late_text.len) {
        struct str late = buf_str(&r->late_text);
        put_text(r, late);
    }
    put_left_seal(r);
    reply_close(r);
    if (!r->next_index) { /* no client expects an answer without any block */
        reply_open(r, PART_TEXT, STR_NONE, STR_NONE);
        reply_close(r);
    }
    estimate_usage(r);
    r->stop_reason = reason_of(r);
    r->is_over = true;
    r->sink->finish(r);
}

void reply_eof(struct reply *r, bool is_clean)
{
    if (r->is_over)
        return;
    bool is_lax = is_clean && r->quirks && quirks_have(r->quirks, QUIRK_LAX_EOF) && r->is_started &&
                  !r->slot_count && r->part == PART_TEXT;
    if (r->is_satisfied || (is_clean && r->finish != FINISH_NONE) || is_lax)
        reply_end(r);
    else
        reply_fail_with(r, 502, "api_error", STR("The provider's answer broke off."));
}

void reply_ping(struct reply *r)
{
    if (!r->is_over && r->is_started)
        r->sink->ping(r);
}
