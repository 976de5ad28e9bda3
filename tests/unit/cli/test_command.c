/*
 * test_command.c — the command line as users meet it: exit code, what is printed, and where.
 */
#include "check.h"
#include "scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "api/api_query.h"
#include "cli/command.h"

static char program[] = "claude-code-proxy";

static struct {
    int code;
    char out[64 * 1024], err[64 * 1024];
} ran;

static void read_whole(const char *path, char *text, size_t bytes)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, bytes - 1, f)] = '\0';
    fclose(f);
}

static void redirect(int fd, const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, fd) != fd)
        _exit(99);
    close(file);
}

/* Runs the program in a child, its words separated by '|'. */
static void run_to(const char *out, const char *line)
{
    char words[1024], *argv[32] = {program};
    int argc = 1, status;
    snprintf(words, sizeof words, "%s", line);
    char *rest = words;
    while (*line && rest)
        argv[argc++] = strsep(&rest, "|");
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        redirect(1, out);
        redirect(2, "stderr");
        exit(command_main(argc, argv));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    ran.code = WEXITSTATUS(status);
    read_whole("stderr", ran.err, sizeof ran.err);
}

static void run(const char *line)
{
    run_to("stdout", line);
    read_whole("stdout", ran.out, sizeof ran.out);
}

static void prints_version_and_help(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "version",          "--version",          "help",    "--help", "-h",
        "help|config|show", "config|show|--help", "serve|-h"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        run(lines[i]);
        if (ran.code || ran.err[0] || !ran.out[0])
            fail_msg("%s: %d %s", lines[i], ran.code, ran.err);
    }
    run("version");
    assert_string_equal(ran.out, "claude-code-proxy " VERSION "\n");
    run("help|config|show");
    assert_non_null(strstr(ran.out, "Usage: claude-code-proxy config show [FLAGS]"));
    assert_non_null(strstr(ran.out, "--log-level NAME"));
}

static void refuses_wrong_usage(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } wrong[] = {
        {"--prot|1", "did you mean --port?"},
        {"config|check|--confg|x", "did you mean --config?"},
        {"--wild", "unknown flag \"wild\""},
        {"config|check|--port", "--port needs a value"},
        {"config|check|--port=", "--port needs a value"},
        {"config|check|--port||", "--port needs a value"},
        {"config|check|--port|--host", "--port needs a value"},
        {"config|check|--port=1|--port=2", "--port is given twice"},
        {"config|check|--config=a|--config|b", "--config is given twice"},
        {"config|check|--port=abc", "must be a whole number"},
        {"config|check|--port|-1", "must be a whole number"},
        {"config|check|--log-level|loud", "must be one of debug, info, warn, error"},
        {"config|check|--data-dir|/\xff", "is not valid UTF-8"},
        {"config|check|extra", "unexpected argument \"extra\""},
        {"serve|", "unexpected argument \"\""},
        {"version|--port|1", "unknown flag \"port\""},
        {"help|nonsense", "unknown command \"nonsense\""},
        {"help|version|more", "unknown command"},
        {"nonsense", "unknown command \"nonsense\""},
        {"config", "unknown command \"config\", which needs a second word"},
        {"config|chekc", "unknown command \"config\" \"chekc\""},
        {"\x1b[31m", "unknown command \"?[31m\""},
        {"-x", "unknown flag \"-x\""},
        {"--", "unknown flag"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        run(wrong[i].line);
        if (ran.code != 64 || ran.out[0] || !strstr(ran.err, wrong[i].says) ||
            !strstr(ran.err, "Usage: "))
            fail_msg("%s: %d\n%s%s", wrong[i].line, ran.code, ran.out, ran.err);
    }
}

static void refuses_secrets(void **state)
{
    (void)state;
    static const char *const lines[] = {"--api-key=canary", "serve|--api-key|canary",
                                        "config|check|--auth-token=canary",
                                        "--proxy-password|canary", "-key=canary"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        run(lines[i]);
        assert_int_equal(ran.code, 64);
        assert_non_null(strstr(ran.err, "secrets do not belong on a command line"));
        assert_null(strstr(ran.err, "canary"));
        assert_string_equal(ran.out, "");
    }
}

