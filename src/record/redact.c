/*
 * redact.c — masks secrets in header values and request targets.
 *
 * Shown of a secret are only words that everybody knows: the scheme ("Bearer") and the public
 * prefix of its kind ("sk-ant-"). When in doubt it is a secret. Bodies are not looked at here.
 */
#include "record/redact.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/mem.h"

enum {
    CACHE_SLOTS = 8,
    CACHE_VALUE_MAX = 512, /* bytes; longer values are hashed each time */
    HIDDEN_MIN = 8,        /* characters that a prefix must leave hidden to be shown */
    KEY_MIN = 20,          /* characters of a word that, with a known prefix, looks like a key */
    SURE_PREFIX = 6,       /* a prefix this long tells a key even in the middle of a word */
    CREDENTIALS_MIN = 8,   /* characters after "Bearer " that look like credentials */
    PARAM_NAME_MAX = 64,   /* a longer name is taken for a secret's */
    HEX_DIGITS = 8,
    MASK_BYTES = 3 + 1 + HEX_DIGITS + 1 /* an ellipsis, and the digits in brackets */
};

struct slot {
    size_t len;
    char value[CACHE_VALUE_MAX];
    char hex[HEX_DIGITS];
};

/* What a byte of other text may be the beginning of. */
enum { PLAIN, MARK, KEY };
enum { PAIRS = 1024 }; /* two letters, hashed */

struct redactor {
    uint8_t key[REDACT_KEY_BYTES];
    uint8_t class[256]; /* by byte */
    bool begins_key[PAIRS];
    size_t next; /* slot to be used next */
    struct slot slots[CACHE_SLOTS];
};

/* ---- fingerprints ---- */

static void compute(struct redactor *r, struct str secret, char hex[HEX_DIGITS])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const uint8_t *done = HMAC(EVP_sha256(), r->key, REDACT_KEY_BYTES, (const uint8_t *)secret.ptr,
                               secret.len, digest, &len);
    assert(done && len >= HEX_DIGITS / 2);
    (void)done;
    hex_write(hex, digest, HEX_DIGITS / 2);
}

static const struct slot *find_slot(const struct redactor *r, struct str secret)
{
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        if (r->slots[i].len == secret.len && memcmp(r->slots[i].value, secret.ptr, secret.len) == 0)
            return &r->slots[i];
    return NULL;
}

static void fingerprint(struct redactor *r, struct str secret, char hex[HEX_DIGITS])
{
    const struct slot *known = find_slot(r, secret);
    if (known) {
        memcpy(hex, known->hex, HEX_DIGITS);
        return;
    }
    compute(r, secret, hex);
    if (secret.len > CACHE_VALUE_MAX)
        return;
    struct slot *slot = &r->slots[r->next++ % CACHE_SLOTS];
    slot->len = secret.len;
    memcpy(slot->value, secret.ptr, secret.len);
    memcpy(slot->hex, hex, HEX_DIGITS);
}

/* ---- what may be shown ---- */

#define WORD(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

/* How keys of a kind begin, by the public documents of those who issue them; of two that match,
 * the longer stands first. */
static const struct str prefixes[] = {
    WORD("sk-ant-api03-"), WORD("sk-ant-oat01-"), WORD("sk-ant-ort01-"), WORD("sk-ant-admin01-"),
    WORD("sk-ant-sid01-"), WORD("sk-ant-"),       WORD("sk-proj-"),      WORD("sk-svcacct-"),
    WORD("sk-admin-"),     WORD("sk-or-v1-"),     WORD("sk-or-"),        WORD("sk-"),
    WORD("AIza"),          WORD("ya29."),         WORD("github_pat_"),   WORD("ghp_"),
    WORD("gho_"),          WORD("ghu_"),          WORD("ghs_"),          WORD("ghr_"),
    WORD("glpat-"),        WORD("gsk_"),          WORD("xai-"),          WORD("xoxb-"),
    WORD("xoxp-"),         WORD("hf_"),           WORD("AKIA"),          WORD("ASIA"),
    WORD("npm_"),          WORD("nvapi-"),        WORD("pplx-"),         WORD("eyJ"),
};

