/*
 * config_value.c — one value: from text to its typed field, and back. One row a kind.
 *
 * Values are typed by the table, never guessed from how they look. What several values mean
 * together is checked in config_check.c.
 */
#include "config/config_value.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "config/config_env.h"
#include "config/url.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Coarse units first: the first one that divides a value is the one it is printed in. */
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"", 1000}, {"ms", 1},
};

static const struct unit size_units[] = {
    {"GiB", 1 << 30}, {"GB", 1000000000}, {"MiB", 1 << 20}, {"MB", 1000000}, {"KiB", 1 << 10},
    {"kB", 1000},     {"KB", 1000},       {"B", 1},         {"", 1},
};

/* Says what was expected and what was there instead. */
static enum err refuse(const struct config_key *k, struct str text, struct fail *why)
{
    char expected[160], quoted[QUOTE_BYTES];
    value_describe(k, expected, sizeof expected);
    if (!text.len)
        return fail(why, ERR_CONFIG, "must be %s, not empty", expected);
    return fail(why, ERR_CONFIG, "must be %s, not %s", expected, text_quote(text, quoted));
}

/* Decimal digits without a leading zero, which some read as octal. */
static bool number_parse(struct str text, uint64_t *out)
{
    return str_to_u64(text, out) && (text.len == 1 || text.ptr[0] != '0');
}

static enum err parse_int(const struct config_key *k, struct str text, const struct key_owner *owner,
                          struct fail *why)
{
    uint64_t n;
    if (!number_parse(text, &n) || n < k->min || n > k->max)
        return refuse(k, text, why);
    *(int *)key_slot(k, owner) = (int)n;
    return ERR_OK;
}

static enum err parse_units(const struct config_key *k, struct str text, const struct key_owner *owner,
                            const struct unit *units, size_t count, struct fail *why)
{
    size_t digits = 0;
    while (digits < text.len && isdigit((unsigned char)text.ptr[digits]))
        digits++;
    struct str unit = str_from(text, digits);
    uint64_t n, value;
    if (!number_parse(str_head(text, digits), &n))
        return refuse(k, text, why);
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(unit, str_of(units[i].name)))
            continue;
        if (__builtin_mul_overflow(n, units[i].factor, &value) || value < k->min || value > k->max)
            return refuse(k, text, why);
        *(uint64_t *)key_slot(k, owner) = value;
        return ERR_OK;
    }
    return refuse(k, text, why);
}

static enum err parse_duration(const struct config_key *k, struct str text, const struct key_owner *owner,
                               struct fail *why)
{
    return parse_units(k, text, owner, duration_units, COUNT_OF(duration_units), why);
}

static enum err parse_size(const struct config_key *k, struct str text, const struct key_owner *owner,
                           struct fail *why)
{
    return parse_units(k, text, owner, size_units, COUNT_OF(size_units), why);
}

static enum err parse_bool(const struct config_key *k, struct str text, const struct key_owner *owner,
                           struct fail *why)
{
    bool yes = str_equal(text, STR("true"));
    if (!yes && !str_equal(text, STR("false")))
        return refuse(k, text, why);
    *(bool *)key_slot(k, owner) = yes;
    return ERR_OK;
}

static enum err parse_choice(const struct config_key *k, struct str text, const struct key_owner *owner,
                             struct fail *why)
{
    struct str rest = str_of(k->choices), choice;
    for (int i = 0; str_next(&rest, '|', &choice); i++) {
        if (str_equal(text, choice)) {
            *(int *)key_slot(k, owner) = i; /* same size: asserted in config_key.c */
            return ERR_OK;
        }
    }
    return refuse(k, text, why);
}

static void set_text(const struct config_key *k, struct str text, const struct key_owner *owner)
{
    *(const char **)key_slot(k, owner) = arena_str(owner->arena, text.len ? text : STR("")).ptr;
}

static enum err parse_host(const struct config_key *k, struct str text, const struct key_owner *owner,
                           struct fail *why)
{
    if (!host_is_valid(text))
        return refuse(k, text, why);
    set_text(k, text, owner);
    return ERR_OK;
}

/* Goes into a header: visible ASCII only, so that it can neither end a line nor begin one. */
static enum err parse_token(const struct config_key *k, struct str text, const struct key_owner *owner,
                            struct fail *why)
{
    bool good = text.len >= k->min && text.len <= k->max;
    for (size_t i = 0; good && i < text.len; i++)
        good = text.ptr[i] > 0x20 && text.ptr[i] < 0x7f;
    if (!good)
        return refuse(k, text, why);
    set_text(k, text, owner);
    return ERR_OK;
}

