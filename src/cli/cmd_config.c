/*
 * cmd_config.c — `claude-code-proxy config …`: check, show, example, docs.
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/configured.h"
#include "proxy/router.h"
#include "storage.h"

static int put(enum err err, struct buf *text)
{
    assert(!err); /* the table is ours, and so is the ceiling */
    fwrite(text->ptr, 1, text->len, stdout);
    buf_release(text);
    return EX_OK;
}

static int check(const struct options *options)
{
    int code;
    struct config *config = configured(options, &command_config_check, &code);
    if (!config)
        return code;
    struct fail f = {0};
    struct router *router = NULL;
    enum err err = storage_check(config, &f);
    if (err)
        fprintf(stderr, "%s\n", f.detail);
    else if ((err = router_new(&router, config, 0, &f)))
        fprintf(stderr, "%s\n", f.detail);
    else
        puts("ok");
    router_free(router);
    config_free(config);
    return err ? EX_CONFIG : EX_OK;
}

static int show(const struct options *options)
{
    int code;
    struct config *config = configured(options, &command_config_show, &code);
    if (!config)
        return code;
    struct buf text;
    buf_init(&text, CONFIG_PRINT_MAX);
    code = put(config_print(config, &text), &text);
    config_free(config);
    return code;
}

static int example(const struct options *options)
{
    (void)options;
    struct buf text;
    buf_init(&text, CONFIG_PRINT_MAX);
    return put(config_print_example(&text), &text);
}

static int docs(const struct options *options)
{
    (void)options;
    struct buf text;
    buf_init(&text, CONFIG_PRINT_MAX);
    return put(config_print_docs(&text), &text);
}

const struct command command_config_check = {
    .name = "config check",
    .summary = "Says what is wrong with the configuration, and exits with 78 if anything is.",
    .takes_flags = true,
    .run = check,
};

const struct command command_config_show = {
    .name = "config show",
    .summary = "Prints every value and where it came from; secrets are masked.",
    .takes_flags = true,
    .run = show,
};

const struct command command_config_example = {
    .name = "config example",
    .summary = "Prints a configuration file with every key and its default.",
    .run = example,
};

const struct command command_config_docs = {
    .name = "config docs",
    .summary = "Prints the description of every key, as Markdown.",
    .run = docs,
};