static const struct str schemes[] = {
    WORD("Bearer"), WORD("Basic"),     WORD("Digest"), WORD("Token"),
    WORD("ApiKey"), WORD("Negotiate"), WORD("NTLM"),   WORD("AWS4-HMAC-SHA256"),
};

static struct str known_prefix(struct str word)
{
    if (word.len < 2)
        return STR_NONE;
    for (size_t i = 0; i < COUNT_OF(prefixes); i++)
        if (word.ptr[1] == prefixes[i].ptr[1] && str_starts(word, prefixes[i]))
            return prefixes[i];
    return STR_NONE;
}

/* The scheme and the blanks behind it, when the value begins with one that we know. */
static struct str known_scheme(struct str value)
{
    size_t len = str_find(value, ' ');
    for (size_t i = 0; len < value.len && i < COUNT_OF(schemes); i++)
        if (str_equal_nocase(str_head(value, len), schemes[i])) {
            while (len < value.len && value.ptr[len] == ' ')
                len++;
            return str_head(value, len);
        }
    return STR_NONE;
}

/* Nothing but a prefix and a fingerprint: there is no secret in it, and what comes out of one store
 * and goes into another keeps its mask. */
static bool is_masked(struct str secret, struct str prefix)
{
    struct str rest = str_from(secret, prefix.len);
    if (rest.len != MASK_BYTES || !str_starts(rest, STR("\xE2\x80\xA6[")) ||
        rest.ptr[MASK_BYTES - 1] != ']')
        return false;
    for (size_t i = 4; i < 4 + HEX_DIGITS; i++)
        if (!memchr("0123456789abcdef", rest.ptr[i], 16))
            return false;
    return true;
}

static enum err mask(struct redactor *r, struct str secret, struct buf *out)
{
    char shown[] = "\xE2\x80\xA6[01234567]"; /* an ellipsis */
    if (!secret.len)
        return ERR_OK;
    struct str prefix = known_prefix(secret);
    if (is_masked(secret, prefix))
        return buf_append(out, secret);
    enum err err = ERR_OK;
    if (secret.len >= prefix.len + HIDDEN_MIN)
        err = buf_append(out, prefix);
    fingerprint(r, secret, shown + 4);
    return err ? err : buf_append(out, str_make(shown, sizeof shown - 1));
}

static size_t pair_hash(const char *two)
{
    return ((uint8_t)two[0] * 37u + (uint8_t)two[1]) % PAIRS;
}

/* ---- life ---- */

struct redactor *redactor_new(const uint8_t key[REDACT_KEY_BYTES])
{
    struct redactor *r = MEM_NEW(struct redactor);
    memcpy(r->key, key, REDACT_KEY_BYTES);
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        r->class[(uint8_t)prefixes[i].ptr[0]] = KEY;
        r->begins_key[pair_hash(prefixes[i].ptr)] = true;
    }
    for (const char *mark = ":?&; bB"; *mark; mark++)
        r->class[(uint8_t)*mark] = MARK;
    return r;
}

void redactor_free(struct redactor *r)
{
    if (!r)
        return;
    OPENSSL_cleanse(r, sizeof *r);
    free(r);
}

/* ---- secret names ---- */

/* Counts of tokens are no tokens: anthropic-ratelimit-input-tokens-limit and its like. */
static bool is_count(struct str name)
{
    return str_contains_nocase(name, STR("ratelimit")) ||
           str_contains_nocase(name, STR("rate-limit")) ||
           (str_starts_nocase(name, STR("anthropic-")) && str_contains_nocase(name, STR("tokens")));
}

static bool begins_one_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_starts_nocase(s, str_of(*words)))
            return true;
    return false;
}

#define PAIR(a, b)  ((a) << 8 | (b))
#define ONE_OF(...) begins_one_of(rest, (const char *const[]){__VA_ARGS__, NULL})

