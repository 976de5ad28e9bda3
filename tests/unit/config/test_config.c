/*
 * test_config.c — where values come from, which files are taken, and what values mean together.
 */
#include "check.h"
#include "scratch.h"

#include "config/config.h"

static struct config *load_flags(const struct config_flags *flags, struct problems *p)
{
    *p = (struct problems){.count = 0};
    return config_load(flags, p);
}

static struct config *load_quietly(const struct config_flags *flags)
{
    struct problems p;
    struct config *c = load_flags(flags, &p);
    if (p.count)
        fail_msg("%s", p.items[0].text);
    problems_release(&p);
    return c;
}

static void expect_problem(const struct config_flags *flags, enum problem_kind kind,
                           const char *message)
{
    struct problems p;
    struct config *c = load_flags(flags, &p);
    if (p.count != 1 || p.items[0].kind != kind ||
        strncmp(p.items[0].text, message, strlen(message)))
        fail_msg("wanted %s\ngot %zu: %s", message, p.count, p.count ? p.items[0].text : "");
    assert_true((kind == PROBLEM_WARNING) == (c != NULL));
    config_free(c);
    problems_release(&p);
}

static void write_text(const char *path, const char *text)
{
    scratch_write(path, text, strlen(text));
}

static const struct config_flags none;

static void has_defaults(void **state)
{
    (void)state;
    char path[256];
    struct config *c = load_quietly(&none);
    assert_string_equal(c->server_host, "127.0.0.1");
    assert_int_equal(c->server_port, 3001);
    assert_int_equal(c->server_workers, 1);
    assert_int_equal(c->server_read_timeout_ms, 600000);
    assert_int_equal(c->server_on_client_disconnect, DISCONNECT_ABORT);
    assert_string_equal(c->anthropic_base_url, "https://api.anthropic.com");
    assert_int_equal(c->anthropic_response_header_timeout_ms, 300000);
    assert_int_equal(c->storage_durability, DURABILITY_PROCESS);
    assert_true(c->storage_record);
    assert_null(c->file);
    snprintf(path, sizeof path, "%s/.local/share/claude-code-proxy", scratch_folder);
    assert_string_equal(c->storage_data_dir, path);
    config_free(c);
}

static void expect_port(const struct config_flags *flags, int port, const char *source)
{
    struct config *c = load_quietly(flags);
    assert_int_equal(c->server_port, port);
    assert_string_equal(c->sources[CONFIG_server_port], source);
    config_free(c);
}

/* From the weakest source to the strongest, each laid over the ones before. */
static void the_stronger_source_wins(void **state)
{
    (void)state;
    struct config_flags flags = {.file = NULL};
    expect_port(&none, 3001, "default");
    mkdir(".config", 0700);
    mkdir(".config/claude-code-proxy", 0700);
    write_text(".config/claude-code-proxy/config.yaml", "server:\n  port: 1\n");
    struct config *c = load_quietly(&none);
    assert_int_equal(c->server_port, 1);
    config_free(c);
    write_text("config.yaml", "server:\n  port: 2\n");
    expect_port(&none, 2, "config.yaml:2:9");
    write_text("named.yaml", "# x\nserver:\n  port: 3\n");
    setenv("CLAUDE_CODE_PROXY_CONFIG", "named.yaml", 1);
    expect_port(&none, 3, "named.yaml:3:9");
    write_text("flag.yaml", "server: {port: 4}\n");
    flags.file = "flag.yaml";
    expect_port(&flags, 4, "flag.yaml:1:16");
    mkdir(".claude", 0700);
    write_text(".claude/proxy.env", "PORT=5\n");
    expect_port(&flags, 5, "~/.claude/proxy.env:1 PORT");
    write_text(".env", "A=1\r\nexport PORT = \"6\" # six\r\n");
    expect_port(&flags, 6, ".env:2 PORT");
    setenv("PORT", "7", 1);
    expect_port(&flags, 7, "environment PORT");
    flags.values[CONFIG_server_port] = "8";
    expect_port(&flags, 8, "flag --port");
    setenv("PORT", "", 1); /* set but empty is not set */
    flags.values[CONFIG_server_port] = NULL;
    expect_port(&flags, 6, ".env:2 PORT");
}