/* May hold a password: it is not quoted. */
static enum err parse_database(const struct config_key *k, struct str text, const struct key_owner *owner,
                               struct fail *why)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return fail(why, ERR_CONFIG, "must be without control characters");
    set_text(k, text, owner);
    return ERR_OK;
}

static enum err parse_secret(const struct config_key *k, struct str text,
                             const struct key_owner *owner, struct fail *why)
{
    bool good = true;
    for (size_t i = 0; good && i < text.len; i++)
        good = text.ptr[i] > 0x20 && text.ptr[i] < 0x7f;
    if (!good)
        return fail(why, ERR_CONFIG, "must be visible ASCII without spaces");
    set_text(k, text, owner);
    return ERR_OK;
}

static enum err parse_path(const struct config_key *k, struct str text, const struct key_owner *owner,
                           struct fail *why)
{
    bool good = true;
    for (size_t i = 0; good && i < text.len; i++)
        good = (unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f;
    if (!good)
        return refuse(k, text, why);
    const char *home = str_starts(text, STR("~/")) ? environment_home() : NULL;
    if (home)
        text = arena_printf(owner->arena, "%s%.*s", home, STR_ARGS(str_from(text, 1)));
    set_text(k, text, owner);
    return ERR_OK;
}

static enum err parse_url(const struct config_key *k, struct str text, const struct key_owner *owner,
                          struct fail *why)
{
    struct url u;
    if (!text.len && k->min)
        return refuse(k, text, why);
    if (text.len) {
        enum err err = url_parse(&u, text, why);
        if (err)
            return err;
        if (u.userinfo.ptr)
            return fail(why, ERR_CONFIG, "must not hold a user name or password");
        if (host_is_forbidden(u.host))
            return fail(why, ERR_CONFIG,
                        "its address is link-local, multicast or no address of a host");
    }
    set_text(k, text, owner);
    return ERR_OK;
}

static enum err parse_proxy(const struct config_key *k, struct str text, const struct key_owner *owner,
                            struct fail *why)
{
    struct url u;
    if (text.len && !str_equal(text, STR("env"))) {
        enum err err = url_parse(&u, text, why);
        if (err)
            return err;
        if (u.tls || !u.port_given || u.path.len > 1)
            return fail(why, ERR_CONFIG, "must look like http://[user:password@]host:port");
        if (host_is_forbidden(u.host))
            return fail(why, ERR_CONFIG,
                        "its address is link-local, multicast or no address of a host");
    }
    set_text(k, text, owner);
    return ERR_OK;
}

/* What stands in `config show` must not break its lines. */
static bool line_is_valid(struct str text)
{
    bool good = text.len > 0 && text.len <= CONFIG_TEXT_MAX;
    for (size_t i = 0; good && i < text.len; i++)
        good = (unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f;
    return good;
}

static enum err parse_line(const struct config_key *k, struct str text,
                           const struct key_owner *owner, struct fail *why)
{
    if ((text.len || k->min) && !line_is_valid(text))
        return refuse(k, text, why);
    if (text.len > k->max)
        return fail(why, ERR_CONFIG, "is longer than %" PRIu64 " bytes", k->max);
    set_text(k, text, owner);
    return ERR_OK;
}

static enum err check_item(const struct config_key *k, struct str item, struct fail *why)
{
    char quoted[QUOTE_BYTES];
    if (k->kind == KIND_LINES ? line_is_valid(item) : host_is_valid(item))
        return ERR_OK;
    return fail(why, ERR_CONFIG, "its items must be %s, not %s",
                k->kind == KIND_LINES ? "texts of one line" : "host names without a port",
                text_quote(item, quoted));
}

enum err value_parse_list(const struct config_key *k, const struct str *items, size_t count,
                          const struct key_owner *owner, struct fail *why)
{
    enum err err = ERR_OK;
    if (count > k->max)
        return fail(why, ERR_CONFIG, "must have at most %" PRIu64 " items", k->max);
    const char **copies = arena_alloc(owner->arena, (count + 1) * sizeof *copies);
    for (size_t i = 0; i < count && !err; i++) {
        err = check_item(k, items[i], why);
        copies[i] = arena_str(owner->arena, items[i]).ptr;
    }
    if (!err)
        *(struct config_list *)key_slot(k, owner) = (struct config_list){copies, count};
    return err;
}

/* The form of environment and flags: comma-separated. */
static enum err parse_list(const struct config_key *k, struct str text, const struct key_owner *owner,
                            struct fail *why)
{
    struct str items[64 + 1], item, rest = text.len ? text : STR_NONE;
    size_t count = 0;
    while (count < COUNT_OF(items) && str_next(&rest, ',', &item))
        items[count++] = str_trim(item);
    return value_parse_list(k, items, count, owner, why);
}

/* Both texts are visible ASCII; commas and colons are what the environment's form is cut at. */
static enum err check_entry(const struct config_key *k, struct str name, struct str text,
                            struct fail *why)
{
    char quoted[QUOTE_BYTES];
    struct str parts[] = {name, text};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        bool good = parts[i].len > 0 && parts[i].len <= k->max;
        for (size_t at = 0; good && at < parts[i].len; at++)
            good = parts[i].ptr[at] > 0x20 && parts[i].ptr[at] < 0x7f;
        if (!good)
            return fail(why, ERR_CONFIG, "must hold visible ASCII without spaces, not %s",
                        text_quote(parts[i], quoted));
    }
    return ERR_OK;
}

enum err value_add_entry(const struct config_key *k, struct str name, struct str text,
                         const struct key_owner *owner, struct fail *why)
{
    struct config_map *map = key_slot(k, owner);
    enum err err = check_entry(k, name, text, why);
    if (err)
        return err;
    for (size_t i = 0; i < map->count; i++)
        if (str_equal(str_of(map->entries[i].name), name))
            return fail(why, ERR_CONFIG, "names %s twice", map->entries[i].name);
    if (map->count == CONFIG_MAP_MAX)
        return fail(why, ERR_CONFIG, "must have at most %d entries", CONFIG_MAP_MAX);
    if (!map->entries)
        map->entries = arena_alloc(owner->arena, CONFIG_MAP_MAX * sizeof *map->entries);
    map->entries[map->count++] = (struct config_entry){
        arena_str(owner->arena, name).ptr, arena_str(owner->arena, text).ptr, owner->source};
    return ERR_OK;
}

void value_clear_map(const struct config_key *k, const struct key_owner *owner)
{
    *(struct config_map *)key_slot(k, owner) = (struct config_map){NULL, 0};
}

static bool has_entry(const struct config_map *map, const char *name)
{
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->entries[i].name, name) == 0)
            return true;
    return false;
}