/* Most places in a name are done with after two letters. */
static bool is_secret_word(struct str rest)
{
    switch (PAIR((uint8_t)rest.ptr[0] | 0x20, (uint8_t)rest.ptr[1] | 0x20)) {
    case PAIR('a', 'p'):
        return ONE_OF("api-key", "api_key", "apikey");
    case PAIR('a', 'u'):
        return ONE_OF("authorization", "auth-key", "auth_key");
    case PAIR('a', 'c'):
        return ONE_OF("access-key", "access_key");
    case PAIR('c', 'o'):
        return ONE_OF("cookie");
    case PAIR('c', 'r'):
        return ONE_OF("credential");
    case PAIR('p', 'a'):
        return ONE_OF("passw");
    case PAIR('p', 'r'):
        return ONE_OF("private-key", "private_key");
    case PAIR('s', 'e'):
        return ONE_OF("secret");
    case PAIR('s', 'u'):
        return ONE_OF("subscription-key", "subscription_key");
    case PAIR('t', 'o'):
        return ONE_OF("token");
    default:
        return false;
    }
}

bool redact_is_secret(struct str name)
{
    for (size_t i = 0; i + 1 < name.len; i++)
        if (is_secret_word(str_make(name.ptr + i, name.len - i)))
            return !is_count(name);
    return false;
}

/* Undoes %XX; false when it does not fit. */
static bool percent_decode(struct str in, char *out, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < in.len; i++) {
        if (*len == PARAM_NAME_MAX)
            return false;
        int byte = hex_escape(in, i);
        out[(*len)++] = byte < 0 ? in.ptr[i] : (char)byte;
        i += byte < 0 ? 0 : 2;
    }
    return true;
}

static bool is_secret_param(struct str raw_name)
{
    static const struct str names[] = {
        WORD("key"), WORD("code"), WORD("sig"), WORD("auth"),
        WORD("jwt"), WORD("pass"), WORD("pwd"), WORD("assertion"),
    };
    char bytes[PARAM_NAME_MAX];
    size_t len;
    if (!percent_decode(raw_name, bytes, &len))
        return true;
    struct str name = str_make(bytes, len);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_equal_nocase(name, names[i]))
            return true;
    return str_contains_nocase(name, STR("signature")) || redact_is_secret(name);
}

/* ---- secrets inside other text ---- */

struct text {
    struct str all;
    bool in_query; /* behind a '?' */
};

struct span {
    size_t start, end;
};

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static size_t word_end(struct str s, size_t at, const char *also)
{
    while (at < s.len && (is_alnum(s.ptr[at]) || (s.ptr[at] && strchr(also, s.ptr[at]))))
        at++;
    return at;
}

static bool is_word_start(struct str s, size_t at)
{
    return at == 0 || !(is_alnum(s.ptr[at - 1]) || s.ptr[at - 1] == '_' || s.ptr[at - 1] == '-');
}

static bool find_key(struct str s, size_t at, struct span *found)
{
    struct str prefix = known_prefix(str_make(s.ptr + at, s.len - at));
    if (!prefix.len || (prefix.len < SURE_PREFIX && !is_word_start(s, at)))
        return false;
    *found = (struct span){at, word_end(s, at, "_-.~+=%")};
    return found->end - at >= KEY_MIN;
}

static bool find_credentials(struct str s, size_t at, struct span *found)
{
    struct str rest = str_make(s.ptr + at, s.len - at);
    size_t skip = str_starts_nocase(rest, STR("bearer "))  ? 7
                  : str_starts_nocase(rest, STR("basic ")) ? 6
                                                           : 0;
    if (!skip || !is_word_start(s, at))
        return false;
    *found = (struct span){at + skip, word_end(s, at + skip, "_-.~+/=%")};
    bool is_challenge = found->end < s.len && s.ptr[found->end] == '"'; /* realm="…" */
    return found->end - found->start >= CREDENTIALS_MIN && !is_challenge;
}