static void environment_names_have_an_order(void **state)
{
    (void)state;
    setenv("HOST", "127.0.0.2", 1);
    struct config *c = load_quietly(&none);
    assert_string_equal(c->server_host, "127.0.0.2");
    config_free(c);
    setenv("SERVER_HOST", "127.0.0.3", 1);
    c = load_quietly(&none);
    assert_string_equal(c->server_host, "127.0.0.3");
    config_free(c);
}

static void reads_other_peoples_dotenv(void **state)
{
    (void)state;
    struct problems p;
    write_text(".env", "\xef\xbb\xbf# hello\n=x\nnonsense\nDB_PATH='/a #b' c\n"
                       "LOG_LEVEL=debug\nLOG_LEVEL=warn # last\nDATA_DIR=\"/q\\\"\\\\\"");
    struct config *c = load_flags(&none, &p);
    assert_non_null(c);
    assert_string_equal(c->storage_db_path, "/a #b");
    assert_string_equal(c->storage_data_dir, "/q\"\\");
    assert_int_equal(c->logging_level, LOG_WARN);
    assert_string_equal(c->sources[CONFIG_logging_level], ".env:6 LOG_LEVEL");
    config_free(c);
    write_text(".env", "PORT=x\n");
    expect_problem(&none, PROBLEM_CONFIG, ".env:1 PORT: must be a whole number");
    remove(".env");
    mkdir(".env", 0700); /* as some virtual environments are called */
    expect_problem(&none, PROBLEM_WARNING, ".env: passed over: is a directory");
}

static void a_wrong_value_is_wrong_wherever(void **state)
{
    (void)state;
    struct config_flags flags = {.file = NULL};
    setenv("PORT", "80x", 1);
    expect_problem(&none, PROBLEM_CONFIG,
                   "environment PORT: must be a whole number from 0 to 65535, not \"80x\"");
    flags.values[CONFIG_server_port] = "1"; /* overrides it, and does not excuse it */
    expect_problem(&flags, PROBLEM_CONFIG, "environment PORT: ");
    unsetenv("PORT");
    flags.values[CONFIG_server_port] = "abc";
    expect_problem(&flags, PROBLEM_USAGE, "flag --port: must be");
    flags.values[CONFIG_server_port] = "1";
    flags.values[CONFIG_storage_data_dir] = "/\xff";
    expect_problem(&flags, PROBLEM_USAGE, "flag --data-dir: is not valid UTF-8");
}

static void takes_only_real_files(void **state)
{
    (void)state;
    struct config_flags flags = {.file = "f"};
    expect_problem(&flags, PROBLEM_CONFIG, "f: No such file or directory (--config)");
    mkdir("f", 0700);
    expect_problem(&flags, PROBLEM_CONFIG, "f: is a directory");
    remove("f");
    mkfifo("f", 0600);
    expect_problem(&flags, PROBLEM_CONFIG, "f: is not a regular file");
    remove("f");
    write_text("f", "");
    expect_problem(&flags, PROBLEM_CONFIG, "f: is empty");
    assert_int_equal(truncate("f", 100 << 20), 0);
    expect_problem(&flags, PROBLEM_CONFIG, "f: is larger than 1 MiB");
    scratch_write("f",
                  "\x7f"
                  "ELF\x02\x01\x01\0\0",
                  9);
    expect_problem(&flags, PROBLEM_CONFIG, "f:1:1: ");
    flags.file = "/dev/zero";
    expect_problem(&flags, PROBLEM_CONFIG, "/dev/zero: is not a regular file");
    mkdir("config.yaml", 0700); /* found by itself and wrong: not passed over */
    expect_problem(&none, PROBLEM_CONFIG, "config.yaml: is a directory");
}

static void takes_no_unreadable_file(void **state)
{
    (void)state;
    struct config_flags flags = {.file = "f"};
    if (geteuid() == 0)
        skip(); /* root reads everything */
    write_text("f", "server:\n");
    chmod("f", 0);
    expect_problem(&flags, PROBLEM_CONFIG, "f: Permission denied");
}