/* Puts what was there before behind the entries that are there now, but for what they say anew. */
static enum err keep_entries(const struct config_key *k, const struct config_map *before,
                             const struct key_owner *owner, struct fail *why)
{
    struct config_map *map = key_slot(k, owner);
    for (size_t i = 0; i < before->count; i++) {
        if (has_entry(map, before->entries[i].name))
            continue;
        if (map->count == CONFIG_MAP_MAX)
            return fail(why, ERR_CONFIG, "must have at most %d entries", CONFIG_MAP_MAX);
        map->entries[map->count++] = before->entries[i];
    }
    return ERR_OK;
}

/* The form of environment and flags: "name:text,name:text". It adds to what the file says. */
static enum err parse_map(const struct config_key *k, struct str text,
                          const struct key_owner *owner, struct fail *why)
{
    struct str rest = text.len ? text : STR_NONE, item;
    struct config_map before = *(struct config_map *)key_slot(k, owner);
    enum err err = ERR_OK;
    if (!text.len)
        return ERR_OK;
    value_clear_map(k, owner);
    while (!err && str_next(&rest, ',', &item)) {
        size_t colon = str_find(item, ':');
        if (colon == item.len)
            return fail(why, ERR_CONFIG, "must look like name:text,name:text");
        err = value_add_entry(k, str_trim(str_head(item, colon)),
                              str_trim(str_from(item, colon + 1)), owner, why);
    }
    return err ? err : keep_entries(k, &before, owner, why);
}

/* Only the file can say them. */
static enum err parse_rules(const struct config_key *k, struct str text,
                            const struct key_owner *owner, struct fail *why)
{
    (void)owner;
    return text.len ? refuse(k, text, why) : ERR_OK;
}

static void describe_plain(const struct config_key *k, const char *form, char *out, size_t bytes)
{
    (void)k;
    snprintf(out, bytes, "%s", form);
}

static void describe_int(const struct config_key *k, const char *form, char *out, size_t bytes)
{
    snprintf(out, bytes, "%s from %" PRIu64 " to %" PRIu64, form, k->min, k->max);
}

static enum err print_units(uint64_t value, const struct unit *units, struct buf *out)
{
    while (value % units->factor)
        units++; /* ends at the latest at a factor of 1 */
    return buf_printf(out, "%" PRIu64 "%s", value / units->factor, units->name);
}