/* `at`: the ':' of "://". What stands before an '@' in the authority is a secret. */
static bool find_userinfo(struct str s, size_t at, struct span *found)
{
    if (!str_starts(str_make(s.ptr + at, s.len - at), STR("://")))
        return false;
    *found = (struct span){at + 3, 0};
    for (size_t i = at + 3; i < s.len && s.ptr[i] && !strchr("/?# \t\"'<>", s.ptr[i]); i++)
        if (s.ptr[i] == '@')
            found->end = i;
    return found->end > found->start;
}

/* `at`: before a parameter's name. */
static bool find_param(struct str s, size_t at, struct span *found)
{
    size_t equals = at;
    while (equals < s.len && s.ptr[equals] != '=' &&
           !(s.ptr[equals] && strchr("&;?# ", s.ptr[equals])))
        equals++;
    if (equals == s.len || s.ptr[equals] != '=' ||
        !is_secret_param(str_make(s.ptr + at, equals - at)))
        return false;
    *found = (struct span){equals + 1, equals + 1};
    while (found->end < s.len && !(s.ptr[found->end] && strchr("&;# \t\"'<>", s.ptr[found->end])))
        found->end++;
    return found->end > found->start;
}

/* Does a secret begin here, or just behind? */
static bool find_secret(struct text *t, size_t at, struct span *found)
{
    switch (t->all.ptr[at]) {
    case ':':
        return find_userinfo(t->all, at, found);
    case '?':
        t->in_query = true;
        return find_param(t->all, at + 1, found);
    case '&':
    case ';':
        return t->in_query && find_param(t->all, at + 1, found);
    case ' ':
        t->in_query = false;
        return false;
    case 'b':
    case 'B':
        return find_credentials(t->all, at, found);
    default:
        return find_key(t->all, at, found);
    }
}

static inline bool may_begin(const struct redactor *r, struct str s, size_t at)
{
    uint8_t class = r->class[(uint8_t)s.ptr[at]];
    return class == MARK ||
           (class == KEY && at + 1 < s.len && r->begins_key[pair_hash(s.ptr + at)]);
}

static enum err mask_within(struct redactor *r, struct str value, struct buf *out)
{
    struct text t = {.all = value};
    struct span found;
    size_t kept = 0;
    for (size_t at = 0; at < value.len; at++) {
        if (!may_begin(r, value, at) || !find_secret(&t, at, &found))
            continue;
        enum err err = buf_append(out, str_make(value.ptr + kept, found.start - kept));
        if (!err)
            err = mask(r, str_make(value.ptr + found.start, found.end - found.start), out);
        if (err)
            return err;
        kept = found.end;
        at = kept - 1;
    }
    return buf_append(out, str_from(value, kept));
}

enum err redact_value(struct redactor *r, struct str name, struct str value, struct buf *out)
{
    if (!redact_is_secret(name))
        return mask_within(r, value, out);
    struct str scheme = known_scheme(value);
    enum err err = buf_append(out, scheme);
    return err ? err : mask(r, str_from(value, scheme.len), out);
}

enum err redact_target(struct redactor *r, struct str target, struct buf *out)
{
    return mask_within(r, target, out);
}

/* Does `word` stand at `at`, %XX undone? */
static bool stands_at(struct str s, size_t at, struct str word)
{
    for (size_t i = 0; i < word.len; i++, at++) {
        int byte = at < s.len ? hex_escape(s, at) : -1;
        char c = byte >= 0 ? (char)byte : at < s.len ? s.ptr[at] : '\0';
        at += byte >= 0 ? 2 : 0;
        if (c != word.ptr[i] && (c | 0x20) != word.ptr[i])
            return false;
    }
    return true;
}

bool redact_is_credential_path(struct str target)
{
    struct str path = str_head(target, str_find(target, '?'));
    for (size_t i = 0; i < path.len; i++)
        if (stands_at(path, i, STR("/oauth/")))
            return true;
    return false;
}