static void distrusts_a_file_others_can_write(void **state)
{
    (void)state;
    struct config_flags flags = {.file = "f"};
    struct problems p;
    write_text("f", "server: {port: 1}\n");
    chmod("f", 0666);
    expect_problem(&flags, PROBLEM_WARNING, "f: another user owns it or could write to it");
    flags.values[CONFIG_server_host] = "0.0.0.0";
    assert_null(load_flags(&flags, &p));
    assert_int_equal(p.counts[PROBLEM_CONFIG], 1);
    problems_release(&p);
}

static void warns_of_an_open_door(void **state)
{
    (void)state;
    setenv("SERVER_HOST", "0.0.0.0", 1);
    expect_problem(&none, PROBLEM_WARNING,
                   "environment SERVER_HOST: server.host: 0.0.0.0 is no lo");
}

static void listens_at_addresses(void **state)
{
    (void)state;
    setenv("SERVER_HOST", "box.example", 1);
    expect_problem(&none, PROBLEM_CONFIG,
                   "environment SERVER_HOST: server.host: must be an IP address or localhost, not "
                   "\"box.example\"");
}

static void keeps_keys_off_the_wire(void **state)
{
    (void)state;
    setenv("ANTHROPIC_FORWARD_URL", "http://10.0.0.1:8080", 1);
    expect_problem(&none, PROBLEM_CONFIG,
                   "environment ANTHROPIC_FORWARD_URL: "
                   "providers.anthropic.base_url: http:// would send keys");
    write_text("config.yaml", "providers: {anthropic: {allow_plaintext: true}}\n");
    expect_problem(&none, PROBLEM_WARNING, "environment ANTHROPIC_FORWARD_URL: ");
    remove("config.yaml");
    setenv("ANTHROPIC_FORWARD_URL", "http://localhost:8080", 1);
    config_free(load_quietly(&none));
}

static void does_not_forward_to_itself(void **state)
{
    (void)state;
    static const char *const own[] = {"http://127.0.0.1:3001", "http://localhost:3001/x",
                                      "http://[::1]:3001", "http://127.0.0.2:3001"};
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        setenv("ANTHROPIC_FORWARD_URL", own[i], 1);
        expect_problem(&none, PROBLEM_CONFIG, "environment ANTHROPIC_FORWARD_URL: ");
    }
    setenv("ANTHROPIC_FORWARD_URL", "http://127.0.0.1:3002", 1);
    config_free(load_quietly(&none));
    setenv("ANTHROPIC_FORWARD_URL", "https://Proxy.example", 1);
    config_free(load_quietly(&none));
    write_text("config.yaml", "server: {public_url: 'https://proxy.example/'}\n");
    expect_problem(&none, PROBLEM_CONFIG, "environment ANTHROPIC_FORWARD_URL: ");
}

static void a_ca_file_must_be_there(void **state)
{
    (void)state;
    write_text("config.yaml", "providers:\n  anthropic: {ca_file: /no/such}\n");
    expect_problem(&none, PROBLEM_CONFIG, "config.yaml:2:24: providers.anthropic.ca_file: No such");
}

static void finds_the_data_folder(void **state)
{
    (void)state;
    setenv("XDG_DATA_HOME", "relative", 1); /* to be ignored: XDG base directory specification */
    has_defaults(NULL);
    setenv("XDG_DATA_HOME", "/data", 1);
    struct config *c = load_quietly(&none);
    assert_string_equal(c->storage_data_dir, "/data/claude-code-proxy");
    assert_string_equal(c->storage_db_path, "/data/claude-code-proxy/requests.db");
    config_free(c);
    unsetenv("HOME"); /* the password file knows */
    config_free(load_quietly(&none));
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(has_defaults),
        IN_SCRATCH(the_stronger_source_wins),
        IN_SCRATCH(environment_names_have_an_order),
        IN_SCRATCH(reads_other_peoples_dotenv),
        IN_SCRATCH(a_wrong_value_is_wrong_wherever),
        IN_SCRATCH(takes_only_real_files),
        IN_SCRATCH(takes_no_unreadable_file),
        IN_SCRATCH(distrusts_a_file_others_can_write),
        IN_SCRATCH(warns_of_an_open_door),
        IN_SCRATCH(listens_at_addresses),
        IN_SCRATCH(keeps_keys_off_the_wire),
        IN_SCRATCH(does_not_forward_to_itself),
        IN_SCRATCH(a_ca_file_must_be_there),
        IN_SCRATCH(finds_the_data_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
