/*
 * main.c — the command line comes in, an exit code goes out.
 */
#include <stdio.h>

int main(void)
{
    puts("claude-code-proxy " VERSION);
    return 0;
}
