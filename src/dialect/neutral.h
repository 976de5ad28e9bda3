/*
 * neutral.h — a request in no provider's language: what a client reader makes and a provider
 * writer reads.
 *
 * Messages are in normal form: tool results are messages of their own, right behind the assistant
 * message whose calls they answer, one for each call; ids and tool names are such that every
 * provider takes them; nothing is left that only one provider understands, unless it is marked so.
 * Texts are borrowed from the request's tree or lie in the arena.
 */
#ifndef DIALECT_NEUTRAL_H
#define DIALECT_NEUTRAL_H

#include "dialect/json_tree.h"
#include "dialect/loss_report.h"
#include "dialect/quirks.h"

enum block_kind { BLOCK_TEXT, BLOCK_IMAGE, BLOCK_DOCUMENT, BLOCK_THINKING, BLOCK_TOOL_USE };

struct block {
    enum block_kind kind;
    struct str text;       /* text; thinking; a document's title */
    struct str media_type; /* image, document */
    struct str data; /* image, document: base64; empty where there is a url; thinking: redacted */
    struct str url;
    struct str id, name;       /* tool use */
    struct str json;           /* tool use: the input, an object's very bytes */
    struct str signature;      /* thinking: as the client sent it */
    yyjson_val *cache_control; /* NULL: none */
    struct block *next;
};

enum role { ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

struct message {
    enum role role;
    struct block *first, *last;
    struct str tool_id, tool_name; /* tool: which call this is the result of */
    bool is_error;                 /* tool */
    struct message *next;
};

enum tool_kind { TOOL_FUNCTION, TOOL_WEB_SEARCH };

struct tool {
    enum tool_kind kind;
    struct str name;      /* as the client calls it */
    struct str sent_name; /* as the provider does */
    struct str description;
    yyjson_val *schema;     /* NULL: see schema_text */
    struct str schema_text; /* of tools we know ourselves; empty: any object */
    yyjson_val *source;     /* the whole, as the client sent it */
    yyjson_val *cache_control;
    bool is_strict;
    struct tool *next, *next_named; /* of all; of the same bucket */
};

enum tool_choice { CHOICE_UNSET, CHOICE_AUTO, CHOICE_ANY, CHOICE_NONE, CHOICE_TOOL };
enum thinking_mode { THINKING_UNSET, THINKING_DISABLED, THINKING_BUDGET, THINKING_ADAPTIVE };

enum {
    STOPS_MAX = 64,    /* stop sequences; a request with more is refused */
    TOOL_BUCKETS = 256 /* so that thousands of tools are no quadratic work */
};

struct neutral {
    struct str model;
    struct str max_tokens, temperature, top_p, top_k, seed; /* as spelled; empty: not given */
    struct str stops[STOPS_MAX];
    size_t stop_count;
    bool is_stream, wants_stream_usage;
    struct block *system, *system_last;
    struct message *first, *last;
    struct tool *tools, *tools_last;
    struct tool *tools_named[TOOL_BUCKETS];
    enum tool_choice choice;
    struct str choice_name; /* the client's name of the tool */
    bool is_serial;         /* one tool call at a time */
    enum thinking_mode thinking;
    int64_t thinking_budget;
    bool hides_thinking; /* thinking.display "omitted" */
    bool has_effort;
    enum effort effort;
    yyjson_val *format_schema; /* answer in JSON of this schema; NULL: free text */
    struct str format_name;
    bool wants_json; /* any JSON */
    struct str user_id, service_tier;
    yyjson_val *root; /* the client's document */
    const struct json_tree *tree;
    struct loss_report *losses;
    struct arena *arena;
};

void neutral_init(struct neutral *n, struct arena *arena, struct loss_report *losses);
struct block *neutral_block(struct neutral *n, enum block_kind kind); /* loose */
void message_add(struct message *m, struct block *b);
struct message *neutral_message(struct neutral *n, enum role role); /* loose */
/* Behind `after`; NULL: at the end. */
void neutral_insert(struct neutral *n, struct message *after, struct message *m);
struct tool *neutral_tool(struct neutral *n, struct str name); /* appended */
struct tool *neutral_find_tool(const struct neutral *n, struct str name);

/* How strong the reasoning is to be; EFFORT_COUNT where the client did not say. */
enum effort neutral_effort(const struct neutral *n);
/* Does the client expect thinking in the answer? */
bool neutral_wants_thinking(const struct neutral *n);
/* Neighbouring user messages, and neighbouring assistant messages, become one. */
void neutral_merge_neighbours(struct neutral *n);
/* Pictures and documents out of tool results, into the user message behind them; a mark stays. For
 * providers whose tool messages hold text only. */
void neutral_hoist_images(struct neutral *n);
/* Puts "[tool error] " in front of a failed result, for providers that have no field for it. */
void neutral_mark_error(struct neutral *n, struct message *result);
/* The wish for JSON as words, for providers that have no field for it; empty: there is none. */
struct str neutral_format_order(struct neutral *n);
/* The texts of a list of blocks, joined; of one block, as it is. */
struct str neutral_text_of(struct neutral *n, const struct block *first, struct str glue);
/* A hash of the conversation's beginning, the same in each of its turns. */
uint64_t neutral_beginning(const struct neutral *n);
/* max_tokens as it is to be sent: the cap where it is above one. */
struct str neutral_max_tokens(struct neutral *n, const struct quirks *q);
/* `a`, `glue`, `b`; no glue where one is empty. */
struct str neutral_join(struct neutral *n, struct str a, struct str glue, struct str b);
/* A base64 image's type by its first bytes; "image/png" when it is unknown. */
struct str image_type(struct str base64);

static inline void loss_drop(struct neutral *n, const char *path, struct str detail,
                             const char *why)
{
    loss_report_note(n->losses, LOSS_KIND_DROPPED, str_of(path), detail, why);
}

#endif