static void refuses_a_monstrous_argument(void **state)
{
    (void)state;
    static char word[1 << 20], config[] = "config", check[] = "check", name[] = "--config";
    char *flag[] = {program, config, check, name, word, NULL};
    char *command[] = {program, word, NULL};
    memset(word, 'x', sizeof word - 1);
    assert_int_equal(command_main(5, flag), 64);
    assert_int_equal(command_main(2, command), 64);
}

/* The API's agent_type is --agent-type. */
static bool has_flag(const struct command *c, const char *name)
{
    char flag[32];
    snprintf(flag, sizeof flag, "%s", name);
    for (char *at = flag; *at; at++)
        *at = *at == '_' ? '-' : *at;
    for (size_t i = 0; c->flags[i].name; i++)
        if (!strcmp(c->flags[i].name, flag))
            return true;
    return false;
}

static void exports_by_every_filter_of_the_list(void **state)
{
    (void)state;
    const char *name;
    for (size_t i = 0; (name = query_filter_name(i)); i++)
        if (!has_flag(&command_export, name))
            fail_msg("export has no --%s: add a line to cli/cmd_export.c", name);
}

/* Every command says what it is for, and refuses what it does not know. */
static void every_command_has_help(void **state)
{
    (void)state;
    char line[128];
    for (size_t i = 0; commands[i]; i++) {
        snprintf(line, sizeof line, "%s|--help", commands[i]->name);
        for (char *c = line; *c; c++)
            *c = *c == ' ' ? '|' : *c;
        run(line);
        assert_int_equal(ran.code, 0);
        assert_non_null(strstr(ran.out, commands[i]->summary));
        assert_string_equal(ran.err, "");
        memcpy(strrchr(line, '|'), "|--nope", sizeof "|--nope");
        run(line);
        if (ran.code != 64 || !strstr(ran.err, "unknown flag \"nope\""))
            fail_msg("%s: %d\n%s", line, ran.code, ran.err);
        run("help");
        assert_non_null(strstr(ran.out, commands[i]->name));
    }
}

static void checks_the_configuration(void **state)
{
    (void)state;
    run("config|check");
    assert_int_equal(ran.code, 0);
    assert_string_equal(ran.out, "ok\n");
    scratch_write("c.yaml", "server:\n  port: x\nfoo: 1\n", 25);
    run("config|check|--config|c.yaml");
    assert_int_equal(ran.code, 78);
    assert_string_equal(ran.out, "");
    assert_string_equal(ran.err,
                        "c.yaml:2:9: server.port: must be a whole number from 0 to 65535, not "
                        "\"x\"\nc.yaml:3:1: unknown key \"foo\"\n");
    run("serve|--config|c.yaml");
    assert_int_equal(ran.code, 78);
    run("--config=missing.yaml");
    assert_int_equal(ran.code, 78);
    run("config|check|--host|0.0.0.0");
    assert_int_equal(ran.code, 0);
    assert_int_equal(strncmp(ran.err, "warning: flag --host: server.host: ", 35), 0);
}

static void connects_claude_code(void **state)
{
    (void)state;
    run("env|--port|4000");
    assert_int_equal(ran.code, 0);
    assert_string_equal(ran.out, "export ANTHROPIC_BASE_URL='http://127.0.0.1:4000'\n"
                                 "export ENABLE_TOOL_SEARCH=true\n"
                                 "export CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING=1\n"
                                 "export CLAUDE_CODE_PROPAGATE_TRACEPARENT=1\n");
    run("env|--host|::1");
    assert_non_null(strstr(ran.out, "'http://[::1]:3001'"));
    run("env|--host|0.0.0.0");
    assert_non_null(strstr(ran.out, "'http://127.0.0.1:3001'"));
}

static void notices_lost_output(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK))
        skip(); /* Linux has it, others do not */
    run_to("/dev/full", "config|example");
    assert_int_equal(ran.code, 74);
    assert_non_null(strstr(ran.err, "cannot write: "));
    assert_null(strstr(ran.err, "Success"));
    run_to("/dev/full", "version");
    assert_int_equal(ran.code, 74);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(prints_version_and_help),  IN_SCRATCH(refuses_wrong_usage),
        IN_SCRATCH(refuses_secrets),          IN_SCRATCH(refuses_a_monstrous_argument),
        IN_SCRATCH(checks_the_configuration), IN_SCRATCH(connects_claude_code),
        IN_SCRATCH(notices_lost_output),      IN_SCRATCH(exports_by_every_filter_of_the_list),
        IN_SCRATCH(every_command_has_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