static void describe_range(const struct config_key *k, const char *form, char *out, size_t bytes)
{
    const struct unit *units = k->kind == KIND_SIZE ? size_units : duration_units;
    struct buf range;
    buf_init(&range, 256);
    enum err err = buf_printf(&range, "%s, from ", form);
    err = err ? err : print_units(k->min, units, &range);
    err = err ? err : buf_append(&range, STR(" to "));
    err = err ? err : print_units(k->max, units, &range);
    assert(!err);
    snprintf(out, bytes, "%.*s", STR_ARGS(buf_str(&range)));
    buf_release(&range);
}

static void describe_choice(const struct config_key *k, const char *form, char *out, size_t bytes)
{
    struct str rest = str_of(k->choices), choice;
    size_t len = (size_t)snprintf(out, bytes, "%s", form);
    while (str_next(&rest, '|', &choice) && len < bytes)
        len += (size_t)snprintf(out + len, bytes - len, " %.*s%s", STR_ARGS(choice),
                                rest.ptr ? "," : "");
}

static enum err print_text(const struct config_key *k, const void *values, struct buf *out)
{
    const char *text = *(const char *const *)key_value(k, values);
    return buf_printf(out, "%s", *text ? text : "\"\"");
}

static enum err print_secret(const struct config_key *k, const void *values, struct buf *out)
{
    const char *text = *(const char *const *)key_value(k, values);
    return buf_printf(out, "%s", *text ? "***" : "\"\"");
}

static enum err print_proxy(const struct config_key *k, const void *values, struct buf *out)
{
    struct str text = str_of(*(const char *const *)key_value(k, values));
    struct url u;
    if (url_parse(&u, text, NULL) || !u.userinfo.ptr)
        return print_text(k, values, out);
    size_t colon = str_find(u.userinfo, ':'); /* a user alone may be a token: masked whole */
    struct str user = str_head(u.userinfo, colon < u.userinfo.len ? colon + 1 : 0);
    struct str rest = str_from(text, (size_t)(u.userinfo.ptr + u.userinfo.len - text.ptr));
    return buf_printf(out, "http://%.*s***%.*s", STR_ARGS(user), STR_ARGS(rest));
}

static size_t find_text(struct str s, const char *part)
{
    const char *at = s.len ? memmem(s.ptr, s.len, part, strlen(part)) : NULL;
    return at ? (size_t)(at - s.ptr) : s.len;
}

/* Both of libpq's forms: a URL, which may have a password in front of its host and another behind
 * its question mark; and words, one of which may be a password. */
static enum err print_database(const struct config_key *k, const void *values, struct buf *out)
{
    struct str text = str_of(*(const char *const *)key_value(k, values));
    size_t scheme = find_text(text, "://"), end = text.len ? text.len - 1 : 0;
    while (end && text.ptr[end] != '@') /* the last one: a password may have more of them */
        end--;
    enum err err = ERR_OK;
    if (!text.len)
        return print_text(k, values, out);
    if (scheme < end) {
        struct str user = str_make(text.ptr + scheme + 3, end - scheme - 3);
        size_t colon = str_find(user, ':');
        err = buf_append(out, str_head(text, scheme + 3 + MIN_OF(colon + 1, user.len)));
        if (!err && colon < user.len)
            err = buf_append(out, STR("***"));
        text = str_from(text, end);
    }
    size_t password = find_text(text, "password=");
    if (err || password == text.len)
        return err ? err : buf_append(out, text);
    return buf_printf(out, "%.*spassword=***", STR_ARGS(str_head(text, password)));
}

static enum err print_int(const struct config_key *k, const void *values, struct buf *out)
{
    return buf_printf(out, "%d", *(const int *)key_value(k, values));
}

static enum err print_duration(const struct config_key *k, const void *values, struct buf *out)
{
    return print_units(*(const uint64_t *)key_value(k, values), duration_units, out);
}

static enum err print_size(const struct config_key *k, const void *values, struct buf *out)
{
    return print_units(*(const uint64_t *)key_value(k, values), size_units, out);
}

static enum err print_bool(const struct config_key *k, const void *values, struct buf *out)
{
    return buf_printf(out, "%s", *(const bool *)key_value(k, values) ? "true" : "false");
}

static enum err print_list(const struct config_key *k, const void *values, struct buf *out)
{
    const struct config_list *list = key_value(k, values);
    enum err err = buf_append(out, STR("["));
    for (size_t i = 0; !err && i < list->count; i++)
        err = buf_printf(out, "%s%s", i ? ", " : "", list->items[i]);
    return err ? err : buf_append(out, STR("]"));
}

