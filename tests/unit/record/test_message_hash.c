/*
 * test_message_hash.c — messages that say the same have the same hash however they are written;
 * others have not.
 */
#include "check.h"

#include <stdio.h>

#include "record/message_hash.h"

static char secret_bytes[192];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof secret_bytes; i++)
        secret_bytes[i] = (char)(i * 91 + 5);
    return 0;
}

static uint64_t hash(const char *message)
{
    return message_hash(str_of(message), str_make(secret_bytes, sizeof secret_bytes));
}

static void same_words(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"{\"role\":\"user\",\"content\":\"hi\"}",
         ", {\"content\": [ {\"text\":\"hi\",\"type\":\"text\"} ], \"role\":\"user\"}"},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}",
         "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\",\"cache_control\":"
         "{\"type\":\"ephemeral\"}}]}"},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\","
         "\"content\":\"out\"}]}",
         "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"content\":[{\"type\":"
         "\"text\",\"text\":\"out\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],"
         "\"is_error\":false,\"tool_use_id\":\"t1\"}]}"},
        {"{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"a\","
         "\"signature\":\"b\"},{\"type\":\"text\",\"text\":\"so\",\"citations\":null}]}",
         "{\"role\":\"assistant\",\"content\":\"so\"}"},
        {"{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"<system-reminder>x"
         "</system-reminder>\"},{\"type\":\"text\",\"text\":\"hi\"}]}",
         "{\"role\":\"user\",\"content\":\"hi\"}"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        assert_true(hash(pairs[i][0]) == hash(pairs[i][1]));
}

static void other_words(void **state)
{
    (void)state;
    static const char *const all[] = {
        "{\"role\":\"user\",\"content\":\"hi\"}",
        "{\"role\":\"assistant\",\"content\":\"hi\"}",
        "{\"role\":\"user\",\"content\":\"hi \"}",
        "{\"role\":\"user\",\"content\":\"\"}",
        "{\"role\":\"user\",\"content\":[]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"h\"},{\"type\":\"text\","
        "\"text\":\"i\"}]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"i\"},{\"type\":\"text\","
        "\"text\":\"h\"}]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"Bash\","
        "\"input\":{\"a\":1}}]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"Bash\","
        "\"input\":{\"a\":1}}]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"Bash\","
        "\"input\":{\"a\":2}}]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\","
        "\"content\":\"out\",\"is_error\":true}]}",
        "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\","
        "\"content\":\"out\"}]}",
        "{\"role\":\"user\"", /* broken in three ways */
        "{\"role\":\"user\",\"content\":[{\"type\":",
        "\"user\"",
    };
    for (size_t i = 0; i < COUNT_OF(all); i++)
        for (size_t j = 0; j < i; j++)
            assert_true(hash(all[i]) != hash(all[j]));
}

static void secret_counts(void **state)
{
    (void)state;
    uint64_t before = hash("{\"role\":\"user\",\"content\":\"hi\"}");
    secret_bytes[100] ^= 1;
    secret_bytes[10] ^= 1;
    assert_true(hash("{\"role\":\"user\",\"content\":\"hi\"}") != before);
    secret_bytes[100] ^= 1;
    secret_bytes[10] ^= 1;
    assert_true(hash("{\"role\":\"user\",\"content\":\"hi\"}") == before);
}

static void deep_nesting(void **state)
{
    (void)state;
    static char text[1 << 16];
    size_t len = 0;
    for (int i = 0; i < 2000; i++)
        len += (size_t)sprintf(text + len, "{\"content\":[");
    assert_true(hash(text) != 0);
}

/* The chain of a body, all of it read. */
static struct message_chain chain_of(struct str body, const struct message_chain *before,
                                     size_t same_bytes)
{
    struct message_chain c = {0};
    struct json_cuts cuts = {0};
    struct request_facts facts;
    struct arena arena;
    arena_init(&arena);
    json_cut(body, &arena, &cuts, &facts);
    message_chain_build(&c, body, &cuts, before, same_bytes,
                        str_make(secret_bytes, sizeof secret_bytes));
    json_cuts_release(&cuts);
    arena_release(&arena);
    return c;
}

#define U1 "{\"role\":\"user\",\"content\":\"one\"}"
#define A1 "{\"role\":\"assistant\",\"content\":\"two\"}"
#define U2 "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"three\"}]}"
#define BODY(messages) STR("{\"model\":\"m\",\"messages\":[" messages "]}")

static void chains(void **state)
{
    (void)state;
    struct str first = BODY(U1), second = BODY(U1 "," A1 "," U2), other = BODY(A1 "," U1 "," U2);
    struct message_chain a = chain_of(first, NULL, 0), b = chain_of(second, NULL, 0);
    struct message_chain c = chain_of(second, &a, first.len - 2), d = chain_of(other, NULL, 0);
    assert_int_equal(a.count, 1);
    assert_int_equal(b.count, 3);
    assert_true(a.list[0] == b.list[0]);
    assert_int_equal(c.count, 3);
    assert_memory_equal(b.list, c.list, 3 * sizeof *b.list);
    assert_true(b.list[1] != d.list[1] && b.list[2] != d.list[2]);
    message_chain_release(&a);
    message_chain_release(&b);
    message_chain_release(&c);
    message_chain_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_words),   cmocka_unit_test(other_words),
        cmocka_unit_test(secret_counts), cmocka_unit_test(deep_nesting),
        cmocka_unit_test(chains),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