static enum err print_map(const struct config_key *k, const void *values, struct buf *out)
{
    const struct config_map *map = key_value(k, values);
    enum err err = buf_append(out, STR("{"));
    for (size_t i = 0; !err && i < map->count; i++)
        err = buf_printf(out, "%s%s: %s", i ? ", " : "", map->entries[i].name,
                         map->entries[i].text);
    return err ? err : buf_append(out, STR("}"));
}

/* The rules themselves stand in lines of their own: config_print.c. */
static enum err print_rules(const struct config_key *k, const void *values, struct buf *out)
{
    size_t count = ((const struct config_rules *)key_value(k, values))->count;
    return count ? buf_printf(out, "%zu %s", count, count == 1 ? "rule" : "rules")
                 : buf_append(out, STR("[]"));
}

static enum err print_choice(const struct config_key *k, const void *values, struct buf *out)
{
    struct str rest = str_of(k->choices), choice = STR_NONE;
    for (int i = *(const int *)key_value(k, values); i >= 0; i--)
        if (!str_next(&rest, '|', &choice))
            break;
    return buf_append(out, choice);
}

static const struct kind {
    enum err (*parse)(const struct config_key *, struct str, const struct key_owner *, struct fail *);
    enum err (*print)(const struct config_key *, const void *, struct buf *);
    void (*describe)(const struct config_key *, const char *form, char *out, size_t bytes);
    const char *form;
} kinds[] = {
    [KIND_HOST] = {parse_host, print_text, describe_plain, "a host name or an IP address"},
    [KIND_TOKEN] = {parse_token, print_text, describe_plain, "visible ASCII without spaces"},
    [KIND_SECRET] = {parse_secret, print_secret, describe_plain, "visible ASCII without spaces"},
    [KIND_TEXT] = {parse_line, print_text, describe_plain, "a text of one line"},
    [KIND_RULES] = {parse_rules, print_rules, describe_plain, "a list of rules"},
    [KIND_MAP] = {parse_map, print_map, describe_plain, "a group of names, each with a text"},
    [KIND_PATH] = {parse_path, print_text, describe_plain, "a path without control characters"},
    [KIND_URL] = {parse_url, print_text, describe_plain, "an http:// or https:// URL"},
    [KIND_PROXY] = {parse_proxy, print_proxy, describe_plain, "an http:// URL with a port, or env"},
    [KIND_DATABASE] = {parse_database, print_database, describe_plain,
                       "a postgres:// URL without control characters"},
    [KIND_INT] = {parse_int, print_int, describe_int, "a whole number"},
    [KIND_DURATION] = {parse_duration, print_duration, describe_range,
                       "a duration such as 90, 90s, 5m, 1h, 30d or 500ms"},
    [KIND_SIZE] = {parse_size, print_size, describe_range, "a size such as 4096, 32MB or 32MiB"},
    [KIND_BOOL] = {parse_bool, print_bool, describe_plain, "true or false"},
    [KIND_HOSTS] = {parse_list, print_list, describe_plain, "a list of host names"},
    [KIND_LINES] = {parse_list, print_list, describe_plain, "a list of texts"},
    [KIND_CHOICE] = {parse_choice, print_choice, describe_choice, "one of"},
};

/* How many bytes the character at the front takes by RFC 3629 §4; 0 when it is none. */
static size_t utf8_length(struct str s)
{
    const unsigned char *b = (const unsigned char *)s.ptr;
    size_t len = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
    if (len == 1)
        return 1;
    if (b[0] < 0xc2 || b[0] > 0xf4 || len > s.len)
        return 0;
    unsigned char low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
    if (b[1] < low || b[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static bool utf8_is_valid(struct str s)
{
    while (s.len) {
        size_t len = utf8_length(s);
        if (!len)
            return false;
        s = str_from(s, len);
    }
    return true;
}

enum err value_parse(const struct config_key *k, struct str text, const struct key_owner *owner,
                     struct fail *why)
{
    if (text.len > CONFIG_TEXT_MAX)
        return fail(why, ERR_CONFIG, "is longer than %d bytes", CONFIG_TEXT_MAX);
    if (!utf8_is_valid(text))
        return fail(why, ERR_CONFIG, "is not valid UTF-8");
    return kinds[k->kind].parse(k, text, owner, why);
}

enum err value_print(const struct config_key *k, const void *values, struct buf *out)
{
    return kinds[k->kind].print(k, values, out);
}

void value_describe(const struct config_key *k, char *out, size_t bytes)
{
    const struct kind *kind = &kinds[k->kind];
    kind->describe(k, kind->form, out, bytes);
}
